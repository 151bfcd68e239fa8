"""Blocks of readings in the database; rule: none crosses an hour, and those of a meter never overlap.

There are two kinds: what is written every few seconds is a small block, and an hour that is over is one block. So a
reading is written twice.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from contextlib import suppress
from itertools import pairwise

from juntek.history.blocks import DAMAGE, pack, unpack
from juntek.history.fields import FIELDS, TIME, Batch, Columns, join, part_of, read_columns, times_of

HOUR = 3_600_000
"""ms."""
_SPREAD = 10_000, 60
"""ms by which one meter makes its block of an hour after another, and how many do so: a thousand do not all at once.

A meter that is gone within these minutes leaves the small blocks of the hour before as they are.
"""


def keep_readings(connection: sqlite3.Connection, meter: int, batch: Batch, since: int, columns: Columns) -> None:
    """Write a batch whose times only grow, but for hours that it enters before `since` (ms since 1970)."""
    times = times_of(batch)
    for start, end in _hours(times):
        if times[start] >= since:
            _store(connection, meter, part_of(batch, start, end), columns)


def _hours(times: list[int]) -> list[tuple[int, int]]:
    cuts = [place for place, (a, b) in enumerate(pairwise(times), 1) if b // HOUR != a // HOUR]
    return list(pairwise((0, *cuts, len(times))))


def _store(connection: sqlite3.Connection, meter: int, batch: Batch, columns: Columns) -> None:
    """Write a batch of one hour as a small block, or into the one of an hour that is over."""
    times = times_of(batch)
    hour = times[0] // HOUR * HOUR
    newest = connection.execute("SELECT last FROM raw WHERE meter = ? ORDER BY time DESC LIMIT 1", (meter,)).fetchone()
    if newest is not None and times[0] <= newest[0]:
        _make_one(connection, meter, hour, columns, batch)
        return
    _insert(connection, meter, batch, columns)
    if times[-1] >= hour + meter % _SPREAD[1] * _SPREAD[0]:
        last = connection.execute(
            "SELECT time FROM raw WHERE meter = ? AND time < ? ORDER BY time DESC LIMIT 2", (meter, hour)
        ).fetchall()
        before = {time // HOUR * HOUR for (time,) in last}
        if len(last) > len(before):
            _make_one(connection, meter, before.pop(), columns)


def _make_one(
    connection: sqlite3.Connection, meter: int, hour: int, columns: Columns, batch: Batch | None = None
) -> None:
    """Put all blocks of an hour, and the batch, into one block; what a failing card has altered goes."""
    span = (meter, hour, hour + HOUR - 1)
    blocks = connection.execute(
        "SELECT count, block FROM raw WHERE meter = ? AND time BETWEEN ? AND ? ORDER BY time", span
    ).fetchall()
    batches = [] if batch is None else [batch]
    for count, block in blocks:
        with suppress(*DAMAGE):
            batches.append(unpack(block, count, columns=columns))
    connection.execute("DELETE FROM raw WHERE meter = ? AND time BETWEEN ? AND ?", span)
    if batches:
        _insert(connection, meter, join(batches), columns)


def _insert(connection: sqlite3.Connection, meter: int, batch: Batch, columns: Columns) -> None:
    times = times_of(batch)
    connection.execute(
        "INSERT INTO raw (meter, time, last, count, block) VALUES (?, ?, ?, ?, ?)",
        (meter, times[0], times[-1], len(times), pack(batch, columns)),
    )


def read_batch_after(connection: sqlite3.Connection, meter: int, after: int, limit: int) -> Batch:
    """Return the first `limit` readings after a time (ms since 1970); blocks that are damaged are passed over."""
    batches: list[Batch] = []
    missing, columns = limit, read_columns(connection)
    # No block crosses an hour.
    blocks = connection.execute(
        "SELECT count, block FROM raw WHERE meter = ? AND time > ? AND last > ? ORDER BY time",
        (meter, after - HOUR, after),
    )
    while missing > 0 and (row := blocks.fetchone()) is not None:
        count, block = row
        try:
            batch = unpack(block, count, columns=columns)
        except DAMAGE:
            continue
        start = bisect_right(times_of(batch), after)
        batches.append(part_of(batch, start, min(start + missing, count)))
        missing -= len(batches[-1][TIME])
    blocks.close()
    return join(batches) if batches else [[] for _ in FIELDS]
