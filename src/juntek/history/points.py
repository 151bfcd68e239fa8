"""Points for a chart made of readings, for short ranges; rule: a chart unpacks only the fields that it draws."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from operator import itemgetter, mul
from typing import Any

from juntek.history.blocks import unpack
from juntek.history.fields import (
    CHARGE,
    CURRENT,
    METERED,
    NOMINAL,
    PLACES,
    SCALES,
    TIME,
    TOTALS,
    VOLTAGE,
    Batch,
    charge_of,
    percent_of,
    read_columns,
    times_of,
)  # fmt: skip

Values = list[float | None]
Numbers = Sequence[float | None]
_CHARGES = (CHARGE, METERED)
_SOURCES = {
    **dict.fromkeys(_CHARGES, (CHARGE, "remaining_capacity", "nominal_capacity")), "power": ("voltage", "current"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """One quantity, a value for each point; lists that make no sense for it are empty.

    Readings themselves have an average only. Totals have their last value, and how much they grew.
    """

    minimum: Values = field(default_factory=list)
    average: Values = field(default_factory=list)
    maximum: Values = field(default_factory=list)
    last: Values = field(default_factory=list)
    increase: Values = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Series:
    """`time` has the start of each point, s since 1970; `resolution` is the s that a point stands for, 0 for readings.

    In a gap there is one point without values.
    """

    resolution: float
    time: list[float]
    columns: dict[str, Column]


def read_batch(
    connection: sqlite3.Connection, meter: int, quantities: Sequence[str], start: float, end: float
) -> Batch:
    """Return the readings of a range with the fields that the quantities need; all other columns are empty."""
    wanted = {TIME, *(PLACES[source] for key in quantities for source in _SOURCES.get(key, (key,)))}
    first, last = start * 1000, end * 1000
    whole: Batch = [[] for _ in PLACES]
    columns = read_columns(connection)
    for count, block in connection.execute(
        "SELECT count, block FROM raw WHERE meter = ? AND time > ? AND time < ? AND last >= ? ORDER BY time",
        (meter, first - 3_600_000, last, first),
    ):
        batch = unpack(block, count, wanted, columns)
        times = times_of(batch)
        begin, stop = bisect_left(times, first), bisect_left(times, last)
        for place in wanted:
            whole[place] += batch[place][begin:stop]
    return whole


def _numbers_of(batch: Batch, key: str) -> tuple[Numbers, int]:
    """Return the numbers of a quantity and how many of them are one unit; of what the meter says, what is left."""
    if key == "power":
        # More digits than the reading had, and a third of the time.
        powers: Numbers = list(map(mul, batch[VOLTAGE], batch[CURRENT]))
        return powers, SCALES["voltage"] * SCALES["current"]
    source = "remaining_capacity" if key == METERED else key
    return batch[PLACES[source]], SCALES[source]


def points_of_readings(batch: Batch, quantities: Sequence[str]) -> Series:
    """Return a point for each reading."""
    columns: dict[str, Column] = {}
    for key in quantities:
        if key in _CHARGES:
            metered = percents_of(scaled(*_numbers_of(batch, METERED)), batch[NOMINAL])
            values = charge_of(key, scaled(*_numbers_of(batch, CHARGE)), metered)
        else:
            values = scaled(*_numbers_of(batch, key))
        columns[key] = Column(last=values) if key in TOTALS else Column(average=values)
    return Series(0.0, [time / 1000 for time in times_of(batch)], columns)


def points_of_buckets(batch: Batch, quantities: Sequence[str], width: int) -> Series:
    """Return a point for each `width` seconds that have readings."""
    times = times_of(batch)
    starts: list[float] = []
    places = [0]
    while places[-1] < len(times):
        bucket = times[places[-1]] // (width * 1000) * width
        starts.append(float(bucket))
        places.append(bisect_left(times, (bucket + width) * 1000, places[-1]))
    spans = list(pairwise(places))
    columns: dict[str, Column] = {}
    for key in quantities:
        if key in TOTALS:
            columns[key] = _grown(*_pieces_of(batch, key, spans))
        elif key in _CHARGES:
            nominals = [batch[NOMINAL][end - 1] for _, end in spans]
            metered = [percents_of(part, nominals) for part in _parts_of(batch, METERED, spans)]
            believed = _parts_of(batch, CHARGE, spans)
            columns[key] = Column(*(charge_of(key, *pair) for pair in zip(believed, metered, strict=True)))
        else:
            columns[key] = Column(*_parts_of(batch, key, spans))
    return Series(float(width), starts, columns)


def _pieces_of(batch: Batch, key: str, spans: Sequence[tuple[int, int]]) -> tuple[list[Sequence[Any]], int]:
    """Return what is known of a quantity in each span, and how many of the numbers are one unit."""
    numbers, scale = _numbers_of(batch, key)
    pieces = [numbers[start:end] for start, end in spans]
    if None in numbers:
        pieces = [[number for number in piece if number is not None] for piece in pieces]
    return pieces, scale


def _parts_of(batch: Batch, key: str, spans: Sequence[tuple[int, int]]) -> list[Values]:
    pieces, scale = _pieces_of(batch, key, spans)
    return [scaled([way(piece) if piece else None for piece in pieces], scale) for way in _WAYS]


def _average(numbers: Sequence[Any]) -> float:
    return float(sum(numbers) / len(numbers))


_WAYS: tuple[Callable[[Sequence[Any]], float], ...] = (min, _average, max, itemgetter(-1))


def _grown(pieces: Sequence[Sequence[Any]], scale: int) -> Column:
    column = Column()
    before: int | None = None
    for piece in pieces:
        if not piece:
            column.last.append(None)
            column.increase.append(None)
            continue
        column.last.append(piece[-1] / scale)
        column.increase.append(max(piece[-1] - (piece[0] if before is None else before), 0) / scale)
        before = piece[-1]
    return column


def scaled(numbers: Numbers, scale: int) -> Values:
    """Return numbers in their unit, of which `scale` are one."""
    return [None if number is None else round(number / scale, 4) for number in numbers]


def percents_of(values: Values, nominals: Sequence[int | None]) -> Values:
    """Return what is left (Ah) as percent of the nominal capacity, which is in its whole numbers."""
    scale = SCALES["nominal_capacity"]
    return [percent_of(*pair, scale=scale, digits=4) for pair in zip(values, nominals, strict=True)]
