"""Local days as spans of time; rule: a day begins at its midnight, or where that is skipped, at the first moment after.

A day is 23 or 25 hours long where clocks are changed.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def start_of(day: date, zone: tzinfo) -> int:
    """Return when a local day begins, s since 1970."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


def date_of(time: float, zone: tzinfo) -> date:
    """Return the local date of a moment."""
    return datetime.fromtimestamp(time, zone).date()


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
            self._start, self._end = start_of(day, self.zone), start_of(day + timedelta(days=1), self.zone)
        return self._start

    def midnights(self, start: float, end: float) -> list[int]:
        """Return the beginnings of days after `start` up to `end`."""
        day = date_of(start, self.zone) + timedelta(days=1)
        midnights = []
        while (midnight := start_of(day, self.zone)) <= end:
            midnights.append(midnight)
            day += timedelta(days=1)
        return midnights


def name_of(zone: tzinfo) -> str:
    """Return what `zone_of` makes the zone of again."""
    if isinstance(zone, ZoneInfo):
        return zone.key
    offset = zone.utcoffset(datetime.now(UTC))
    return f"{(offset or timedelta()).total_seconds():+.0f}"


def zone_of(name: str) -> tzinfo:
    """Return the zone of a name, UTC for one that this computer does not know."""
    try:
        if name[:1] in "+-":
            return timezone(timedelta(seconds=int(name)))
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def system_zone() -> tzinfo:
    """Return the zone of this computer, with its summer time where the system tells its name."""
    with suppress(OSError, IndexError, ValueError, ZoneInfoNotFoundError):
        name = os.environ.get("TZ", "").lstrip(":") or os.readlink("/etc/localtime").split("zoneinfo/")[1]  # noqa: PTH115
        return ZoneInfo(name)
    return datetime.now(UTC).astimezone().tzinfo or UTC
