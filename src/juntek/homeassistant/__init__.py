"""What Home Assistant is told about a meter: one discovery message and three messages of values; rule: pure.

Who a meter is follows from its configured name and the base topic alone, so that nothing moves when its model,
its serial number or its port becomes known or changes. Keys at the root, the device and the origin of the
discovery message are those of the oldest Home Assistant that we answer for: one unknown key there and all is lost.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from juntek.homeassistant.entities import SECRETS, entities_of
from juntek.rs485.family import find_models, model_of_family

if TYPE_CHECKING:
    from juntek.homeassistant.entities import Source
    from juntek.reading import Identity, Reading, Settings
    from juntek.update import Health

__all__ = [
    "OFFLINE",
    "ONLINE",
    "HistoryState",
    "Topics",
    "discovery",
    "link",
    "settings",
    "slug",
    "state",
    "topics_of",
]

ONLINE, OFFLINE = "online", "offline"
"""The words on availability topics, and on Home Assistant's own status topic."""

HistoryState = Literal["ok", "paused", "off"]
"""Off: no history is configured. Paused: the disk is full or read-only, or the clock is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """Where the messages of one meter go. `device` is its identifier, and the beginning of all unique ids."""

    device: str
    config: str
    state: str
    link: str
    settings: str
    availability: str
    gateway: str
    """The availability of the gateway, which all meters share."""


def slug(name: str) -> str:
    """Return the name with everything but letters, digits, `_` and `-` replaced by `_`."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


def topics_of(meter: str, *, base_topic: str = "juntek", discovery_prefix: str = "homeassistant") -> Topics:
    """Return the topics of a meter by its configured name."""
    device, place = f"{slug(base_topic)}_{slug(meter)}", f"{base_topic}/{slug(meter)}"
    return Topics(
        device=device,
        config=f"{discovery_prefix}/device/{device}/config",
        state=f"{place}/state",
        link=f"{place}/link",
        settings=f"{place}/settings",
        availability=f"{place}/availability",
        gateway=f"{base_topic}/gateway/availability",
    )


def discovery(  # noqa: PLR0913 - what a device is made of
    meter: str,
    topics: Topics,
    *,
    family: str,
    identity: Identity | None = None,
    version: str,
    history: bool = False,
) -> dict[str, Any]:
    """Return the discovery message of a meter; its entities depend on the family, and on whether a history is kept.

    `version` is ours. Raises KeyError for a family that has no model table.
    """
    model = model_of_family(family)
    if model is None:
        raise KeyError(family)
    sources: dict[Source, str] = {"state": topics.state, "link": topics.link, "settings": topics.settings}
    return {
        "device": _device(meter, topics.device, family, identity),
        "origin": {"name": "juntek", "sw_version": version},
        "availability": [{"topic": topics.gateway}, {"topic": topics.availability}],
        "availability_mode": "all",
        "state_topic": topics.state,
        "components": {
            entity.key: entity.component(topics.device, sources, topics.gateway)
            for entity in entities_of(model, history=history)
        },
    }


def state(reading: Reading) -> dict[str, Any]:
    """Return the state message: every key is always there, null where nothing is known."""
    return reading.as_dict()


def link(
    health: Health, *, available: bool, gateway: str, history: HistoryState = "off", history_error: str | None = None
) -> dict[str, Any]:
    """Return the message about a meter's link. `available`: the meter answers; `gateway`: the machine we run on.

    `history`: whether readings are kept at present; `history_error`: why they are not.
    """
    own = {"gateway": gateway, "history": history, "history_error": history_error}
    return {"available": available, **health.as_dict(), **own}


def settings(values: Settings) -> dict[str, Any]:
    """Return the settings message: every key is always there, null where the family has none or it is off."""
    return {key: value for key, value in values.as_dict().items() if key not in SECRETS}


def families_with(setting: str) -> list[str]:
    """Return the families of meters that have a setting, by its key."""
    return [model.family for model in find_models() if any(row.key == setting for row in model.settings.rows)]


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
