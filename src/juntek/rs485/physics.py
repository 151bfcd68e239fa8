"""Checks a layout against what the meter itself works out; rule: a verdict needs several readings that agree.

The meter computes its time left from the remaining capacity and the current. Whichever number makes that time come
out right is the current: that is how the order of the first two numbers was proven (docs/protocol.md, Voltage first),
and how a meter that sends them in another order is noticed instead of guessed at.
"""

from __future__ import annotations

from juntek.rs485.family import Layout

ENOUGH = 5
"""Readings that speak for one order, with none for the other, before it counts."""


class OrderWatch:
    """Counts readings that speak for the order of voltage and current in the table, and for the other one."""

    __slots__ = ("_capacity", "_first", "_time", "against", "speaks_for")

    def __init__(self, layout: Layout) -> None:
        self._first = 0
        self._capacity = layout.place("remaining_capacity")
        self._time = layout.place("direction") + 1
        self.speaks_for = 0
        self.against = 0

    @property
    def settled(self) -> bool:
        """Whether the order of the table has been seen to be right, so that watching can stop."""
        return self.speaks_for >= ENOUGH

    @property
    def contradicted(self) -> bool:
        """Whether the numbers only make sense in another order than the table's."""
        return self.against >= ENOUGH and self.speaks_for == 0

    def add(self, numbers: tuple[int, ...]) -> None:
        """Count one discharging reading; charging ones need the nominal capacity and are left out."""
        if numbers[self._time - 1] != 0:
            return
        voltage, current = numbers[self._first], numbers[self._first + 1]
        capacity, minutes = numbers[self._capacity], numbers[self._time]
        if not 10 <= minutes <= 60_000 or abs(voltage - current) < max(voltage, current) // 5:
            return
        fits, fits_other = (_fits(capacity, number, minutes) for number in (current, voltage))
        self.speaks_for += fits and not fits_other
        self.against += fits_other and not fits


def _fits(capacity: int, current: int, minutes: int) -> bool:
    """Whether capacity (mAh) at current (10 mA) lasts for so many minutes, within 5 % and a display step."""
    if current < 20:
        return False
    expected = capacity * 6 / current
    return abs(expected - minutes) <= 1.5 + expected * (0.05 + 10 / current)
