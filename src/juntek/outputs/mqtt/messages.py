"""What is said of a meter: one discovery message and three messages of values; other programs' layouts; rule: pure.

Who a meter is follows from its configured name and the base topic alone, so that nothing moves when its model,
its serial number or its port becomes known or changes. Keys at the root, the device and the origin of the
discovery message are those of the oldest Home Assistant that we answer for: one unknown key there and all is lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from juntek.control.controls import Control
from juntek.names import slug
from juntek.outputs.mqtt.entities import Entity, entities_of, entity_of
from juntek.reading import Identity, Reading
from juntek.rs485.family import model_of_family
from juntek.update import Health, HistoryState

ONLINE, OFFLINE = "online", "offline"
"""The words on availability topics, and on Home Assistant's own status topic."""

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

WRITES = re.compile(r"set_\w+", re.ASCII)
"""Keys of components that write; others stay in Home Assistant, as unknown, when there is nothing to say of them."""
_PLATFORMS = ("number", "select", "switch", "button")
_OWN_KEYS = ("key", "template", "source", "attributes", "sets")


class Topics:
    """Where the messages of one meter go, by its configured name or the one that it has there."""

    def __init__(self, meter: str, *, base_topic: str = "juntek", discovery_prefix: str = "homeassistant") -> None:
        place = f"{base_topic}/{slug(meter)}"
        self.device = f"{slug(base_topic)}_{slug(meter)}"
        """Its identifier, and the beginning of all unique ids."""
        self.config = f"{discovery_prefix}/device/{self.device}/config"
        self.state, self.link, self.settings = f"{place}/state", f"{place}/link", f"{place}/settings"
        self.availability = f"{place}/availability"
        self.sets = f"{place}/set"
        """Commands come below it."""
        self.outcome = f"{place}/outcome"
        self.venus = f"{place}/venus"
        self.gateway = f"{base_topic}/gateway/availability"
        """The availability of the gateway, which all meters share."""


def discovery(  # noqa: PLR0913 - what a device is made of
    meter: str,
    topics: Topics,
    *,
    family: str,
    identity: Identity | None = None,
    version: str,
    history: bool = False,
    page: str | None = None,
    battery: bool = False,
    controls: Iterable[Control] = (),
) -> dict[str, Any]:
    """Return the discovery message of a meter.

    Its entities depend on the family, and on whether a history is kept and the battery is watched; `controls` are what
    may be written from there. `version` is ours, `page` where a browser finds our page. Raises KeyError for a family
    that has no model table.
    """
    model = model_of_family(family)
    if model is None:
        raise KeyError(family)
    entities = (*entities_of(model, history=history, battery=battery), *map(entity_of, controls))
    return {
        "device": _device(meter, topics.device, family, identity) | ({"configuration_url": page} if page else {}),
        "origin": {"name": "juntek", "sw_version": version},
        "availability": [{"topic": topics.gateway}, {"topic": topics.availability}],
        "availability_mode": "all",
        "state_topic": topics.state,
        "components": {entity["key"]: _component(entity, topics) for entity in entities},
    }


def platforms_in(message: bytes) -> dict[str, str]:
    """Return the platforms of the components that write in an earlier discovery message; none where it is nonsense."""
    try:
        components = json.loads(message)["components"].items()
        platforms = {key: component["platform"] for key, component in components if len(component) > 1}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}
    return {key: name for key, name in platforms.items() if WRITES.fullmatch(key) and name in _PLATFORMS}


def discovery_messages(
    message: dict[str, Any], gone: dict[str, str], topics: Topics, *, is_device: bool, discovery_prefix: str
) -> dict[str, str]:
    """Return a discovery message by its topic, or one for each entity; `gone` are the platforms of those to remove.

    A component with nothing but its platform is removed; one that is only left out would stay.
    """
    components = message["components"]
    if is_device:
        removed = {key: {"platform": platform} for key, platform in gone.items()}
        return {topics.config: encode(message | {"components": removed | components})}

    def topic_of(key: str, platform: str) -> str:
        return f"{discovery_prefix}/{platform}/{topics.device}/{key}/config"

    shared = {key: value for key, value in message.items() if key != "components"}
    messages = {topic_of(key, platform): "" for key, platform in gone.items()}
    for key, component in components.items():
        own = shared | component
        messages[topic_of(key, own.pop("platform"))] = encode(own)
    return messages


def link(
    health: Health, *, available: bool, gateway: str, history: HistoryState = "off", history_error: str | None = None
) -> dict[str, Any]:
    """Return the message about a meter's link. `available`: the meter answers; `gateway`: the machine we run on.

    `history`: whether readings are kept at present; `history_error`: why they are not.
    """
    values = {"available": available, **health.as_dict()}
    values |= {"rejected": values["garbage"], "gateway": gateway}
    return values | {"history": history, "history_error": history_error}


