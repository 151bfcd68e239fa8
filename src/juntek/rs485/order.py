"""Checks a layout against what the meter itself works out; rule: a verdict needs several readings that agree.

The meter computes its time left from the remaining capacity and the current. Whichever number makes that time come
out right is the current: that is how the order of the first two numbers was proven (docs/protocol.md, Voltage first),
and how a meter that sends them in another order is noticed instead of guessed at.
"""

from __future__ import annotations

from collections import deque

from juntek.rs485.family import Layout

ENOUGH = 5
"""Readings that speak for one order, with none for the other, before it counts."""


class OrderWatch:
    """Watches which order of voltage and current the latest readings speak for: that of the table, or the other one."""

    __slots__ = ("_capacity", "_direction", "_first", "_second", "_time", "_verdicts", "speaks_for")

    def __init__(self, layout: Layout) -> None:
        self._first, self._second = layout.place("voltage"), layout.place("current")
        self._capacity, self._direction = layout.place("remaining_capacity"), layout.place("direction")
        self._time = next((row.index - 2 for row in layout.rows if row.kind == "echo"), None)
        self._verdicts: deque[bool] = deque(maxlen=2 * ENOUGH)
        """Of the latest readings that can tell: whether they speak for the order of the table."""
        self.speaks_for = 0

    @property
    def settled(self) -> bool:
        """Whether the order of the table has been seen to be right, so that watching can stop."""
        return self.speaks_for >= ENOUGH or self._time is None

    @property
    def contradicted(self) -> bool:
        """Whether the latest numbers only make sense in another order than the table's."""
        return len(self._verdicts) >= ENOUGH and not any(self._verdicts)

    def add(self, numbers: tuple[int, ...]) -> None:
        """Count one discharging reading; charging ones need the nominal capacity and are left out.

        One that makes no sense either way tells that the time left is not to be relied on here.
        """
        if self._time is None or numbers[self._direction] != 0:
            return
        voltage, current = numbers[self._first], numbers[self._second]
        capacity, minutes = numbers[self._capacity], numbers[self._time]
        if not 10 <= minutes <= 60_000 or abs(voltage - current) < max(voltage, current) // 5:
            return
        fits, fits_other = (_fits(capacity, number, minutes) for number in (current, voltage))
        self.speaks_for += fits and not fits_other
        self._verdicts.append(fits or not fits_other)


def _fits(capacity: int, current: int, minutes: int) -> bool:
    """Whether capacity (mAh) at current (10 mA) lasts for so many minutes, within 5 % and a display step."""
    if current < 20:
        return False
    expected = capacity * 6 / current
    return abs(expected - minutes) <= 1.5 + expected * (0.05 + 10 / current)
