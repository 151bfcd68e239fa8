"""What is believed of a battery, and how surely; rule: a Kalman filter of four values that an owner can be told.

Counting makes the deficit less sure as time goes by, and ties it to the offset and to the loss; what the voltage tells
(full, held, low) makes all surer. So offset and loss follow from what fulls say of the count, and the capacity from
what low points say.
"""

from __future__ import annotations

from math import sqrt
from operator import mul
from typing import NamedTuple

OFFSET, OFFSET_ERROR = 0.03, 0.065
"""A by which the zero of a meter that nobody knows is off, as they were found, and its standard deviation."""

CAPACITY_ERROR = 0.08
"""Part by which a capacity that was typed in is off, one standard deviation: a tenth is no surprise."""

START_ERROR = 1.0
"""Part of the capacity by which a meter that nobody has seen full may be wrong, one standard deviation."""

OFFSET_DRIFT = 0.004
"""A by which the zero moves in a week."""

CAPACITY_DRIFT = 0.002
"""Part by which a capacity changes in a week."""

LEAST_CAPACITY_ERROR = 0.014
"""Part below which the error of a capacity does not fall: the anchors share the error of their curve, and each maker
says for himself which voltage is empty."""

IDLE_ERROR = 0.035
"""A by which a small current is off that does not change: it is shown, and by some meters counted, in steps."""

IDLE_SPAN = 100.0
"""h of it over which it is off in the same way."""

DAY_ERROR = 0.0006
"""Part of the capacity by which a day's count wanders."""

FLOOR = 0.002
"""Part of the capacity below which nobody knows the state of charge: what full is differs by as much."""

OUTLIER = 25.0
"""Squared standard deviations beyond which an anchor begins anew, and teaches nothing."""

LEAST_LEFT = 0.05
"""Part of the capacity that is left of it at least: a shunt turned round would learn less than nothing."""

LARGEST_CAPACITY = 1e6
"""Ah of no battery."""

BELIEF_SHAPE = [[float] * 4] * 5
"""Of a snapshot."""

_WEEK, _DAY = 168.0, 24.0
_SIZE = 4
_DEFICIT, _OFFSET, _CAPACITY, _LOSS = range(_SIZE)


class Look(NamedTuple):
    """What is believed at a moment: Ah that are missing, state of charge and its standard deviation, 0 to 1."""

    deficit: float
    state: float
    error: float


