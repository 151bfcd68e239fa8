"""Batches of readings as bytes in the database; rule: every field stands alone, so that a chart unpacks what it draws.

No block crosses an hour, and those of a meter never overlap. What is written every few seconds is a small block, and
an hour that is over is one block. So a reading is written twice.

A block begins with its version, the number of its fields and their numbers in the database (see `fields`); one of
the first version has FIRST_COLUMNS. Then comes each field in that order: a tag, and what the tag says:

- NOTHING: the field is absent throughout; of the power, it is voltage times current.
- CONSTANT: the one value.
- otherwise the first value, the number that stands for an absent one (with HAS_ABSENT), the number of bytes, and the
  steps from value to value as little-endian numbers of 1, 2, 4 or 8 bytes, deflated (with DEFLATED).

Numbers that are no steps are zigzag and of variable length, seven bits a byte.
"""

from __future__ import annotations

import sqlite3
import sys
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import accumulate, chain, islice, pairwise
from operator import itemgetter, sub

from juntek.history.fields import FIELDS, FIRST_COLUMNS, Batch, Column, Columns, part_of, read_columns, times_of

VERSION = 2
_FACTORS = ("voltage", "current")
"""Whose product the power is, nearly always."""
_ALWAYS = ("time", *_FACTORS, "remaining_capacity")
"""What every reading has."""
NOTHING, CONSTANT = 0, 1
_WIDTHS = ((2, "b", 2**7), (3, "h", 2**15), (4, "i", 2**31), (5, "q", 2**63))
_CODES = {tag: code for tag, code, _ in _WIDTHS}
DEFLATED, HAS_ABSENT = 0x10, 0x20
_LEVEL = 6
_RAW_DEFLATE = -15
_SWAPPED = sys.byteorder == "big"
HOUR = 3_600_000
"""ms."""
_SPREAD = 10_000, 60
"""ms by which one meter makes its block of an hour after another, and how many do so: a thousand do not all at once.

A meter that is gone within these minutes leaves the small blocks of the hour before as they are.
"""
DAMAGE = (ValueError, LookupError, OverflowError, TypeError, zlib.error)
"""What comes of unpacking a block that a failing card has altered."""


def pack(batch: Batch, columns: Columns = FIRST_COLUMNS) -> bytes:
    """Return the block of a batch, which has at least one reading, for a database with these columns."""
    block = bytearray((VERSION,))
    # A further field takes no place where nobody has it.
    columns = {
        number: key
        for number, key in columns.items()
        if number in FIRST_COLUMNS or batch[key].count(None) < len(batch[key])
    }
    _append_number(block, len(columns))
    for number in columns:
        _append_number(block, number)
    derived = _power_of(batch["voltage"], batch["current"]) == batch["power"]
    for key in columns.values():
        if key == "power" and derived:
            block.append(NOTHING)
        else:
            _pack_column(block, batch[key])
    return bytes(block)


def unpack(block: bytes, count: int, wanted: Iterable[str] = FIELDS, columns: Columns = FIRST_COLUMNS) -> Batch:
    """Return the wanted columns of a block of `count` readings; what it has no field for is absent.

    Raises one of DAMAGE.
    """
    batch: Batch = {key: [None] * count for key in wanted}
    needed = batch.keys() | (_FACTORS if "power" in batch else ())
    numbers, position = _read_head(block)
    for number in numbers:
        key = columns.get(number, "")
        column, position = _unpack_column(block, position, count, needed=key in needed)
        if key in needed:
            batch[key] = column
    if "power" in batch and batch["power"][0] is None:
        batch["power"] = _power_of(*(batch[key] for key in _FACTORS))
    if any(None in batch.get(key, ()) for key in _ALWAYS):
        raise ValueError("a reading without a time or a value")
    return batch


def _power_of(voltages: Column, currents: Column) -> Column:
    """Return 0.01 W as the decoder rounds it, so that it need not be kept."""
    return [
        round(round((voltage / 100) * (current / 100), 2) * 100)  # type: ignore[operator]  # every reading has them
        for voltage, current in zip(voltages, currents, strict=True)
    ]


def _read_head(block: bytes) -> tuple[Sequence[int], int]:
    """Return the numbers of the fields in the block, and where the first of them begins."""
    if block[0] == 1:
        return range(len(FIRST_COLUMNS)), 1
    if block[0] != VERSION:
        raise ValueError(f"block of version {block[0]}")
    size, position = _read_number(block, 1)
    numbers = []
    for _ in range(size):
        number, position = _read_number(block, position)
        numbers.append(number)
    return numbers, position


