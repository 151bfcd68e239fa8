"""What can be added from elsewhere: modules of other packages, and libraries that only some need.

A new family, quantity or output is a file, and nothing lists it. Each of these folders is open: a `juntek/outputs`
(`juntek/quantity`, `juntek/rs485/families`) of another package on the path belongs to it as well, so that an owner's
own output needs no change here.

How an owner adds a library goes by the way in which juntek itself was installed.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

PACKAGED = Path("/usr/lib/juntek")
"""Where the Debian package has the program."""


def find_modules(package: str) -> list[ModuleType]:
    """Return the modules of a package in the order of their names."""
    importlib.import_module(package)
    parts = package.split(".")
    for count in range(1, len(parts) + 1):
        name = ".".join(parts[:count])
        folder = sys.modules[name]
        folder.__path__ = pkgutil.extend_path(folder.__path__, name)
    names = sorted({info.name for info in pkgutil.iter_modules(sys.modules[package].__path__)})
    return [importlib.import_module(f"{package}.{name}") for name in names]


def leave_out(module: str, *names: str) -> None:
    """Import a library without this module, which it takes the names from: its command line, that no gateway needs.

    Another part of the program that asks for one of them later gets it. Where the library has been imported already,
    nothing is left out.
    """
    package = module.partition(".")[0]
    if package in sys.modules:
        return
    sys.modules[module] = ModuleType(module)
    vars(sys.modules[module]).update({name: lambda: None for name in names})
    try:
        library = vars(importlib.import_module(package))
    finally:
        del sys.modules[module]
    absent = {name: library.pop(name) for name in names}

    def find(name: str) -> object:
        if name not in absent:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            found = vars(importlib.import_module(module))
        except ImportError:  # what the command line needs is not installed
            found = absent
        library.update({one: found[one] for one in names})
        return library[name]

    library["__getattr__"] = find


def install_line(extra: str, *, place: Path | None = None, program: Path | None = None) -> str:
    """Return what an owner types to add the libraries of an extra, or of several with commas between.

    `place` is the environment and `program` the code in it, by default those that run.
    """
    place, program = place or Path(sys.prefix), program or Path(__file__)
    if program.is_relative_to(PACKAGED):
        return f"sudo apt remove juntek && sudo ./scripts/install --with {extra}"
    if (place / "pipx_metadata.json").exists():
        return f"pipx inject juntek {_libraries(extra)}"
    if (place / "uv-receipt.toml").exists():
        return f"uv pip install --python {place / 'bin' / 'python'} {_libraries(extra)}"
    if (place / "extras").exists() or find_spec("pip") is None:  # scripts/install leaves pip out
        return f"sudo ./scripts/install --with {extra}"
    return f"{sys.executable or 'python'} -m pip install 'juntek[{extra}]'"


def _libraries(extra: str) -> str:
    """Return the names of the libraries of an extra; juntek itself need not be in any registry."""
    from importlib.metadata import PackageNotFoundError, requires  # noqa: PLC0415 - rarely asked, and large

    try:
        lines = requires("juntek") or []
    except PackageNotFoundError:
        lines = []
    wanted = {f"extra == {quote}{name}{quote}" for name in extra.split(",") for quote in "'\""}
    names = {re.split(r"[^\w.-]", line)[0] for line in lines if any(mark in line for mark in wanted)}
    return " ".join(sorted(names)) or f"'juntek[{extra}]'"
