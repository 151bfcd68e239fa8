"""Internal resistance from load steps; rule: the median of many, where the larger step counts more."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from types import NoneType
from typing import Any

from juntek.reading import Reading

STEPS = 64
"""Steps that are remembered."""

QUIET = 0.01
"""Part of the capacity an hour: a change of the current that is no load step."""

LOWEST_FOR_STEPS = 0.2
"""State of charge below which the voltage gives way to more than the resistance."""

LEAST_STEP = 3.0
"""Times the change that is none."""

ENOUGH = 5
"""Steps from which on a resistance is told."""

LEAST_GIVING = 0.02
"""V by which the voltage has to give way at least: it comes in steps of 0.01 V."""

HIGHEST_PART = 0.02
"""Part of the voltage that a step may move at most; what moves it further is no resistance."""

STEP_SHAPE = [float, float, (float, NoneType)]
"""Of a step in a snapshot."""


class LoadSteps:
    """The latest load steps of a battery, as (resistance in Ω, weight, temperature)."""

    __slots__ = ("_is_quiet", "_median", "_step", "is_open", "steps")

    def __init__(self, steps: Iterable[Any] = ()) -> None:
        self.steps: deque[tuple[float, float, float | None]] = deque(map(tuple, steps), maxlen=STEPS)
        self._median: float | None = None
        self._is_quiet = False
        self._step: tuple[float, float, float] | None = None
        """Change of current and voltage that wait for the current to stay where it is, and the voltage."""
        self.is_open = True
        """Whether the next reading matters, even if its current is as before."""
        self._find()

    def leave(self) -> None:
        """Forget what came before: there is a gap."""
        self._step, self._is_quiet, self.is_open = None, False, True

    def follow(self, current: float, voltage: float, reading: Reading, quiet: float, *, is_plain: bool) -> None:
        """Take what current (A) and voltage (V) changed by; a change up to `quiet` (A) is none.

        A step counts that goes from one steady current to another, where the voltage gives way to nothing else.
        """
        step, self._step = self._step, None
        was_quiet, self._is_quiet = self._is_quiet, abs(current) <= quiet
        self.is_open = not self._is_quiet
        if self._is_quiet and step is not None:
            self.add(*step, reading.temperature)
        elif was_quiet and is_plain and abs(current) > LEAST_STEP * quiet:
            self._step = (current, voltage, reading.voltage)

    def add(self, current: float, voltage: float, level: float, temperature: float | None) -> None:
        """Take a step of the current (A) that moved the voltage (V), which was at a level (V)."""
        if current * voltage <= 0 or not LEAST_GIVING <= abs(voltage) <= HIGHEST_PART * level + 0.1:
            return
        self.steps.append((voltage / current, abs(current), temperature))
        self._find()

    def _find(self) -> None:
        if len(self.steps) < ENOUGH:
            return
        ordered = sorted(self.steps, key=lambda step: step[0])
        half = sum(step[1] for step in ordered) / 2
        for resistance, weight, _ in ordered:
            half -= weight
            if half <= 0:
                self._median = resistance
                return

    @property
    def resistance(self) -> float | None:
        """Ω, None while too few steps were seen."""
        return self._median

    @property
    def error(self) -> float | None:
        """Ω, half of the middle half of the steps."""
        if self._median is None:
            return None
        gaps = sorted(abs(step[0] - self._median) for step in self.steps)
        return gaps[len(gaps) // 2]

    @property
    def temperature(self) -> float | None:
        """°C at which it was measured, on average."""
        known = [step[2] for step in self.steps if step[2] is not None]
        return sum(known) / len(known) if known else None
