"""What is known now of each meter, each sink and the gateway, as metrics; rule: nothing stale is shown."""

from __future__ import annotations

import time
from collections import defaultdict
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
from juntek.samples import (
    Sample,
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
class Pace:
    """How often a meter has been heard since it answers: `heard` last, by a clock that never steps, None for never.

    `Update.available` tells already that a meter is silent, from how often it is asked. That a reading has a life
    besides is for the day when nobody tells.
    """

    heard: float | None = None
    gap: float = 0.0

    def take(self, update: Update, now: float) -> None:
        """Remember that an update came at `now`."""
        if not update.available:
            self.heard, self.gap = None, 0.0
        elif update.reading is not None:
            if self.heard is not None:
                self.gap = max(self.gap, now - self.heard)
            self.heard = now

    def is_overdue(self, now: float) -> bool:
        """Whether the next reading should have been here long ago."""
        return self.heard is not None and self.gap > 0 and now - self.heard > max(SHORTEST_LIFE, GAPS * self.gap)


class Meters(Collector):
    """The present of all meters of a gateway. It may be collected in another thread than updates are taken in."""

    def __init__(self, context: Context, clock: Callable[[], float] = time.monotonic) -> None:
        self._context = context
        self._clock = clock
        self._paces: defaultdict[str, Pace] = defaultdict(Pace)

    def take(self, update: Update) -> None:
        """Remember when an update came; what it says is in the context."""
        self._paces[update.meter].take(update, self._clock())

    def collect(self) -> Iterator[Family]:
        """Yield all metrics, in the order of the tables in `metric`."""
        of_meters = (METER_INFO_METRIC, *READING_METRICS, *SETTING_METRICS, *LINK_METRICS)
        families = {metric: _family(metric) for metric in (*of_meters, GATEWAY_INFO_METRIC, *SINK_METRICS)}
        for metric, labels, value in self._samples():
            if metric not in families:  # of a battery that is watched
                families[metric] = _family(metric)
            families[metric].add_sample(metric.name, dict(labels), value)
        yield from families.values()

    def _samples(self) -> Iterator[Sample]:
        now, context = self._clock(), self._context
        for update in context.updates():
            pace = self._paces[update.meter]
            is_up = update.available and not pace.is_overdue(now)
            reading = update.reading if pace.heard is not None else None
            yield from samples_of_link(context.site, update, is_up=is_up)
            if is_up:
                if reading is not None:
                    yield from samples_of_reading(context.site, update.meter, reading)
                yield from samples_of_settings(context.site, update, reading)
        yield from samples_of_gateway(context.site, context.gateway, context.version, context.sinks, context.time())


def _family(metric: Metric) -> Family:
    match metric.kind:
        case "counter":
            return CounterMetricFamily(metric.name, metric.help)
        case "gauge":
            return GaugeMetricFamily(metric.name, metric.help)
        case _:
            return InfoMetricFamily(metric.name.removesuffix("_info"), metric.help)
