"""Reads Juntek coulomb counters; rule: importing this loads nothing but the standard library."""

__version__ = "0.1.0"
