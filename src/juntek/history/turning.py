"""Days made anew from hours and minutes, for when the time zone has changed; rule: what the days held is not lost.

Days about which only an increase is known, of a gap that was shared out, lie within one now: their increases are in
the hour of the reading after the gap.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby

from juntek.history.calendar import LocalDays
from juntek.history.rollups import FIRST_TIME, LAST_TIME, PARTS, Rollup, fold, row_of, upsert

_NAMES = ", ".join(part.name for part in PARTS)


def turn_days(connection: sqlite3.Connection, days: LocalDays) -> None:
    """Replace all days by those of another zone."""
    meters = [meter for (meter,) in connection.execute("SELECT id FROM meter")]
    connection.execute("DELETE FROM day")
    for meter in meters:
        rows = [row_of(meter, time, rollup) for time, rollup in make_days(connection, meter, 0, 2**60, days)]
        connection.executemany(upsert("day"), rows)


def make_days(
    connection: sqlite3.Connection, meter: int, start: int, end: int, days: LocalDays
) -> Iterator[tuple[int, Rollup]]:
    """Yield the days of which there is something from `start` to `end`, made of hours and minutes."""
    pieces = _pieces(connection, meter, start, end, days)
    for time, group in groupby(pieces, key=lambda piece: days.start_of(piece[0])):
        yield time, fold([rollup for _, rollup in group])


def _pieces(
    connection: sqlite3.Connection, meter: int, start: int, end: int, days: LocalDays
) -> Iterator[tuple[int, Rollup]]:
    """Yield hours, and the minutes of an hour that midnight or the range divides."""
    for time, rollup in read_rollups(connection, "hour", meter, start - 3599, end):
        if start <= time <= end - 3599 and days.start_of(time) == days.start_of(time + 3599):
            yield time, rollup
        else:
            yield from read_rollups(connection, "minute", meter, max(time, start), min(time + 3599, end))


def read_rollups(
    connection: sqlite3.Connection, level: str, meter: int, start: int, end: int
) -> Iterable[tuple[int, Rollup]]:
    """Yield the buckets that begin from `start` to `end` (s since 1970), with times of readings in ms since 1970."""
    rows = connection.execute(
        f"SELECT time, {_NAMES} FROM {level} WHERE meter = ? AND time BETWEEN ? AND ? ORDER BY time",  # noqa: S608
        (meter, start, end),
    )
    for time, *rollup in rows:
        for place in (FIRST_TIME, LAST_TIME):
            if rollup[place] is not None:
                rollup[place] += time * 1000
        yield time, rollup
