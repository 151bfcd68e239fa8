"""What the readings of a minute or an hour were together; rule: rollups add up, in any order.

Two rollups of one bucket become one by minimum, maximum, sum and, by time, the last. So a rollup is never made anew
from readings, which may have been dropped long ago, and the same statement keeps both levels.

An instant or a total has its columns, which keep their names. Those of today's quantities are added when a file is
opened, so a further quantity, also of another package, is kept from then on.
"""

from __future__ import annotations

import json
import sqlite3
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from juntek.history.fields import (
    FIELDS,
    INSTANTS,
    PLACES,
    SETTINGS,
    TIME,
    TOTALS,
    Batch,
    Column,
    read_columns,
    times_of,
)

OPTIONAL = tuple(key for key in INSTANTS if key not in ("voltage", "current", "power", "remaining_capacity"))
"""Instants that a reading may lack; they are counted by themselves."""


class Part(NamedTuple):
    """One column of a rollup, and how two of it become one."""

    name: str
    way: str
    """"sum", "minimum", "maximum", or "last" by the time of the last reading."""


def _parts() -> Iterator[Part]:
    yield Part("count", "sum")
    yield Part("first_time", "minimum")
    yield Part("last_time", "maximum")
    for key in INSTANTS:
        if key in OPTIONAL:
            yield Part(f"{key}_count", "sum")
        yield Part(f"{key}_minimum", "minimum")
        yield Part(f"{key}_maximum", "maximum")
        yield Part(f"{key}_sum", "sum")
        yield Part(f"{key}_last", "last")
    for key in TOTALS:
        yield Part(f"{key}_last", "last")
        yield Part(f"{key}_increase", "sum")
    for key in SETTINGS:
        yield Part(f"{key}_last", "last")


PARTS = tuple(_parts())
PART_NAMED = {part.name: part for part in PARTS}
COUNT, FIRST_TIME, LAST_TIME = 0, 1, 2

MINUTE, HOUR = 60_000, 3_600_000
"""ms."""

LEVELS = {"minute": 60, "hour": 3600}
"""Tables and their seconds."""

Rollup = list[int | None]
"""The parts of one bucket; times are ms since 1970."""


def upsert(level: str) -> str:
    """Return the statement that adds a rollup (see `row_of`) to the one that is there."""
    names = ", ".join(part.name for part in PARTS)
    marks = ", ".join("?" * (len(PARTS) + 2))
    assignments = ", ".join(f"{part.name} = {_merged(part)}" for part in PARTS)
    return (
        f"INSERT INTO {level} AS old (meter, time, {names}) VALUES ({marks})"  # noqa: S608 - our own names
        f" ON CONFLICT (meter, time) DO UPDATE SET {assignments}"
    )


def _merged(part: Part) -> str:
    old, new = f"old.{part.name}", f"excluded.{part.name}"
    either, other = f"coalesce({old}, {new})", f"coalesce({new}, {old})"
    if part.way == "sum":
        return f"coalesce({old}, 0) + coalesce({new}, 0)"
    if part.way == "last":
        later = "coalesce(excluded.last_time, -1) >= coalesce(old.last_time, -1)"
        return f"CASE WHEN {later} THEN {other} ELSE {either} END"
    return f"{part.way[:3]}({either}, {other})"


def row_of(meter: int, time: int, rollup: Rollup) -> list[int | None]:
    """Return the values for `upsert`. `time` is the start of the bucket, s since 1970.

    Times of readings stand in the tables as ms after it.
    """
    first, last = rollup[FIRST_TIME] or 0, rollup[LAST_TIME] or 0
    return [meter, time, rollup[COUNT], first - time * 1000, last - time * 1000, *rollup[3:]]


def roll_up(batch: Batch, growth: Sequence[Sequence[int]], width: int = 60) -> dict[int, Rollup]:
    """Return the rollups of a batch for each `width` s with readings, by its start (s since 1970), in their order.

    `growth` has for each total how much it had grown, at each reading, since before the batch. Of empty columns there
    is nothing.
    """
    times = times_of(batch)
    rollups: dict[int, Rollup] = {}
    start, count = 0, len(times)
    while start < count:
        bucket = times[start] // (width * 1000) * width
        end = bisect_left(times, (bucket + width) * 1000, start)
        rollups[bucket] = _roll_up(batch, growth, start, end)
        start = end
    return rollups


def _roll_up(batch: Batch, growth: Sequence[Sequence[int]], start: int, end: int) -> Rollup:
    times = batch[TIME]
    rollup: Rollup = [end - start, times[start], times[end - 1]]
    for key in INSTANTS:
        values: Sequence[Any] = batch[PLACES[key]][start:end]
        if key in OPTIONAL:
            values = [value for value in values if value is not None]
            rollup.append(len(values))
        rollup += (min(values), max(values), sum(values), values[-1]) if values else (None, None, 0, None)
    for key, grown in zip(TOTALS, growth, strict=True):
        rollup.append(_at(batch[PLACES[key]], end - 1))
        rollup.append(grown[end - 1] - (grown[start - 1] if start else 0) if grown else None)
    rollup += (_at(batch[PLACES[key]], end - 1) for key in SETTINGS)
    return rollup


def _at(column: Column, place: int) -> int | None:
    return column[place] if column else None


