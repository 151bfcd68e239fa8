"""Finds what is found by being there; rule: a new family, quantity or output is a file, and nothing lists it.

Each of these folders is open: a `juntek/outputs` (`juntek/quantity`, `juntek/rs485/families`) of another package on
the path belongs to it as well, so that an owner's own output needs no change here.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType


def find_modules(package: str, path: Iterable[str]) -> list[ModuleType]:
    """Return the modules of a package in the order of their names; `path` is its `__path__`, which is extended."""
    # pkgutil.extend_path would look below the folder of `juntek` only, as that is a package with a file of its own.
    folders = [str(Path(entry, *package.split("."))) for entry in sys.path]
    extended = list(dict.fromkeys([*path, *(folder for folder in folders if Path(folder).is_dir())]))
    names = sorted({info.name for info in pkgutil.iter_modules(extended)})
    importlib.import_module(package).__path__ = extended
    return [importlib.import_module(f"{package}.{name}") for name in names]
