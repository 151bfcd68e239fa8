"""What the history keeps of a reading; rule: whole numbers on the scale of the wire, so nothing is lost.

A batch has one list of whole numbers for each field, in the order of FIELDS, with None for what is absent.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from juntek.quantity import DIRECTIONS
from juntek.reading import Reading

Column = list[int | None]
Batch = list[Column]


class Field(NamedTuple):
    """A field of a batch: its key in a Reading and the whole numbers in one unit of it."""

    key: str
    scale: int


FIELDS = (
    Field("time", 1000),
    Field("voltage", 100),
    Field("current", 100),
    Field("power", 100),
    Field("remaining_capacity", 1000),
    Field("temperature", 10),
    Field("internal_resistance", 100),
    Field("discharged_capacity", 1000),
    Field("charged_capacity", 1000),
    Field("discharged_energy", 100),
    Field("charged_energy", 100),
    Field("nominal_capacity", 10),
    Field("run_time", 1),
    Field("output_code", 1),
    Field("direction", 1),
    Field("estimated", 1),
)
PLACES = {field.key: place for place, field in enumerate(FIELDS)}
SCALES = {field.key: field.scale for field in FIELDS}

INSTANTS = ("voltage", "current", "power", "remaining_capacity", "temperature", "internal_resistance")
"""Fields with a minimum, average, maximum and last value in each rollup."""
TOTALS = ("discharged_capacity", "charged_capacity", "discharged_energy", "charged_energy")
"""Fields with a last value and an increase in each rollup."""

TIME, VOLTAGE, CURRENT, POWER = (PLACES[key] for key in ("time", "voltage", "current", "power"))
NOMINAL = PLACES["nominal_capacity"]
FIRST_TOTAL, END_OF_TOTALS = PLACES[TOTALS[0]], PLACES[TOTALS[-1]] + 1

_NUMBERS = tuple(
    (place, Reading._fields.index(field.key), field.scale)
    for place, field in enumerate(FIELDS)
    if field.key not in ("direction", "estimated")
)
_DIRECTION, _ESTIMATED = Reading._fields.index("direction"), Reading._fields.index("estimated")
_DIRECTION_NUMBERS = {name: number for number, name in enumerate(DIRECTIONS)}
ESTIMATED_KEYS = (*TOTALS, "discharged_energy_today", "charged_energy_today")


def batch_of(readings: Sequence[Reading]) -> Batch:
    """Return the readings, each of which has a time, as a batch in the same order."""
    columns = list(zip(*readings, strict=True))
    batch: Batch = [[] for _ in FIELDS]
    for place, source, scale in _NUMBERS:
        batch[place] = _whole_numbers(columns[source], scale)
    batch[PLACES["direction"]] = [_DIRECTION_NUMBERS[name] for name in columns[_DIRECTION]]
    masks = {keys: mask_of(keys) for keys in set(columns[_ESTIMATED])}
    batch[PLACES["estimated"]] = [masks[keys] for keys in columns[_ESTIMATED]]
    return batch


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
