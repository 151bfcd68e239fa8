"""Weeks of a battery by PyBaMM seen through a meter with faults, and the rule of another monitor to hold against."""

from __future__ import annotations

import json
import lzma
import random
from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from time import process_time
from typing import Any

from juntek.battery import BatteryOptions
from juntek.battery.estimate import Estimate, Estimator
from juntek.reading import Reading, fill_reading

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

    def __init__(self, trace: Trace, faults: Faults) -> None:
        self._voltage, self._nominal = 3.45 * trace.cells, faults.nominal
        self.left = faults.nominal
        self.seconds = 0.0
        self._last: tuple[float, float] | None = None

    def add(self, reading: Reading) -> float:
        """Take a reading; return percent."""
        time, voltage, current = reading.time or 0.0, reading.voltage, reading.current
        if self._last is not None:
            gap = time - self._last[0]
            flow = (current + self._last[1]) / 2 * gap / 3600
            self.left = min(max(self.left + (0.99 * flow if flow > 0 else flow), 0.0), self._nominal)
            is_tail = voltage >= self._voltage and current <= 0.04 * self._nominal
            self.seconds = self.seconds + gap if is_tail else 0.0
            if self.seconds >= 180:
                self.left = self._nominal
        self._last = (time, current)
        return 100 * self.left / self._nominal


@dataclass(frozen=True, slots=True)
class Errors:
    """Percent points off, root mean square and worst: in the second half, and from the first full on."""

    half: tuple[float, float]
    whole: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How meter, rule and estimate did; parts of 1 for capacity, resistance and what was within the uncertainty."""

    meter: Errors
    rule: Errors
    estimate: Errors
    capacity: float
    offset: float
    resistance: float
    within: float
    false_fulls: int
    microseconds: float


CELL_RESISTANCE = 0.0925
"""V that a cell of the model gives way at once, at a current of its capacity in an hour."""

NOTHING = Estimate(0.0, 0.0, 0.0, 0.0)

LEAST_FULL = 97.0
"""Percent below which a full is a false one."""


def readings_of(trace: Trace, faults: Faults) -> list[Reading]:
    """Return what a meter says as readings."""
    same: dict[str, Any] = {"nominal_capacity": faults.nominal, "temperature": 25.0, "direction": "idle", "power": 0.0}
    return [
        fill_reading(time=time, voltage=volts, current=amperes, remaining_capacity=left, **same)
        for time, volts, amperes, left in measure(trace, faults)
    ]


def judge(trace: Trace, faults: Faults) -> Outcome:
    """Return how a meter, the rule of a SmartShunt and the estimate do on a trace."""
    estimator, rule = Estimator(BatteryOptions(chemistry="lifepo4", cells=trace.cells)), SmartShuntRule(trace, faults)
    off: tuple[list[float], list[float], list[float]] = [], [], []
    within, fulls, now = 0, [], NOTHING
    readings = readings_of(trace, faults)
    for reading, sample in zip(readings, trace.samples, strict=True):
        truth = min(max(sample[3], 0.0), 100.0)
        if estimator.add(reading) == "full":
            fulls.append((len(off[0]), sample[3]))
        now = estimator.estimate() or NOTHING
        for errors, told in zip(off, (_percent(reading), rule.add(reading), now.state_of_charge), strict=True):
            errors.append(told - truth)
        within += abs(now.state_of_charge - truth) <= now.state_of_charge_uncertainty
    first = fulls[0][0] if fulls else 0
    meter, ruled, estimated = (Errors(_size(errors[len(errors) // 2 :]), _size(errors[first:])) for errors in off)
    resistance = (estimator.steps.resistance or 0.0) * trace.capacity / trace.cells
    return Outcome(
        meter=meter,
        rule=ruled,
        estimate=estimated,
        capacity=now.usable_capacity / trace.capacity / faults.gain - 1,
        offset=now.zero_offset - faults.offset,
        resistance=resistance / CELL_RESISTANCE - 1,
        within=within / len(readings),
        false_fulls=sum(state < LEAST_FULL for _, state in fulls),
        microseconds=_cost(readings),
    )


def _percent(reading: Reading) -> float:
    return reading.state_of_charge or 0.0


def _size(errors: list[float]) -> tuple[float, float]:
    return sqrt(sum(error * error for error in errors) / len(errors)), max(map(abs, errors))


def _cost(readings: list[Reading]) -> float:
    """Return the us of processor time that a reading takes."""
    add, begin = Estimator().add, process_time()
    for reading in readings:
        add(reading)
    return 1e6 * (process_time() - begin) / len(readings)
