"""Local days made of hours when they are asked for; rule: any time zone gets its own days, as exact as its hours.

An hour that midnight cuts, where a zone is half an hour or a quarter off, is made of its minutes. What the totals grew
in a gap across midnight is shared out between the days by time.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import tzinfo
from itertools import pairwise

from juntek.history.calendar import LocalDays
from juntek.history.fields import TOTALS
from juntek.history.rollups import Part, Rollup, fold

_HOUR = 3600


def read_day_rollups(  # noqa: PLR0913, PLR0917 - what, of which meter, from when to when, and whose
    connection: sqlite3.Connection, parts: Sequence[Part], meter: int, start: float, end: float, zone: tzinfo
) -> list[tuple[int, Rollup]]:
    """Return these parts of the local days that begin from `start` up to, not including, `end`, in their order.

    A day without any reading is there where a gap goes over it; its count is 0.
    """
    days = LocalDays(zone)
    first, last = days.next_start(start), days.next_start(end)
    pieces: defaultdict[int, list[Rollup]] = defaultdict(list)
    midnight = next_midnight = 0
    for time, rollup in _read(connection, "hour", parts, meter, first - _HOUR + 1, last):
        if not midnight <= time < next_midnight:
            midnight, next_midnight = days.span_of(time)
        if first <= time and time + _HOUR <= next_midnight:
            pieces[midnight].append(rollup)
        else:
            for minute, part in _read(connection, "minute", parts, meter, max(time, first), min(time + _HOUR, last)):
                pieces[days.start_of(minute)].append(part)
    rollups = {day: fold(group, parts) for day, group in pieces.items()}
    _share_out(connection, parts, meter, rollups, (first, last), days)
    return sorted(rollups.items())


def _read(  # noqa: PLR0913, PLR0917 - what, of which meter, from when to when
    connection: sqlite3.Connection, level: str, parts: Sequence[Part], meter: int, start: int, end: int
) -> Iterable[tuple[int, Rollup]]:
    names = ", ".join(part.name for part in parts)
    rows = connection.execute(
        f"SELECT time, {names} FROM {level}"  # noqa: S608 - our own names
        " WHERE meter = ? AND time >= ? AND time < ? ORDER BY time",
        (meter, start, end),
    )
    for time, *rollup in rows:
        yield time, rollup


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
