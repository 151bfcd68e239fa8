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
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from juntek.history.fields import FIELDS, INSTANTS, SETTINGS, TOTALS, Batch, Column, times_of

OPTIONAL = tuple(key for key in INSTANTS if key not in ("voltage", "current", "power", "remaining_capacity"))
"""Instants that a reading may lack; they are counted by themselves."""

_WAYS = {"count": "sum", "minimum": "min", "maximum": "max", "sum": "sum", "last": "last", "increase": "sum"}


def parts_of(key: str) -> list[str]:
    """Return the parts of a rollup that a quantity has."""
    if key in TOTALS + SETTINGS:
        ends = ["last", "increase"] if key in TOTALS else ["last"]
    else:
        ends = [*(["count"] if key in OPTIONAL else []), "minimum", "maximum", "sum", "last"]
    return [f"{key}_{end}" for end in ends]


PARTS = {"count": "sum", "first_time": "min", "last_time": "max"} | {
    name: _WAYS[name.rpartition("_")[2]] for key in INSTANTS + TOTALS + SETTINGS for name in parts_of(key)
}
"""The columns of a rollup, and how two of it become one: "sum", "min", "max", or "last" by the last reading's time."""

MINUTE, HOUR = 60_000, 3_600_000
"""ms."""

LEVELS = {"minute": 60, "hour": 3600}
"""Tables and their seconds."""

Rollup = list[int | None]
"""The parts of one bucket, or some of them; times are ms since 1970."""

_MERGED = {
    "sum": "coalesce(old.{0}, 0) + coalesce(excluded.{0}, 0)",
    "min": "min(coalesce(old.{0}, excluded.{0}), coalesce(excluded.{0}, old.{0}))",
    "max": "max(coalesce(old.{0}, excluded.{0}), coalesce(excluded.{0}, old.{0}))",
    "last": (
        "CASE WHEN coalesce(excluded.last_time, -1) >= coalesce(old.last_time, -1)"
        " THEN coalesce(excluded.{0}, old.{0}) ELSE coalesce(old.{0}, excluded.{0}) END"
    ),
}


def _upsert(level: str) -> str:
    """Return the statement that adds a rollup to the one that is there.

    It takes the meter, the start of the bucket (s since 1970), and the parts; in the tables times of readings are ms
    after that start.
    """
    marks = "?, ?, ?, ? - 1000 * ?2, ? - 1000 * ?2" + (len(PARTS) - 3) * ", ?"
    merged = ", ".join(f"{name} = {_MERGED[way].format(name)}" for name, way in PARTS.items())
    return (
        f"INSERT INTO {level} AS old (meter, time, {', '.join(PARTS)}) VALUES ({marks})"  # noqa: S608 - our own names
        f" ON CONFLICT (meter, time) DO UPDATE SET {merged}"
    )


UPSERTS = {level: _upsert(level) for level in LEVELS}


def roll_up(batch: Batch, growth: Sequence[Sequence[int]], width: int = 60) -> dict[int, Rollup]:
    """Return the rollups of a batch for each `width` s with readings, by its start (s since 1970), in their order.

    `growth` has for each total how much it had grown before the first reading, and at each. Of empty columns there is
    nothing.
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
    times = times_of(batch)
    rollup: Rollup = [end - start, times[start], times[end - 1]]
    for key in INSTANTS:
        values: Sequence[Any] = batch[key][start:end]
        if key in OPTIONAL:
            values = [value for value in values if value is not None]
            rollup.append(len(values))
        rollup += (min(values), max(values), sum(values), values[-1]) if values else (None, None, 0, None)
    for key, grown in zip(TOTALS, growth, strict=True):
        rollup += (_at(batch[key], end - 1), grown[end] - grown[start] if grown else None)
    rollup += (_at(batch[key], end - 1) for key in SETTINGS)
    return rollup


def _at(column: Column, place: int) -> int | None:
    return column[place] if column else None


_FOLDS: dict[str, Callable[[Sequence[Any]], int | None]] = {
    "sum": sum,
    "min": partial(min, default=None),
    "max": partial(max, default=None),
    "last": lambda values: values[-1] if values else None,
}


def fold(rollups: Sequence[Rollup], names: Iterable[str] = PARTS) -> Rollup:
    """Return one rollup of several in the order of time, each of these parts."""
    if len(rollups) == 1:
        return rollups[0]
    return [
        _FOLDS[PARTS[name]]([value for value in column if value is not None] if None in column else column)
        for name, column in zip(names, zip(*rollups, strict=True), strict=True)
    ]


def read_rollups(  # noqa: PLR0913, PLR0917 - what, of which meter, and how it is cut
    connection: sqlite3.Connection,
    level: str,
    names: Sequence[str],
    meter: int,
    borders: Sequence[float],
    within: str = "time >= start AND time < stop",
) -> dict[int, Rollup]:
    """Return these parts of what a table has from each border (s since 1970) to the next, by the border."""
    added = "".join(f", {PARTS[name]}({name}) AS {name}" for name in names if PARTS[name] != "last")
    columns = ", ".join(f"{'at_end' if PARTS[name] == 'last' else 'whole'}.{name}" for name in names)
    spans = "span (start, stop) AS (SELECT value, lead(value) OVER (ORDER BY value) FROM json_each(?1))"
    inside = f"FROM span CROSS JOIN {level} ON meter = ?2 AND {within}"
    values = (json.dumps(list(borders)), meter)
    query = (
        f"WITH {spans}, whole AS (SELECT start, max(time) AS finish{added} {inside} GROUP BY start)"  # noqa: S608 - our own
        f" SELECT start, {columns} FROM whole JOIN {level} AS at_end ON at_end.meter = ?2 AND at_end.time = finish"
        " ORDER BY start"
    )
    rollups = {start: row for start, *row in connection.execute(query, values)}
    for place, name in enumerate(names):
        least = name.replace("_last", "_minimum")
        beside = names.index(least) if least in names else place
        if PARTS[name] == "last" and any(
            rollup[place] is None and (beside == place or rollup[beside] is not None) for rollup in rollups.values()
        ):
            # SQLite takes a column that stands alone from the row of the maximum.
            query = f"WITH {spans} SELECT start, max(time), {name} {inside} WHERE {name} NOTNULL GROUP BY start"
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
    # Of these hours it can be told no more what is there already.
    gone = _hours_without_minutes(connection, meter, times) if not taken or times[-1] - times[0] > HOUR else ()
    chosen = []
    for time in times:
        first, last = spans.get(time - time % MINUTE, (0, -1))
        chosen.append(not first <= time <= last and time - time % HOUR not in gone)
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


def missing_columns(connection: sqlite3.Connection) -> list[str]:
    """Return the statements that add what a database lacks for the fields of today."""
    kept = {key for (key,) in connection.execute("SELECT key FROM field")}
    statements = [f"INSERT INTO field (key) VALUES ('{key}')" for key in FIELDS if key not in kept]  # noqa: S608
    for table, names in {"minute": PARTS, "hour": PARTS, "meter": TOTALS, "gap": TOTALS}.items():
        there = {name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")}
        statements += [f"ALTER TABLE {table} ADD COLUMN {name} INTEGER" for name in names if name not in there]
    return statements
