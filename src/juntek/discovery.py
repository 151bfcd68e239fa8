"""Finds what is found by being there; rule: a new family, quantity or output is a file, and nothing lists it.

Each of these folders is open: a `juntek/outputs` (`juntek/quantity`, `juntek/rs485/families`) of another package on
the path belongs to it as well, so that an owner's own output needs no change here.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from types import ModuleType


def find_modules(package: str, path: Iterable[str]) -> list[ModuleType]:
    """Return the modules of a package in the order of their names; `path` is its `__path__`, which is extended."""
    extended = pkgutil.extend_path(list(path), package)
    names = sorted({info.name for info in pkgutil.iter_modules(extended)})
    importlib.import_module(package).__path__ = extended
    return [importlib.import_module(f"{package}.{name}") for name in names]
