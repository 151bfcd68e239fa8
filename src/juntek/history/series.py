"""Points for a chart; rule: the coarsest rollup that answers, and a gap in the readings is a gap in the chart.

The width of a point is the smallest of WIDTHS with which the range has no more points than were asked for. Points
of less than a minute are made of readings, where they are still kept; all others of minutes, hours or days.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from itertools import groupby, pairwise

from juntek.history.days import read_day_rollups
from juntek.history.fields import (
    CHARGE,
    INSTANTS,
    METERED,
    SCALES,
    TIME,
    TOTALS,
    charge_of,
)  # fmt: skip
from juntek.history.points import (
    Column,
    Series,
    Values,
    percents_of,
    points_of_buckets,
    points_of_readings,
    read_batch,
    scaled,
)  # fmt: skip
from juntek.history.rollups import OPTIONAL, PART_NAMED, fold

_FIRST = ("voltage", "current", "power")
_CHARGES = (CHARGE, METERED)
SERIES_KEYS = (*dict.fromkeys((*_FIRST, CHARGE, *INSTANTS, *TOTALS)), METERED)
WIDTHS = (
    1, 2, 5, 10, 15, 30,
    60, 120, 300, 600, 900, 1800,
    3600, 7200, 3 * 3600, 6 * 3600, 12 * 3600,
    *(days * 86_400 for days in (1, 2, 4, 7, 14, 30, 60, 120, 365)),
)  # fmt: skip
"""s that a point may stand for; each is a whole number of the rollup it is made of."""
MOST_READINGS = 36_000
"""Readings that are unpacked for one answer; more of them are answered by minutes."""

_DAY = 86_400


def read_series(  # noqa: PLR0913, PLR0917 - what a chart is
    connection: sqlite3.Connection,
    meter: int,
    quantities: Sequence[str],
    between: tuple[float, float],
    points: int,
    zone: tzinfo,
) -> Series:
    """Return at most `points` points of the range; the meter is its number."""
    start, end = between
    span = end - start
    # The first point begins before the range, so there is one more of them than fit into it.
    width = next((width for width in WIDTHS if span / width + 1 <= points), None)
    if width is None:
        width = -int(-span // (max(points - 1, 1) * _DAY)) * _DAY
    count = _count(connection, meter, start, end) if width < 3600 else MOST_READINGS
    if (count <= points or (width < 60 and count <= MOST_READINGS)) and _are_kept(
        connection, meter, start, end, "raw", 1000
    ):
        batch = read_batch(connection, meter, quantities, start, end)
        if len(batch[TIME]) <= points:
            return _with_gaps(points_of_readings(batch, quantities), points)
        return _with_gaps(points_of_buckets(batch, quantities, width), points)
    if width < 3600 and not _are_kept(connection, meter, start, end, "minute", 1):
        width = 3600
    if width >= _DAY:
        return _with_gaps(_daily(connection, meter, quantities, between, width, zone), points)
    return _with_gaps(_rolled_up(connection, meter, quantities, between, max(width, 60)), points)


def _count(connection: sqlite3.Connection, meter: int, start: float, end: float) -> int:
    level, width = ("minute", 60) if end - start < 2 * 86_400 else ("hour", 3600)
    row = connection.execute(
        f"SELECT sum(count) FROM {level} WHERE meter = ? AND time > ? AND time < ?",  # noqa: S608 - our own names
        (meter, start - width, end),
    ).fetchone()
    return row[0] or 0


def _are_kept(  # noqa: PLR0913, PLR0917 - what, of which meter and when
    connection: sqlite3.Connection, meter: int, start: float, end: float, table: str, unit: int
) -> bool:
    """Whether the readings or the minutes of the whole range are still kept; times of the table are in 1/unit s."""
    rolled = connection.execute(
        "SELECT time FROM hour WHERE meter = ? AND time > ? AND time < ? ORDER BY time LIMIT 1",
        (meter, start - 3600, end),
    ).fetchone()
    if rolled is None:
        return True
    kept = connection.execute(
        f"SELECT 1 FROM {table} WHERE meter = ? AND time >= ? AND time < ? LIMIT 1",  # noqa: S608 - our own names
        (meter, rolled[0] * unit, (rolled[0] + 3600) * unit),
    ).fetchone()
    return kept is not None


# Rollups ----------------------------------------------------------------------------------------------------


def _daily(  # noqa: PLR0913, PLR0917 - what a chart is
    connection: sqlite3.Connection,
    meter: int,
    quantities: Sequence[str],
    between: tuple[float, float],
    width: int,
    zone: tzinfo,
) -> Series:
    """Return points of one or more local days."""
    parts = [PART_NAMED[name] for name in dict.fromkeys(("count", *(n for key in quantities for n, _ in _names(key))))]
    days = read_day_rollups(connection, parts, meter, between[0] - _DAY, between[1], zone)
    # A local day begins within half a day of that of UTC.
    groups = groupby((day for day in days if day[1][0]), lambda day: (day[0] + _DAY // 2) // width)
    points = [list(group) for _, group in groups]
    folded = [fold([rollup for _, rollup in point], parts) for point in points]
    data = dict(zip((part.name for part in parts), zip(*folded, strict=True), strict=True)) if folded else {}
    times = [float(point[0][0]) for point in points]
    return Series(float(width), times, {key: _rolled_column(key, data) for key in quantities})


def _rolled_up(
    connection: sqlite3.Connection, meter: int, quantities: Sequence[str], between: tuple[float, float], width: int
) -> Series:
    level, unit = ("hour", 3600) if width >= 3600 else ("minute", 60)
    names = list(dict.fromkeys(name for key in quantities for name in _names(key)))
    start = between[0] - between[0] % width
    if width == unit:
        query = (
            f"SELECT time, {', '.join(f'{name}' for name, _ in names)} FROM {level}"  # noqa: S608 - our own names
            " WHERE meter = ?1 AND time >= ?2 AND time < ?3 ORDER BY time"
        )
    else:
        grouped = ", ".join(f"{way}({name}) AS {name}" for name, way in names if way)
        lasts = ", ".join(f"at_end.{name}" if not way else f"points.{name}" for name, way in names)
        query = (
            f"SELECT points.start, {lasts} FROM"  # noqa: S608 - our own names
            f" (SELECT min(time) AS start, max(time) AS finish{', ' if grouped else ''}{grouped} FROM {level}"
            f" WHERE meter = ?1 AND time >= ?2 AND time < ?3 GROUP BY time / {width}) AS points"
            f" JOIN {level} AS at_end ON at_end.meter = ?1 AND at_end.time = points.finish ORDER BY points.start"
        )
    rows = connection.execute(query, (meter, start, between[1])).fetchall()
    data = dict(zip((name for name, _ in names), list(zip(*rows, strict=True))[1:], strict=True)) if rows else {}
    times = [float(row[0] - row[0] % width) for row in rows]
    return Series(float(width), times, {key: _rolled_column(key, data) for key in quantities})


def _names(key: str) -> Iterable[tuple[str, str]]:
    """Yield the parts of a rollup that a quantity needs, each with the way in which they add up, empty for the last."""
    if key in TOTALS:
        yield f"{key}_last", ""
        yield f"{key}_increase", "sum"
        return
    if key in _CHARGES:
        yield "nominal_capacity_last", ""
        yield from _names("remaining_capacity")
        key = CHARGE
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
    if key not in _CHARGES:
        return Column(*_rolled_parts(key, data))
    metered = [percents_of(part, data["nominal_capacity_last"]) for part in _rolled_parts("remaining_capacity", data)]
    pairs = zip(_rolled_parts(CHARGE, data), metered, strict=True)
    return Column(*(charge_of(key, *pair) for pair in pairs))


def _rolled_parts(key: str, data: Mapping[str, Sequence[int | None]]) -> list[Values]:
    """Return minimum, average, maximum and the last of each point."""
    counts = data[f"{key}_count" if key in OPTIONAL else "count"]
    averages = [
        total / count if total is not None and count else None
        for total, count in zip(data[f"{key}_sum"], counts, strict=True)
    ]
    parts = (data[f"{key}_minimum"], averages, data[f"{key}_maximum"], data[f"{key}_last"])
    return [scaled(part, SCALES[key]) for part in parts]


# Gaps -------------------------------------------------------------------------------------------------------


def _with_gaps(series: Series, points: int) -> Series:
    """Put a point without values where more than two usual steps are missing, as long as there is room for it."""
    times = series.time
    if len(times) < 3:
        return series
    steps = [later - earlier for earlier, later in pairwise(times)]
    ordered = sorted(steps)
    median = (ordered[(len(steps) - 1) // 2] + ordered[len(steps) // 2]) / 2
    usual = max(median, series.resolution, 1.0)
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
