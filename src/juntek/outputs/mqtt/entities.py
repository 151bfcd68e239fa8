"""The entities of a meter, made from the rows of the vocabulary and of its family; rule: pure.

Each is legal in every Home Assistant that we answer for: `DEVICE_CLASS_UNITS` and `DEVICE_CLASS_STATE_CLASSES` of its
sensor component. What reads better there than in our messages is turned by its template: energies are kWh, as the
energy dashboard shows them, durations h ("20h 34m") or d, and words have the labels that people call them by.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

from juntek.control.controls import Control
from juntek.quantity import BATTERY_KEYS, QUANTITIES, READING_KEYS, Quantity
from juntek.quantity.row import label_words
from juntek.rs485.family import Field, Model, find_models
from juntek.update import Mode

Entity = dict[str, Any]
"""Keys as Home Assistant names them, but for `key`; `template` and `attributes`, which read `value_json`; and `source`,
which of a meter's messages that is: "link", "settings", or the state where it is absent."""

_DEVICE_CLASSES = frozenset({"voltage", "current", "power", "energy", "temperature", "duration"})
"""Dimensions that are a device class of the same name; charge (Ah), resistance and ratio have none."""

_STATE_CLASSES = {"instant": "measurement", "state": "measurement", "total": "total_increasing"}
_STATE_CLASSES["today"] = _STATE_CLASSES["total"]

_SCALED = {
    "Wh": ("kWh", 1000, 5, 3),
    "min": ("h", 60, 4, 2),
    "s": ("d", 86_400, 5, 2),
}
"""Of units that grow too long: what is shown instead, its size, its places, and how many of them are shown. Home
Assistant writes a duration in h as "20h 34m", one in min as so many minutes."""

_DIAGNOSTIC = {"entity_category": "diagnostic"}
_DISABLED = {"enabled_by_default": False}


def entities_of(model: Model, *, history: bool = False, battery: bool = False) -> Iterator[Entity]:
    """Yield the entities of a family, and of a `battery` that is watched.

    Its settings are there but off until the owner wants them.
    """
    said = {row.key for row in model.readings.rows}
    for key in READING_KEYS:
        if key in said or key not in _said_by_some_families():
            yield _reading(QUANTITIES[key])
        if key == "output_state":
            yield _PROTECTION
    for key in BATTERY_KEYS if battery else ():
        yield _reading(QUANTITIES[key])
    yield from _LINK
    if history:
        yield _HISTORY
    for row in model.settings.rows:
        if row.key and row.key not in READING_KEYS and not QUANTITIES[row.key].secret:
            yield _setting(QUANTITIES[row.key], row)


def entity_of(control: Control) -> Entity:
    """Return the entity that writes a setting or lets a meter act, in the category of configuration."""
    entity: Entity = {"key": f"set_{control.key}", "name": control.label, "sets": control.key}
    entity |= {"entity_category": "config", "source": "settings" if control.kind == "setting" else "state"}
    if control.key == "output":
        words = {"payload_on": "on", "payload_off": "off", "state_on": "on", "state_off": "off"}
        template = "'on' if value_json.output_state == 'on' else 'off'"
        return entity | words | {"platform": "switch", "template": template, "icon": "mdi:electric-switch"}
    if control.choices:
        choices = list(control.choices)
        return entity | {"platform": "select", "options": choices, "template": f"value_json.{control.key}"}
    if control.minimum is not None and control.maximum is not None:
        return entity | _number(control, control.minimum, control.maximum)
    return entity | {"platform": "button", "payload_press": "PRESS", "icon": _BUTTONS.get(control.key)}


def _number(control: Control, low: float, high: float) -> Entity:
    """Home Assistant complains of a number out of its limits, so such a one is unknown there.

    What is off is the number that says so; where the meter takes that for no limit, its name tells which it is.
    """
    is_address = control.key == "set_address"
    said = f"value_json.{'address' if is_address else control.key}"
    off = "none" if control.off is None else f"{control.off:g}"
    ends = (low, high, low if control.off is None else control.off)
    is_beyond = control.off is not None and not low <= control.off <= high
    device_class = _device_class(QUANTITIES[control.key]) if control.key in QUANTITIES else None
    return {
        **({"source": "settings"} if is_address else {}),
        **({"name": f"{control.label} ({off} is off)"} if is_beyond else {}),
        "platform": "number",
        "template": f"{said} if {said} is number and {low} <= {said} <= {high} else {off}",
        "min": min(ends),
        "max": max(ends),
        "step": control.step,
        "mode": "box",
        "unit_of_measurement": control.unit or None,
        "device_class": device_class,
        "icon": None if device_class else "mdi:tune",
    }


