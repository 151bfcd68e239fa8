"""Local days as spans of time; rule: a day begins at its midnight, or where that is skipped, at the first moment after.

A day is 23 or 25 hours long where clocks are changed.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo

EARLIEST, LATEST = date(1900, 1, 1), date(9999, 12, 30)
"""Days before and after which are taken for these: no zone needs a time then that cannot be."""
LATEST_TIME = datetime(LATEST.year, LATEST.month, LATEST.day, tzinfo=UTC).timestamp()
"""s since 1970 up to which times are asked for."""


def start_of(day: date, zone: tzinfo) -> int:
    """Return when a local day begins, s since 1970."""
    day = max(day, EARLIEST)
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


def date_of(time: float, zone: tzinfo) -> date:
    """Return the local date of a moment."""
    time = min(max(time, start_of(EARLIEST, zone)), start_of(LATEST, zone))
    return datetime.fromtimestamp(time, zone).date()


def day_after(day: date) -> date:
    """Return the next day; after the last one that can be there is none."""
    return min(day, LATEST) + timedelta(days=1)


class LocalDays:
    """Finds the local day of a moment; the last day found is found again at no cost."""

    __slots__ = ("_end", "_start", "zone")

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self._start = self._end = 0

    def start_of(self, time: float) -> int:
        """Return when the day of `time` begins, s since 1970."""
        if not self._start <= time < self._end:
            day = date_of(time, self.zone)
            self._start, self._end = start_of(day, self.zone), start_of(day_after(day), self.zone)
        return self._start

    def next_start(self, time: float) -> int:
        """Return the first beginning of a day that is not before `time`."""
        start = self.start_of(time)
        return start if start >= time else self._end

    def midnights(self, start: float, end: float) -> list[int]:
        """Return the beginnings of days after `start` up to `end`."""
        day = day_after(date_of(start, self.zone))
        midnights = []
        while (midnight := start_of(day, self.zone)) <= end:
            midnights.append(midnight)
            day += timedelta(days=1)
        return midnights
