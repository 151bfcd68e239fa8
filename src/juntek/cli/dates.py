"""Dates as they are typed and days as they are shown; rule: in the time zone of the history."""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from juntek.cli.formats import draw_table
from juntek.errors import RequestError, counted

if TYPE_CHECKING:
    from juntek.history.days import By, Day
    from juntek.history.queries import HistoryReader


def moment_of(text: str, zone: tzinfo, *, after: bool = False) -> float:
    """Return the moment that a text means, with `after` the end of a date; raises RequestError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RequestError(f'"{text}" is no time; write it like 2026-05-01 or 2026-05-01T08:00.') from None
    if after and len(text) == len("2026-05-01"):
        moment += timedelta(days=1)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()


def minute_of(moment: float, zone: tzinfo) -> str:
    """Return a moment as it is shown."""
    return f"{datetime.fromtimestamp(moment, zone):%Y-%m-%d %H:%M}"


def dates_between(start: str | None, end: str | None, span: tuple[float, float], zone: tzinfo) -> tuple[date, date]:
    """Return the local dates of two texts, or of the ends of the span where there is none."""
    first = moment_of(start, zone) if start else span[0]
    last = moment_of(end, zone) if end else span[1]
    return datetime.fromtimestamp(first, zone).date(), datetime.fromtimestamp(last, zone).date()


def heading_of(reader: HistoryReader, name: str, span: tuple[float, float]) -> str:
    """Return how much there is of a meter."""
    first, last = (minute_of(moment, reader.time_zone) for moment in span)
    return f"{name}: {counted(reader.count(name), 'reading')} from {first} to {last}"


def draw_days(days: list[Day], by: By) -> str:
    """Return a table with a line for each day, month or year."""
    headings = (by, "in kWh", "out kWh", "in Ah", "out Ah", "efficiency", "V", "A", "charge %", "°C")
    length = {"day": 10, "month": 7, "year": 4}[by]
    rows = [
        (
            day.date.isoformat()[:length],
            f"{day.charged_energy / 1000:.2f}",
            f"{day.discharged_energy / 1000:.2f}",
            f"{day.charged_capacity:.1f}",
            f"{day.discharged_capacity:.1f}",
            "-" if day.efficiency is None else f"{100 * day.efficiency:.1f} %",
            *(
                "-" if part.minimum is None or part.maximum is None else f"{part.minimum:g}…{part.maximum:g}"
                for part in (day.voltage, day.current, day.state_of_charge, day.temperature)
            ),
        )
        for day in days
    ]
    return draw_table(headings, rows)