def fold(rollups: Sequence[Rollup], parts: Sequence[Part] = PARTS) -> Rollup:
    """Return one rollup of several in the order of time, each of these parts."""
    if len(rollups) == 1:
        return list(rollups[0])
    whole: Rollup = []
    for part, column in zip(parts, zip(*rollups, strict=True), strict=True):
        values = [value for value in column if value is not None] if None in column else column
        if part.way == "sum":
            whole.append(sum(values))
        elif not values:
            whole.append(None)
        elif part.way == "last":
            whole.append(values[-1])
        else:
            whole.append(min(values) if part.way == "minimum" else max(values))
    return whole


_WAYS = {"minimum": "min", "maximum": "max", "sum": "sum"}


def read_rollups(  # noqa: PLR0913, PLR0917 - what, of which meter, and how it is cut
    connection: sqlite3.Connection,
    level: str,
    parts: Sequence[Part],
    meter: int,
    borders: Sequence[float],
    within: str = "time >= start AND time < stop",
) -> dict[int, Rollup]:
    """Return these parts of what a table has from each border (s since 1970) to the next, by the border."""
    names = [part.name for part in parts]
    added = "".join(f", {_WAYS[part.way]}({part.name}) AS {part.name}" for part in parts if part.way != "last")
    columns = ", ".join(f"{'at_end' if part.way == 'last' else 'whole'}.{part.name}" for part in parts)
    spans = "span (start, stop) AS (SELECT value, lead(value) OVER (ORDER BY value) FROM json_each(?1))"
    inside = f"FROM span CROSS JOIN {level} ON meter = ?2 AND {within}"
    values = (json.dumps(list(borders)), meter)
    query = (
        f"WITH {spans}, whole AS (SELECT start, max(time) AS finish{added} {inside} GROUP BY start)"  # noqa: S608 - our own
        f" SELECT start, {columns} FROM whole JOIN {level} AS at_end ON at_end.meter = ?2 AND at_end.time = finish"
        " ORDER BY start"
    )
    rollups = {start: row for start, *row in connection.execute(query, values)}
    for place, part in enumerate(parts):
        least = part.name.replace("_last", "_minimum")
        beside = names.index(least) if least in names else place
        if part.way == "last" and any(
            rollup[place] is None and (beside == place or rollup[beside] is not None) for rollup in rollups.values()
        ):
            # SQLite takes a column that stands alone from the row of the maximum.
            known = f"{inside} WHERE {part.name} NOTNULL GROUP BY start"
            query = f"WITH {spans} SELECT start, max(time), {part.name} {known}"
            for start, _, value in connection.execute(query, values):
                rollups[start][place] = value
    return rollups


def choose_new(connection: sqlite3.Connection, meter: int, times: list[int]) -> list[bool] | None:
    """Return which readings do not fall between two that are there already, as far as minutes tell; None for all."""
    rows = connection.execute(
        "SELECT time * 1000, first_time, last_time, count FROM minute WHERE meter = ? AND time BETWEEN ? AND ?",
        (meter, times[0] // MINUTE * 60 - 60, times[-1] // 1000 + 60),
    ).fetchall()
    if rows and times[-1] - times[0] <= HOUR and times[0] > rows[-1][0] + rows[-1][2]:
        return None
    taken = {minute: (minute + first, minute + last, count) for minute, first, last, count in rows}
    spans = {minute: _span(taken, minute) for minute in taken}
    if not taken or times[-1] - times[0] > HOUR:
        for hour in _hours_without_minutes(connection, meter, times):  # what is there already can be told no more
            spans |= {minute: (minute, minute + MINUTE) for minute in range(hour, hour + HOUR, MINUTE)}
    chosen = []
    for time in times:
        first, last = spans.get(time - time % MINUTE, (0, -1))
        chosen.append(not first <= time <= last)
    return None if all(chosen) else chosen


def _span(taken: Mapping[int, tuple[int, int, int]], minute: int) -> tuple[int, int]:
    """Return from when to when a minute is taken: over to the next one where no more than a reading fits between."""
    first, last, count = taken[minute]
    pace = 1.5 * (last - first) / (count - 1) if count > 1 else 1.5 * MINUTE
    before, after = taken.get(minute - MINUTE), taken.get(minute + MINUTE)
    if before is not None and first - before[1] <= pace:
        first = before[1]
    if after is not None and after[0] - last <= pace:
        last = after[0]
    return first, last


def _hours_without_minutes(connection: sqlite3.Connection, meter: int, times: list[int]) -> set[int]:
    """Return the hours of which there are readings, but no minutes any more, ms since 1970."""
    rows = connection.execute(
        "SELECT time * 1000 FROM hour WHERE meter = ?1 AND time BETWEEN ?2 AND ?3 AND NOT EXISTS (SELECT 1 FROM minute"
        " WHERE minute.meter = ?1 AND minute.time >= hour.time AND minute.time < hour.time + 3600)",
        (meter, times[0] // HOUR * 3600, times[-1] // 1000),
    )
    return {hour for (hour,) in rows}


def are_complete(connection: sqlite3.Connection) -> bool:
    """Return whether the database has a column for every field."""
    return len(read_columns(connection)) == len(FIELDS) and {part.name for part in PARTS} <= _names(
        connection, "minute"
    )


def add_columns(connection: sqlite3.Connection) -> None:
    """Add what is missing for the fields of today."""
    if are_complete(connection):
        return
    connection.executemany("INSERT OR IGNORE INTO field (key) VALUES (?)", [(key,) for key in FIELDS])
    wanted = {level: [part.name for part in PARTS] for level in LEVELS}
    for table, names in (wanted | {"meter": list(TOTALS), "gap": list(TOTALS)}).items():
        there = _names(connection, table)
        for name in names:
            if name not in there:
                connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} INTEGER")


def _names(connection: sqlite3.Connection, table: str) -> set[str]:
    return {name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")}
