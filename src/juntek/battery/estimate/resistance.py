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

    __slots__ = ("_is_quiet", "_step", "is_open", "resistance", "steps")

    def __init__(self, steps: Iterable[Any] = ()) -> None:
        self.steps: deque[tuple[float, float, float | None]] = deque(map(tuple, steps), maxlen=STEPS)
        self.resistance: float | None = None
        """Ω, None while too few steps were seen."""
        self.leave()
        self._find()

    def leave(self) -> None:
        """Forget what came before: there is a gap."""
        self._is_quiet = False
        self._step: tuple[float, float, float] | None = None
        """Change of current and voltage, and voltage, that wait for the current to stay where it is."""
        self.is_open = True
        """Whether the next reading matters, even if its current is as before."""

    def follow(self, current: float, voltage: float, reading: Reading, quiet: float, *, is_plain: bool) -> None:
        """Take what current (A) and voltage (V) changed by; a change up to `quiet` (A) is none.

        A step counts that goes from one steady current to another, where the voltage gives way to nothing else.
        """
        step, self._step = self._step, None
        was_quiet, self._is_quiet = self._is_quiet, abs(current) <= quiet
        self.is_open = not self._is_quiet
        if self._is_quiet and step is not None:
            amperes, volts, level = step
            if amperes * volts > 0 and LEAST_GIVING <= abs(volts) <= HIGHEST_PART * level + 0.1:
                self.steps.append((volts / amperes, abs(amperes), reading.temperature))
                self._find()
        elif was_quiet and is_plain and abs(current) > LEAST_STEP * quiet:
            self._step = (current, voltage, reading.voltage)

    def _find(self) -> None:
        """Find the median, where a step counts by its size."""
        if len(self.steps) < ENOUGH:
            return
        half = sum(step[1] for step in self.steps) / 2
        for resistance, weight, _ in sorted(self.steps, key=lambda step: step[0]):
            half -= weight
            if half <= 0:
                self.resistance = resistance
                return

    @property
    def error(self) -> float | None:
        """Ω, half of the middle half of the steps."""
        middle = self.resistance
        return None if middle is None else sorted(abs(step[0] - middle) for step in self.steps)[len(self.steps) // 2]

    @property
    def temperature(self) -> float | None:
        """°C at which it was measured, on average."""
        known = [step[2] for step in self.steps if step[2] is not None]
        return sum(known) / len(known) if known else None
