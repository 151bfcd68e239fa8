"""Tests of the links, against real pseudo terminals and real servers on this machine."""
