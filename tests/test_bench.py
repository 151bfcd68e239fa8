"""The measurements themselves: that they run, and the ratio that is promised."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def run(*arguments: str, before: str = "") -> subprocess.CompletedProcess[str]:
    code = f"import runpy, sys\n{before}\nsys.argv[0] = 'bench'\nrunpy.run_module('benchmarks', run_name='__main__')"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": "tests"}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_checked_reading_takes_at_most_three_times_as_long_as_a_bare_loop() -> None:
    done = run("--quick", "--json", "--only", "decode")
    assert done.returncode == 0, done.stderr
    figures: list[dict[str, Any]] = json.loads(done.stdout)["figures"]
    ratios = [figure for figure in figures if figure["unit"] == "x"]
    assert len(ratios) == 5
    assert all(0 < ratio["value"] <= 3 for ratio in ratios), ratios
    assert all(ratio["limit"] == 3 for ratio in ratios)


def test_what_cannot_be_measured_is_said_and_fails_where_all_is_required() -> None:
    no_broker = "import servers.mosquitto; servers.mosquitto.find_program = lambda name: None"
    done = run("--quick", "--only", "delay", before=no_broker)
    assert done.returncode == 0
    assert "Not measured: delay: Mosquitto is not installed" in done.stderr
    assert run("--quick", "--only", "delay", "--require-all", before=no_broker).returncode == 1


def test_a_part_that_does_not_exist_is_named() -> None:
    done = run("--only", "decode,speed")
    assert done.returncode == 2
    assert "there is no part speed; there are decode, gateway, delay, start" in done.stderr
