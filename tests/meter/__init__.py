"""Tests of the meter loop, against the simulator on a real TCP socket and a real pseudo terminal."""
