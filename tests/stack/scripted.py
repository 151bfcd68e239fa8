"""scripts/stack, run in a folder of its own, so that nobody's .env is touched."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from stack.composed import EXAMPLE, ROOT


def run_script(folder: Path, *arguments: str, path: str | None = None) -> tuple[int, str]:
    """Return status and complaints of the script in a folder that has what it reads."""
    (folder / "scripts").mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "scripts" / "stack", folder / "scripts" / "stack")
    shutil.copy(EXAMPLE, folder / EXAMPLE.name)
    done = subprocess.run(
        [str(folder / "scripts" / "stack"), *arguments],
        env=os.environ | {"PATH": path or os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert not done.stdout or "--help" in arguments
    return done.returncode, done.stderr


def read_settings(folder: Path) -> dict[str, str]:
    """Return what .env sets."""
    text = (folder / ".env").read_text(encoding="utf-8")
    return dict(re.findall(r"^([A-Z_]+)=(.+)$", text, re.MULTILINE))
