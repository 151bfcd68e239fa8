"""What engines of time series call each quantity; rule: base units and names as Prometheus wants them, and no other.

A value that is scraped and one that is pushed have one name, so that a dashboard need not know how it came: in line
protocol the measurement is MEASUREMENT and the field is the rest of the name. (prometheus.io, "Metric and label
naming": one base unit as suffix, seconds, joules and coulombs instead of hours, and `_total` for what only grows.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MEASUREMENT = "juntek"
"""The first word of every name."""

SITE, METER = "site", "meter"
"""Labels of every value of a meter."""

DIGITS = 6
"""Decimals that are kept; the finest step of a meter is 0.00001 ohm, and a time needs no more."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One name: `key` is that of `quantity`, and a value is multiplied by `factor` and divided by `divisor`."""

    name: str
    kind: Literal["gauge", "counter"]
    key: str
    help: str
    factor: int = 1
    divisor: int = 1

    @property
    def field(self) -> str:
        """The name in line protocol, below the measurement."""
        return self.name.removeprefix(f"{MEASUREMENT}_")

    def scale(self, value: float) -> float:
        """Return a value of `quantity` in the base unit, without the noise of a float: 1.1 Ah are 3960 C."""
        return round(value * self.factor / self.divisor, DIGITS)


READING_METRICS = (
    Metric("juntek_voltage_volts", "gauge", "voltage", "Battery voltage."),
    Metric("juntek_current_amperes", "gauge", "current", "Battery current, positive while charging."),
    Metric("juntek_power_watts", "gauge", "power", "Battery power, positive while charging."),
    Metric("juntek_state_of_charge_ratio", "gauge", "state_of_charge", "What is left, 0 to 1.", divisor=100),
    Metric("juntek_remaining_capacity_coulombs", "gauge", "remaining_capacity", "What is left.", factor=3600),
    Metric("juntek_temperature_celsius", "gauge", "temperature", "Temperature of the probe."),
    Metric(
        "juntek_internal_resistance_ohms", "gauge", "internal_resistance", "The meter's own estimate.", divisor=1000
    ),
    Metric("juntek_discharged_capacity_coulombs_total", "counter", "discharged_capacity", "Charge out.", factor=3600),
    Metric("juntek_charged_capacity_coulombs_total", "counter", "charged_capacity", "Charge in.", factor=3600),
    Metric("juntek_discharged_energy_joules_total", "counter", "discharged_energy", "Energy out.", factor=3600),
    Metric("juntek_charged_energy_joules_total", "counter", "charged_energy", "Energy in.", factor=3600),
    Metric("juntek_output_code", "gauge", "output_code", "The meter's code for its output: 0 on, 1 to 6 protection."),
)
"""What is said of every reading."""

SETTING_METRICS = (
    Metric("juntek_nominal_capacity_coulombs", "gauge", "nominal_capacity", "Capacity when full.", factor=3600),
    Metric("juntek_over_voltage_protection_volts", "gauge", "over_voltage_protection", "Limit set in the meter."),
    Metric("juntek_under_voltage_protection_volts", "gauge", "under_voltage_protection", "Limit set in the meter."),
    Metric("juntek_over_current_protection_amperes", "gauge", "over_current_protection", "Limit set in the meter."),
    Metric(
        "juntek_negative_over_current_protection_amperes",
        "gauge",
        "negative_over_current_protection",
        "Limit set in the meter, while charging.",
    ),
    Metric("juntek_over_power_protection_watts", "gauge", "over_power_protection", "Limit set in the meter."),
    Metric(
        "juntek_over_temperature_protection_celsius",
        "gauge",
        "over_temperature_protection",
        "Limit set in the meter.",
    ),
    Metric(
        "juntek_low_temperature_protection_celsius", "gauge", "low_temperature_protection", "Limit set in the meter."
    ),
)
"""What is said now and then of how a meter is set; nominal capacity is that of the configuration where it has one."""

LINK_METRICS = (
    Metric("juntek_meter_up", "gauge", "available", "1 while the meter answers, else 0."),
    Metric("juntek_link_up", "gauge", "connected", "1 while the port or the connection is open, else 0."),
    Metric("juntek_frames_total", "counter", "frames", "Good frames of the meter."),
    Metric("juntek_garbage_frames_total", "counter", "garbage", "What was thrown away, by reason."),
    Metric("juntek_reconnects_total", "counter", "reconnects", "How often the link was opened again."),
    Metric("juntek_last_frame_timestamp_seconds", "gauge", "last_frame", "When the last good frame came, since 1970."),
)
"""How the link of a meter does; garbage has the label `reason` too."""

SINK_METRICS = (
    Metric("juntek_sink_up", "gauge", "connected", "1 while the sink's far end takes what it is given, else 0."),
    Metric("juntek_sink_waiting_updates", "gauge", "waiting", "Updates in the sink's queue."),
    Metric("juntek_sink_lag_seconds", "gauge", "lag", "Age of the oldest reading that the far end does not have yet."),
    Metric("juntek_sink_failures_total", "counter", "failures", "How often the sink failed and was tried again."),
    Metric("juntek_sink_lost_updates_total", "counter", "lost", "Updates that the sink's far end never got."),
    Metric("juntek_sink_refused_readings_total", "counter", "refused", "Readings that the far end would not take."),
)
"""How each sink of the gateway does; instead of `meter` they have the label `sink`."""

INFO = "juntek_meter_info"
"""Always 1, with who the meter is as labels: family, model, sensor, firmware."""
GATEWAY_INFO = "juntek_gateway_info"
"""Always 1, with the labels gateway and version."""
