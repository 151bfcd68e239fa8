"""Values into the numbers of a reply, by the rows of its layout; rule: the inverse of decoding, from the same table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from juntek.model import Field, Layout

Value = float | str | None
Encoder = Callable[[Mapping[str | int, Value]], list[int]]


def encode_value(row: Field, value: Value) -> int:
    """Return the raw number of `value` in the row's unit, within the row's limits.

    None is what the row calls off or absent; a word is its place among the row's names.
    """
    if value is None:
        raw = row.off if row.off is not None else row.absent
        return raw if raw is not None else row.low
    if isinstance(value, str):
        return row.names.index(value)
    return min(max(round(value * row.scale) + row.offset, row.low), row.high)


def decode_value(row: Field, raw: int) -> float | None:
    """Return the value of a raw number in the row's unit; None where it is off or absent."""
    if raw in (row.off, row.absent):
        return None
    return (raw - row.offset) / row.scale


def make_encoder(layout: Layout, *, optional: bool = True) -> Encoder:
    """Return a function that turns values into the numbers after the checksum.

    Values are found by the row's key, or by its index where the row has none, and are 0 where nothing is found.
    Without `optional` the rows that a meter may leave out are left out.
    """
    rows = tuple((row.key or row.index, row) for row in layout.rows if optional or not row.optional)
    return partial(_encode, rows)


def _encode(rows: tuple[tuple[str | int, Field], ...], values: Mapping[str | int, Value]) -> list[int]:
    numbers = []
    for key, row in rows:
        value = values.get(key, 0)
        # The short way for nearly all numbers of a reading; the long one for words, None and what is out of bounds.
        raw = round(value * row.scale) + row.offset if isinstance(value, (int, float)) else -1
        numbers.append(raw if row.low <= raw <= row.high else encode_value(row, value))
    return numbers
