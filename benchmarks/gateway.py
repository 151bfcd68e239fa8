"""CPU and memory of `juntek run` at 200 readings a second; rule: real processes, a real broker, the kernel's figures.

The CPU time is all that the process uses in the window, its idle work, its commits and its garbage collection too:
nothing is subtracted. It is divided by the readings that came out in the window.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from sys import executable

from benchmarks.broker import run_broker, subscribe, wait_until
from benchmarks.figures import Figure
from benchmarks.processes import JUNTEK, cpu_seconds, resident_megabytes, run, write_configuration

PART = "The gateway at 200 readings a second, with Mosquitto (CPU time of its process a reading)"
AIM, LIMIT = 40.0, 100.0
MEMORY_AIM = 40.0
RATE = 200
SETTLE = 2.0
"""s after the first state before the window begins."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to run: so many meters that share the rate, and `mqtt.interval`; `bare` is the bare program."""

    name: str
    meters: int
    interval: float
    bare: bool = False


VARIANTS = (
    Variant("a bare script, every reading published", 1, 0.0, bare=True),
    Variant("every reading published (interval = 0)", 1, 0.0),
    Variant("one state a second (interval = 1)", 1, 1.0),
    Variant("4 meters with 50 each (interval = 1)", 4, 1.0),
)


def measure(*, quick: bool) -> Iterator[Figure]:
    """Yield CPU and memory of each variant. Raises NoBrokerError without Mosquitto."""
    window, rounds = (4.0, 1) if quick else (10.0, 3)
    spent: dict[str, list[float]] = defaultdict(list)
    memory: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as directory, run_broker(Path(directory)) as broker:
        for _ in range(rounds):
            for variant in VARIANTS:
                cpu, megabytes = _run(variant, window, broker)
                spent[variant.name].append(cpu)
                memory[variant.name].append(megabytes)
    bare = median(spent[VARIANTS[0].name])
    for variant in VARIANTS:
        value = median(spent[variant.name])
        asked = {"aim": AIM, "limit": LIMIT} if variant.interval else {}
        yield Figure(part=PART, name=variant.name, value=value, unit="us", **asked)
        if not variant.bare:
            yield Figure(part=PART, name=f"{variant.name}: ratio to the script", value=value / bare, unit="x")
    largest = max(max(memory[variant.name]) for variant in VARIANTS if not variant.bare)
    yield Figure(part="Memory of the gateway", name="resident", value=largest, unit="MB", aim=MEMORY_AIM)


def _run(variant: Variant, window: float, broker: int) -> tuple[float, float]:
    """Return us of CPU a reading, and resident MB."""
    counts: dict[str, int] = {}

    def hear(topic: str, payload: bytes, _moment: float) -> None:
        counts[topic] = json.loads(payload)["message_count"]

    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        log = directory / "log"
        rate = RATE / variant.meters
        feeder = stack.enter_context(
            run(executable, "-m", "benchmarks.feeder", str(variant.meters), str(rate), log=log)
        )
        assert feeder.stdout is not None  # noqa: S101 - it is a pipe
        ports = [int(feeder.stdout.readline()) for _ in range(variant.meters)]
        stack.enter_context(subscribe(broker, "juntek/+/state", hear))
        if variant.bare:
            command = [executable, "-m", "benchmarks.bare_gateway", str(ports[0]), str(broker)]
        else:
            links = [f"socket://127.0.0.1:{port}" for port in ports]
            path = write_configuration(directory, links, broker, interval=variant.interval)
            command = [*JUNTEK, "run", "--config", str(path)]
        gateway = stack.enter_context(run(*command, log=log))
        wait_until(lambda: len(counts) == variant.meters, 30, f"the first state ({variant.name})")
        time.sleep(SETTLE)
        first = _next_state(counts)
        before = cpu_seconds(gateway.pid)
        time.sleep(window)
        readings = _next_state(counts) - first
        used = cpu_seconds(gateway.pid) - before
        megabytes = resident_megabytes(gateway.pid)
        expected = RATE * (window + variant.interval / 2)
        if not expected * 0.8 < readings < expected * 1.2:
            raise RuntimeError(f"{variant.name}: {readings} readings came out, not {expected:.0f}")
        return used / readings * 1e6, megabytes


def _next_state(counts: dict[str, int]) -> int:
    """Wait for a state, which says how many readings there were until then; return how many."""
    before = sum(counts.values())
    wait_until(lambda: sum(counts.values()) != before, 5, "another state")
    return sum(counts.values())
