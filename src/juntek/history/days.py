"""What a day, a month or a year was; rule: dates are local, and what was not measured is None.

Round-trip efficiency is what came out, and what more is left than before, of what went in. It is told only where
as much as a third of the battery went in: of less, the error of what is left is too large a part.

Days are made of hours when they are asked for, so that any time zone gets its own. An hour that midnight cuts, where a
zone is half an hour or a quarter off, is made of its minutes, and is the day's in which it begins where those are kept
no more. What the totals grew in a gap across midnight is shared out between the days by time.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, tzinfo
from itertools import groupby, pairwise
from typing import Any, Literal

from juntek.calendar import LocalDays, date_of, day_after, start_of
from juntek.history.fields import SCALES, TOTALS, percent_of
from juntek.history.rollups import PART_NAMED, Part, Rollup, fold, read_rollups

By = Literal["day", "month", "year"]
ENOUGH = 0.33
"""Part of the nominal capacity that has to be charged before an efficiency is told."""
_EXTREMES = ("voltage", "current", "power", "temperature", "remaining_capacity", "state_of_charge")
_ENERGIES = ("charged_energy", "discharged_energy", "charged_capacity", "discharged_capacity")
_NAMES = (
    "count", "voltage_sum", "remaining_capacity_last", "nominal_capacity_last",
    *(f"{key}_{end}" for key in _EXTREMES for end in ("minimum", "maximum")), *(f"{key}_increase" for key in _ENERGIES),
)  # fmt: skip
_PARTS = tuple(PART_NAMED[name] for name in _NAMES)
_PLACES = {name: place for place, name in enumerate(_NAMES)}
_FIRST_HOUR = "(SELECT min(time) FROM hour WHERE meter = ?1)"
_LEFT = f"""SELECT coalesce(
    (SELECT remaining_capacity_last FROM minute WHERE meter = ?1 AND time < ?2 ORDER BY time DESC LIMIT 1),
    (SELECT remaining_capacity_last FROM hour WHERE meter = ?1 AND time <= ?2 - 3600 ORDER BY time DESC LIMIT 1),
    (SELECT remaining_capacity_last FROM minute WHERE meter = ?1 AND time < {_FIRST_HOUR} + 3600 ORDER BY time LIMIT 1),
    (SELECT remaining_capacity_last FROM hour WHERE meter = ?1 AND time = {_FIRST_HOUR})
)"""  # noqa: S608 - our own
"""What was left (0.001 Ah) before a moment, also where minutes are kept no more, or else at the very first reading."""


@dataclass(frozen=True, slots=True)
class Extremes:
    """The least and the most of a quantity."""

    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """A local day, or the month or year that begins with `date`; Ah, Wh, V, A, °C and percent.

    `efficiency` is a part of 1. `count` is of readings; a day without any may still have energies, counted by the
    meter while nobody listened.
    """

    date: date
    count: int
    charged_energy: float
    discharged_energy: float
    charged_capacity: float
    discharged_capacity: float
    efficiency: float | None
    voltage: Extremes
    current: Extremes
    power: Extremes
    temperature: Extremes
    state_of_charge: Extremes

    def as_dict(self) -> dict[str, Any]:
        """Return the public keys and values, ready for JSON."""
        return {**asdict(self), "date": self.date.isoformat()}


def read_days(  # noqa: PLR0913, PLR0917 - what a table of days is
    connection: sqlite3.Connection, meter: int, first: date, last: date, by: By, zone: tzinfo
) -> list[Day]:
    """Return the days from the first date to the last that there is anything of; the meter is its number."""
    start, end = start_of(first, zone), start_of(day_after(last), zone)
    rollups = read_day_rollups(connection, _PARTS, meter, start, end, zone)
    rows = [(date_of(time, zone), rollup) for time, rollup in rollups]
    (left,) = connection.execute(_LEFT, (meter, start)).fetchone()
    days = []
    for name, group in groupby(rows, key=lambda row: _begin(row[0], by)):
        rollup = fold([rollup for _, rollup in group], _PARTS)
        days.append(_day_of(name, rollup, left))
        now = rollup[_PLACES["remaining_capacity_last"]]
        left = now if now is not None else left
    return days


def _begin(day: date, by: By) -> date:
    if by == "day":
        return day
    return day.replace(day=1) if by == "month" else day.replace(month=1, day=1)


def _day_of(name: date, rollup: Rollup, left: int | None) -> Day:
    totals = {key: (rollup[_PLACES[f"{key}_increase"]] or 0) / SCALES[key] for key in _ENERGIES}
    nominal = rollup[_PLACES["nominal_capacity_last"]]
    return Day(
        date=name,
        count=rollup[0] or 0,
        efficiency=_efficiency(totals, rollup, left),
        voltage=_extremes(rollup, "voltage"),
        current=_extremes(rollup, "current"),
        power=_extremes(rollup, "power"),
        temperature=_extremes(rollup, "temperature"),
        state_of_charge=_charge(rollup, nominal),
        **totals,
    )


def _extremes(rollup: Rollup, key: str) -> Extremes:
    low, high = rollup[_PLACES[f"{key}_minimum"]], rollup[_PLACES[f"{key}_maximum"]]
    if low is None or high is None:
        return Extremes()
    return Extremes(low / SCALES[key], high / SCALES[key])


def _charge(rollup: Rollup, nominal: int | None) -> Extremes:
    """Return what was believed, else what the meter said."""
    believed = _extremes(rollup, "state_of_charge")
    if believed.minimum is not None:
        return believed
    left = _extremes(rollup, "remaining_capacity")
    scale = SCALES["nominal_capacity"]
    return Extremes(*(percent_of(value, nominal, scale=scale) for value in (left.minimum, left.maximum)))


def _efficiency(totals: dict[str, float], rollup: Rollup, left: int | None) -> float | None:
    nominal, now = rollup[_PLACES["nominal_capacity_last"]], rollup[_PLACES["remaining_capacity_last"]]
    if not nominal or now is None or left is None:
        return None
    if totals["charged_capacity"] < ENOUGH * nominal / SCALES["nominal_capacity"]:
        return None
    voltage = (rollup[_PLACES["voltage_sum"]] or 0) / (rollup[0] or 1) / SCALES["voltage"]
    more = (now - left) / SCALES["remaining_capacity"] * voltage
    efficiency = (totals["discharged_energy"] + more) / totals["charged_energy"] if totals["charged_energy"] else None
    return round(efficiency, 4) if efficiency is not None and 0 < efficiency <= 1.1 else None


# Made of hours -------------------------------------------------------------------------------------------

_WHOLE_HOURS = ("hour", "time >= (start + 3599) / 3600 * 3600 AND time < stop / 3600 * 3600")
_NO_MINUTES = (
    "NOT EXISTS (SELECT 1 FROM minute WHERE minute.meter = ?2 AND minute.time BETWEEN hour.time AND hour.time + 3599)"
)
_ALL = (
    ("minute", "time >= start AND time < (start + 3599) / 3600 * 3600"),
    _WHOLE_HOURS,
    ("minute", "time >= stop / 3600 * 3600 AND time < stop"),
    ("hour", f"time >= stop / 3600 * 3600 AND time < stop AND {_NO_MINUTES}"),
)
"""What a day is made of, in the order of time: tables, and what of them."""


def read_day_rollups(  # noqa: PLR0913, PLR0917 - what, of which meter, from when to when, and whose
    connection: sqlite3.Connection, parts: Sequence[Part], meter: int, start: float, end: float, zone: tzinfo
) -> list[tuple[int, Rollup]]:
    """Return these parts of the local days that begin from `start` up to, not including, `end`, in their order.

    A day without any reading is there where a gap goes over it; its count is 0.
    """
    days = LocalDays(zone)
    span = days.next_start(start), days.next_start(end)
    borders = _find_borders(connection, meter, span, days)
    pieces: defaultdict[int, list[Rollup]] = defaultdict(list)
    for level, within in (_WHOLE_HOURS,) if all(border % 3600 == 0 for border in borders) else _ALL:
        for day, rollup in read_rollups(connection, level, parts, meter, borders, within).items():
            pieces[day].append(rollup)
    rollups = {day: fold(group, parts) for day, group in pieces.items()}
    _share_out(connection, parts, meter, rollups, span, days)
    return sorted(rollups.items())


def _find_borders(connection: sqlite3.Connection, meter: int, span: tuple[int, int], days: LocalDays) -> list[int]:
    """Return the midnights of the span, as far as there are readings."""
    first, last = connection.execute(
        "SELECT (SELECT min(time) FROM hour WHERE meter = ?1), (SELECT max(time) FROM hour WHERE meter = ?1)", (meter,)
    ).fetchone()
    if first is None:
        return []
    begin = max(days.start_of(first), span[0])
    return [begin, *days.midnights(begin, min(days.next_start(last + 3600), span[1]))]


def _share_out(  # noqa: PLR0913, PLR0917 - where from, where to
    connection: sqlite3.Connection,
    parts: Sequence[Part],
    meter: int,
    rollups: dict[int, Rollup],
    span: tuple[int, int],
    days: LocalDays,
) -> None:
    """Give each day within the span its part, by time, of what the totals grew in gaps across midnight."""
    places = {part.name: place for place, part in enumerate(parts)}
    increases = [places.get(f"{key}_increase") for key in TOTALS]
    gaps = connection.execute(
        f"SELECT start, until, finish, {', '.join(TOTALS)} FROM gap"  # noqa: S608 - our own names
        " WHERE meter = ? AND finish >= ? AND start < ?",
        (meter, span[0] * 1000, span[1] * 1000),
    )
    for start, until, finish, *totals in gaps:
        target = days.start_of(finish / 1000)
        if target <= start / 1000:
            continue
        grown = [total or 0 for total in totals]
        left = list(grown)
        midnights = [midnight * 1000 for midnight in days.midnights(start / 1000, until / 1000)]
        for first, second in pairwise((start, *midnights, until)):
            day = days.start_of(first / 1000)
            # The last day gets what is left of the whole numbers.
            shares = left if second == until else [total * (second - first) // (until - start) for total in grown]
            left = [total - share for total, share in zip(left, shares, strict=True)]
            for moved_to, sign in ((day, 1), (target, -1)):
                if day != target and span[0] <= moved_to < span[1]:
                    rollup = rollups.setdefault(moved_to, [0 if part.way == "sum" else None for part in parts])
                    for place, share in zip(increases, shares, strict=True):
                        if place is not None:
                            rollup[place] = (rollup[place] or 0) + sign * share
