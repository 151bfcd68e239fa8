"""A batch of readings as bytes; rule: every field stands alone, so that a chart unpacks only what it draws.

A block begins with its version, the number of its fields and their numbers in the database (see `fields`); one of
the first version has FIRST_FIELDS. Then comes each field in that order: a tag, and what the tag says:

- NOTHING: the field is absent throughout; of the power, it is voltage times current.
- CONSTANT: the one value.
- otherwise the first value, the number that stands for an absent one (with HAS_ABSENT), the number of bytes, and the
  steps from value to value as little-endian numbers of 1, 2, 4 or 8 bytes, deflated (with DEFLATED).

Numbers that are no steps are zigzag and of variable length, seven bits a byte.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Container, Sequence
from itertools import accumulate, chain, islice
from operator import sub

from juntek.history.fields import (
    CURRENT,
    FIELDS,
    FIRST_COLUMNS,
    FIRST_FIELDS,
    POWER,
    VOLTAGE,
    Batch,
    Column,
    Columns,
    power_of,
)

VERSION = 2
NOTHING, CONSTANT = 0, 1
_WIDTHS = ((2, "b", 2**7), (3, "h", 2**15), (4, "i", 2**31), (5, "q", 2**63))
_CODES = {tag: code for tag, code, _ in _WIDTHS}
DEFLATED, HAS_ABSENT = 0x10, 0x20
_LEVEL = 6
_RAW_DEFLATE = -15
_SWAPPED = sys.byteorder == "big"
DAMAGE = (ValueError, LookupError, OverflowError, TypeError, zlib.error)
"""What comes of unpacking a block that a failing card has altered."""


def pack(batch: Batch, columns: Columns = FIRST_COLUMNS) -> bytes:
    """Return the block of a batch, which has at least one reading, for a database with these columns."""
    block = bytearray((VERSION,))
    # A further field takes no place where nobody has it.
    columns = {
        number: place
        for number, place in columns.items()
        if number in FIRST_COLUMNS or batch[place].count(None) < len(batch[place])
    }
    _append_number(block, len(columns))
    for number in columns:
        _append_number(block, number)
    derived = power_of(batch[VOLTAGE], batch[CURRENT]) == batch[POWER]
    for place in columns.values():
        if place == POWER and derived:
            block.append(NOTHING)
        else:
            _pack_column(block, batch[place])
    return bytes(block)


def unpack(
    block: bytes, count: int, wanted: Container[int] = range(len(FIELDS)), columns: Columns = FIRST_COLUMNS
) -> Batch:
    """Return the batch of `count` readings of a block, with empty columns in the places that are not wanted.

    What the block has no field for is absent; a field that `columns` has no place for is passed over.
    """
    numbers, position = _read_head(block)
    power_wanted = POWER in wanted
    batch: Batch = [[None] * count if place in wanted else [] for place in range(len(FIELDS))]
    for number in numbers:
        place = columns.get(number)
        needed = place is not None and (place in wanted or (power_wanted and place in (VOLTAGE, CURRENT)))
        column, position = _unpack_column(block, position, count, needed=needed)
        if place is not None:
            batch[place] = column
    if power_wanted and batch[POWER][0] is None:
        batch[POWER] = power_of(batch[VOLTAGE], batch[CURRENT])
    return batch


def _read_head(block: bytes) -> tuple[Sequence[int], int]:
    """Return the numbers of the fields in the block, and where the first of them begins."""
    if block[0] == 1:
        return range(len(FIRST_FIELDS)), 1
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
    data = _bytes_of(array(code, steps))
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


def _bytes_of(steps: array[int]) -> bytes:
    if _SWAPPED:
        steps.byteswap()
    return steps.tobytes()


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
