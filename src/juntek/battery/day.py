"""The local day of a stream of times; rule: a clock that jumps never makes a day longer than it must be.

What it does when the clock is not to be trusted:

- A clock that was never set (a computer without one boots in 1970) tells no date. Today's values go on; they start
  again at the midnight of that clock, or when the clock is set and the day is another than the one before.
- A clock that steps back by up to a day keeps the day, so that nothing starts again twice.
- A clock that steps back further had been wrong before: the day is the one it tells now, and starts again.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

CLOCK_SET = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
"""Seconds since 1970 before which a clock was never set: this package is younger."""

_DAY = 86_400.0


class Day:
    """The present local day: it holds from `start` up to, not including, `end` (s since 1970)."""

    __slots__ = ("_before_unset", "_date", "_zone", "end", "start")

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._date: date | None = None
        self._before_unset: date | None = None
        self.start = self.end = 0.0

    def move(self, time: float) -> bool:
        """Follow the clock to `time`; return whether another day has begun, so that today's values start again."""
        if self._date is not None and self.start <= time < self.end:
            return False
        told = datetime.fromtimestamp(time, self._zone).date()
        previous, was_set = self._date, self.start >= CLOCK_SET
        if previous is None:
            self._choose(told)
            return True
        if time < CLOCK_SET:
            begins = not was_set and time >= self.end
            if was_set:
                self._before_unset = previous
            elif begins:
                self._before_unset = None
            self._choose(told)
            return begins
        if not was_set:
            begins = self._before_unset not in (None, told)
            self._before_unset = None
            self._choose(told)
            return begins
        if self.start - _DAY <= time < self.start:
            return False
        self._choose(told)
        return True

    def share(self, before: float, time: float) -> float:
        """Return which part, 0 to 1, of the time from `before` to `time` lies in the present day."""
        gap = time - before
        if not gap > 0:
            return 0.0
        return min(max((time - self.start) / gap, 0.0), 1.0)

    def snapshot(self) -> dict[str, Any]:
        """Return the dates, ready for JSON."""
        return {
            "date": self._date.isoformat() if self._date else None,
            "before_unset": self._before_unset.isoformat() if self._before_unset else None,
        }

    @classmethod
    def restore(cls, snapshot: dict[str, Any], zone: tzinfo) -> Day:
        """Return the day of a snapshot, with the midnights of `zone`."""
        day = cls(zone)
        if snapshot["date"] is not None:
            day._choose(date.fromisoformat(snapshot["date"]))
        if snapshot["before_unset"] is not None:
            day._before_unset = date.fromisoformat(snapshot["before_unset"])
        return day

    def _choose(self, told: date) -> None:
        # The first midnight of two and the moment of a skipped one are what fold 0 means.
        self._date = told
        self.start = datetime(told.year, told.month, told.day, tzinfo=self._zone).timestamp()
        next_day = told + timedelta(days=1)
        self.end = datetime(next_day.year, next_day.month, next_day.day, tzinfo=self._zone).timestamp()
