"""What an estimator says of a battery, made up; rule: the keys are those of the vocabulary."""

from __future__ import annotations

from typing import Any

from juntek.outputs.web.api import facts_of
from juntek.quantity import Quantity

BATTERY = [
    facts_of(row) | {"history": row.key == "state_of_charge_uncertainty"}
    for row in (
        Quantity("meter_state_of_charge", "State of charge by the meter", "%", "ratio", "instant", 1),
        Quantity("state_of_charge_uncertainty", "Uncertainty of the state of charge", "%", "ratio", "instant", 1),
        Quantity("remaining_energy", "Remaining energy", "kWh", "energy", "instant", 2),
        Quantity("time_since_full", "Time since full", "s", "duration", "instant"),
        Quantity("synchronisations", "Synchronisations", "", "", "state"),
        Quantity("usable_capacity", "Usable capacity", "Ah", "charge", "instant", 1),
        Quantity("state_of_health", "State of health", "%", "ratio", "instant", 0),
        Quantity("zero_offset", "Zero offset", "A", "current", "instant", 3),
        Quantity("measured_resistance", "Measured resistance", "m\N{GREEK CAPITAL LETTER OMEGA}", "", "instant", 1),
        Quantity("cycles", "Cycles", "", "", "state", 1),
        Quantity("deepest_discharge", "Deepest discharge", "Ah", "charge", "state", 1),
        Quantity("last_discharge", "Last discharge", "Ah", "charge", "state", 1),
        Quantity("average_discharge", "Average discharge", "Ah", "charge", "state", 1),
        Quantity("full_discharges", "Full discharges", "", "", "state"),
        Quantity("cumulative_discharge", "Cumulative discharge", "Ah", "charge", "total", 0),
        Quantity("minimum_voltage", "Lowest voltage", "V", "voltage", "state", 2),
        Quantity("maximum_voltage", "Highest voltage", "V", "voltage", "state", 2),
    )
]


def estimate() -> dict[str, float]:
    """What a reading says besides where a battery is estimated."""
    return {
        "state_of_charge": 63.0, "meter_state_of_charge": 68.4, "state_of_charge_uncertainty": 1.8,
        "remaining_energy": 8.91, "remaining_capacity": 171.3, "time_since_full": 142_000, "synchronisations": 31,
        "usable_capacity": 271.8, "state_of_health": 97.0, "zero_offset": -0.043, "measured_resistance": 11.2,
        "cycles": 118.4, "deepest_discharge": 241.0, "last_discharge": 101.2, "average_discharge": 88.0,
        "full_discharges": 2, "cumulative_discharge": 32_100.0, "minimum_voltage": 44.2, "maximum_voltage": 57.1,
    }  # fmt: skip


def events(now: float) -> list[dict[str, Any]]:
    """Full two days ago, half a day ago, and empty a week ago."""
    return [
        {"time": now - ago, "event": event, "state_of_charge": charge}
        for ago, event, charge in ((7 * 86_400.0, "empty", 0.0), (172_800.0, "full", 100.0), (43_200.0, "full", 100.0))
    ]
