"""What the history keeps of a reading; rule: whole numbers on the scale of the wire, so nothing is lost.

A batch has a column of whole numbers for each field, with None for what is absent.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from juntek.quantity import BATTERY_KEYS, DIRECTIONS, QUANTITIES, READING_KEYS
from juntek.reading import READERS, Reading, percent_of
from juntek.rs485.family import OUTPUT_STATE_OF_CODE

Column = list[int | None]
Batch = dict[str, Column]

Columns = Mapping[int, str]
"""The field of each number in the blocks."""
FIRST_COLUMNS: Columns = dict(enumerate((
    "time", "voltage", "current", "power", "remaining_capacity", "temperature", "internal_resistance",
    "discharged_capacity", "charged_capacity", "discharged_energy", "charged_energy", "nominal_capacity", "run_time",
    "output_code", "direction", "estimated",
)))  # fmt: skip
"""Those of every database; further fields get further numbers."""

KEPT = sorted(
    (QUANTITIES[key] for key in READING_KEYS + BATTERY_KEYS if QUANTITIES[key].per_unit),
    key=lambda row: row.key not in FIRST_COLUMNS.values(),
)
"""The quantities that are kept; those of other packages come last."""
CHARGE, METERED = "state_of_charge", "meter_state_of_charge"
"""The first is kept where a battery is watched, as it was believed; else it is what the meter says, which follows from
what is left. Where it is kept, the second is what the meter says."""
INSTANTS = tuple(
    row.key for row in KEPT if row.accumulation == "instant" or (row.accumulation == "state" and row.chart is not None)
)
"""Fields with a minimum, average, maximum and last value in each rollup."""
TOTALS = tuple(row.key for row in KEPT if row.accumulation == "total")
"""Fields with a last value and an increase in each rollup."""
SETTINGS = tuple(row.key for row in KEPT if row.accumulation == "setting")
"""Fields with a last value in each rollup."""
QUANTITY_KEYS = tuple(dict.fromkeys(INSTANTS + TOTALS + SETTINGS + tuple(row.key for row in KEPT)))

_OTHERS = {"output_code": 1, "direction": 1, "estimated": 1}
SCALES = {"time": 1000} | {key: QUANTITIES[key].per_unit for key in QUANTITY_KEYS} | _OTHERS
"""The whole numbers in one unit of each field."""
FIELDS = tuple(SCALES)

_BITS = {
    "discharged_capacity": 1, "charged_capacity": 2, "discharged_energy": 4, "charged_energy": 8,
    "discharged_energy_today": 16, "charged_energy_today": 32,
}  # fmt: skip
"""Totals that the gateway counts, and may estimate, with their bits in `estimated`."""

_PLAIN_KEYS = tuple(key for key in QUANTITY_KEYS if key not in (CHARGE, *BATTERY_KEYS))
ROW_KEYS = (
    "time", *_PLAIN_KEYS[:4], CHARGE, *_PLAIN_KEYS[4:], "direction", "output_state", "estimated",
    *(key for key in QUANTITY_KEYS if key in BATTERY_KEYS),
)  # fmt: skip
"""Keys of a row; `time` is s since 1970, `estimated` the keys of totals with an estimated part, with spaces between.
What only a watched battery has stands last."""
SERIES_KEYS = (*dict.fromkeys(("voltage", "current", "power", CHARGE, *INSTANTS, *TOTALS)), METERED)
"""What a chart may show."""


def read_columns(connection: sqlite3.Connection) -> Columns:
    """Return the columns of a database; what only another version or package knows is left out."""
    return {number: key for number, key in connection.execute("SELECT id, key FROM field") if key in SCALES}


def _source(key: str) -> int | Callable[[Reading], Any]:
    """Return where in a Reading a field stands as it is, or what reads it out of one."""
    if key in Reading._fields:
        return Reading._fields.index(key)
    return READERS[key] if key in _PLAIN_KEYS else lambda reading: reading.more.get(key)


_SOURCES = {key: _source(key) for key in FIELDS[:-2]}
_DIRECTION, _ESTIMATED = Reading._fields.index("direction"), Reading._fields.index("estimated")
_DIRECTION_NUMBERS = {name: number for number, name in enumerate(DIRECTIONS)}


def batch_of(readings: Sequence[Reading]) -> Batch:
    """Return the readings, each of which has a time, as a batch in the same order."""
    columns = list(zip(*readings, strict=True))
    batch: Batch = {}
    for key, source in _SOURCES.items():
        values = columns[source] if isinstance(source, int) else [source(reading) for reading in readings]
        batch[key] = _whole_numbers(values, SCALES[key])
    batch["direction"] = [_DIRECTION_NUMBERS[name] for name in columns[_DIRECTION]]
    masks = {keys: sum(bit for key, bit in _BITS.items() if key in keys) for keys in set(columns[_ESTIMATED])}
    batch["estimated"] = [masks[keys] for keys in columns[_ESTIMATED]]
    return batch


def rows_of(batch: Batch) -> Iterator[tuple[Any, ...]]:
    """Yield the readings of a batch as rows of ROW_KEYS."""
    columns: dict[str, Sequence[Any]] = {
        key: batch[key] if SCALES[key] == 1 else scaled(batch[key], SCALES[key]) for key in ("time", *QUANTITY_KEYS)
    }
    columns[CHARGE] = states_of_charge(CHARGE, batch)
    columns["direction"] = [DIRECTIONS[number or 0] for number in batch["direction"]]
    columns["output_state"] = [OUTPUT_STATE_OF_CODE.get(code or 0, "unknown") for code in batch["output_code"]]
    masks = set(batch["estimated"])
    texts = {mask: " ".join(key for key, bit in _BITS.items() if (mask or 0) & bit) for mask in masks}
    columns["estimated"] = [texts[mask] for mask in batch["estimated"]]
    yield from zip(*(columns[key] for key in ROW_KEYS), strict=True)


def scaled(column: Sequence[int | None], scale: int) -> list[float | None]:
    """Return the values of whole numbers."""
    return [None if value is None else value / scale for value in column]


def _whole_numbers(values: Sequence[Any], scale: int) -> Column:
    first = values[0]
    if values.count(first) == len(values):  # as most are: nothing is as quick to find out
        return [None if first is None else round(first * scale)] * len(values)
    if None in values:
        return [None if value is None else round(value * scale) for value in values]
    return [round(value * scale) for value in values]


def times_of(batch: Batch) -> list[int]:
    """Return when each reading was received, ms since 1970."""
    return batch["time"]  # type: ignore[return-value]  # a reading in a batch has a time


def part_of(batch: Batch, start: int, end: int) -> Batch:
    """Return the readings from place `start` up to, not including, `end`."""
    if start == 0 and end == len(batch["time"]):
        return batch
    return {key: column[start:end] for key, column in batch.items()}


def charge_of(key: str, believed: Sequence[float | None], metered: Sequence[float | None]) -> list[float | None]:
    """Return CHARGE or METERED at each place, of what was believed there and what the meter said."""
    pairs = zip(believed, metered, strict=True)
    if key == CHARGE:
        return [meter if belief is None else belief for belief, meter in pairs]
    return [None if belief is None else meter for belief, meter in pairs]


def states_of_charge(key: str, batch: Batch) -> list[float | None]:
    """Return CHARGE or METERED of each reading, 0 to 100: what was believed, or what the meter says is left."""
    believed = batch[CHARGE]
    if key == METERED and believed.count(None) == len(believed):
        return [None] * len(believed)  # no battery is watched
    scale, of = SCALES["remaining_capacity"], SCALES["nominal_capacity"]
    pairs = list(zip(batch["remaining_capacity"], batch["nominal_capacity"], strict=True))
    percents = {pair: percent_of(pair[0] and pair[0] / scale, pair[1] and pair[1] / of) for pair in set(pairs)}
    return charge_of(key, scaled(believed, SCALES[CHARGE]), [percents[pair] for pair in pairs])
