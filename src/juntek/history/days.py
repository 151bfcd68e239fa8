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
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, tzinfo
from itertools import groupby, pairwise
from typing import Any, Literal

from juntek.calendar import LocalDays, date_of, day_after, start_of
from juntek.history.fields import SCALES, TOTALS, scaled
from juntek.history.rollups import Rollup, fold, read_rollups
from juntek.reading import percent_of

By = Literal["day", "month", "year"]
ENOUGH = 0.33
"""Part of the nominal capacity that has to be charged before an efficiency is told."""
_EXTREMES = ("voltage", "current", "power", "temperature", "remaining_capacity", "state_of_charge")
_ENERGIES = ("charged_energy", "discharged_energy", "charged_capacity", "discharged_capacity")
_NAMES = (
    "count", "voltage_sum", "remaining_capacity_last", "nominal_capacity_last",
    *(f"{key}_{end}" for key in _EXTREMES for end in ("minimum", "maximum")), *(f"{key}_increase" for key in _ENERGIES),
)  # fmt: skip
Parts = dict[str, int | None]
"""A rollup, by the names of its parts."""
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
    rollups = read_day_rollups(connection, _NAMES, meter, start, end, zone)
    (left,) = connection.execute(_LEFT, (meter, start)).fetchone()
    days = []
    for name, group in groupby(rollups, key=lambda day: _begin(date_of(day[0], zone), by)):
        rollup = dict(zip(_NAMES, fold([rollup for _, rollup in group], _NAMES), strict=True))
        days.append(_day_of(name, rollup, left))
        now = rollup["remaining_capacity_last"]
        left = now if now is not None else left
    return days


def _begin(day: date, by: By) -> date:
    if by == "day":
        return day
    return day.replace(day=1) if by == "month" else day.replace(month=1, day=1)


def _day_of(name: date, rollup: Parts, left: int | None) -> Day:
    values: dict[str, Any] = {key: (rollup[f"{key}_increase"] or 0) / SCALES[key] for key in _ENERGIES}
    values["efficiency"] = _efficiency(values, rollup, left)
    ends = {key: scaled((rollup[f"{key}_minimum"], rollup[f"{key}_maximum"]), SCALES[key]) for key in _EXTREMES}
    remaining, nominal = ends.pop("remaining_capacity"), rollup["nominal_capacity_last"]
    if ends["state_of_charge"][0] is None:  # it was not believed, so it is what the meter said
        ends["state_of_charge"] = [percent_of(left, nominal, scale=SCALES["nominal_capacity"]) for left in remaining]
    values |= {key: Extremes(*pair) for key, pair in ends.items()}
    return Day(date=name, count=rollup["count"] or 0, **values)


def _efficiency(totals: dict[str, float], rollup: Parts, left: int | None) -> float | None:
    nominal, now = rollup["nominal_capacity_last"], rollup["remaining_capacity_last"]
    charged = totals["charged_energy"]
    if not nominal or now is None or left is None or not charged:
        return None
    if totals["charged_capacity"] < ENOUGH * nominal / SCALES["nominal_capacity"]:
        return None
    voltage = (rollup["voltage_sum"] or 0) / (rollup["count"] or 1) / SCALES["voltage"]
    efficiency = (totals["discharged_energy"] + (now - left) / SCALES["remaining_capacity"] * voltage) / charged
    return round(efficiency, 4) if 0 < efficiency <= 1.1 else None


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
    connection: sqlite3.Connection, names: Sequence[str], meter: int, start: float, end: float, zone: tzinfo
) -> list[tuple[int, Rollup]]:
    """Return these parts of the local days that begin from `start` up to `end`; one within a gap has no count."""
    days = LocalDays(zone)
    span = days.next_start(start), days.next_start(end)
    borders = _find_borders(connection, meter, span, days)
    pieces: defaultdict[int, list[Rollup]] = defaultdict(list)
    for level, within in (_WHOLE_HOURS,) if all(border % 3600 == 0 for border in borders) else _ALL:
        for day, rollup in read_rollups(connection, level, names, meter, borders, within).items():
            pieces[day].append(rollup)
    for day, shares in _share_out(connection, meter, span, days):
        if span[0] <= day < span[1]:
            pieces[day].append([shares.get(name) for name in names])
    return sorted((day, fold(group, names)) for day, group in pieces.items())


def _find_borders(connection: sqlite3.Connection, meter: int, span: tuple[int, int], days: LocalDays) -> list[int]:
    """Return the midnights of the span, as far as there are readings."""
    first, last = connection.execute(
        "SELECT (SELECT min(time) FROM hour WHERE meter = ?1), (SELECT max(time) FROM hour WHERE meter = ?1)", (meter,)
    ).fetchone()
    if first is None:
        return []
    begin = max(days.start_of(first), span[0])
    return [begin, *days.midnights(begin, min(days.next_start(last + 3600), span[1]))]


def _share_out(
    connection: sqlite3.Connection, meter: int, span: tuple[int, int], days: LocalDays
) -> Iterator[tuple[int, dict[str, int]]]:
    """Yield what each day gets, by time, of what the totals grew in a gap, and the one where that was counted loses."""
    gaps = connection.execute(
        f"SELECT start, until, finish, {', '.join(TOTALS)} FROM gap"  # noqa: S608 - our own names
        " WHERE meter = ? AND finish >= ? AND start < ?",
        (meter, span[0] * 1000, span[1] * 1000),
    )
    for start, until, finish, *totals in gaps:
        target = days.start_of(finish / 1000)
        if target <= start / 1000:
            continue
        grown = {f"{key}_increase": total or 0 for key, total in zip(TOTALS, totals, strict=True)}
        left = grown
        midnights = [midnight * 1000 for midnight in days.midnights(start / 1000, until / 1000)]
        for first, second in pairwise((start, *midnights, until)):
            # The last day gets what is left of the whole numbers.
            part = {name: total * (second - first) // (until - start) for name, total in grown.items()}
            shares = left if second == until else part
            left = {name: total - shares[name] for name, total in left.items()}
            if (day := days.start_of(first / 1000)) != target:
                yield day, shares
                yield target, {name: -share for name, share in shares.items()}
