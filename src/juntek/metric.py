"""What time-series databases call each quantity, and what is known now under these names; rule: the one mapping.

Base units and names are as Prometheus wants them. A meter that is silent has no readings and settings; what tells of
its link stays.

A value that is scraped and one that is pushed have one name, so that a dashboard need not know how it came: in line
protocol the measurement is MEASUREMENT and the field is the rest of the name. (prometheus.io, "Metric and label
naming": one base unit as suffix, seconds, joules and coulombs instead of hours, and `_total` for what only grows.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from juntek.quantity import BATTERY_KEYS, QUANTITIES, Quantity
from juntek.reading import READERS, Reading
from juntek.update import Health, Update

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
    kind: Literal["gauge", "counter", "info"]
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


_BASE_UNITS: dict[str, tuple[str, int, int]] = {
    "V": ("volts", 1, 1),
    "A": ("amperes", 1, 1),
    "W": ("watts", 1, 1),
    "°C": ("celsius", 1, 1),
    "Ah": ("coulombs", 3600, 1),
    "Wh": ("joules", 3600, 1),
    "kWh": ("joules", 3_600_000, 1),
    "s": ("seconds", 1, 1),
    "min": ("seconds", 60, 1),
    "%": ("ratio", 1, 100),
    "mΩ": ("ohms", 1, 1000),
}
"""Of each unit the base unit, and by what a value of ours is multiplied and divided."""


def metric_of(quantity: Quantity) -> Metric:
    """Return the name that follows from a quantity: `juntek_charged_energy_joules_total`."""
    suffix, factor, divisor = _BASE_UNITS.get(quantity.unit, ("", 1, 1))
    grows = quantity.accumulation == "total"
    name = "_".join(filter(None, (MEASUREMENT, quantity.key, suffix, "total" if grows else "")))
    return Metric(name, "counter" if grows else "gauge", quantity.key, quantity.help, factor, divisor)


READING_METRICS = (
    *(metric_of(row) for row in QUANTITIES.values() if row.help and row.accumulation != "setting" and not row.optional),
    Metric("juntek_output_code", "gauge", "output_code", "The meter's code for its output: 0 on, 1 to 6 protection."),
)
"""What is said of every reading."""

BATTERY_METRICS = tuple(metric_of(QUANTITIES[key]) for key in BATTERY_KEYS)
"""What is said besides where a battery is watched."""

SETTING_METRICS = tuple(metric_of(row) for row in QUANTITIES.values() if row.help and row.accumulation == "setting")
"""What is said now and then of how a meter is set; nominal capacity is that of the configuration where it has one."""

LINK_METRICS = (
    Metric("juntek_meter_up", "gauge", "available", "1 while the meter answers, else 0."),
    Metric("juntek_link_up", "gauge", "connected", "1 while the port or the connection is open, else 0."),
    Metric("juntek_frames_total", "counter", "frames", "Good frames of the meter."),
    Metric("juntek_garbage_frames_total", "counter", "garbage", "Rejected frames, by reason."),
    Metric("juntek_reconnects_total", "counter", "reconnects", "How often the link was opened again."),
    Metric("juntek_last_frame_timestamp_seconds", "gauge", "last_frame", "When the last good frame came, since 1970."),
)
"""How the link of a meter does; rejected frames have the label `reason` too."""

SINK_METRICS = (
    Metric("juntek_sink_up", "gauge", "connected", "1 while the sink's far end takes what it is given, else 0."),
    Metric("juntek_sink_waiting_updates", "gauge", "waiting", "Updates in the sink's queue."),
    Metric("juntek_sink_lag_seconds", "gauge", "lag", "Age of the oldest reading that the far end does not have yet."),
    Metric("juntek_sink_failures_total", "counter", "failures", "How often the sink failed and was tried again."),
    Metric("juntek_sink_lost_updates_total", "counter", "lost", "Updates that the sink's far end never got."),
    Metric("juntek_sink_refused_readings_total", "counter", "refused", "Readings that the far end would not take."),
)
"""How each sink of the gateway does; instead of `meter` they have the label `sink`."""

METER_INFO_METRIC = Metric("juntek_meter_info", "info", "", "Who the meter is.")
"""Always 1, with who the meter is as labels: family, model, sensor, firmware."""
GATEWAY_INFO_METRIC = Metric("juntek_gateway_info", "info", "", "The gateway itself.")
"""Always 1, with the labels gateway and version."""
INFO, GATEWAY_INFO = METER_INFO_METRIC.name, GATEWAY_INFO_METRIC.name

ALL_METRICS = (METER_INFO_METRIC, *READING_METRICS, *SETTING_METRICS, *LINK_METRICS, GATEWAY_INFO_METRIC, *SINK_METRICS)
"""But for those of a battery that is watched, in the order in which they are shown."""

_IDENTITY_KEYS = ("family", "model", "sensor", "firmware")


class Sample(NamedTuple):
    """One value in the base unit, with its labels."""

    metric: Metric
    labels: Mapping[str, str]
    value: float


def nothing_of(meter: str) -> Update:
    """Return what is known of a meter of which nothing was heard yet."""
    return Update(meter, available=False, reading=None, identity=None, settings=None, health=Health())


def samples_of_reading(site: str, meter: str, reading: Reading) -> Iterator[Sample]:
    """Yield what a reading says."""
    labels = {SITE: site, METER: meter}
    for metric in READING_METRICS:
        value = READERS[metric.key](reading) if metric.key in READERS else getattr(reading, metric.key)
        yield from _sample(metric, labels, value)
    for metric in BATTERY_METRICS if reading.more else ():
        yield from _sample(metric, labels, reading.more.get(metric.key))


def samples_of_meter(site: str, update: Update) -> Iterator[Sample]:
    """Yield who a meter is, how its link does and, while it answers, how it is set.

    Of the nominal capacity a reading has that of the configuration.
    """
    labels, health, reading = {SITE: site, METER: update.meter}, update.health, update.reading
    if update.identity is not None:
        words = {key: str(getattr(update.identity, key)) for key in _IDENTITY_KEYS}
        yield Sample(METER_INFO_METRIC, labels | words, 1.0)
    for metric in LINK_METRICS:
        if metric.key == "garbage":
            for reason, count in list(health.garbage.items()):
                yield Sample(metric, labels | {"reason": reason}, float(count))
        else:
            yield from _sample(metric, labels, getattr(update if metric.key == "available" else health, metric.key))
    for metric in SETTING_METRICS if update.available else ():
        value = update.settings.value(metric.key) if update.settings else None
        if metric.key == "nominal_capacity" and reading is not None and reading.nominal_capacity is not None:
            value = reading.nominal_capacity
        yield from _sample(metric, labels, value)


def samples_of_gateway(site: str, gateway: str, version: str, sinks: Mapping[str, Any], now: float) -> Iterator[Sample]:
    """Yield what the gateway is, and how each of its sinks does: a `SinkHealth`, whose attributes are the keys."""
    yield Sample(GATEWAY_INFO_METRIC, {SITE: site, "gateway": gateway, "version": version}, 1.0)
    for name, health in list(sinks.items()):
        for metric in SINK_METRICS:
            value = health.lag(now) if metric.key == "lag" else getattr(health, metric.key)
            yield from _sample(metric, {SITE: site, "sink": name}, value)


def _sample(metric: Metric, labels: Mapping[str, str], value: float | None) -> Iterable[Sample]:
    return () if value is None else (Sample(metric, labels, metric.scale(float(value))),)
