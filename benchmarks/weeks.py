"""Weeks of a battery by PyBaMM seen through a meter with faults, and the rule of another monitor to hold against."""

from __future__ import annotations

import json
import lzma
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "tests" / "fixtures" / "weeks"
START = 1_790_000_000.0
"""s since 1970 of the first sample."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What happened: s, A (positive charges), V of the pack, and state of charge in percent."""

    cells: int
    capacity: float
    samples: list[tuple[float, float, float, float]]


def read_trace(path: Path) -> Trace:
    """Return the trace of a file that scripts/make_traces.py wrote."""
    head, *rows = lzma.decompress(path.read_bytes()).decode().splitlines()
    about = json.loads(head.removeprefix("#"))
    seconds, samples = 0.0, []
    for row in rows:
        gap, milliamperes, tenths, state = map(int, row.split(","))
        seconds += gap
        samples.append((START + seconds, milliamperes / 1000, tenths / 10_000 * about["cells"], state / 1000))
    return Trace(about["cells"], about["capacity"], samples)


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with a meter: its zero (A), its gain, its steps (A), what was typed in (Ah), where it began (%)."""

    offset: float
    gain: float
    step: float
    nominal: float
    start: float
    rough: bool = False
    """Whether it counts what it shows, and not something finer."""

    @classmethod
    def of(cls, seed: int, capacity: float) -> Faults:
        """Return the faults of one meter of many."""
        dice = random.Random(seed)  # noqa: S311 - no secret
        return cls(
            offset=round(dice.uniform(-0.06, 0.12), 3),
            gain=round(dice.uniform(0.997, 1.004), 4),
            step=0.1,
            nominal=round(capacity * dice.uniform(0.9, 1.1)),
            start=100.0 if dice.random() < 0.5 else dice.uniform(20, 100),
            rough=dice.random() < 0.3,
        )


def measure(trace: Trace, faults: Faults) -> Iterator[tuple[float, float, float, float]]:
    """Yield what the meter says: s since 1970, V, A and Ah that are left."""
    nominal, step = faults.nominal, faults.step
    left = nominal * faults.start / 100
    last_time, *_, last_state = trace.samples[0]
    for time, current, voltage, state in trace.samples:
        shown = round((current * faults.gain + faults.offset) / step) * step
        hours = (time - last_time) / 3600
        flow = faults.gain * (state - last_state) / 100 * trace.capacity + faults.offset * hours
        left = min(max(left + (shown * hours if faults.rough else flow), 0.0), nominal)
        last_time, last_state = time, state
        yield time, round(voltage, 2), round(shown, 2), round(left, 3)


class SmartShuntRule:
    """How a Victron SmartShunt does it: full above a voltage (V) when the current is below a tail for a time."""

    def __init__(self, cells: int, nominal: float) -> None:
        self._voltage, self._nominal = 3.45 * cells, nominal
        self.left = nominal
        self.seconds = 0.0
        self.fulls = 0
        self._last: tuple[float, float] | None = None

    def add(self, time: float, voltage: float, current: float) -> float:
        """Take a reading; return percent."""
        if self._last is not None:
            gap = time - self._last[0]
            flow = (current + self._last[1]) / 2 * gap / 3600
            self.left = min(max(self.left + (0.99 * flow if flow > 0 else flow), 0.0), self._nominal)
            is_tail = voltage >= self._voltage and current <= 0.04 * self._nominal
            self.seconds = self.seconds + gap if is_tail else 0.0
            if self.seconds >= 180:
                self.left = self._nominal
                self.fulls += 1
        self._last = (time, current)
        return 100 * self.left / self._nominal