_BUTTONS = {
    "zero_current": "mdi:numeric-0-circle-outline",
    "clear_totals": "mdi:counter",
    "factory_reset": "mdi:restore-alert",
}


@cache
def _said_by_some_families() -> frozenset[str]:
    """Return what a family has only where it says so; totals are counted here for those that do not."""
    keys = {row.key for model in find_models() for row in model.readings.rows if row.key in QUANTITIES}
    return frozenset(key for key in keys if QUANTITIES[key].accumulation not in ("total", "today"))


def _reading(row: Quantity) -> Entity:
    entity = _facts(row, label_words(row.words, row.names)) | {"icon": row.icon}
    entity |= _DIAGNOSTIC if row.diagnostic else {}
    entity |= {} if row.enabled else _DISABLED
    if not row.words:
        entity["state_class"] = _STATE_CLASSES.get(row.accumulation)
        entity["suggested_display_precision"] = _digits(row)
    if row.accumulation in ("total", "today"):
        entity["attributes"] = f"{{'estimated': '{row.key}' in value_json.estimated}}"
    if row.unit in _SCALED:
        unit, size, places, shown = _SCALED[row.unit]
        scaled = f"(value_json.{row.key} / {size}) | round({places}) if value_json.{row.key} is not none else none"
        entity |= {"template": scaled, "unit_of_measurement": unit, "suggested_display_precision": shown}
    return entity


def _digits(row: Quantity) -> int:
    if row.dimension == "charge":
        return 0  # of hundreds of Ah nobody wants a third decimal
    # An averaged temperature has more to say than a single one, the more so in °F.
    return max(row.digits, 1) if row.dimension == "temperature" and row.accumulation != "setting" else row.digits


def _setting(row: Quantity, field: Field) -> Entity:
    entity = _facts(row, label_words(tuple(field.names))) | {"source": "settings"} | _DIAGNOSTIC | _DISABLED
    entity["suggested_display_precision"] = _digits(row) if row.unit else None
    entity["icon"] = None if entity["device_class"] else row.icon or "mdi:cog-outline"
    return entity


def _facts(row: Quantity, labels: dict[str, str]) -> Entity:
    facts: Entity = {"key": row.key, "name": row.label, "template": f"value_json.{row.key}"}
    facts |= {"device_class": row.device_class or _device_class(row), "unit_of_measurement": row.unit or None}
    return facts | _labelled(row.key, labels) if labels else facts


def _device_class(row: Quantity) -> str | None:
    return row.dimension if row.dimension in _DEVICE_CLASSES else None


def _labelled(key: str, labels: dict[str, str]) -> Entity:
    """Return what makes a word one of its labels; a word that has none is unknown."""
    return {"device_class": "enum", "options": list(labels.values()), "template": f"{labels}.get(value_json.{key})"}


def _of_link(key: str, name: str, **facts: Any) -> Entity:  # noqa: ANN401 - keys of Home Assistant
    return {"key": key, "name": name, "template": f"value_json.{key}", "source": "link"} | _DIAGNOSTIC | facts


def _count(key: str, name: str, icon: str) -> Entity:
    # Not total_increasing: these start at 0 with the gateway, and Home Assistant complains of a counter that
    # comes back slightly lower than it was.
    return _of_link(key, name, state_class="measurement", suggested_display_precision=0, icon=icon)


_PROTECTION: Entity = {
    "key": "protection", "name": "Protection", "platform": "binary_sensor", "device_class": "problem",
    "template": "'OFF' if value_json.output_state in ['on', 'off'] "
    "else none if value_json.output_state == 'unknown' else 'ON'",
}  # fmt: skip

_MODES = ("Starting", "Listens to a display", "Asks the meter", "Closed")

_LINK = (
    _of_link(
        "link", "Link", platform="binary_sensor", device_class="connectivity",
        template="'ON' if value_json.available else 'OFF'",
        attributes="{'connected': value_json.connected, 'error': value_json.error}",
    ),
    _of_link("mode", "Link mode") | _labelled("mode", label_words(get_args(Mode), _MODES)),
    _count("garbage_count", "Rejected frames", "mdi:alert-circle-outline"),
    _count("reconnects", "Reconnects", "mdi:connection"),
    _count("frames", "Frames", "mdi:counter") | _DISABLED,
    _of_link("last_frame", "Last frame", device_class="timestamp") | _DISABLED,
)  # fmt: skip

_HISTORY = _of_link(
    "history", "History", platform="binary_sensor", device_class="problem",
    template="'ON' if value_json.history in ('paused', 'damaged') else 'OFF' if value_json.history == 'ok' else none",
    attributes="{'error': value_json.history_error}",
)  # fmt: skip
"""There where a history is kept; unknown when it is configured no more."""