class Belief:
    """Ah missing to full, zero offset (A), usable capacity (Ah), and the part that is lost of a charge: `values`.

    `errors` are their covariances.
    """

    __slots__ = ("errors", "spread", "values")

    def __init__(self, state: float, capacity: float, capacity_error: float, loss: float, loss_error: float) -> None:
        self.values = [(1.0 - state) * capacity, OFFSET, capacity, loss]
        self.spread = loss_error
        """Part of what flows in by which the loss differs each time: as much as from battery to battery."""
        deviations = (START_ERROR * capacity, OFFSET_ERROR, capacity_error * capacity, loss_error)
        self.errors = [[a * a if row == column else 0.0 for column in range(_SIZE)] for row, a in enumerate(deviations)]

    @property
    def offset(self) -> float:
        """A."""
        return self.values[_OFFSET]

    @property
    def offset_error(self) -> float:
        """A, one standard deviation."""
        return sqrt(max(self.errors[_OFFSET][_OFFSET], 0.0))

    @property
    def capacity(self) -> float:
        """Ah."""
        return self.values[_CAPACITY]

    def look(self, net: float, charged: float, hours: float) -> Look:
        """Return what is believed after `net` Ah were counted in `hours`, of which `charged` flowed in."""
        deficit, offset, capacity, loss = self.values
        (xx, xb, xc, xl), (_, bb, bc, bl), (_, _, cc, cl), (*_, ll) = self.errors
        deficit += offset * hours + loss * charged - net
        part = deficit / capacity
        square = (
            xx + hours * (2 * xb + hours * bb) + part * (part * cc - 2 * (xc + hours * bc + charged * cl))
            + charged * (2 * (xl + hours * bl) + charged * ll) + self._noise(charged, hours)
            + (FLOOR * capacity) ** 2
        )  # fmt: skip
        return Look(deficit, 1.0 - part, sqrt(max(square, 0.0)) / capacity)

    def _noise(self, charged: float, hours: float) -> float:
        """Return the squared Ah by which the count itself may be off."""
        capacity: float = self.values[_CAPACITY]
        return (self.spread * charged) ** 2 + (DAY_ERROR * capacity) ** 2 / _DAY * hours

    def advance(self, net: float, charged: float, hours: float, idle: float) -> None:
        """Move on by what was counted; `idle` are the hours of a small current that did not change."""
        values, errors = self.values, self.errors
        values[_DEFICIT] += values[_OFFSET] * hours + values[_LOSS] * charged - net
        for column in range(_SIZE):
            errors[_DEFICIT][column] += hours * errors[_OFFSET][column] + charged * errors[_LOSS][column]
        for row in range(_SIZE):
            errors[row][_DEFICIT] += hours * errors[row][_OFFSET] + charged * errors[row][_LOSS]
        self.add_error(self._noise(charged, hours) + IDLE_ERROR**2 * idle * max(idle, IDLE_SPAN))
        errors[_OFFSET][_OFFSET] += OFFSET_DRIFT**2 / _WEEK * hours
        errors[_CAPACITY][_CAPACITY] += (CAPACITY_DRIFT * values[_CAPACITY]) ** 2 / _WEEK * hours

    def anchor(self, state: float, error: float) -> None:
        """Take a state of charge (0 to 1) that the voltage tells."""
        (deficit, _, capacity, _), errors = self.values, self.errors
        weight, variance = state - 1.0, (error * capacity) ** 2
        if self._learn((1.0, 0.0, weight, 0.0), -(deficit + weight * capacity), variance):
            errors[_CAPACITY][_CAPACITY] = max(errors[_CAPACITY][_CAPACITY], (LEAST_CAPACITY_ERROR * capacity) ** 2)
            return
        # What was learnt of the meter and the battery stays, less sure; the deficit is a part of the capacity now.
        self.values[_DEFICIT] = -weight * capacity
        errors[_DEFICIT][_DEFICIT] = variance + weight * weight * errors[_CAPACITY][_CAPACITY]
        for place in (_OFFSET, _CAPACITY, _LOSS):
            errors[_DEFICIT][place] = errors[place][_DEFICIT] = -weight * errors[_CAPACITY][place]
        errors[_OFFSET][_OFFSET] += (OFFSET_ERROR / 4) ** 2

    def see_zero(self, offset: float, error: float) -> None:
        """Take a current (A) that was shown while none can have flowed; it is off in the same way each time."""
        if self.errors[_OFFSET][_OFFSET] > error * error:
            self._learn((0.0, 1.0, 0.0, 0.0), offset - self.values[_OFFSET], error * error)

    def _learn(self, to: tuple[float, ...], surprise: float, variance: float) -> bool:
        """Take a measured sum of the values; return False, and change nothing, where it cannot be."""
        ties = [sum(map(mul, row, to)) for row in self.errors]
        total = sum(map(mul, ties, to)) + variance
        least = LEAST_LEFT * self.capacity
        if surprise * surprise > OUTLIER * total or self.capacity + ties[_CAPACITY] * surprise / total < least:
            return False
        for row, tie in enumerate(ties):
            self.values[row] += tie * surprise / total
            for column, other in enumerate(ties):
                self.errors[row][column] -= tie * other / total
        return True

    def _untie(self, value: int, variance: float) -> None:
        """Make one of the values as sure as a variance says, and nothing else follow from it."""
        for place in range(_SIZE):
            self.errors[value][place] = self.errors[place][value] = 0.0
        self.errors[value][value] = variance

    def add_error(self, variance: float) -> None:
        """Be less sure of the deficit (Ah²)."""
        self.errors[_DEFICIT][_DEFICIT] += variance

    def set_loss(self, loss: float, error: float) -> None:
        """Take another loss: the chemistry was guessed wrong, and what the anchors said with it."""
        self.spread, self.values[_LOSS] = error, loss
        self._untie(_LOSS, error * error)
        self.doubt()

    def fill(self) -> None:
        """Take what seems to be above full for full; it teaches nothing."""
        self.values[_DEFICIT] = 0.0
        self._untie(_DEFICIT, self.errors[_DEFICIT][_DEFICIT])

    def doubt(self) -> None:
        """Believe the count no more: another battery, or a gap of unknown length."""
        self._untie(_DEFICIT, max(self.errors[_DEFICIT][_DEFICIT], (START_ERROR * self.values[_CAPACITY]) ** 2))

    def snapshot(self) -> list[list[float]]:
        """Return everything, ready for JSON."""
        return [list(row) for row in (self.values, *self.errors)]

    @classmethod
    def restore(cls, snapshot: list[list[float]], loss_error: float) -> Belief:
        """Return the belief of a snapshot that has BELIEF_SHAPE."""
        belief = cls(1.0, 1.0, 0.0, 0.0, loss_error)
        belief.values, *belief.errors = map(list, snapshot)
        return belief

    @property
    def is_possible(self) -> bool:
        """Whether there can be such a battery: what is saved may have been changed by hand."""
        _, offset, capacity, loss = self.values
        if not 0 < capacity < LARGEST_CAPACITY or abs(loss) > 1 or abs(offset) > 100:
            return False
        deviations = [sqrt(max(row[place], 0.0)) for place, row in enumerate(self.errors)]
        return max(deviations) < LARGEST_CAPACITY and all(
            abs(error) <= 1.001 * deviations[row] * deviations[column]
            for row, errors in enumerate(self.errors)
            for column, error in enumerate(errors)
        )
