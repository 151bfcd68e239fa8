"""What a meter is and how it is set, as numbers of its family's rows; rule: the rows alone say what there is.

Encoding is the inverse of decoding, from the same table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from juntek.control import TRIPS
from juntek.errors import RequestError
from juntek.rs485.decode import raw_of, value_of
from juntek.rs485.family import Layout, Model, find_models

Value = float | str | None
Encoder = Callable[[Mapping[str, Value]], list[int]]
_NAME = re.compile(r"([A-Z]+)([1-9])([0-9]{2})F")
FIRMWARE = 139
"""In hundredths, as one captured meter has it (SC)."""
RESET_CAPACITY = 100.0
"""Ah after a factory reset. No manual page at hand names it."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One meter of a family, such as KG140F: the second digit is its voltage in 100 V, the last two in 10 A."""

    name: str
    model: Model
    max_voltage: int
    max_current: int

    @property
    def code(self) -> int:
        """The model code of `r00`: series, voltage class and current range (protocol: r00)."""
        # The highest series of a family is its shunt; 1 is the Hall sensor.
        return max(self.model.series) * 1000 + int(self.name[-4:-1])


def parse_variant(name: str) -> Variant:
    """Return the meter of that name; raises RequestError for a name that is not a meter's."""
    match = _NAME.fullmatch(name.strip().upper())
    model = match and next((model for model in find_models() if model.prefix == match[1]), None)
    if not match or not model or match[3] == "00":
        known = ", ".join(f"{model.prefix}140F" for model in find_models())
        raise RequestError(f"There is no meter {name!r} to simulate; write a name such as {known}.")
    # The 100 V class really takes 0-120 V (protocol: r00).
    voltage = 120 if match[2] == "1" else int(match[2]) * 100
    return Variant(match[0], model, voltage, int(match[3]) * 10)


def make_encoder(layout: Layout) -> Encoder:
    """Return a function that turns values into the numbers after the checksum, within the limits of the rows.

    Values are found by the row's key, or by its kind where the row has none, and are 0 where nothing is found.
    """
    # The short way for nearly all numbers, as this is done for every reading of a long past.
    rows = [(row.key or row.kind, row.scale, row.offset, row.low, row.high, row) for row in layout.rows]

    def numbers_of(values: Mapping[str, Value]) -> list[int]:
        numbers = []
        for key, scale, offset, low, high, row in rows:
            value = values.get(key, 0)
            raw = round(value * scale) + offset if isinstance(value, (int, float)) else raw_of(row, value)
            numbers.append(raw if low <= raw <= high else min(max(raw, low), high))
        return numbers

    return numbers_of


class MeterSettings:
    """The settings of one meter for a pack of `cells` with `capacity` Ah.

    `values` are those in their units by key, without what is off, is a word, or is nothing that this family has.
    `limits` are the protections that are on, each with its status code.
    """

    values: Mapping[str, float]
    limits: list[tuple[int, Callable[[Any, float], bool], float]]

    def __init__(self, variant: Variant, *, capacity: float, cells: int) -> None:
        self.variant = variant
        self._cells = cells
        self._rows = variant.model.settings.rows
        self.reset(capacity)

    def reset(self, capacity: float = RESET_CAPACITY) -> None:
        """Set everything as the factory does: no protection, no calibration."""
        values: dict[str, Value] = {
            "nominal_capacity": capacity,
            "current_ratio": 1,
            "voltage_curve_scale": 1,
            "current_curve_scale": 1,
            "full_voltage": 3.40 * self._cells,
            "empty_voltage": 2.80 * self._cells,
            "full_current": 2,
            "full_detection_time": 2.0,
            "log_interval": 60,
        }
        values |= {row.key: None for row in self._rows if row.off is not None}
        numbers = make_encoder(self.variant.model.settings)(values)
        self._numbers = dict(zip((row.index for row in self._rows), numbers, strict=True))
        self._read_values()

    def _read_values(self) -> None:
        values = {row.key: value_of(row, self._numbers[row.index]) for row in self._rows}
        self.values = {key: value for key, value in values.items() if isinstance(value, (int, float))}
        codes = enumerate(TRIPS.items(), 1)
        self.limits = [(code, trips, self.values[key]) for code, (key, trips) in codes if key in self.values]

    def numbers(self) -> list[int]:
        """Return the numbers after the checksum of `r51`."""
        # The curve scales of KG-F and KL-F stand in the manuals and in no capture; KH-F's last number is in both.
        return [self._numbers[row.index] for row in self._rows if not (row.optional and row.key)]

    def write(self, number: int, raw: int) -> bool:
        """Set what the W command `number` sets and return True; False where its row does not allow it."""
        for row in self.variant.model.settable.values():
            if row.write == number and row.low <= raw <= row.high:
                self._numbers[row.index] = raw
                self._read_values()
                return True
        return False
