"""Readings as rows for export; rule: the same keys and units as everywhere, and what is absent is None."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

from juntek.history.fields import PLACES, QUANTITY_KEYS, SCALES, Batch, Column, estimated_keys, percent_of, times_of
from juntek.quantity import DIRECTIONS
from juntek.rs485.family import OUTPUT_STATE_OF_CODE

ROW_KEYS = ("time", *QUANTITY_KEYS[:4], "state_of_charge", *QUANTITY_KEYS[4:], "direction", "output_state", "estimated")
"""Keys of a row; `time` is s since 1970, `estimated` the keys of totals with an estimated part, with blanks between."""


def rows_of(batch: Batch, first: int, last: int) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a batch from `first` up to, not including, `last` (ms since 1970)."""
    times = times_of(batch)
    start, end = bisect_left(times, first), bisect_left(times, last)
    columns: dict[str, list[Any]] = {
        key: _scaled(batch[PLACES[key]][start:end], SCALES[key]) for key in ("time", *QUANTITY_KEYS)
    }
    columns["state_of_charge"] = [
        percent_of(left, nominal)
        for left, nominal in zip(columns["remaining_capacity"], columns["nominal_capacity"], strict=True)
    ]
    columns["direction"] = [DIRECTIONS[number or 0] for number in batch[PLACES["direction"]][start:end]]
    columns["output_state"] = [
        OUTPUT_STATE_OF_CODE.get(code or 0, "unknown") for code in batch[PLACES["output_code"]][start:end]
    ]
    columns["estimated"] = [" ".join(estimated_keys(mask or 0)) for mask in batch[PLACES["estimated"]][start:end]]
    yield from zip(*(columns[key] for key in ROW_KEYS), strict=True)


def _scaled(column: Column, scale: int) -> list[Any]:
    if scale == 1:
        return column
    return [None if value is None else value / scale for value in column]