def _pack_column(block: bytearray, column: Column) -> None:
    absent: int | None = None
    values: list[int] = column  # type: ignore[assignment]  # looked at in the next lines
    if None in column:
        present = [value for value in column if value is not None]
        if not present:
            block.append(NOTHING)
            return
        absent = min(present) - 1
        values = [absent if value is None else value for value in column]
    steps = list(map(sub, islice(values, 1, None), values))
    low, high = min(steps, default=0), max(steps, default=0)
    if low == high == 0 and absent is None:
        block.append(CONSTANT)
        _append_number(block, values[0])
        return
    tag, code = next((tag, code) for tag, code, limit in _WIDTHS if -limit <= low and high < limit)
    numbers = array(code, steps)
    if _SWAPPED:
        numbers.byteswap()
    data = numbers.tobytes()
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW_DEFLATE)
    smaller = compressor.compress(data) + compressor.flush()
    if len(smaller) < len(data):
        tag, data = tag | DEFLATED, smaller
    block.append(tag | HAS_ABSENT if absent is not None else tag)
    _append_number(block, values[0])
    if absent is not None:
        _append_number(block, absent)
    _append_number(block, len(data))
    block += data


def _unpack_column(block: bytes, position: int, count: int, *, needed: bool) -> tuple[Column, int]:
    tag = block[position]
    position += 1
    if tag == NOTHING:
        return [None] * count if needed else [], position
    first, position = _read_number(block, position)
    if tag == CONSTANT:
        return [first] * count if needed else [], position
    absent: int | None = None
    if tag & HAS_ABSENT:
        absent, position = _read_number(block, position)
    length, position = _read_number(block, position)
    end = position + length
    if not needed:
        return [], end
    data = block[position:end]
    steps = array(_CODES[tag & 0x0F])
    steps.frombytes(zlib.decompress(data, _RAW_DEFLATE) if tag & DEFLATED else data)
    if _SWAPPED:
        steps.byteswap()
    values: Column = list(accumulate(chain((first,), steps)))
    if absent is not None:
        values = [None if value == absent else value for value in values]
    return values, end


def _append_number(block: bytearray, number: int) -> None:
    rest = number << 1 if number >= 0 else (-number << 1) - 1
    while rest >= 0x80:
        block.append(rest & 0x7F | 0x80)
        rest >>= 7
    block.append(rest)


def _read_number(block: bytes, position: int) -> tuple[int, int]:
    rest = shift = 0
    while True:
        byte = block[position]
        position += 1
        rest |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (-(rest + 1) >> 1 if rest & 1 else rest >> 1), position
        shift += 7


# In the database --------------------------------------------------------------------------------------------


def read_blocks(  # noqa: PLR0913, PLR0917 - what of which meter, and from when to when
    connection: sqlite3.Connection,
    meter: int,
    first: float,
    last: float,
    wanted: Iterable[str] = FIELDS,
    limit: int = -1,
) -> Iterator[tuple[int, Batch]]:
    """Yield what blocks have from `first` up to, not including, `last` (ms since 1970), each with its last time.

    `wanted` has "time" in it. At most `limit` blocks are read; one that a failing card has altered has no readings.
    """
    columns = read_columns(connection)
    blocks = connection.execute(
        "SELECT last, count, block FROM raw WHERE meter = ? AND time > ? AND time < ? AND last >= ?"
        " ORDER BY time LIMIT ?",
        (meter, first - HOUR, last, first, limit),
    )
    for until, count, block in blocks:
        try:
            batch = unpack(block, count, wanted, columns)
        except DAMAGE:
            yield until, {key: [] for key in wanted}
            continue
        times = times_of(batch)
        yield until, part_of(batch, bisect_left(times, first), bisect_left(times, last))


def keep_readings(connection: sqlite3.Connection, meter: int, batch: Batch, since: int, columns: Columns) -> None:
    """Write a batch whose times only grow, but for hours that it enters before `since` (ms since 1970)."""
    times = times_of(batch)
    cuts = [place for place, (a, b) in enumerate(pairwise(times), 1) if b // HOUR != a // HOUR]
    for start, end in pairwise((0, *cuts, len(times))):
        if times[start] >= since:
            _store(connection, meter, part_of(batch, start, end), columns)


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
            "SELECT time / ?1 * ?1 FROM raw WHERE meter = ?2 AND time < ?3 ORDER BY time DESC LIMIT 2",
            (HOUR, meter, hour),
        ).fetchall()
        if len(last) > len(set(last)):
            _make_one(connection, meter, last[0][0], columns)


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
        _insert(connection, meter, _join(batches), columns)


def _insert(connection: sqlite3.Connection, meter: int, batch: Batch, columns: Columns) -> None:
    times = times_of(batch)
    connection.execute(
        "INSERT INTO raw (meter, time, last, count, block) VALUES (?, ?, ?, ?, ?)",
        (meter, times[0], times[-1], len(times), pack(batch, columns)),
    )


def _join(batches: Iterable[Batch]) -> Batch:
    """Return all readings in the order of time."""
    rows = [row for batch in batches for row in zip(*(batch[key] for key in FIELDS), strict=True)]
    columns = zip(*sorted(rows, key=itemgetter(0)), strict=True)
    return dict(zip(FIELDS, map(list, columns), strict=True))
