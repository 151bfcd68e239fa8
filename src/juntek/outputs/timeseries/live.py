"""The books of what is heard now; rule: pure, and every reading ends as handed over or as owed.

What is owed is only a range of time here: the reading itself is in the history, or will be at its next commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from juntek.history.clock import Clock
from juntek.history.deliveries import SETTLE, Range, Reach, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from juntek.reading import Reading
    from juntek.update import Update

Batches = dict[str, list["Reading"]]
"""Readings in the order of time, by meter."""

BRIDGED = 3_600_000
"""ms without a reading above which what is owed before and after are two ranges: the clock may have jumped."""


class Accounts(NamedTuple):
    """What is to be kept on disk. `gone`: the target went away since this was last kept."""

    reached: dict[str, Reach]
    owed: list[Range]
    gone: bool


class Live:
    """The readings that wait for the next batch, and the accounts that are not on disk yet.

    `now` is s of a clock that only goes forward.
    """

    def __init__(self) -> None:
        self.waiting = 0
        """Readings that wait."""
        self.doubts = 0
        """How often the target went away."""
        self.is_gone = False
        """It went away, which the accounts on disk do not know yet."""
        self._waiting: Batches = {}
        self._clocks: dict[str, Clock] = {}
        self._first: dict[str, int] = {}
        self._until: dict[str, int] = {}
        self._kept: dict[str, int] = {}
        self._begun: set[str] = set()
        """Meters that have been heard since we listen."""
        self._unsettled: tuple[dict[str, int], dict[str, int]] = ({}, {})
        """From when on readings were handed over lately, and in the time before that."""
        self._turned = 0.0
        self._owed: dict[str, list[Range]] = {}

    @property
    def is_owing(self) -> bool:
        """Whether there is something to keep on disk that cannot be found out again after a kill."""
        return self.is_gone or bool(self._owed)

    @property
    def owed_since(self) -> float | None:
        """When the oldest reading was received that is owed and not kept on disk as such, s since 1970."""
        oldest = min((part.start for parts in self._owed.values() for part in parts), default=None)
        return None if oldest is None else oldest / 1000

    def resume(self, reached: Mapping[str, int]) -> None:
        """Go on behind what was handed over in earlier runs, ms since 1970."""
        for meter, time in reached.items():
            first = self._first.get(meter)
            if first is not None and time + 1 < first:
                self._add(Range(meter, time + 1, first - 1, State.DOUBTFUL))
            self._clocks.setdefault(meter, Clock(time / 1000))
            self._until.setdefault(meter, time)
            self._kept.setdefault(meter, time)

    def rest(self) -> None:
        """Nobody listens until the next reading is taken: what is between is owed."""
        self._begun.clear()

    def take(self, update: Update) -> None:
        """Keep a reading for the next batch, but for one that was told before or whose time cannot be believed."""
        reading = update.reading
        if reading is None or reading.time is None:
            return
        clock = self._clocks.setdefault(update.meter, Clock())
        time = _ms(reading) / 1000  # a second one in a ms is not kept
        before = clock.last
        if time != before and clock.admit(time):
            if before is not None and time < before and (waiting := self._waiting.pop(update.meter, None)):
                self.waiting -= len(waiting)  # the clock was wrong before: a batch does not go over that
                self.owe({update.meter: waiting})
            self._waiting.setdefault(update.meter, []).append(reading)
            self.waiting += 1

    def cut(self) -> Batches:
        """Return what waits; it is the caller's to hand over or to owe."""
        batches, self._waiting, self.waiting = self._waiting, {}, 0
        return batches

    def hand_over(self, batches: Batches, now: float) -> None:
        """The target has taken these."""
        if now - self._turned > SETTLE:
            self._unsettled, self._turned = ({}, self._unsettled[0]), now
        for meter, readings in batches.items():
            start = _ms(readings[0])
            self._begin(meter, start)
            self._part(meter, start)
            self._unsettled[0].setdefault(meter, start)
            self._until[meter] = _ms(readings[-1])

    def owe(self, batches: Batches, state: State = State.OWED) -> None:
        """The target has not taken these, or nobody knows."""
        for meter, readings in batches.items():
            start, last = _ms(readings[0]), _ms(readings[-1])
            self._begin(meter, start)
            self._part(meter, start)
            before = self._until.get(meter, start)
            self._add(Range(meter, before + 1 if before < start <= before + BRIDGED else start, last, state))
            self._until[meter] = last

    def doubt(self) -> None:
        """The target went away: of what it took last nobody knows whether it still has it."""
        for meter in self._unsettled[0].keys() | self._unsettled[1].keys():
            self._doubt_of(meter)
        self.is_gone = True
        self.doubts += 1

    def collect(self) -> Accounts:
        """Return what has changed since this was last asked."""
        reached = {
            meter: Reach(self._first.get(meter, until), self._settled(meter), until)
            for meter, until in self._until.items()
            if self._kept.get(meter) != until
        }
        self._kept = dict(self._until)
        accounts = Accounts(reached, [part for parts in self._owed.values() for part in parts], self.is_gone)
        self._owed, self.is_gone = {}, False
        return accounts

    def give_back(self, accounts: Accounts) -> None:
        """Remember accounts again that could not be kept."""
        later, self._owed = self._owed, {}
        for part in (*accounts.owed, *(part for parts in later.values() for part in parts)):
            self._add(part)
        for meter in accounts.reached:
            self._kept.pop(meter, None)
        self.is_gone |= accounts.gone

    def _begin(self, meter: str, start: int) -> None:
        """Owe what came between the last reading before somebody listened and the first since."""
        if meter in self._begun:
            return
        self._begun.add(meter)
        self._first.setdefault(meter, start)
        before = self._until.get(meter)
        if before is not None and before + 1 < start:
            self._add(Range(meter, before + 1, start - 1, State.DOUBTFUL))

    def _part(self, meter: str, start: int) -> None:
        """Before a batch that begins before the end of the last one, as the clock was set back: that stands alone."""
        if start < self._until.get(meter, start):
            self._doubt_of(meter)

    def _doubt_of(self, meter: str) -> None:
        if not any(meter in starts for starts in self._unsettled):
            return
        self._add(Range(meter, self._settled(meter) + 1, self._until[meter], State.DOUBTFUL))
        for starts in self._unsettled:
            starts.pop(meter, None)

    def _settled(self, meter: str) -> int:
        """Return up to when the target cannot lose the readings of a meter any more."""
        lately, before = self._unsettled
        start = before.get(meter, lately.get(meter))
        until = self._until[meter]
        return until if start is None else min(start - 1, until)

    def _add(self, part: Range) -> None:
        parts = self._owed.setdefault(part.meter, [])
        if parts and parts[-1].state == part.state and parts[-1].last + 1 == part.start:
            parts[-1] = parts[-1]._replace(last=part.last)
        else:
            parts.append(part)


def _ms(reading: Reading) -> int:
    """As the history keeps it."""
    return round((reading.time or 0.0) * 1000)
