"""The measurements themselves: that they run, and the ratio that is promised."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def measure(*arguments: str, status: int = 0, path: str = os.environ.get("PATH", "")) -> Any:  # noqa: ANN401 - JSON
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--json", *arguments],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": "tests", "PATH": path}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stderr.decode()
    return json.loads(done.stdout)


def test_a_checked_reading_takes_at_most_three_times_as_long_as_a_bare_loop() -> None:
    figures = measure("--only", "decode")["figures"]
    ratios = [figure for figure in figures if figure["unit"] == "x"]
    assert len(ratios) == 5
    assert all(0 < ratio["value"] <= 3 for ratio in ratios), ratios
    assert all(ratio["limit"] == 3 for ratio in ratios)


def test_a_part_that_does_not_exist_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--only", "decode,speed"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": "tests"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "there is no part speed; there are decode, gateway, delay, start" in done.stderr
