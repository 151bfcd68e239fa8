"""What the answers of the API hold; rule: handlers return these types, and the description is made of them.

The docstring of a type is its description for whoever reads /api/openapi.json; an annotation is a key of a schema and
its value.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

from juntek.outputs.web.passwords import LONGEST_PASSWORD
from juntek.quantity import QUANTITIES, READING_KEYS, SENSORS, SETTING_KEYS, Accumulation, Chart, Quantity
from juntek.update import HistoryState, Mode

Moment = Annotated[str, ("format", "date-time")]
Date = Annotated[str, ("format", "date")]
Count = Annotated[int, ("minimum", 0)]
Sensor = Annotated[str, ("enum", SENSORS)]
Numbers = list[float | None]


class Error(TypedDict):
    """What went wrong, as one sentence that says how to ask instead."""

    error: str


class Session(TypedDict):
    """Whether a password is needed here, and whether this browser may look.

    `user` where we are told who it is; `token` is what writing needs, null where this browser may not write.
    """

    required: bool
    signed_in: bool
    user: str | None
    token: str | None


class Password(TypedDict):
    """What a browser signs in with."""

    password: Annotated[str, ("minLength", 1), ("maxLength", LONGEST_PASSWORD)]


class Identity(TypedDict):
    """Who a meter is; voltages in V, currents in A."""

    address: int
    family: str
    model: str
    sensor: Sensor
    max_voltage: int
    max_current: int
    firmware: str
    serial_number: int


class Settings(TypedDict):
    """How a meter is set; null where its family has no such setting or it is switched off."""

    address: int
    family: str


class Reading(TypedDict):
    """What a meter says at one moment; `estimated` names totals that hold an estimated part."""

    time: Moment | None
    address: int
    family: str
    output_code: int
    clock: str | None
    estimated: list[str]


class LinkHealth(TypedDict):
    """How a meter's link does; `garbage` counts rejected frames by reason."""

    mode: Mode
    connected: bool
    frames: Count
    garbage: dict[str, int]
    garbage_count: Count
    out_of_range: dict[str, int]
    reconnects: Count
    last_frame: Moment | None
    error: str | None
    notice: str | None


class MeterHealth(LinkHealth):
    """How a meter's link does, and whether the meter answers."""

    available: bool


class MeterState(TypedDict):
    """What is known of a meter now."""

    available: bool
    identity: Identity | None
    settings: Settings | None
    health: LinkHealth
    latest: Reading | None


class Meter(MeterState):
    """A meter; `first` and `last` are the ends of its history, s since 1970."""

    name: str
    configured: bool
    first: float | None
    last: float | None


class LiveUpdate(MeterState):
    """What an `update` event holds."""

    meter: str


class SinkHealth(TypedDict):
    """How an output does.

    `waiting` counts readings in its queue; `lag` is s since the oldest reading was received that it does not have yet;
    `failures`, `lost` and `refused` count since the gateway started; `error` says what is wrong at present.
    """

    connected: bool
    waiting: Count
    lag: Count
    failures: Count
    lost: Count
    refused: Count
    error: str | None


class HistoryHealth(TypedDict):
    """Whether readings are kept, and why not."""

    state: HistoryState
    reason: str | None


class Health(TypedDict):
    """How the gateway does; `uptime` in s.

    `time_zone`: whose midnight begins a day, by its IANA name or as +HH:MM. `exports`: formats that /export has here.
    """

    version: str
    gateway: str
    time: Moment
    time_zone: str
    exports: list[str]
    uptime: float
    history: HistoryHealth
    sinks: dict[str, SinkHealth]
    meters: dict[str, MeterHealth]


class Column(TypedDict, total=False):
    """One quantity, a value for each point; only the parts that make sense for it."""

    minimum: Numbers
    average: Numbers
    maximum: Numbers
    last: Numbers
    increase: Numbers


Range = TypedDict("Range", {"from": float, "to": float})


class History(Range):
    """`resolution` is s between points, 0 for readings themselves; a gap is one point of nulls."""

    meter: str
    resolution: float
    time: list[float]
    quantities: dict[str, Column]


class BatteryEvent(TypedDict):
    """What a battery was found to be; `time` is in seconds since 1970."""

    time: float
    event: str
    state_of_charge: float


BatteryEvents = dict[Literal["events"], list[BatteryEvent]]


class Written(TypedDict):
    """What is written to a meter: a setting or an action, and its value before and after."""

    key: str
    label: str
    old: Any
    new: Any


class Command(Written):
    """What was written to a meter, when and by whom."""

    time: Moment
    meter: str
    who: str
    outcome: str


class QuantityFacts(TypedDict):
    """A quantity: what it is called and how it is shown.

    `history`: /history has it. `words`: of a quantity that is a word, what people call each. `families`: families of
    meters that have this setting.
    """

    key: str
    label: str
    unit: str
    digits: int
    accumulation: Accumulation
    history: bool
    words: dict[str, str]
    chart: Chart | None
    families: list[str]


OPEN_TYPES: dict[str, tuple[str, ...]] = {
    "Reading": READING_KEYS,
    "Settings": tuple(key for key in SETTING_KEYS if not QUANTITIES[key].secret),
}
"""Types that hold quantities besides; these are rows, which other packages may add to."""


def schema_of_quantity(row: Quantity) -> dict[str, Any]:
    """Return what a value of a quantity can be."""
    description = f"{row.label} ({row.unit})" if row.unit else row.label
    if row.words:
        return {"enum": list(row.words), "description": description}
    is_word = row.accumulation == "setting" and not row.unit
    kinds = ["number", "string", "null"] if is_word else ["number", "null"]
    return {"type": kinds, "description": description}
