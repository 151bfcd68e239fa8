"""Readings from values that somebody has decoded: a table with named columns, or an object a line.

Rule: only what is named is taken; a line that lacks voltage, current or time is left out.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC
from itertools import chain, islice
from json import loads
from math import isfinite
from typing import Any

from juntek.capture.times import LineTimes
from juntek.reading import NOTHING_MORE, Reading

NAMES = {
    "time": ("time", "timestamp", "datetime", "date_time", "date", "last_changed", "seconds", "ts", "t"),
    "voltage": ("voltage", "battery_voltage", "volts", "volt", "v", "u"),
    "current": ("current", "battery_current", "amperes", "amps", "ampere", "a", "i"),
    "remaining_capacity": ("remaining_capacity", "capacity_remaining", "remaining_ah", "remaining", "ah"),
    "nominal_capacity": ("nominal_capacity",),
    "state_of_charge": ("meter_state_of_charge", "state_of_charge", "soc"),
    "temperature": ("temperature", "temp"),
    "direction": ("direction",),
}
"""What others call a quantity; the first that is there counts."""

PEEK = 30
"""Lines of a file of which one has to have the names."""

LONGEST_INTERVAL = 900.0
"""s between lines over which a current goes on, where what is left in the battery is not told."""

_UNIT = re.compile(r"[\[(].*|[^a-z0-9]+$")


def read_values(lines: Iterable[str]) -> Iterator[Reading] | None:
    """Return the readings of a table or of objects, None where the lines are neither."""
    iterator = iter(lines)
    first = list(islice(iterator, PEEK))
    whole = chain(first, iterator)
    for place, line in enumerate(first):
        record = _object_of(line)
        if record is not None:
            names = _find(record)
            if {"voltage", "current"} <= names.keys() and not isinstance(record.get("raw"), str):
                return _readings(filter(None, map(_object_of, whole)), names)
            continue
        for delimiter in ",;\t":
            row = next(csv.reader([line], delimiter=delimiter), [])
            if {"voltage", "current", "time"} <= _find(row).keys():
                return _readings(_rows(islice(whole, place + 1, None), row, delimiter), _find(row))
    return None


def _rows(lines: Iterator[str], heading: list[str], delimiter: str) -> Iterator[dict[str, Any]]:
    for row in csv.reader(lines, delimiter=delimiter):
        # Where a semicolon parts the columns, a comma parts the decimals.
        yield dict(zip(heading, (cell.replace(",", ".") if delimiter != "," else cell for cell in row), strict=False))


def _object_of(line: str) -> dict[str, Any] | None:
    try:
        record = loads(line) if line.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _find(names: Iterable[str]) -> dict[str, str]:
    """Return how the quantities are called here, by key."""
    plain: dict[str, str] = {}
    for name in names:
        plain.setdefault(_UNIT.sub("", str(name).strip().lower().replace(" ", "_")).strip("_"), name)
    return {
        key: next(plain[other] for other in others if other in plain)
        for key, others in NAMES.items()
        if any(other in plain for other in others)
    }


def _readings(records: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> Iterator[Reading]:
    times, count = LineTimes(UTC), _Count()
    for record in records:
        time = _time_of(record.get(names.get("time", "time")), times)
        voltage, current = (_number(record.get(names[key])) for key in ("voltage", "current"))
        if time is None or voltage is None or current is None or voltage <= 0:
            continue
        told = {key: _number(record.get(names[key])) for key in names.keys() - {"time", "voltage", "current"}}
        if str(record.get(names.get("direction", ""), "")).startswith("dis"):
            current = -abs(current)
        nominal = told.get("nominal_capacity")
        nominal = nominal if nominal is not None and nominal > 0 else None
        percent, left = told.get("state_of_charge"), told.get("remaining_capacity")
        if left is None and percent is not None and nominal is not None:
            left = percent / 100 * nominal
        elif left is not None and nominal is None and percent:
            nominal = round(100 * left / percent, 1)
        left = count.add(time, current) if left is None else left
        yield reading_of(time, voltage, current, left, nominal)._replace(temperature=told.get("temperature"))


class _Count:
    """Ah that are left, where no meter tells it: a count from anywhere."""

    def __init__(self) -> None:
        self._sum = 50.0
        self._last: tuple[float, float] | None = None

    def add(self, time: float, current: float) -> float:
        if self._last is not None and 0 < time - self._last[0] <= LONGEST_INTERVAL:
            self._sum += (time - self._last[0]) * (current + self._last[1]) / 7200
        self._last = (time, current)
        return self._sum


def reading_of(time: float, voltage: float, current: float, left: float, nominal: float | None) -> Reading:
    """Return a reading of what is known: s since 1970, V, A, Ah, Ah."""
    values: dict[str, Any] = dict.fromkeys(Reading._fields) | {
        "time": time, "voltage": voltage, "current": current, "remaining_capacity": left, "nominal_capacity": nominal,
        "estimated": (), "more": NOTHING_MORE, "raw": b"",
    }  # fmt: skip
    return Reading(**values)


def _time_of(value: object, times: LineTimes) -> float | None:
    """Return s since 1970, or since the beginning; a local time counts as one of UTC, because only steps matter."""
    number = _number(value)
    if number is not None:
        return times.read_value(number) or number
    return times.read_value(value)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) and abs(number) < 1e18 else None
