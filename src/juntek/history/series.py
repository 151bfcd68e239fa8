"""Points for a chart; rule: the coarsest rollup that answers, and a gap in the readings is a gap in the chart.

The width of a point is the smallest of WIDTHS with which the range has no more points than were asked for. Points
of less than a minute are made of readings, where they are still kept; all others of minutes, hours or days.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from operator import itemgetter, mul
from typing import Any

from juntek.history.blocks import unpack
from juntek.history.fields import CURRENT, INSTANTS, NOMINAL, PLACES, SCALES, TIME, TOTALS, VOLTAGE, Batch, times_of
from juntek.history.rollups import OPTIONAL

SERIES_KEYS = ("voltage", "current", "power", "state_of_charge", *INSTANTS[3:], *TOTALS)
WIDTHS = (
    1, 2, 5, 10, 15, 30,
    60, 120, 300, 600, 900, 1800,
    3600, 7200, 3 * 3600, 6 * 3600, 12 * 3600,
    *(days * 86_400 for days in (1, 2, 4, 7, 14, 30, 60, 120, 365)),
)  # fmt: skip
"""s that a point may stand for; each is a whole number of the rollup it is made of."""
MOST_READINGS = 36_000
"""Readings that are unpacked for one answer; more of them are answered by minutes."""

Values = list[float | None]
Numbers = Sequence[float | None]
_SOURCES = {"state_of_charge": ("remaining_capacity", "nominal_capacity"), "power": ("voltage", "current")}


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


def read_series(  # noqa: PLR0913, PLR0917 - what a chart is
    connection: sqlite3.Connection, meter: int, quantities: Sequence[str], start: float, end: float, points: int
) -> Series:
    """Return at most `points` points of the range; the meter is its number."""
    span = end - start
    # The first point begins before the range, so there is one more of them than fit into it.
    width = next((width for width in WIDTHS if span / width + 1 <= points), None)
    if width is None:
        width = -int(-span // (max(points - 1, 1) * 86_400)) * 86_400
    count = _count(connection, meter, start, end) if width < 3600 else MOST_READINGS
    if (count <= points or (width < 60 and count <= MOST_READINGS)) and _are_kept(connection, meter, start, end):
        batch = _read_batch(connection, meter, quantities, start, end)
        if len(batch[TIME]) <= points:
            return _with_gaps(_plain(batch, quantities), points)
        return _with_gaps(_bucketed(batch, quantities, width), points)
    return _with_gaps(_rolled_up(connection, meter, quantities, (start, end), max(width, 60)), points)


def _count(connection: sqlite3.Connection, meter: int, start: float, end: float) -> int:
    level, width = ("minute", 60) if end - start < 2 * 86_400 else ("hour", 3600)
    row = connection.execute(
        f"SELECT sum(count) FROM {level} WHERE meter = ? AND time > ? AND time < ?",  # noqa: S608 - our own names
        (meter, start - width, end),
    ).fetchone()
    return row[0] or 0


def _are_kept(connection: sqlite3.Connection, meter: int, start: float, end: float) -> bool:
    """Whether the readings of the whole range are still kept."""
    rolled = connection.execute(
        "SELECT time FROM hour WHERE meter = ? AND time > ? AND time < ? ORDER BY time LIMIT 1",
        (meter, start - 3600, end),
    ).fetchone()
    if rolled is None:
        return True
    kept = connection.execute(
        "SELECT 1 FROM raw WHERE meter = ? AND time >= ? AND time < ? LIMIT 1",
        (meter, rolled[0] * 1000, (rolled[0] + 3600) * 1000),
    ).fetchone()
    return kept is not None


# Readings ---------------------------------------------------------------------------------------------------


def _read_batch(
    connection: sqlite3.Connection, meter: int, quantities: Sequence[str], start: float, end: float
) -> Batch:
    wanted = {TIME, *(PLACES[source] for key in quantities for source in _SOURCES.get(key, (key,)))}
    first, last = start * 1000, end * 1000
    whole: Batch = [[] for _ in PLACES]
    for count, block in connection.execute(
        "SELECT count, block FROM raw WHERE meter = ? AND time > ? AND time < ? AND last >= ? ORDER BY time",
        (meter, first - 3_600_000, last, first),
    ):
        batch = unpack(block, count, wanted)
        times = times_of(batch)
        begin, stop = bisect_left(times, first), bisect_left(times, last)
        for place in wanted:
            whole[place] += batch[place][begin:stop]
    return whole


def _numbers_of(batch: Batch, key: str) -> tuple[Numbers, int]:
    """Return the numbers of a quantity and how many of them are one unit; of a state of charge, what is left."""
    if key == "power":
        # More digits than the reading had, and a third of the time.
        powers: Numbers = list(map(mul, batch[VOLTAGE], batch[CURRENT]))
        return powers, SCALES["voltage"] * SCALES["current"]
    source = "remaining_capacity" if key == "state_of_charge" else key
    return batch[PLACES[source]], SCALES[source]


def _plain(batch: Batch, quantities: Sequence[str]) -> Series:
    columns: dict[str, Column] = {}
    for key in quantities:
        numbers, scale = _numbers_of(batch, key)
        values = _scaled(numbers, scale)
        if key == "state_of_charge":
            values = _percents(values, batch[NOMINAL])
        columns[key] = Column(last=values) if key in TOTALS else Column(average=values)
    return Series(0.0, [time / 1000 for time in times_of(batch)], columns)


def _bucketed(batch: Batch, quantities: Sequence[str], width: int) -> Series:
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
        numbers, scale = _numbers_of(batch, key)
        pieces = [numbers[start:end] for start, end in spans]
        if None in numbers:
            pieces = [[number for number in piece if number is not None] for piece in pieces]
        if key in TOTALS:
            columns[key] = _grown(pieces, scale)
            continue
        parts = [_scaled([way(piece) if piece else None for piece in pieces], scale) for way in _WAYS]
        if key == "state_of_charge":
            nominals = [batch[NOMINAL][end - 1] for _, end in spans]
            parts = [_percents(part, nominals) for part in parts]
        columns[key] = Column(*parts)
    return Series(float(width), starts, columns)


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


def _scaled(numbers: Numbers, scale: int) -> Values:
    return [None if number is None else round(number / scale, 4) for number in numbers]


def _percents(values: Values, nominals: Sequence[int | None]) -> Values:
    """Return what is left (Ah) as percent of the nominal capacity (0.1 Ah)."""
    return [
        None if value is None or not nominal else round(min(max(1000 * value / nominal, 0.0), 100.0), 4)
        for value, nominal in zip(values, nominals, strict=True)
    ]


# Rollups ----------------------------------------------------------------------------------------------------


def _rolled_up(
    connection: sqlite3.Connection, meter: int, quantities: Sequence[str], span: tuple[float, float], width: int
) -> Series:
    level, unit = next(
        (level, unit) for level, unit in (("day", 86_400), ("hour", 3600), ("minute", 60)) if width >= unit
    )
    names = [name for key in quantities for name in _names(key)]
    start = span[0] - (span[0] % width if unit < 86_400 else unit)
    if width == unit:
        query = (
            f"SELECT time, {', '.join(f'{name}' for name, _ in names)} FROM {level}"  # noqa: S608 - our own names
            " WHERE meter = ?1 AND time >= ?2 AND time < ?3 AND count > 0 ORDER BY time"
        )
    else:
        # A local day begins within half a day of that of UTC.
        bucket = f"(time + {43_200 if unit == 86_400 else 0}) / {width}"
        grouped = ", ".join(f"{way}({name}) AS {name}" for name, way in names if way)
        lasts = ", ".join(f"at_end.{name}" if not way else f"points.{name}" for name, way in names)
        query = (
            f"SELECT points.start, {lasts} FROM"  # noqa: S608 - our own names
            f" (SELECT min(time) AS start, max(time) AS finish{', ' if grouped else ''}{grouped} FROM {level}"
            f" WHERE meter = ?1 AND time >= ?2 AND time < ?3 AND count > 0 GROUP BY {bucket}) AS points"
            f" JOIN {level} AS at_end ON at_end.meter = ?1 AND at_end.time = points.finish ORDER BY points.start"
        )
    rows = connection.execute(query, (meter, start, span[1])).fetchall()
    data = dict(zip((name for name, _ in names), list(zip(*rows, strict=True))[1:], strict=True)) if rows else {}
    times = [float(row[0] if unit == 86_400 else row[0] - row[0] % width) for row in rows]
    return Series(float(width), times, {key: _rolled_column(key, data) for key in quantities})


def _names(key: str) -> Iterable[tuple[str, str]]:
    """Yield the parts of a rollup that a quantity needs, each with the way in which they add up, empty for the last."""
    if key in TOTALS:
        yield f"{key}_last", ""
        yield f"{key}_increase", "sum"
        return
    if key == "state_of_charge":
        yield "nominal_capacity_last", ""
        key = "remaining_capacity"
    yield f"{key}_minimum", "min"
    yield f"{key}_maximum", "max"
    yield f"{key}_sum", "sum"
    yield f"{key}_count" if key in OPTIONAL else "count", "sum"
    yield f"{key}_last", ""


def _rolled_column(key: str, data: Mapping[str, Sequence[int | None]]) -> Column:
    if not data:
        return Column()
    if key in TOTALS:
        scale = SCALES[key]
        return Column(
            last=[None if value is None else value / scale for value in data[f"{key}_last"]],
            increase=[None if value is None else value / scale for value in data[f"{key}_increase"]],
        )
    source = "remaining_capacity" if key == "state_of_charge" else key
    counts = data[f"{source}_count" if source in OPTIONAL else "count"]
    averages = [
        total / count if total is not None and count else None
        for total, count in zip(data[f"{source}_sum"], counts, strict=True)
    ]
    parts = (data[f"{source}_minimum"], averages, data[f"{source}_maximum"], data[f"{source}_last"])
    scaled = [_scaled(part, SCALES[source]) for part in parts]
    if key == "state_of_charge":
        scaled = [_percents(part, data["nominal_capacity_last"]) for part in scaled]
    return Column(*scaled)


# Gaps -------------------------------------------------------------------------------------------------------


def _with_gaps(series: Series, points: int) -> Series:
    """Put a point without values where more than two usual steps are missing, as long as there is room for it."""
    times = series.time
    if len(times) < 3:
        return series
    steps = [later - earlier for earlier, later in pairwise(times)]
    usual = max(sorted(steps)[len(steps) // 2], series.resolution, 1.0)
    gaps = [place for place, step in enumerate(steps, 1) if step > 2.5 * usual]
    room = points - len(times)
    if len(gaps) > room:
        gaps = sorted(sorted(gaps, key=lambda place: -steps[place - 1])[: max(room, 0)])
    for place in reversed(gaps):
        times.insert(place, times[place - 1] + usual)
        for column in series.columns.values():
            for values in (column.minimum, column.average, column.maximum, column.last, column.increase):
                if values:
                    values.insert(place, None)
    return series
