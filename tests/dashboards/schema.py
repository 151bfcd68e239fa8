"""JSON Schemas made from Grafana's own types, which npm fetches; rule: made once, kept in the user's cache.

Where npm is missing, what asks for a schema is left out, or fails where JUNTEK_REQUIRE names the engines.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest

from servers.installed import ENGINES

_HERE: Final = Path(__file__).resolve().parent
_SOURCES: Final = ("package.json", "types.ts")
_INSTALL: Final = ("install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--silent")
_GENERATE: Final = ("--path", "types.ts", "--type", "Everything", "--no-type-check", "--expose", "none")


def load() -> dict[str, Any]:
    """Return the schemas by name, as types.ts has them: `dashboard`, `options` and `custom` of each kind of panel."""
    made = _folder() / "schema.json"
    if not made.exists():
        _make(made.parent)
    schema: dict[str, Any] = json.loads(made.read_text(encoding="utf-8"))
    found: dict[str, Any] = schema["definitions"]["Everything"]["properties"]
    return found


def _folder() -> Path:
    digest = hashlib.sha256(b"".join((_HERE / name).read_bytes() for name in _SOURCES)).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "juntek-test" / f"grafana-schema-{digest}"


def _make(folder: Path) -> None:
    """Install and generate in a folder beside it, so that a half one is never taken for a whole one."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), str(_HERE.parents[1] / ".venv" / "bin")))
    npm = shutil.which("npm", path=path)
    if npm is None:
        _do_without("npm is not installed: run scripts/page tools")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        place = Path(name)
        for source in _SOURCES:
            shutil.copy(_HERE / source, place)
        environment = os.environ | {"PATH": path}
        subprocess.run([npm, *_INSTALL], cwd=place, env=environment, check=True, timeout=600)
        generator = place / "node_modules" / ".bin" / "ts-json-schema-generator"
        subprocess.run(
            [generator, *_GENERATE, "--out", "schema.json"], cwd=place, env=environment, check=True, timeout=300
        )
        folder.mkdir(exist_ok=True)
        (place / "schema.json").replace(folder / "schema.json")  # node_modules has done its work


def _do_without(sentence: str) -> NoReturn:
    if ENGINES in os.environ.get("JUNTEK_REQUIRE", ""):
        pytest.fail(f"{sentence} (JUNTEK_REQUIRE names {ENGINES})", pytrace=False)
    pytest.skip(sentence)
