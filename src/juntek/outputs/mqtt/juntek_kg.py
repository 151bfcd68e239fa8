"""The topics of the older program juntek_kg, with the right values; rule: its names, and nothing that it did not say.

`<base>/<model in small letters>/<name>/state`, one plain value each, not retained. It took volts for amperes and
amperes for volts; here each name says what it means. Both its earlier and its later names are here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from juntek.reading import Identity, Reading

_KEY_OF_NAME = {
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


def place_of(base_topic: str, reading: Reading, identity: Identity | None) -> str:
    """Return the topic above all values of a meter; a meter whose model is not known stands under its family."""
    return f"{base_topic}/{(identity.model if identity else reading.family).lower()}"


def values_of(reading: Reading) -> Iterator[tuple[str, str]]:
    """Yield names and values as text; what is not known is left out, as it was there."""
    for name, key in _KEY_OF_NAME.items():
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
