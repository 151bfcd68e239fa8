"""What a meter says of its battery at one moment, and what follows from it."""

from juntek.quantity.row import Chart, Quantity

DIRECTIONS = ("charging", "discharging", "idle")
_OUTPUTS = {
    "on": "On",
    "off": "Off",
    "over_voltage": "Voltage too high",
    "over_current": "Discharge current too high",
    "low_voltage": "Voltage too low",
    "negative_over_current": "Charge current too high",
    "over_power": "Power too high",
    "over_temperature": "Too hot",
    "unknown": "Unknown",
}
OUTPUT_STATES = tuple(_OUTPUTS)

ROWS = (
    Quantity("voltage", "Voltage", "V", "voltage", "instant", 2, per_unit=100, help="Battery voltage.",
             chart=Chart(0.5, order=4)),
    Quantity("current", "Current", "A", "current", "instant", 2, per_unit=100,
             help="Battery current, positive while charging.", chart=Chart(2, signed=True, order=3)),
    Quantity("power", "Power", "W", "power", "instant", 1, per_unit=100,
             help="Battery power, positive while charging.", chart=Chart(50, height=1.35, signed=True, order=2)),
    Quantity("charge_power", "Charge power", "W", "power", "instant", 1),
    Quantity("discharge_power", "Discharge power", "W", "power", "instant", 1),
    Quantity("state_of_charge", "State of charge", "%", "ratio", "instant", 1, per_unit=100,
             help="What is left, 0 to 1.",
             chart=Chart(100, height=1.1, ends=(0, 100), order=1), device_class="battery"),
    Quantity("remaining_capacity", "Remaining capacity", "Ah", "charge", "instant", 3, per_unit=1000,
             help="What is left.", icon="mdi:battery-medium"),
    Quantity("temperature", "Temperature", "°C", "temperature", "instant", 0, per_unit=10,
             help="Temperature of the probe.", chart=Chart(6, height=0.8, order=5)),
    Quantity("internal_resistance", "Internal resistance", "mΩ", "resistance", "instant", 2, per_unit=100,
             help="The meter's own estimate.", icon="mdi:omega", diagnostic=True),
    Quantity("time_to_empty", "Time to empty", "min", "duration", "instant", 0),
    Quantity("time_to_full", "Time to full", "min", "duration", "instant", 0),
    Quantity("discharged_capacity", "Discharged capacity", "Ah", "charge", "total", 3, per_unit=1000,
             help="Charge out.", icon="mdi:battery-arrow-down"),
    Quantity("charged_capacity", "Charged capacity", "Ah", "charge", "total", 3, per_unit=1000,
             help="Charge in.", icon="mdi:battery-arrow-up"),
    Quantity("discharged_energy", "Discharged energy", "Wh", "energy", "total", 2, per_unit=100, help="Energy out."),
    Quantity("charged_energy", "Charged energy", "Wh", "energy", "total", 2, per_unit=100, help="Energy in."),
    Quantity("discharged_energy_today", "Discharged energy today", "Wh", "energy", "today", 2),
    Quantity("charged_energy_today", "Charged energy today", "Wh", "energy", "today", 2),
    Quantity("direction", "Direction", "", "", "state", words=DIRECTIONS),
    Quantity("output_state", "Output state", "", "", "state", words=OUTPUT_STATES, names=tuple(_OUTPUTS.values())),
    Quantity("run_time", "Run time", "s", "duration", "state", per_unit=1, diagnostic=True, enabled=False),
    Quantity("message_count", "Messages", "", "", "state", icon="mdi:counter", diagnostic=True, enabled=False),
)  # fmt: skip
