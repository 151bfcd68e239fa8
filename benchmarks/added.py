"""What the history and the page add to the gateway; rule: real processes, a real broker, the kernel's figures.

A display asks five times a second. The window holds whole commit intervals of the history. Nothing is subtracted but
one whole gateway from another.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from statistics import median
from sys import executable

from benchmarks.broker import run_broker, subscribe, wait_until
from benchmarks.figures import Figure
from benchmarks.processes import JUNTEK, cpu_seconds, resident_megabytes, run, write_configuration
from servers.process import free_port

RATE = 5
COMMIT = 10.0
"""s between two commits of the history."""
SETTLE = 3.0
CPU = f"What is added to the gateway's CPU time of a second, at {RATE} readings a second"
MEMORY = "What is added to the gateway's memory"


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to run, and how many browsers look."""

    name: str
    history: bool = True
    web: bool = True
    browsers: int = 0


VARIANTS = (
    Variant("gateway with MQTT only", history=False, web=False),
    Variant("the history", web=False),
    Variant("the page, nobody looks"),
    Variant("5 open pages", browsers=5),
)
"""Each has what the one before has, and something more."""


def measure(*, quick: bool) -> Iterator[Figure]:
    """Yield what each adds to the one before. Raises NoBrokerError without Mosquitto."""
    commits, rounds = (1, 1) if quick else (2, 2)
    cpu: dict[str, list[float]] = defaultdict(list)
    memory: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as directory, run_broker(Path(directory)) as broker:
        for _ in range(rounds):
            for variant in VARIANTS:
                spent, megabytes = _run(variant, commits * COMMIT, broker)
                cpu[variant.name].append(spent)
                memory[variant.name].append(megabytes)
    for part, values, unit in ((CPU, cpu, "ms"), (MEMORY, memory, "MB")):
        before = 0.0
        for variant in VARIANTS:
            value = median(values[variant.name])
            sign = "+ " if variant is not VARIANTS[0] else ""
            yield Figure(part=part, name=f"{sign}{variant.name}", value=value - before, unit=unit)
            before = value
        yield Figure(part=part, name="= all together", value=before, unit=unit)


def _run(variant: Variant, window: float, broker: int) -> tuple[float, float]:
    """Return ms of CPU in a second, and resident MB."""
    heard: list[float] = []
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        feeder = stack.enter_context(run(executable, "-m", "benchmarks.feeder", "1", str(RATE), log=directory / "log"))
        assert feeder.stdout is not None  # noqa: S101 - it is a pipe
        link = f"socket://127.0.0.1:{int(feeder.stdout.readline())}"
        stack.enter_context(subscribe(broker, "juntek/+/state", lambda _topic, _payload, at: heard.append(at)))
        web = free_port() if variant.web else None
        path = write_configuration(directory, [link], broker, history=variant.history, web=web)
        # Without a history its totals go where the user's are, so the user is another one.
        command = ["env", f"XDG_STATE_HOME={directory}", *JUNTEK, "run", "--config", str(path)]
        gateway = stack.enter_context(run(*command, log=directory / "log"))
        wait_until(lambda: bool(heard), 30, f"the first state ({variant.name})")
        messages = [_look(web) for _ in range(variant.browsers) if web is not None]
        wait_until(lambda: all(messages), 10, "the first message of the pages")
        time.sleep(SETTLE)
        before, begin = cpu_seconds(gateway.pid), time.monotonic()
        time.sleep(window)
        spent = (cpu_seconds(gateway.pid) - before) / (time.monotonic() - begin)
        return spent * 1e3, resident_megabytes(gateway.pid)


def _look(port: int) -> list[bytes]:
    """Listen to the live values as a page does, until the gateway ends; return the list of lines that grows."""
    lines: list[bytes] = []

    def listen() -> None:
        with suppress(OSError, HTTPException):
            connection = HTTPConnection("127.0.0.1", port)
            connection.request("GET", "/api/live")
            response = connection.getresponse()
            while line := response.readline():
                if line.strip():
                    lines.append(line)

    threading.Thread(target=listen, daemon=True).start()
    return lines
