"""Blocks of readings in the database; rule: none crosses an hour, those of a meter never overlap, few are small.

What is written every few seconds is small; whenever ALIKE blocks are about as large they become one, and at the end of
an hour all of it does. So a reading is written a few times over, and an hour is read in few pieces.
"""

from __future__ import annotations

import sqlite3
import zlib
from bisect import bisect_right
from itertools import pairwise

from juntek.history.blocks import pack, unpack
from juntek.history.fields import FIELDS, TIME, Batch, join, part_of, times_of

HOUR = 3_600_000
"""ms."""
ALIKE = 4
DAMAGE = (ValueError, LookupError, OverflowError, zlib.error)
"""What comes of unpacking a block that a failing card has altered."""


def keep_readings(connection: sqlite3.Connection, meter: int, batch: Batch, since: int) -> None:
    """Write a batch whose times only grow, but for hours that it enters before `since` (ms since 1970)."""
    times = times_of(batch)
    for start, end in _hours(times):
        if times[start] >= since:
            _store(connection, meter, part_of(batch, start, end))


def _hours(times: list[int]) -> list[tuple[int, int]]:
    cuts = [place for place, (a, b) in enumerate(pairwise(times), 1) if b // HOUR != a // HOUR]
    return list(pairwise((0, *cuts, len(times))))


def _store(connection: sqlite3.Connection, meter: int, batch: Batch) -> None:
    """Write a batch of one hour as a block, and make fewer, larger blocks of those that are there."""
    times = times_of(batch)
    hour = times[0] // HOUR * HOUR
    blocks = connection.execute(
        "SELECT time, last, count FROM raw WHERE meter = ? AND time BETWEEN ? AND ? ORDER BY time",
        (meter, hour, hour + HOUR - 1),
    ).fetchall()
    if blocks and blocks[-1][1] >= times[0]:
        _merge(connection, meter, [time for time, _, _ in blocks], batch)
        return
    if not blocks:
        _merge_hour_before(connection, meter, hour)
    sizes = [count for _, _, count in blocks]
    together = _count_alike([*sizes, len(times)]) - 1
    _merge(connection, meter, [time for time, _, _ in blocks[len(blocks) - together :]] if together else [], batch)


def _count_alike(sizes: list[int]) -> int:
    """Return how many of the last blocks become one: whenever ALIKE of them are about as large, or larger for it."""
    together, total = 1, sizes[-1]
    while True:
        same = together
        while same < len(sizes) and sizes[-same - 1] < 2 * total:
            same += 1
        if same - together < ALIKE - 1:
            return together
        together, total = same, sum(sizes[-same:])


def _merge_hour_before(connection: sqlite3.Connection, meter: int, hour: int) -> None:
    last = connection.execute(
        "SELECT time FROM raw WHERE meter = ? AND time < ? ORDER BY time DESC LIMIT 1", (meter, hour)
    ).fetchone()
    if last is None:
        return
    start = last[0] // HOUR * HOUR
    times = connection.execute(
        "SELECT time FROM raw WHERE meter = ? AND time BETWEEN ? AND ?", (meter, start, start + HOUR - 1)
    ).fetchall()
    if len(times) > 1:
        _merge(connection, meter, [time for (time,) in times], None)


def _merge(connection: sqlite3.Connection, meter: int, times: list[int], batch: Batch | None) -> None:
    """Put the blocks that begin at these times, and the batch, into one block."""
    batches = [] if batch is None else [batch]
    for time in times:
        count, block = connection.execute(
            "SELECT count, block FROM raw WHERE meter = ? AND time = ?", (meter, time)
        ).fetchone()
        batches.append(unpack(block, count))
        connection.execute("DELETE FROM raw WHERE meter = ? AND time = ?", (meter, time))
    whole = join(batches) if len(batches) > 1 else batches[0]
    column = whole[TIME]
    connection.execute(
        "INSERT INTO raw (meter, time, last, count, block) VALUES (?, ?, ?, ?, ?)",
        (meter, column[0], column[-1], len(column), pack(whole)),
    )


def read_batch_after(connection: sqlite3.Connection, meter: int, after: int, limit: int) -> Batch:
    """Return the first `limit` readings after a time (ms since 1970); blocks that are damaged are passed over."""
    batches: list[Batch] = []
    missing = limit
    # No block crosses an hour.
    blocks = connection.execute(
        "SELECT count, block FROM raw WHERE meter = ? AND time > ? AND last > ? ORDER BY time",
        (meter, after - HOUR, after),
    )
    while missing > 0 and (row := blocks.fetchone()) is not None:
        count, block = row
        try:
            batch = unpack(block, count)
        except DAMAGE:
            continue
        start = bisect_right(times_of(batch), after)
        batches.append(part_of(batch, start, min(start + missing, count)))
        missing -= len(batches[-1][TIME])
    blocks.close()
    return join(batches) if batches else [[] for _ in FIELDS]
