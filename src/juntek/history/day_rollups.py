"""Local days made of hours when they are asked for; rule: any time zone gets its own days, as exact as its hours.

An hour that midnight cuts, where a zone is half an hour or a quarter off, is made of its minutes, and is the day's in
which it begins where those are kept no more. What the totals grew
in a gap across midnight is shared out between the days by time.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import tzinfo
from itertools import pairwise

from juntek.calendar import LocalDays
from juntek.history.fields import TOTALS
from juntek.history.rollups import Part, Rollup, fold

_WAYS = {"minimum": "min", "maximum": "max", "sum": "sum"}
_FIRST_HOUR, _END_OF_HOURS = "(start + 3599) / 3600 * 3600", "stop / 3600 * 3600"
_HOURS = ("hour", _FIRST_HOUR, _END_OF_HOURS)
_NO_MINUTES = (
    "NOT EXISTS (SELECT 1 FROM minute WHERE minute.meter = ?2 AND minute.time BETWEEN hour.time AND hour.time + 3599)"
)
_ALL = (
    ("minute", "start", _FIRST_HOUR),
    _HOURS,
    ("minute", _END_OF_HOURS, "stop"),
    ("hour", _END_OF_HOURS, f"stop AND {_NO_MINUTES}"),
)
"""What a day is made of, in the order of time: tables, and from when up to when."""


def read_day_rollups(  # noqa: PLR0913, PLR0917 - what, of which meter, from when to when, and whose
    connection: sqlite3.Connection, parts: Sequence[Part], meter: int, start: float, end: float, zone: tzinfo
) -> list[tuple[int, Rollup]]:
    """Return these parts of the local days that begin from `start` up to, not including, `end`, in their order.

    A day without any reading is there where a gap goes over it; its count is 0.
    """
    days = LocalDays(zone)
    span = days.next_start(start), days.next_start(end)
    borders = _find_borders(connection, meter, span, days)
    pieces: defaultdict[int, list[Rollup]] = defaultdict(list)
    for source in (_HOURS,) if all(border % 3600 == 0 for border in borders) else _ALL:
        for day, rollup in _read(connection, source, parts, meter, borders).items():
            pieces[day].append(rollup)
    rollups = {day: fold(group, parts) for day, group in pieces.items()}
    _share_out(connection, parts, meter, rollups, span, days)
    return sorted(rollups.items())


def _find_borders(connection: sqlite3.Connection, meter: int, span: tuple[int, int], days: LocalDays) -> list[int]:
    """Return the midnights of the span, as far as there are readings."""
    first, last = connection.execute(
        "SELECT (SELECT min(time) FROM hour WHERE meter = ?1), (SELECT max(time) FROM hour WHERE meter = ?1)", (meter,)
    ).fetchone()
    if first is None:
        return []
    begin = max(days.start_of(first), span[0])
    return [begin, *days.midnights(begin, min(days.next_start(last + 3600), span[1]))]


def _read(
    connection: sqlite3.Connection, source: tuple[str, str, str], parts: Sequence[Part], meter: int, borders: list[int]
) -> dict[int, Rollup]:
    """Return what one table has of each day between two borders, by its start."""
    level, begin, end = source
    query = (
        "WITH day (start, stop) AS (SELECT value, lead(value) OVER (ORDER BY value) FROM json_each(?1))"  # noqa: S608
        " SELECT start, {} "  # in place of which come the columns
        f"FROM day CROSS JOIN {level} ON meter = ?2 AND time >= {begin} AND time < {end} WHERE {{}} GROUP BY start"
    )
    values = (json.dumps(borders), meter)
    added = [(place, part) for place, part in enumerate(parts) if part.way != "last"]
    lasts = [(place, part.name) for place, part in enumerate(parts) if part.way == "last"]
    rollups: dict[int, Rollup] = defaultdict(lambda: [None] * (len(parts) + 1))
    time = len(parts)  # the last place, which is nobody's

    def fill(places: Iterable[int], columns: str, which: str = "true") -> None:
        for day, *row in connection.execute(query.format(columns, which), values):
            for place, value in zip(places, row, strict=True):
                rollups[day][place] = value

    fill([place for place, _ in added], ", ".join(f"{_WAYS[part.way]}({part.name})" for _, part in added))
    # SQLite takes columns that stand alone from the row of the maximum.
    fill([time, *(place for place, _ in lasts)], ", ".join(("max(time)", *(name for _, name in lasts))))
    for place, name in lasts:
        if any(rollup[place] is None for rollup in rollups.values()):
            fill([time, place], f"max(time), {name}", f"{name} IS NOT NULL")
    return {day: rollup[:time] for day, rollup in rollups.items()}


def _share_out(  # noqa: PLR0913, PLR0917 - where from, where to
    connection: sqlite3.Connection,
    parts: Sequence[Part],
    meter: int,
    rollups: dict[int, Rollup],
    span: tuple[int, int],
    days: LocalDays,
) -> None:
    """Give each day within the span its part, by time, of what the totals grew in gaps across midnight."""
    places = {part.name: place for place, part in enumerate(parts)}
    increases = [places.get(f"{key}_increase") for key in TOTALS]
    gaps = connection.execute(
        f"SELECT start, until, finish, {', '.join(TOTALS)} FROM gap"  # noqa: S608 - our own names
        " WHERE meter = ? AND finish >= ? AND start < ?",
        (meter, span[0] * 1000, span[1] * 1000),
    )
    for start, until, finish, *totals in gaps:
        target = days.start_of(finish / 1000)
        if target <= start / 1000:
            continue
        grown = [total or 0 for total in totals]
        left = list(grown)
        midnights = [midnight * 1000 for midnight in days.midnights(start / 1000, until / 1000)]
        for first, second in pairwise((start, *midnights, until)):
            day = days.start_of(first / 1000)
            # The last day gets what is left of the whole numbers.
            shares = left if second == until else [total * (second - first) // (until - start) for total in grown]
            left = [total - share for total, share in zip(left, shares, strict=True)]
            for moved_to, sign in ((day, 1), (target, -1)):
                if day != target and span[0] <= moved_to < span[1]:
                    rollup = rollups.setdefault(moved_to, [0 if part.way == "sum" else None for part in parts])
                    for place, share in zip(increases, shares, strict=True):
                        if place is not None:
                            rollup[place] = (rollup[place] or 0) + sign * share
