"""Local days: any moment has one, also where the calendar ends."""

from __future__ import annotations

from datetime import UTC, date
from zoneinfo import ZoneInfo

import pytest

from juntek.calendar import LocalDays, date_of, day_after, start_of

ZONES = (UTC, ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Pacific/Midway"))


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("time", [-1e15, -62_135_596_800, 0, 1.79e9, 253_402_300_799, 1e15])
def test_any_moment_has_a_day(time: float, zone: ZoneInfo) -> None:
    start, end = LocalDays(zone).start_of(time), start_of(day_after(date_of(time, zone)), zone)
    assert end - start in {82_800, 86_400, 90_000}
    assert date_of(start, zone) == date_of(min(max(time, start), end - 1), zone)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("day", [date.min, date.max])
def test_the_ends_of_the_calendar_are_days_like_others(day: date, zone: ZoneInfo) -> None:
    assert start_of(day_after(day), zone) >= start_of(day, zone)
