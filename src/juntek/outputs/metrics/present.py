"""What is known now of each meter, each sink and the gateway, as metrics; rule: nothing stale is shown."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from juntek.metric import (
    GATEWAY_INFO_METRIC,
    LINK_METRICS,
    METER_INFO_METRIC,
    READING_METRICS,
    SETTING_METRICS,
    SINK_METRICS,
    Metric,
)
from juntek.outputs import Context
from juntek.reading import Reading
from juntek.samples import (
    Sample,
    nothing_of,
    samples_of_gateway,
    samples_of_link,
    samples_of_reading,
    samples_of_settings,
)
from juntek.update import Update

SHORTEST_LIFE: Final = 60.0
GAPS: Final = 5
"""A reading lives that many times the longest gap there was between two, and no less than SHORTEST_LIFE s."""

Family = GaugeMetricFamily | CounterMetricFamily | InfoMetricFamily


@dataclass(slots=True)
class Present:
    """One meter. Where nothing was heard of it yet, there is its name only.

    `update.available` tells already that a meter is silent, from how often it is asked. That a reading has a life
    besides is for the day when nobody tells.
    """

    update: Update
    reading: Reading | None = None
    heard: float = 0.0
    gap: float = 0.0

    def take(self, update: Update, now: float) -> None:
        """Remember an update that came at `now`, by a clock that never steps."""
        self.update = update
        if not update.available:
            self.reading, self.gap = None, 0.0
        elif update.reading is not None:
            if self.reading is not None:
                self.gap = max(self.gap, now - self.heard)
            self.reading, self.heard = update.reading, now

    def is_up(self, now: float) -> bool:
        """Whether the meter answers, as far as anybody knows at `now`."""
        overdue = self.gap > 0 and now - self.heard > max(SHORTEST_LIFE, GAPS * self.gap)
        return self.update.available and not overdue


class Meters(Collector):
    """The present of all meters of a gateway. It may be collected in another thread than updates are taken in."""

    def __init__(self, context: Context, clock: Callable[[], float] = time.monotonic) -> None:
        self._context = context
        self._clock = clock
        self._meters = {name: Present(nothing_of(name)) for name in context.meters}

    def take(self, update: Update) -> None:
        """Remember an update."""
        self._meters.setdefault(update.meter, Present(update)).take(update, self._clock())

    def collect(self) -> Iterator[Family]:
        """Yield all metrics, in the order of the tables in `metric`."""
        families: dict[Metric, Family] = {}
        for metric in (
            METER_INFO_METRIC,
            *READING_METRICS,
            *SETTING_METRICS,
            *LINK_METRICS,
            GATEWAY_INFO_METRIC,
            *SINK_METRICS,
        ):
            families[metric] = _family(metric)
        for metric, labels, value in self._samples():
            if metric not in families:  # of a battery that is watched
                families[metric] = _family(metric)
            families[metric].add_sample(metric.name, dict(labels), value)
        yield from families.values()

    def _samples(self) -> Iterator[Sample]:
        now, context = self._clock(), self._context
        for meter in list(self._meters.values()):
            is_up = meter.is_up(now)
            yield from samples_of_link(context.site, meter.update, is_up=is_up)
            if is_up:
                if meter.reading is not None:
                    yield from samples_of_reading(context.site, meter.update.meter, meter.reading)
                yield from samples_of_settings(context.site, meter.update, meter.reading)
        yield from samples_of_gateway(context.site, context.gateway, context.version, context.sinks, context.time())


def _family(metric: Metric) -> Family:
    match metric.kind:
        case "counter":
            return CounterMetricFamily(metric.name, metric.help)
        case "gauge":
            return GaugeMetricFamily(metric.name, metric.help)
        case _:
            return InfoMetricFamily(metric.name.removesuffix("_info"), metric.help)
