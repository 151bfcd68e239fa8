"""From the start of `juntek run` to the first state at a subscriber; rule: a display polls already, as on a boat.

The start of a bare Python stands beside it: what no program in this language can be faster than.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from sys import executable

from benchmarks.broker import run_broker, subscribe, wait_until
from benchmarks.figures import Figure
from benchmarks.processes import ENVIRONMENT, JUNTEK, run, write_configuration

PART = "From the start of the gateway to the first published state (a display asks 5 times a second)"
RATE = 5


def measure(*, quick: bool) -> Iterator[Figure]:
    """Yield the best and the worst of several starts. Raises NoBrokerError without Mosquitto."""
    rounds = 2 if quick else 6
    ours: list[float] = []
    bare: list[float] = []
    states: list[float] = []

    def hear(_topic: str, _payload: bytes, moment: float) -> None:
        states.append(moment)

    with (
        tempfile.TemporaryDirectory() as name,
        run_broker(Path(name)) as broker,
        subscribe(broker, "juntek/meter1/state", hear),
        run(executable, "-m", "benchmarks.feeder", "1", str(RATE), log=Path(name) / "log") as feeder,
    ):
        directory = Path(name)
        assert feeder.stdout is not None  # noqa: S101 - it is a pipe
        link = f"socket://127.0.0.1:{int(feeder.stdout.readline())}"
        for _ in range(rounds):
            path = write_configuration(directory, [link], broker, interval=1.0, mode="auto")
            (directory / "juntek.db").unlink(missing_ok=True)
            states.clear()
            start = time.monotonic()
            with run(*JUNTEK, "run", "--config", str(path), log=directory / "log"):
                wait_until(lambda: bool(states), 30, "the first state")
                ours.append(states[0] - start)
            start = time.monotonic()
            subprocess.run([executable, "-c", "pass"], check=True, env=ENVIRONMENT)
            bare.append(time.monotonic() - start)
    yield Figure(part=PART, name="best start", value=min(ours) * 1e3, unit="ms")
    yield Figure(part=PART, name="slowest start", value=max(ours) * 1e3, unit="ms")
    yield Figure(part=PART, name="best start of a bare Python", value=min(bare) * 1e3, unit="ms")
    yield Figure(part=PART, name="ratio", value=min(ours) / min(bare), unit="x")
