"""The local day of a stream of times; rule: a clock that is set back never makes a day longer than it must be.

A clock that steps back by up to a day keeps the day, so that nothing starts again twice. One that steps back further
had been wrong before: the day is the one it tells now, and starts again. While no clock is trusted, a day goes on.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo
from math import nan
from typing import Any

_DAY = 86_400.0

_FIRST, _LAST = 0.0, 250_000_000_000.0
"""s since 1970 between which a time has a date in every zone, and a day after it."""


def dated(time: float | None) -> float:
    """Return a time, NaN where there is none, or none that has a date."""
    return time if time is not None and _FIRST <= time < _LAST else nan


class Day:
    """The present local day: it holds from `start` up to, not including, `end` (s since 1970)."""

    __slots__ = ("_date", "_zone", "end", "start")

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._date: date | None = None
        self.start = self.end = 0.0

    def move(self, time: float) -> bool:
        """Follow the clock to `time`; return whether another day has begun, so that today's values start again."""
        if self._date is not None and self.start - _DAY <= time < self.end:
            return False
        self._choose(datetime.fromtimestamp(time, self._zone).date())
        return True

    def share(self, gap: float, time: float) -> float:
        """Return which part, 0 to 1, of the `gap` s before `time` lies in the present day."""
        return min(max((time - self.start) / gap, 0.0), 1.0) if gap > 0 else 0.0

    def snapshot(self) -> dict[str, Any]:
        """Return the date, ready for JSON."""
        return {"date": self._date.isoformat() if self._date else None}

    @classmethod
    def restore(cls, snapshot: dict[str, Any], zone: tzinfo) -> Day:
        """Return the day of a snapshot, with the midnights of `zone`."""
        day = cls(zone)
        if snapshot["date"] is not None:
            day._choose(date.fromisoformat(snapshot["date"]))
        return day

    def _choose(self, told: date) -> None:
        # The first midnight of two and the moment of a skipped one are what fold 0 means.
        self._date = told
        self.start = datetime(told.year, told.month, told.day, tzinfo=self._zone).timestamp()
        next_day = told + timedelta(days=1)
        self.end = datetime(next_day.year, next_day.month, next_day.day, tzinfo=self._zone).timestamp()
