"""What other programs know already, beside our own topics; rule: their names, not retained, and nothing they lack.

juntek_kg, the older program: `<base>/<model in small letters>/<name>/state`, one plain value each. It took volts for
amperes and amperes for volts; here each name says what it means. Both its earlier and its later names are here.

Venus OS: `<base>/<meter>/venus`, the JSON that the driver dbus-mqtt-battery asks for in its README.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

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
    """Return a reading as dbus-mqtt-battery takes it: Ah, s, and 2 for an alarm; what is not known is left out."""
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
    return json.dumps(values, separators=(",", ":"))


def _known(**values: float | None) -> dict[str, float]:
    return {name: value for name, value in values.items() if value is not None}
