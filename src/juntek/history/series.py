"""Points for a chart; rule: the coarsest rollup that answers, and a gap in the readings is a gap in the chart.

The width of a point is the smallest of WIDTHS with which the range has no more points than were asked for. Points of
less than a minute are made of readings, where they are still kept; all others of minutes, hours or days. Whatever they
are made of, first there are the parts of a rollup, a list of each, and then the columns that are told.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from itertools import chain, groupby, pairwise, repeat
from math import ceil
from operator import mul
from typing import Any

from juntek.history.blocks import read_blocks
from juntek.history.days import read_day_rollups
from juntek.history.fields import (
    CHARGE,
    FIELDS,
    METERED,
    SCALES,
    TOTALS,
    Batch,
    charge_of,
    scaled,
    times_of,
)
from juntek.history.rollups import PARTS, Rollup, fold, parts_of, read_rollups, roll_up
from juntek.reading import percent_of

_CHARGES = (CHARGE, METERED)
_SOURCES = ("remaining_capacity", CHARGE, "nominal_capacity")
"""What either is made of."""
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
_FINER = {**SCALES, "power": SCALES["voltage"] * SCALES["current"]}
"""Scales of readings that are unpacked: their power has more digits, which takes a third of the time."""

Values = list[float | None]
Parts = Mapping[str, Sequence[Any]]
"""Values for each point, in whole numbers, by the names of the parts of a rollup."""


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


@dataclass(frozen=True, slots=True)
class Chart:
    """What is asked for: these quantities of a meter (its number), from `start` up to `end`, in the days of a zone."""

    connection: sqlite3.Connection
    meter: int
    quantities: Sequence[str]
    start: float
    end: float
    zone: tzinfo

    def read(self, points: int) -> Series:
        """Return at most `points` points."""
        span = self.end - self.start
        # The first point begins before the range, so there is one more of them than fit into it.
        width = next((width for width in WIDTHS if span / width + 1 <= points), None)
        if width is None:
            width = -int(-span // (max(points - 1, 1) * _DAY)) * _DAY
        count = self._count() if width < 3600 else MOST_READINGS
        if (count <= points or (width < 60 and count <= MOST_READINGS)) and self._are_kept("raw", 1000):
            batch = self._read_batch()
            if len(batch["time"]) <= points:
                return _with_gaps(_points_of_readings(batch, self.quantities), points)
            growth = [_grown(batch[key]) for key in TOTALS]
            rollups, names, scales = roll_up(batch, growth, width), [*PARTS], _FINER
        else:
            if width < 3600 and not self._are_kept("minute", 1):
                width = 3600
            width = max(width, 60)
            names, scales = self._names(), SCALES
            rollups = self._rollups(width, names)
        values: Iterable[Sequence[Any]] = zip(*rollups.values(), strict=True) if rollups else repeat(())
        parts = dict(zip(names, values, strict=False))
        columns = {key: _column(key, parts, scales) for key in self.quantities}
        return _with_gaps(Series(float(width), list(map(float, rollups)), columns), points)

    def _count(self) -> int:
        level, width = ("minute", 60) if self.end - self.start < 2 * _DAY else ("hour", 3600)
        query = f"SELECT coalesce(sum(count), 0) FROM {level} WHERE meter = ? AND time > ? AND time < ?"  # noqa: S608
        count: int = self.connection.execute(query, (self.meter, self.start - width, self.end)).fetchone()[0]
        return count

    def _are_kept(self, table: str, unit: int) -> bool:
        """Whether readings or minutes of the whole range are still kept; times of the table are in 1/unit s."""
        query = (
            f"SELECT EXISTS (SELECT 1 FROM {table} AS kept WHERE kept.meter = hour.meter"  # noqa: S608 - our own names
            f" AND kept.time >= hour.time * {unit} AND kept.time < (hour.time + 3600) * {unit})"
            " FROM hour WHERE meter = ? AND time > ? AND time < ? ORDER BY time LIMIT 1"
        )
        row = self.connection.execute(query, (self.meter, self.start - 3600, self.end)).fetchone()
        return row is None or bool(row[0])

    def _names(self) -> list[str]:
        """Return the parts of a rollup that are needed."""
        keys = [_SOURCES if key in _CHARGES else (key,) for key in self.quantities]
        return list(dict.fromkeys(("count", *(name for key in chain(*keys) for name in parts_of(key)))))

    def _read_batch(self) -> Batch:
        """Return the readings with the fields that are needed; all other columns are empty."""
        wanted = {name.rpartition("_")[0] for name in self._names()} - {"", "power"} | {"time"}
        if "power" in self.quantities:
            wanted |= {"voltage", "current"}
        whole: Batch = {key: [] for key in FIELDS}
        for _, batch in read_blocks(self.connection, self.meter, self.start * 1000, self.end * 1000, wanted):
            for key in wanted:
                whole[key] += batch[key]
        if "power" in self.quantities:
            whole["power"] = list(map(mul, whole["voltage"], whole["current"]))
        return whole

    def _rollups(self, width: int, names: Sequence[str]) -> dict[int, Rollup]:
        """Return points of one or more minutes, hours or local days."""
        if width >= _DAY:
            days = read_day_rollups(self.connection, names, self.meter, self.start - _DAY, self.end, self.zone)
            # A local day begins within half a day of that of UTC.
            groups = groupby((day for day in days if day[1][0]), lambda day: (day[0] + _DAY // 2) // width)
            points = [list(group) for _, group in groups]
            return {point[0][0]: fold([rollup for _, rollup in point], names) for point in points}
        borders = [*range(int(self.start // width) * width, ceil(self.end), width), ceil(self.end)]
        return read_rollups(self.connection, "hour" if width >= 3600 else "minute", names, self.meter, borders)


# Made of readings -------------------------------------------------------------------------------------------


def _points_of_readings(batch: Batch, quantities: Sequence[str]) -> Series:
    """Return a point for each reading."""
    columns: dict[str, Column] = {}
    for key in quantities:
        if key in _CHARGES:
            left = scaled(batch["remaining_capacity"], SCALES["remaining_capacity"])
            metered = _percents_of(left, batch["nominal_capacity"])
            values = charge_of(key, scaled(batch[CHARGE], SCALES[CHARGE]), metered)
        else:
            values = scaled(batch[key], _FINER[key])
        columns[key] = Column(last=values) if key in TOTALS else Column(average=values)
    return Series(0.0, [time / 1000 for time in times_of(batch)], columns)


def _grown(totals: Sequence[int | None]) -> list[int]:
    """Return how much a total has grown (0) before the first reading and at each; what begins anew grows from there."""
    grown, known, whole = [0] if totals else [], None, 0
    for total in totals:
        if total is not None:
            whole += max(total - known, 0) if known is not None else 0
            known = total
        grown.append(whole)
    return grown


# Columns ----------------------------------------------------------------------------------------------------


def _column(key: str, parts: Parts, scales: Mapping[str, int]) -> Column:
    if key in TOTALS:
        last, increase = (scaled(parts[f"{key}_{part}"], scales[key]) for part in ("last", "increase"))
        return Column(last=last, increase=increase)
    if key not in _CHARGES:
        return Column(*_instants(key, parts, scales))
    metered = [_percents_of(part, parts["nominal_capacity_last"]) for part in _instants("remaining_capacity", parts)]
    pairs = zip(_instants(CHARGE, parts), metered, strict=True)
    return Column(*(charge_of(key, *pair) for pair in pairs))


def _instants(key: str, parts: Parts, scales: Mapping[str, int] = SCALES) -> list[Values]:
    """Return minimum, average, maximum and the last of each point."""
    scale = scales[key]
    averages = [
        round(total / count / scale, 4) if total is not None and count else None
        for total, count in zip(parts[f"{key}_sum"], parts.get(f"{key}_count", parts["count"]), strict=True)
    ]
    minimum, maximum, last = (scaled(parts[f"{key}_{part}"], scale) for part in ("minimum", "maximum", "last"))
    return [minimum, averages, maximum, last]


def _percents_of(values: Values, nominals: Sequence[int | None]) -> Values:
    """Return what is left (Ah) as percent of the nominal capacity, which is in its whole numbers."""
    scale = SCALES["nominal_capacity"]
    return [percent_of(*pair, scale=scale, digits=4) for pair in zip(values, nominals, strict=True)]


# Gaps -------------------------------------------------------------------------------------------------------


def _with_gaps(series: Series, points: int) -> Series:
    """Put a point without values where more than two usual steps are missing, as long as there is room for it."""
    times = series.time
    if len(times) < 3:
        return series
    steps = [later - earlier for earlier, later in pairwise(times)]
    usual = max(sorted(steps)[len(steps) // 2], series.resolution, 1.0)  # `statistics` would take 0.6 MB
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
