"""What follows from readings where a meter has a section [meters.battery]; elsewhere these are not there at all."""

from functools import partial

from juntek.quantity.row import Quantity

_Row = partial(Quantity, optional=True)

ROWS = (
    _Row("meter_state_of_charge", "State of charge by the meter", "%", "ratio", "instant", 1,
         help="What the meter itself says is left, 0 to 1.", icon="mdi:battery-unknown", diagnostic=True),
    _Row("state_of_charge_uncertainty", "Uncertainty of the state of charge", "%", "ratio", "instant", 1,
         per_unit=100,
         help="How far the state of charge may be off, 95 times of 100.", icon="mdi:plus-minus-variant"),
    _Row("remaining_energy", "Remaining energy", "kWh", "energy", "instant", 2, help="What is left.",
         device_class="energy_storage"),
    _Row("time_since_full", "Time since full", "min", "duration", "instant", 0, help="Since the battery was full."),
    _Row("synchronisations", "Times full", "", "", "state", help="How often the battery was found full.",
         icon="mdi:battery-check"),
    _Row("usable_capacity", "Usable capacity", "Ah", "charge", "instant", 1, help="What the battery holds, as learnt.",
         icon="mdi:battery"),
    _Row("state_of_health", "State of health", "%", "ratio", "instant", 1,
         help="Usable capacity as a part of the nominal one.", icon="mdi:battery-heart-variant"),
    _Row("zero_offset", "Zero offset", "A", "current", "instant", 3,
         help="What the meter says while no current flows, as learnt.", diagnostic=True),
    _Row("measured_resistance", "Measured resistance", "mΩ", "resistance", "instant", 2,
         help="Internal resistance by load steps.", icon="mdi:omega", diagnostic=True),
    _Row("cycles", "Cycles", "", "", "state", 1, help="All that was discharged, in usable capacities.",
         icon="mdi:battery-sync"),
    _Row("deepest_discharge", "Deepest discharge", "Ah", "charge", "state", 1, help="The deepest of all.",
         icon="mdi:battery-arrow-down"),
    _Row("last_discharge", "Last discharge", "Ah", "charge", "state", 1, help="The deepest since the last full.",
         icon="mdi:battery-arrow-down"),
    _Row("average_discharge", "Average discharge", "Ah", "charge", "state", 1,
         help="The deepest between two fulls, on average.", icon="mdi:battery-arrow-down"),
    _Row("full_discharges", "Times empty", "", "", "state", help="How often the battery was found empty.",
         icon="mdi:battery-alert-variant-outline"),
    _Row("cumulative_discharge", "Discharged since learning", "Ah", "charge", "state", 1,
         help="All that was discharged since the battery is watched.", icon="mdi:battery-arrow-down"),
    _Row("low_voltage_alarms", "Low voltage alarms", "", "", "state",
         help="How often the voltage was too low for the battery.", icon="mdi:alert-outline"),
    _Row("high_voltage_alarms", "High voltage alarms", "", "", "state",
         help="How often the voltage was too high for the battery.", icon="mdi:alert-outline"),
    _Row("minimum_voltage", "Lowest voltage", "V", "voltage", "state", 2, help="The lowest since it is watched."),
    _Row("maximum_voltage", "Highest voltage", "V", "voltage", "state", 2, help="The highest since it is watched."),
)  # fmt: skip
