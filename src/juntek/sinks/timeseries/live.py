"""The books of what is heard now; rule: pure, and every reading ends as handed over or as owed.

What is owed is only a range of time here: the reading itself is in the history, or will be at its next commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from juntek.database.clock import Clock
from juntek.database.deliveries import SETTLE, Range, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from juntek.reading import Reading
    from juntek.update import Update

Batches = dict[str, list["Reading"]]
"""Readings in the order of time, by meter."""

DOUBT = round(SETTLE * 1000)
"""ms before the target went away, of which nobody knows whether it still has them."""


class Accounts(NamedTuple):
    """What is to be kept on disk."""

    reached: dict[str, tuple[int, int]]
    """From when and up to when the readings of a meter were handed over or are owed, ms since 1970."""
    owed: list[Range]


class Live:
    """The readings that wait for the next batch, and the accounts that are not on disk yet."""

    def __init__(self) -> None:
        self._waiting: Batches = {}
        self._clocks: dict[str, Clock] = {}
        self._first: dict[str, int] = {}
        self._until: dict[str, int] = {}
        self._kept: dict[str, int] = {}
        self._owed: list[Range] = []

    def resume(self, reached: Mapping[str, int]) -> None:
        """Go on behind what was handed over in earlier runs, ms since 1970."""
        for meter, time in reached.items():
            self._clocks.setdefault(meter, Clock(time / 1000))
            self._until.setdefault(meter, time)
            self._kept.setdefault(meter, time)

    def take(self, update: Update) -> None:
        """Keep a reading for the next batch, but for one that was told before or whose time cannot be believed."""
        reading = update.reading
        if reading is None or reading.time is None:
            return
        clock = self._clocks.setdefault(update.meter, Clock())
        if reading.time != clock.last and clock.admit(reading.time):
            self._waiting.setdefault(update.meter, []).append(reading)

    def cut(self) -> Batches:
        """Return what waits; it is the caller's to hand over or to owe."""
        batches, self._waiting = self._waiting, {}
        return batches

    def hand_over(self, batches: Batches) -> None:
        """The target has taken these."""
        for meter, readings in batches.items():
            self._first.setdefault(meter, _ms(readings[0]))
            self._until[meter] = _ms(readings[-1])

    def owe(self, batches: Batches, state: State = State.OWED) -> None:
        """The target has not taken these, or nobody knows."""
        for meter, readings in batches.items():
            start, last = _ms(readings[0]), _ms(readings[-1])
            self._first.setdefault(meter, start)
            self._add(Range(meter, min(start, self._until.get(meter, start) + 1), last, state))
            self._until[meter] = last

    def doubt(self) -> None:
        """The target went away: of what it took last nobody knows whether it still has it."""
        for meter, first in self._first.items():
            until = self._until[meter]
            self._add(Range(meter, max(first, until - DOUBT), until, State.DOUBTFUL))

    def collect(self) -> Accounts:
        """Return what has changed since this was last asked."""
        reached = {
            meter: (self._first.get(meter, until), until)
            for meter, until in self._until.items()
            if self._kept.get(meter) != until
        }
        self._kept = dict(self._until)
        owed, self._owed = self._owed, []
        return Accounts(reached, owed)

    def give_back(self, accounts: Accounts) -> None:
        """Remember accounts again that could not be kept."""
        self._owed = accounts.owed + self._owed
        for meter in accounts.reached:
            self._kept.pop(meter, None)

    def _add(self, part: Range) -> None:
        for place in range(len(self._owed) - 1, -1, -1):
            other = self._owed[place]
            if other.meter == part.meter:
                if other.state == part.state and other.last + 1 == part.start:
                    self._owed[place] = other._replace(last=part.last)
                    return
                break
        self._owed.append(part)


def _ms(reading: Reading) -> int:
    """As the history keeps it."""
    return round((reading.time or 0.0) * 1000)
