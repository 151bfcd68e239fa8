"""What is believed of a battery, and how surely: deficit, zero offset and capacity; rule: a Kalman filter of three.

Counting makes the deficit less sure as time goes by, and ties it to the offset; an anchor (full, low, held) makes all
three surer. So the offset follows from what fulls say of the count, and the capacity from what low anchors say.
"""

from __future__ import annotations

from math import sqrt
from typing import Any, NamedTuple

OFFSET, OFFSET_ERROR = 0.02, 0.065
"""A by which the zero of a meter that nobody knows is off, as they were found, and its standard deviation."""

CAPACITY_ERROR = 0.08
"""Part by which a capacity that was typed in is off, one standard deviation."""

START_ERROR = 0.35
"""Part of the capacity by which a meter that nobody has seen full may be wrong, one standard deviation."""

OFFSET_DRIFT = 0.004
"""A by which the zero moves in a week."""

CAPACITY_DRIFT = 0.002
"""Part by which a capacity changes in a week."""

LEAST_CAPACITY_ERROR = 0.008
"""Part below which the error of a capacity does not fall: the anchors share the error of their curve."""

COUNT_ERROR = 0.003
"""Part of what was charged since the last anchor by which the count may be off."""

IDLE_ERROR = 0.035
"""A by which a small current is off that does not change: it is shown, and by some meters counted, in steps."""

DAY_ERROR = 0.001
"""Part of the capacity by which a day's count wanders."""

FLOOR = 0.0025
"""Part of the capacity below which nobody knows the state of charge: what full is differs by as much."""

OUTLIER = 25.0
"""Squared standard deviations beyond which an anchor begins anew, and teaches nothing."""

_WEEK, _DAY = 168.0, 24.0


class Look(NamedTuple):
    """What is believed at a moment: Ah that are missing, state of charge and its standard deviation, 0 to 1."""

    deficit: float
    state: float
    error: float


class Belief:
    """Deficit (Ah that are missing to full), zero offset (A) and usable capacity (Ah), with their covariances."""

    __slots__ = ("bb", "bc", "capacity", "cc", "deficit", "offset", "xb", "xc", "xx")

    def __init__(self, state: float, capacity: float) -> None:
        self.deficit = (1.0 - state) * capacity
        self.offset = OFFSET
        self.capacity = capacity
        self.xx = (START_ERROR * capacity) ** 2
        self.xb = self.xc = self.bc = 0.0
        self.bb = OFFSET_ERROR**2
        self.cc = (CAPACITY_ERROR * capacity) ** 2

    def look(self, net: float, charged: float, hours: float) -> Look:
        """Return what is believed after `net` Ah were counted in `hours`, of which `charged` flowed in."""
        capacity = self.capacity
        deficit = self.deficit - net + self.offset * hours
        part = deficit / capacity
        noise = (COUNT_ERROR * charged) ** 2 + capacity * capacity * (FLOOR**2 + DAY_ERROR**2 / _DAY * hours)
        square = (
            self.xx + hours * (2 * self.xb + hours * self.bb) + noise
            - 2 * part * (self.xc + hours * self.bc) + part * part * self.cc
        )  # fmt: skip
        return Look(deficit, 1.0 - part, sqrt(max(square, 0.0)) / capacity)

    def advance(self, net: float, charged: float, hours: float, idle: float) -> None:
        """Move on by what was counted; `idle` are the hours of a small current that did not change."""
        self.deficit += self.offset * hours - net
        self.xx += hours * (2 * self.xb + hours * self.bb)
        self.xx += (
            (COUNT_ERROR * charged) ** 2 + (IDLE_ERROR * idle) ** 2 + (DAY_ERROR * self.capacity) ** 2 / _DAY * hours
        )
        self.xb += hours * self.bb
        self.xc += hours * self.bc
        self.bb += OFFSET_DRIFT**2 / _WEEK * hours
        self.cc += (CAPACITY_DRIFT * self.capacity) ** 2 / _WEEK * hours

    def anchor(self, state: float, error: float) -> bool:
        """Take a state of charge (0 to 1) that the voltage tells; return whether it was no surprise."""
        weight = state - 1.0
        variance = (error * self.capacity) ** 2
        to_x = self.xx + weight * self.xc
        to_b = self.xb + weight * self.bc
        to_c = self.xc + weight * self.cc
        total = to_x + weight * to_c + variance
        surprise = -(self.deficit + weight * self.capacity)
        if surprise * surprise > OUTLIER * total:
            self._restart(state, error)
            return False
        part = surprise / total
        self.deficit += to_x * part
        self.offset += to_b * part
        self.capacity += to_c * part
        self.xx -= to_x * to_x / total
        self.xb -= to_x * to_b / total
        self.xc -= to_x * to_c / total
        self.bb -= to_b * to_b / total
        self.bc -= to_b * to_c / total
        self.cc = max(self.cc - to_c * to_c / total, (LEAST_CAPACITY_ERROR * self.capacity) ** 2)
        return True

    def _restart(self, state: float, error: float) -> None:
        """Begin anew where an anchor says; what was learnt of the meter and the battery stays, less sure."""
        self.deficit = (1.0 - state) * self.capacity
        self.xx = (error * self.capacity) ** 2 + (1.0 - state) ** 2 * self.cc
        self.xb, self.xc = 0.0, (1.0 - state) * self.cc
        self.bb += (OFFSET_ERROR / 4) ** 2

    def fill(self) -> None:
        """Take what seems to be above full for full; it teaches nothing."""
        self.deficit, self.xb = 0.0, 0.0

    def doubt(self) -> None:
        """Believe the count no more: another battery, or a gap of unknown length."""
        self.xx = max(self.xx, (START_ERROR * self.capacity) ** 2)
        self.xb = self.xc = 0.0

    def snapshot(self) -> list[float]:
        """Return everything, ready for JSON."""
        return [getattr(self, name) for name in self.__slots__]

    @classmethod
    def restore(cls, snapshot: list[Any]) -> Belief:
        """Return the belief of a snapshot."""
        belief = cls(1.0, 1.0)
        for name, value in zip(cls.__slots__, snapshot, strict=True):
            setattr(belief, name, float(value))
        return belief
