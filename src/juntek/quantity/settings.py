"""How a meter is set."""

from juntek.quantity.row import Quantity

SENSORS = ("shunt", "hall")

_LIMIT = "Limit set in the meter."

ROWS = (
    Quantity("nominal_capacity", "Nominal capacity", "Ah", "charge", "setting", 1, per_unit=10,
             help="Capacity when full.", icon="mdi:battery", diagnostic=True),
    Quantity("over_voltage_protection", "Over-voltage protection", "V", "voltage", "setting", 2, help=_LIMIT),
    Quantity("under_voltage_protection", "Under-voltage protection", "V", "voltage", "setting", 2, help=_LIMIT),
    Quantity("over_current_protection", "Over-current protection", "A", "current", "setting", 2, help=_LIMIT),
    Quantity("negative_over_current_protection", "Charge over-current protection", "A", "current", "setting", 2,
             help="Limit set in the meter, while charging."),
    Quantity("over_power_protection", "Over-power protection", "W", "power", "setting", 2, help=_LIMIT),
    Quantity("over_temperature_protection", "Over-temperature protection", "°C", "temperature", "setting", help=_LIMIT),
    Quantity("low_temperature_protection", "Low-temperature protection", "°C", "temperature", "setting", help=_LIMIT),
    Quantity("protection_recovery_time", "Protection recovery time", "s", "duration", "setting"),
    Quantity("protection_delay", "Protection delay", "s", "duration", "setting"),
    Quantity("voltage_calibration", "Voltage calibration", "", "", "setting"),
    Quantity("current_calibration", "Current calibration", "", "", "setting"),
    # A difference: as a temperature Home Assistant would turn it into °F with 32 added.
    Quantity("temperature_calibration", "Temperature calibration", "°C", "temperature difference", "setting"),
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
    Quantity("bluetooth_password", "Bluetooth password", "", "", "setting", secret=True),
    Quantity("log_interval", "Log interval", "s", "duration", "setting"),
)  # fmt: skip
