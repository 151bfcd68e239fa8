"""Finds what is found by being there; rule: a new family, quantity or output is a file, and nothing lists it.

Each of these folders is open: a `juntek/outputs` (`juntek/quantity`, `juntek/rs485/families`) of another package on
the path belongs to it as well, so that an owner's own output needs no change here.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from types import ModuleType


def find_modules(package: str) -> list[ModuleType]:
    """Return the modules of a package, which has been imported, in the order of their names."""
    parts = package.split(".")
    for count in range(1, len(parts) + 1):
        name = ".".join(parts[:count])
        folder = sys.modules[name]
        folder.__path__ = pkgutil.extend_path(folder.__path__, name)
    names = sorted({info.name for info in pkgutil.iter_modules(sys.modules[package].__path__)})
    return [importlib.import_module(f"{package}.{name}") for name in names]
