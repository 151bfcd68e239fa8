"""What a target elsewhere is owed, read out of the history; rule: a reading is read once, and one that is gone counted.

A range is of time; the readings in it stay where they are, in the blocks of the history, until they are dropped there.
"""

from __future__ import annotations

import sqlite3
import zlib
from bisect import bisect_left, bisect_right
from enum import IntEnum
from typing import NamedTuple

from juntek.history.blocks import unpack
from juntek.history.fields import Batch, part_of, times_of
from juntek.history.raw import HOUR

_MOST_BLOCKS = 8
_DAMAGE = (ValueError, LookupError, OverflowError, zlib.error)
"""What comes of unpacking a block that a failing card has altered."""


class State(IntEnum):
    """What is known of a range: not sent; perhaps sent; sent and not settled; sent, and nothing of it was taken."""

    OWED = 0
    DOUBTFUL = 1
    SENT = 2
    REFUSED = 3


class Range(NamedTuple):
    """Readings of a meter from `start` up to and with `last`, ms since 1970."""

    meter: str
    start: int
    last: int
    state: State = State.OWED


class Piece(NamedTuple):
    """A part of what is owed: all readings that the history has in its range, in the order of time.

    `lost`: about how many it had once and has no more, as they were too old, or cannot be read.
    """

    row: int
    range: Range
    batches: tuple[Batch, ...]
    lost: int = 0

    @property
    def size(self) -> int:
        """Number of readings."""
        return sum(len(times_of(batch)) for batch in self.batches)


def read_piece(connection: sqlite3.Connection, row: int, meter: int, part: Range, limit: int) -> Piece:
    """Return what the history has from the start of a range on, at most `limit` readings of it."""
    # No block crosses an hour.
    blocks = connection.execute(
        "SELECT time, last, count, block FROM raw WHERE meter = ? AND time > ? AND time <= ? AND last >= ?"
        " ORDER BY time LIMIT ?",
        (meter, part.start - HOUR, part.last, part.start, _MOST_BLOCKS),
    ).fetchall()
    batches: list[Batch] = []
    count, end, lost = 0, part.last, _count_dropped(connection, meter, part)
    for place, (_, last, size, block) in enumerate(blocks, 1):
        try:
            batch = unpack(block, size)
        except _DAMAGE:
            lost += size
            continue
        times = times_of(batch)
        first, stop = bisect_left(times, part.start), bisect_right(times, part.last)
        after = min(stop, first + max(limit - count, 1))
        if first < after:
            batches.append(part_of(batch, first, after))
            count += after - first
        if after < stop:
            end = times[after - 1]
            break
        if count >= limit and place < len(blocks):
            end = min(last, part.last)
            break
    else:
        if len(blocks) == _MOST_BLOCKS:
            end = min(blocks[-1][1], part.last)
    return Piece(row, part._replace(last=end), tuple(batches), lost)


def _count_dropped(connection: sqlite3.Connection, meter: int, part: Range) -> int:
    """Return how many readings of a range are only in rollups any more, to the minute."""
    (oldest,) = connection.execute("SELECT min(time) FROM raw WHERE meter = ?", (meter,)).fetchone()
    if oldest is not None and oldest <= part.start:
        return 0
    end = part.last + 1 if oldest is None else min(oldest, part.last + 1)
    (count,) = connection.execute(
        "SELECT sum(count) FROM minute WHERE meter = ?1 AND time BETWEEN ?2 / 1000 - 59 AND ?3 / 1000"
        " AND time * 1000 + first_time >= ?2 AND time * 1000 + last_time < ?3",
        (meter, part.start, end),
    ).fetchone()
    return count or 0