def _component(entity: Entity, topics: Topics) -> dict[str, Any]:
    """Return an entity as Home Assistant wants it, without what it inherits from the device's message.

    What tells about the link lives on while the meter is silent: it depends on the gateway only.
    """
    values: dict[str, Any] = {"platform": "sensor", "unique_id": f"{topics.device}_{entity['key']}"}
    values |= {key: value for key, value in entity.items() if value is not None and key not in _OWN_KEYS}
    if "template" in entity:
        values["value_template"] = "{{ " + entity["template"] + " }}"
    if "sets" in entity:
        values["command_topic"] = f"{topics.sets}/{entity['sets']}"
    source = entity.get("source", "state")
    if source != "state":
        values["state_topic"] = getattr(topics, source)
    if source == "link":
        values["availability"] = [{"topic": topics.gateway}]
    if "attributes" in entity:
        values["json_attributes_topic"] = getattr(topics, source)
        values["json_attributes_template"] = "{{ " + entity["attributes"] + " | tojson }}"
    return values


def _device(meter: str, device: str, family: str, identity: Identity | None) -> dict[str, Any]:
    words = meter.replace("_", " ").replace("-", " ")
    values: dict[str, Any] = {
        "identifiers": [device],
        "name": words[:1].upper() + words[1:],
        "manufacturer": "Juntek",
        "model": identity.model if identity else family,
    }
    if identity:
        values["sw_version"] = identity.firmware
        if identity.serial_number:  # many meters have 0, which is no number
            values["serial_number"] = str(identity.serial_number)
    return values


# What other programs know already, beside our own topics: their names, not retained, and nothing they lack ------------

KEY_OF_OLD_NAME = {
    "current": "current",
    "voltage": "voltage",
    "capacity_Ah": "remaining_capacity",
    "cumulative_Ah": "discharged_capacity",
    "charge_Wh": "charged_energy",
    "run_time_record": "run_time",
    "temperature": "temperature",
    "relay_state": "output_code",
    "battery_internal_resistance": "internal_resistance",
    "power": "power",
    "power_in": "charge_power",
    "power_out": "discharge_power",
    "capacity_pct": "state_of_charge",
    "SoC": "state_of_charge",
    "preset_battery_capacity_Ah": "nominal_capacity",
    "energy_in": "charged_energy",
    "energy_out": "discharged_energy",
    "energy_today_in": "charged_energy_today",
    "energy_today_out": "discharged_energy_today",
    "message_count": "message_count",
}
"""Of juntek_kg, the older program: `<base>/<model in small letters>/<name>/state`, one plain value each. It took volts
for amperes and amperes for volts; here each name says what it means. Its earlier and its later names are here."""


def old_place_of(base_topic: str, reading: Reading, identity: Identity | None) -> str:
    """Return the topic above all values of a meter; a meter whose model is not known stands under its family."""
    return f"{base_topic}/{(identity.model if identity else reading.family).lower()}"


def old_values_of(reading: Reading) -> Iterator[tuple[str, str]]:
    """Yield names and values as text; what is not known is left out, as it was there."""
    for name, key in KEY_OF_OLD_NAME.items():
        value = getattr(reading, key)
        if value is not None:
            yield name, str(value)
    yield "direction", "1" if reading.current > 0 else "0"
    time_left = reading.time_to_full if reading.direction == "charging" else reading.time_to_empty
    if time_left is not None:
        yield "battery_time_left", str(time_left)
    if reading.charged_energy is not None and reading.discharged_energy is not None:
        yield "energy_wh", str(round(reading.charged_energy - reading.discharged_energy, 2))
    if (time := reading.as_dict()["time"]) is not None:
        yield "time", time


_ALARMS = {
    "over_voltage": "HighVoltage",
    "low_voltage": "LowVoltage",
    "over_current": "HighDischargeCurrent",
    "negative_over_current": "HighChargeCurrent",
    "over_power": "HighCurrent",
    "over_temperature": "HighTemperature",
}
"""What Venus OS calls a protection that has tripped."""


def venus_of(reading: Reading) -> str:
    """Return a reading as dbus-mqtt-battery asks for it in its README, at `<base>/<meter>/venus`.

    In Ah and s, with 2 for an alarm; what is not known is left out.
    """
    used = None
    if reading.nominal_capacity is not None and reading.remaining_capacity is not None:
        used = round(max(reading.nominal_capacity - reading.remaining_capacity, 0.0), 3)
    values: dict[str, Any] = {
        "Dc": _known(
            Power=reading.power, Voltage=reading.voltage, Current=reading.current, Temperature=reading.temperature
        ),
        **_known(
            InstalledCapacity=reading.nominal_capacity,
            ConsumedAmphours=used,
            Capacity=reading.remaining_capacity,
            Soc=reading.state_of_charge,
            TimeToGo=None if reading.time_to_empty is None else reading.time_to_empty * 60,
        ),
        "Alarms": {alarm: 2 * (reading.output_state == state) for state, alarm in _ALARMS.items()},
        "History": _known(TotalAhDrawn=reading.discharged_capacity),
    }
    return encode(values)


def _known(**values: float | None) -> dict[str, float]:
    return {name: value for name, value in values.items() if value is not None}
