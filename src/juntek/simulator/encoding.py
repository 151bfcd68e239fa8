"""Values into the numbers of a reply, by the rows of its layout; rule: the inverse of decoding, from the same table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from juntek.rs485.decode import raw_of
from juntek.rs485.family import Field, Layout

Value = float | str | None
Encoder = Callable[[Mapping[str | int, Value]], list[int]]


def make_encoder(layout: Layout) -> Encoder:
    """Return a function that turns values into the numbers after the checksum, within the limits of the rows.

    Values are found by the row's key, or by its index where the row has none, and are 0 where nothing is found.
    """
    return partial(_encode, tuple((row.key or row.index, row) for row in layout.rows))


def _encode(rows: tuple[tuple[str | int, Field], ...], values: Mapping[str | int, Value]) -> list[int]:
    numbers = []
    for key, row in rows:
        value = values.get(key, 0)
        # The short way for nearly all numbers, as this is done for every reading of a long past.
        raw = round(value * row.scale) + row.offset if isinstance(value, (int, float)) else raw_of(row, value)
        numbers.append(raw if row.low <= raw <= row.high else min(max(raw, row.low), row.high))
    return numbers
