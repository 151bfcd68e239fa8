"""What a table of a meter family is made of, and where the tables are found; rule: data and look-ups, no decoding.

A family is one file of rows in `families/`; it is found by being there.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from juntek.extras import find_modules

Kind = Literal["level", "stock", "counter", "flag", "echo", "date", "clock", "free"]
Risk = Literal["harmless", "accounting", "dangerous"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One number of a reply: `value = (raw - offset) / scale`, in the unit of `quantity.QUANTITIES[key]`.

    `index` counts from the address (0) and the checksum (1), as the manuals' tables do, so data begin at 2.
    An empty `key` is a number without a meaning of its own. `low` and `high` bound the raw number on any model.

    `kind` says how the number may move from one reading to the next: a level may go anywhere in small steps, a
    stock follows the current, a counter does not fall, a flag seldom changes, an echo (the time left) follows from
    the others, and what is free is not watched.
    `step` is the raw change that one reading may bring without being a surprise.

    `absent` is the raw number that means "not fitted", `off` the one that means "switched off".
    `write` is the number of the W command that sets it, `risk` what a wrong write can do. `writable` bounds the raw
    number that may be written, where that is less than what may be read.
    `source` names where the row comes from; the tags are those of docs/protocol.md.
    """

    index: int
    key: str
    source: str
    scale: int = 1
    offset: int = 0
    low: int = 0
    high: int = 2**32
    kind: Kind = "free"
    step: int = 0
    absent: int | None = None
    off: int | None = None
    names: tuple[str, ...] = ()
    write: int | None = None
    writable: tuple[int, int] | None = None
    risk: Risk = "dangerous"
    optional: bool = False

    @property
    def place(self) -> int:
        """Where it stands among the numbers after the checksum."""
        return self.index - 2


@dataclass(frozen=True, slots=True)
class Layout:
    """The rows of one reply. Fields at the end may be missing where their row is optional."""

    command: str
    rows: tuple[Field, ...]

    @property
    def counts(self) -> range:
        """Numbers after the checksum that a reply of this layout may have."""
        return range(sum(not row.optional for row in self.rows), len(self.rows) + 1)

    @property
    def places(self) -> dict[str, int]:
        """Where each key stands among the numbers after the checksum."""
        return {row.key: row.place for row in self.rows}

    @property
    def run_time(self) -> int | None:
        """Where the run time stands, also one that is not shown; None for none."""
        return next((row.place for row in self.rows if row.kind == "counter" and row.scale == 1), None)

    @property
    def time_left(self) -> int | None:
        """Where the time left stands; None for none."""
        return next((row.place for row in self.rows if row.kind == "echo"), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A W command that does something; `low` and `high` bound its operand, `names` are words for it from 0 on."""

    key: str
    write: int
    low: int
    high: int
    risk: Risk
    source: str
    names: tuple[str, ...] = ()


def usual_actions(*, address: str, output: str, others: str) -> tuple[Action, ...]:
    """Return the actions that every known family has; the arguments are their sources."""
    return (
        Action(key="set_address", write=1, low=1, high=99, risk="dangerous", source=address),
        Action(key="output", write=10, low=0, high=1, names=("off", "on"), risk="dangerous", source=output),
        Action(key="factory_reset", write=35, low=1, high=1, risk="dangerous", source=others),
        Action(key="state_of_charge", write=60, low=0, high=100, risk="accounting", source=others),
        Action(key="zero_current", write=61, low=1, high=1, risk="accounting", source=others),
        Action(key="clear_totals", write=62, low=1, high=1, risk="accounting", source=others),
    )


OUTPUT_STATE_OF_CODE = {
    0: "on",
    1: "over_voltage",
    2: "over_current",
    3: "low_voltage",
    4: "negative_over_current",
    5: "over_power",
    6: "over_temperature",
    99: "off",  # KH-man; seen on KG-F too (PO, MM)
    255: "off",  # KG-man, KL-man; never seen
}
"""The codes that the manuals of all families print."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One family: its layouts, its actions, and how its `r00` and its output codes are to be read.

    `series` has the sensor of each first digit of the model code that the family answers with.
    """

    family: str
    prefix: str
    series: dict[int, str]
    readings: Layout
    settings: Layout
    actions: tuple[Action, ...] = ()
    output_states: dict[int, str] = field(default_factory=lambda: OUTPUT_STATE_OF_CODE)

    def layout(self, command: str) -> Layout:
        """Return the layout of `r50` or `r51`."""
        return self.readings if command == "r50" else self.settings

    @property
    def settable(self) -> dict[str, Field]:
        """The settings that can be written, by key."""
        return {row.key: row for row in self.settings.rows if row.write is not None}


@cache
def find_models() -> tuple[Model, ...]:
    """Return the models of every file in `families/`, in the order of their names."""
    package = importlib.import_module("juntek.rs485.families")
    return tuple(module.MODEL for module in find_modules(package.__name__))


def model_of_family(family: str) -> Model | None:
    """Return the table of `KG-F`, `KL-F`, ..., or None."""
    return next((model for model in find_models() if model.family == family), None)
