"""The entities of a meter as a table; rule: rows only, each legal in every Home Assistant that we answer for.

Legal combinations of device class, unit and state class: `DEVICE_CLASS_UNITS` and `DEVICE_CLASS_STATE_CLASSES`
of Home Assistant's sensor component. Energies are Wh in our messages and kWh here, as the energy dashboard shows them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from juntek.quantity import DIRECTIONS, OUTPUT_STATES, QUANTITIES

if TYPE_CHECKING:
    from juntek.rs485.family import Field, Model

Source = Literal["state", "link", "settings"]
"""Which of a meter's messages an entity lives on."""

MODES = ("starting", "listen", "poll", "closed")

SECRETS = frozenset({"bluetooth_password"})
"""Settings that are nobody's business; they are not published."""

_DEVICE_CLASS_OF_DIMENSION = {
    "voltage": "voltage",
    "current": "current",
    "power": "power",
    "energy": "energy",
    "temperature": "temperature",
    "duration": "duration",
}
"""Charge (Ah), resistance and ratio have no device class of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One entity. `template` and `attributes` read `value_json` of the message named by `source`."""

    key: str
    name: str
    template: str
    platform: Literal["sensor", "binary_sensor"] = "sensor"
    source: Source = "state"
    device_class: str | None = None
    unit: str | None = None
    state_class: str | None = None
    precision: int | None = None
    category: str | None = None
    icon: str | None = None
    options: tuple[str, ...] = ()
    attributes: str | None = None
    enabled: bool = True

    def component(self, device: str, topics: dict[Source, str], link_availability: str) -> dict[str, object]:
        """Return the entity as Home Assistant wants it, without what it inherits from the device's message.

        What tells about the link lives on while the meter is silent: it depends on the gateway only.
        """
        values: dict[str, object] = {
            "platform": self.platform,
            "unique_id": f"{device}_{self.key}",
            "name": self.name,
            "value_template": "{{ " + self.template + " }}",
            "device_class": self.device_class,
            "unit_of_measurement": self.unit,
            "state_class": self.state_class,
            "suggested_display_precision": self.precision,
            "entity_category": self.category,
            "icon": self.icon,
            "options": list(self.options) or None,
            "enabled_by_default": None if self.enabled else False,
        }
        if self.source != "state":
            values["state_topic"] = topics[self.source]
        if self.source == "link":
            values["availability"] = [{"topic": link_availability}]
        if self.attributes:
            values["json_attributes_topic"] = topics[self.source]
            values["json_attributes_template"] = "{{ " + self.attributes + " | tojson }}"
        return {key: value for key, value in values.items() if value is not None}


def _measured(key: str, **changes: object) -> Entity:
    quantity = QUANTITIES[key]
    values: dict[str, object] = {
        "template": f"value_json.{key}",
        "device_class": _DEVICE_CLASS_OF_DIMENSION.get(quantity.dimension),
        "unit": quantity.unit,
        "state_class": "measurement",
        "precision": quantity.digits,
    }
    return Entity(key=key, name=quantity.label, **values | changes)  # type: ignore[arg-type]


def _counted(key: str, icon: str | None = None) -> Entity:
    """A total in its own unit; an energy in kWh to five places, which is what our Wh have."""
    energy = QUANTITIES[key].dimension == "energy"
    scaled = f"(value_json.{key} / 1000) | round(5) if value_json.{key} is not none else none"
    return _measured(
        key,
        template=scaled if energy else f"value_json.{key}",
        unit="kWh" if energy else QUANTITIES[key].unit,
        state_class="total_increasing",
        precision=3,
        icon=icon,
        attributes="{'estimated': '" + key + "' in value_json.estimated}",
    )


def _of_link(key: str, name: str, **changes: object) -> Entity:
    values: dict[str, object] = {"template": f"value_json.{key}", "source": "link", "category": "diagnostic"}
    return Entity(key=key, name=name, **values | changes)  # type: ignore[arg-type]


def _plain_count(key: str, name: str, icon: str, *, enabled: bool = True) -> Entity:
    # Not total_increasing: these start at 0 with the gateway, and Home Assistant complains of a counter that
    # comes back slightly lower than it was.
    return _of_link(key, name, state_class="measurement", precision=0, icon=icon, enabled=enabled)


