"""The vocabulary: every quantity once, with its unit and kind; rule: no other file invents a key, unit or label.

Keys, units and signs are the same in Python, JSON, MQTT topics, columns and documents.
Charging is positive, discharging negative.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Accumulation = Literal["instant", "total", "today", "state", "setting"]


@dataclass(frozen=True, slots=True)
class Quantity:
    """One thing the meter or this package says about a battery.

    `unit` is empty for words and plain counts. `dimension` is the physical kind ("voltage", "energy", ...)
    or empty. `accumulation` is "instant" (may be averaged), "total" (only grows), "today" (a total that
    starts again at local midnight), "state" (a word or a count) or "setting".
    `digits` are the decimals worth showing.
    """

    key: str
    label: str
    unit: str
    dimension: str
    accumulation: Accumulation
    digits: int = 0


_INSTANT = (
    Quantity("voltage", "Voltage", "V", "voltage", "instant", 2),
    Quantity("current", "Current", "A", "current", "instant", 2),
    Quantity("power", "Power", "W", "power", "instant", 1),
    Quantity("charge_power", "Charge power", "W", "power", "instant", 1),
    Quantity("discharge_power", "Discharge power", "W", "power", "instant", 1),
    Quantity("state_of_charge", "State of charge", "%", "ratio", "instant", 1),
    Quantity("remaining_capacity", "Remaining capacity", "Ah", "charge", "instant", 3),
    Quantity("temperature", "Temperature", "°C", "temperature", "instant", 0),
    Quantity("internal_resistance", "Internal resistance", "mΩ", "resistance", "instant", 2),
    Quantity("time_to_empty", "Time to empty", "min", "duration", "instant", 0),
    Quantity("time_to_full", "Time to full", "min", "duration", "instant", 0),
)

_TOTAL = (
    Quantity("discharged_capacity", "Discharged capacity", "Ah", "charge", "total", 3),
    Quantity("charged_capacity", "Charged capacity", "Ah", "charge", "total", 3),
    Quantity("discharged_energy", "Discharged energy", "Wh", "energy", "total", 2),
    Quantity("charged_energy", "Charged energy", "Wh", "energy", "total", 2),
    Quantity("discharged_energy_today", "Discharged energy today", "Wh", "energy", "today", 2),
    Quantity("charged_energy_today", "Charged energy today", "Wh", "energy", "today", 2),
)

_STATE = (
    Quantity("direction", "Direction", "", "", "state"),
    Quantity("output_state", "Output state", "", "", "state"),
    Quantity("run_time", "Run time", "s", "duration", "state"),
    Quantity("message_count", "Messages", "", "", "state"),
)

_SETTING = (
    Quantity("nominal_capacity", "Nominal capacity", "Ah", "charge", "setting", 1),
    Quantity("over_voltage_protection", "Over-voltage protection", "V", "voltage", "setting", 2),
    Quantity("under_voltage_protection", "Under-voltage protection", "V", "voltage", "setting", 2),
    Quantity("over_current_protection", "Over-current protection", "A", "current", "setting", 2),
    Quantity("negative_over_current_protection", "Charge over-current protection", "A", "current", "setting", 2),
    Quantity("over_power_protection", "Over-power protection", "W", "power", "setting", 2),
    Quantity("over_temperature_protection", "Over-temperature protection", "°C", "temperature", "setting"),
    Quantity("low_temperature_protection", "Low-temperature protection", "°C", "temperature", "setting"),
    Quantity("protection_recovery_time", "Protection recovery time", "s", "duration", "setting"),
    Quantity("protection_delay", "Protection delay", "s", "duration", "setting"),
    Quantity("voltage_calibration", "Voltage calibration", "", "", "setting"),
    Quantity("current_calibration", "Current calibration", "", "", "setting"),
    Quantity("temperature_calibration", "Temperature calibration", "°C", "temperature", "setting"),
    Quantity("relay_type", "Relay type", "", "", "setting"),
    Quantity("current_ratio", "Current ratio", "", "", "setting"),
    Quantity("voltage_curve_scale", "Voltage curve scale", "", "", "setting"),
    Quantity("current_curve_scale", "Current curve scale", "", "", "setting"),
    Quantity("time_calibration", "Time calibration", "", "", "setting"),
    Quantity("data_logging", "Data logging", "", "", "setting"),
    Quantity("full_voltage", "Full voltage", "V", "voltage", "setting", 2),
    Quantity("empty_voltage", "Empty voltage", "V", "voltage", "setting", 2),
    Quantity("full_current", "Full current", "%", "ratio", "setting"),
    Quantity("full_detection_time", "Full detection time", "min", "duration", "setting", 1),
    Quantity("temperature_unit", "Temperature unit", "", "", "setting"),
    Quantity("bluetooth_password", "Bluetooth password", "", "", "setting"),
    Quantity("log_interval", "Log interval", "s", "duration", "setting"),
)

QUANTITIES: dict[str, Quantity] = {q.key: q for q in (*_INSTANT, *_TOTAL, *_STATE, *_SETTING)}
"""All quantities by key, in the order in which they are shown."""

READING_KEYS = (*(q.key for q in (*_INSTANT, *_TOTAL, *_STATE)), "nominal_capacity")
SETTING_KEYS = tuple(q.key for q in _SETTING)

OUTPUT_STATES = (
    "on",
    "off",
    "over_voltage",
    "over_current",
    "low_voltage",
    "negative_over_current",
    "over_power",
    "over_temperature",
    "unknown",
)
DIRECTIONS = ("charging", "discharging", "idle")
SENSORS = ("shunt", "hall")
