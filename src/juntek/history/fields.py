"""What the history keeps of a reading; rule: whole numbers on the scale of the wire, so nothing is lost.

A batch has one list of whole numbers for each field, in the order of FIELDS, with None for what is absent.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from juntek.quantity import BATTERY_KEYS, DIRECTIONS, QUANTITIES, READING_KEYS
from juntek.reading import READERS, Reading
from juntek.rs485.family import OUTPUT_STATE_OF_CODE

Column = list[int | None]
Batch = list[Column]


def _more(key: str, reading: Reading) -> Any:  # noqa: ANN401 - what the key says
    return reading.more.get(key)


FIRST_FIELDS = (
    "time", "voltage", "current", "power", "remaining_capacity", "temperature", "internal_resistance",
    "discharged_capacity", "charged_capacity", "discharged_energy", "charged_energy", "nominal_capacity", "run_time",
    "output_code", "direction", "estimated",
)  # fmt: skip
"""In the order of their numbers, 0 and up, in every database; further fields get further numbers."""

KEPT = sorted(
    (QUANTITIES[key] for key in READING_KEYS + BATTERY_KEYS if QUANTITIES[key].per_unit),
    key=lambda row: row.key not in FIRST_FIELDS,
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
QUANTITY_KEYS = (
    *INSTANTS,
    *TOTALS,
    *SETTINGS,
    *(row.key for row in KEPT if row.key not in INSTANTS + TOTALS + SETTINGS),
)

SCALES = {
    "time": 1000,
    **{key: QUANTITIES[key].per_unit for key in QUANTITY_KEYS},
    "output_code": 1,
    "direction": 1,
    "estimated": 1,
}
"""The whole numbers in one unit of each field."""
FIELDS = tuple(SCALES)
PLACES = {key: place for place, key in enumerate(FIELDS)}

TIME, VOLTAGE, CURRENT, POWER = (PLACES[key] for key in ("time", "voltage", "current", "power"))
FIRST_TOTAL = PLACES[TOTALS[0]]

_DIRECTION, _ESTIMATED = Reading._fields.index("direction"), Reading._fields.index("estimated")
_PLAIN = {
    PLACES[key]: Reading._fields.index(key) for key in (*QUANTITY_KEYS, "time", "output_code") if key in Reading._fields
}
"""Where in a Reading the values of a place are as they are; all others are read out of it."""
_READERS = READERS | {key: partial(_more, key) for key in (CHARGE, *BATTERY_KEYS)}
_DIRECTION_NUMBERS = {name: number for number, name in enumerate(DIRECTIONS)}
COUNTED = ("discharged_capacity", "charged_capacity", "discharged_energy", "charged_energy")
"""Totals that the gateway counts, and may estimate."""
ESTIMATED_KEYS = (*COUNTED, "discharged_energy_today", "charged_energy_today")

_PLAIN_KEYS = tuple(key for key in QUANTITY_KEYS if key not in (CHARGE, *BATTERY_KEYS))
_BATTERY_KEYS = tuple(key for key in QUANTITY_KEYS if key in BATTERY_KEYS and key != CHARGE)
ROW_KEYS = (
    "time", *_PLAIN_KEYS[:4], CHARGE, *_PLAIN_KEYS[4:], "direction", "output_state", "estimated", *_BATTERY_KEYS,
)  # fmt: skip
"""Keys of a row; `time` is s since 1970, `estimated` the keys of totals with an estimated part, with spaces between.
What only a watched battery has stands last."""

Columns = Mapping[int, int]
"""The place in a batch of each field, by its number in the blocks."""
FIRST_COLUMNS: Columns = {number: PLACES[key] for number, key in enumerate(FIRST_FIELDS)}
"""Those of fields that every database has."""


def read_columns(connection: sqlite3.Connection) -> Columns:
    """Return the columns of a database; what only another version or package knows is left out."""
    rows = connection.execute("SELECT id, key FROM field")
    return {number: PLACES[key] for number, key in rows if key in PLACES}


def batch_of(readings: Sequence[Reading]) -> Batch:
    """Return the readings, each of which has a time, as a batch in the same order."""
    columns = list(zip(*readings, strict=True))
    batch: Batch = [[] for _ in FIELDS]
    for place, (key, scale) in enumerate([*SCALES.items()][:-2]):
        source = _PLAIN.get(place)
        values = [_READERS[key](reading) for reading in readings] if source is None else columns[source]
        batch[place] = _whole_numbers(values, scale)
    batch[PLACES["direction"]] = [_DIRECTION_NUMBERS[name] for name in columns[_DIRECTION]]
    masks = {keys: mask_of(keys) for keys in set(columns[_ESTIMATED])}
    batch[PLACES["estimated"]] = [masks[keys] for keys in columns[_ESTIMATED]]
    return batch


def rows_of(batch: Batch) -> Iterator[tuple[Any, ...]]:
    """Yield the readings of a batch as rows of ROW_KEYS."""
    columns: dict[str, list[Any]] = {
        key: batch[PLACES[key]] if SCALES[key] == 1 else scaled(batch[PLACES[key]], SCALES[key])
        for key in ("time", *_PLAIN_KEYS, *_BATTERY_KEYS)
    }
    columns[CHARGE] = states_of_charge(CHARGE, batch)
    columns["direction"] = [DIRECTIONS[number or 0] for number in batch[PLACES["direction"]]]
    columns["output_state"] = [OUTPUT_STATE_OF_CODE.get(code or 0, "unknown") for code in batch[PLACES["output_code"]]]
    columns["estimated"] = [" ".join(estimated_keys(mask or 0)) for mask in batch[PLACES["estimated"]]]
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
    return batch[TIME]  # type: ignore[return-value]  # a reading in a batch has a time


def part_of(batch: Batch, start: int, end: int) -> Batch:
    """Return the readings from place `start` up to, not including, `end`."""
    if start == 0 and end == len(batch[TIME]):
        return batch
    return [column[start:end] for column in batch]


def join(batches: Sequence[Batch]) -> Batch:
    """Return all readings in the order of time; each batch is in that order already."""
    batches = sorted(batches, key=lambda batch: batch[TIME][0] or 0)
    joined: Batch = [[value for column in columns for value in column] for columns in zip(*batches, strict=True)]
    times = times_of(joined)
    if all(earlier < later for earlier, later in pairwise(times)):
        return joined
    order = sorted(range(len(times)), key=times.__getitem__)
    return [[column[place] for place in order] for column in joined]


def power_of(voltages: Column, currents: Column) -> Column:
    """Return 0.01 W as the decoder rounds it, so that it need not be kept."""
    return [
        round(round((voltage / 100) * (current / 100), 2) * 100)  # type: ignore[operator]  # every reading has them
        for voltage, current in zip(voltages, currents, strict=True)
    ]


def estimated_keys(mask: int) -> tuple[str, ...]:
    """Return the keys of totals that hold an estimated part."""
    return tuple(key for bit, key in enumerate(ESTIMATED_KEYS) if mask >> bit & 1)


def mask_of(keys: tuple[str, ...]) -> int:
    """Return the number that `estimated_keys` makes these keys of again."""
    return sum(1 << bit for bit, key in enumerate(ESTIMATED_KEYS) if key in keys)


def charge_of(key: str, believed: Sequence[float | None], metered: Sequence[float | None]) -> list[float | None]:
    """Return CHARGE or METERED at each place, of what was believed there and what the meter said."""
    pairs = zip(believed, metered, strict=True)
    if key == CHARGE:
        return [meter if belief is None else belief for belief, meter in pairs]
    return [None if belief is None else meter for belief, meter in pairs]


def percent_of(left: float | None, nominal: float | None, *, scale: int = 1, digits: int = 2) -> float | None:
    """Return the state of charge, 0 to 100, of what is left (Ah); `scale` of the nominal capacity are 1 Ah."""
    if left is None or not nominal:
        return None
    return round(min(max(100 * scale * left / nominal, 0.0), 100.0), digits)


def states_of_charge(key: str, batch: Batch) -> list[float | None]:
    """Return CHARGE or METERED of each reading, 0 to 100: what was believed, or what the meter says is left."""
    believed, left, nominal = (batch[PLACES[name]] for name in (CHARGE, "remaining_capacity", "nominal_capacity"))
    if key == METERED and believed.count(None) == len(believed):
        return [None] * len(believed)  # no battery is watched
    scale, of = SCALES["remaining_capacity"], SCALES["nominal_capacity"]
    pairs = list(zip(left, nominal, strict=True))
    percents = {pair: percent_of(pair[0] and pair[0] / scale, pair[1] and pair[1] / of) for pair in set(pairs)}
    return charge_of(key, [number and number / SCALES[CHARGE] for number in believed], [percents[one] for one in pairs])