_READING = (
    _measured("voltage"),
    _measured("current"),
    _measured("power"),
    _measured("charge_power"),
    _measured("discharge_power"),
    _measured("state_of_charge", device_class="battery"),
    _measured("remaining_capacity", icon="mdi:battery-medium"),
    _measured("temperature", precision=1),
    _measured("internal_resistance", icon="mdi:omega", category="diagnostic"),
    _measured("time_to_empty"),
    _measured("time_to_full"),
    _counted("discharged_capacity", "mdi:battery-arrow-down"),
    _counted("charged_capacity", "mdi:battery-arrow-up"),
    _counted("discharged_energy"),
    _counted("charged_energy"),
    _counted("discharged_energy_today"),
    _counted("charged_energy_today"),
    Entity(
        key="direction", name="Direction", template="value_json.direction",
        device_class="enum", options=DIRECTIONS,
    ),
    Entity(
        key="output_state", name="Output state", template="value_json.output_state",
        device_class="enum", options=OUTPUT_STATES,
    ),
    Entity(
        key="protection", name="Protection", platform="binary_sensor", device_class="problem",
        template="'OFF' if value_json.output_state in ['on', 'off'] "
        "else none if value_json.output_state == 'unknown' else 'ON'",
    ),
    _measured("run_time", category="diagnostic", enabled=False),
    _measured(
        "message_count", device_class=None, unit=None, category="diagnostic", icon="mdi:counter", enabled=False
    ),
    _measured("nominal_capacity", state_class=None, category="diagnostic", icon="mdi:battery"),
)  # fmt: skip

_LINK = (
    _of_link(
        "link", "Link", platform="binary_sensor", device_class="connectivity",
        template="'ON' if value_json.available else 'OFF'",
        attributes="{'connected': value_json.connected, 'error': value_json.error}",
    ),
    _of_link("mode", "Link mode", device_class="enum", options=MODES),
    _plain_count("garbage_count", "Rejected frames", "mdi:alert-circle-outline"),
    _plain_count("reconnects", "Reconnects", "mdi:connection"),
    _plain_count("frames", "Frames", "mdi:counter", enabled=False),
    _of_link("last_frame", "Last frame", device_class="timestamp", enabled=False),
)  # fmt: skip

_HISTORY = _of_link(
    "history", "History", platform="binary_sensor", device_class="problem",
    template="'ON' if value_json.history == 'paused' else 'OFF' if value_json.history == 'ok' else none",
    attributes="{'error': value_json.history_error}",
)  # fmt: skip
"""There where a history is kept; unknown when it is configured no more."""

_OPTIONAL_IN_READING = frozenset({"internal_resistance", "run_time"})
"""What only some families say; everything else is said or worked out for all of them."""


def entities_of(model: Model, *, history: bool = False) -> tuple[Entity, ...]:
    """Return the entities of a family; its settings are there but off until the owner wants them."""
    said = {row.key for row in model.readings.rows}
    reading = (row for row in _READING if row.key not in _OPTIONAL_IN_READING or row.key in said)
    shown = {row.key for row in _READING} | SECRETS
    settings = (_setting(row) for row in model.settings.rows if row.key and row.key not in shown)
    return (*reading, *_LINK, *((_HISTORY,) if history else ()), *settings)


def _setting(row: Field) -> Entity:
    quantity = QUANTITIES[row.key]
    # A calibration is a difference: as a temperature it would be turned into °F with 32 added.
    dimension = "" if row.key == "temperature_calibration" else quantity.dimension
    return Entity(
        key=row.key,
        name=quantity.label,
        template=f"value_json.{row.key}",
        source="settings",
        device_class="enum" if row.names else _DEVICE_CLASS_OF_DIMENSION.get(dimension),
        unit=quantity.unit or None,
        precision=quantity.digits if quantity.unit else None,
        category="diagnostic",
        icon=None if row.names or dimension in _DEVICE_CLASS_OF_DIMENSION else "mdi:cog-outline",
        options=row.names,
        enabled=False,
    )
