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
from typing import Literal, NamedTuple, Protocol

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
    "voltage": ("volts", 1, 1),
    "current": ("amperes", 1, 1),
    "power": ("watts", 1, 1),
    "temperature": ("celsius", 1, 1),
    "charge": ("coulombs", 3600, 1),
    "energy": ("joules", 3600, 1),
    "ratio": ("ratio", 1, 100),
    "resistance": ("ohms", 1, 1000),
}
"""Of each dimension the base unit, and by what a value of ours is multiplied and divided."""
_SECONDS = {"s": 1, "min": 60}
_KILO = {"kWh": 1000}


def metric_of(quantity: Quantity) -> Metric:
    """Return the name that follows from a quantity: `juntek_charged_energy_joules_total`."""
    suffix, factor, divisor = _BASE_UNITS.get(quantity.dimension, ("", 1, 1))
    if quantity.dimension == "duration":
        suffix, factor = "seconds", _SECONDS[quantity.unit]
    factor *= _KILO.get(quantity.unit, 1)
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

INFO = "juntek_meter_info"
"""Always 1, with who the meter is as labels: family, model, sensor, firmware."""
GATEWAY_INFO = "juntek_gateway_info"
"""Always 1, with the labels gateway and version."""
METER_INFO_METRIC = Metric(INFO, "info", "", "Who the meter is.")
GATEWAY_INFO_METRIC = Metric(GATEWAY_INFO, "info", "", "The gateway itself.")

_IDENTITY_KEYS = ("family", "model", "sensor", "firmware")


class Sample(NamedTuple):
    """One value in the base unit, with its labels."""

    metric: Metric
    labels: Mapping[str, str]
    value: float


class SinkState(Protocol):
    """What is told of a sink; its other values are attributes by the key of the metric."""

    def lag(self, now: float) -> float:
        """Return how old the oldest reading is that it does not have yet, s."""


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


def samples_of_settings(site: str, update: Update, reading: Reading | None) -> Iterator[Sample]:
    """Yield how a meter is set; of the nominal capacity a reading has that of the configuration."""
    labels = {SITE: site, METER: update.meter}
    for metric in SETTING_METRICS:
        value = update.settings.value(metric.key) if update.settings else None
        if metric.key == "nominal_capacity" and reading is not None and reading.nominal_capacity is not None:
            value = reading.nominal_capacity
        yield from _sample(metric, labels, value)


def samples_of_link(site: str, update: Update, *, is_up: bool) -> Iterator[Sample]:
    """Yield who a meter is and how its link does."""
    labels, health = {SITE: site, METER: update.meter}, update.health
    if update.identity is not None:
        words = {key: str(getattr(update.identity, key)) for key in _IDENTITY_KEYS}
        yield Sample(METER_INFO_METRIC, labels | words, 1.0)
    for metric in LINK_METRICS:
        if metric.key == "garbage":
            for reason, count in list(health.garbage.items()):
                yield Sample(metric, labels | {"reason": reason}, float(count))
        else:
            yield from _sample(metric, labels, is_up if metric.key == "available" else getattr(health, metric.key))


def samples_of_gateway(
    site: str, gateway: str, version: str, sinks: Mapping[str, SinkState], now: float
) -> Iterator[Sample]:
    """Yield what the gateway is, and how each of its sinks does."""
    yield Sample(GATEWAY_INFO_METRIC, {SITE: site, "gateway": gateway, "version": version}, 1.0)
    for name, state in list(sinks.items()):
        for metric in SINK_METRICS:
            value = state.lag(now) if metric.key == "lag" else getattr(state, metric.key)
            yield from _sample(metric, {SITE: site, "sink": name}, value)


def _sample(metric: Metric, labels: Mapping[str, str], value: float | None) -> Iterable[Sample]:
    return () if value is None else (Sample(metric, labels, metric.scale(float(value))),)
