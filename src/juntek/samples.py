"""What is known now, as values with names and labels of `metric`; rule: the one mapping, for who fetches and who sends.

A meter that is silent has no readings and settings; what tells of its link stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol

from juntek.metric import (
    BATTERY_METRICS,
    GATEWAY_INFO_METRIC,
    LINK_METRICS,
    METER,
    METER_INFO_METRIC,
    READING_METRICS,
    SETTING_METRICS,
    SINK_METRICS,
    SITE,
    Metric,
)
from juntek.reading import READERS, Reading
from juntek.update import Health, Update

_IDENTITY_KEYS = ("family", "model", "sensor", "firmware")
_NOMINAL_CAPACITY = "nominal_capacity"


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
        if metric.key == _NOMINAL_CAPACITY and reading is not None and reading.nominal_capacity is not None:
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
