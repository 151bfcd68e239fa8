"""What is known now of each meter, each sink and the gateway, by its names in `metric`; rule: nothing stale is shown.

A meter that is silent keeps the metrics of its link and loses those of its readings and settings.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from juntek import metric as names
from juntek.metric import Metric
from juntek.outputs import Context, SinkHealth
from juntek.reading import Identity, Reading
from juntek.update import Health, Update

SHORTEST_LIFE: Final = 60.0
GAPS: Final = 5
"""A reading lives that many times the longest gap there was between two, and no less than SHORTEST_LIFE s."""

_OF_METER = (names.SITE, names.METER)
_OF_SINK = (names.SITE, "sink")

Family = GaugeMetricFamily | CounterMetricFamily | InfoMetricFamily
Row = tuple[tuple[str, ...], float | None]
"""Values of the labels, and the value in the unit of `quantity`; None where there is none."""


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
        self._meters = {name: Present(_nothing_of(name)) for name in context.meters}

    def take(self, update: Update) -> None:
        """Remember an update."""
        self._meters.setdefault(update.meter, Present(update)).take(update, self._clock())

    def collect(self) -> Iterator[Family]:
        """Yield all metrics, in the order of the tables in `metric`."""
        now, site = self._clock(), self._context.site
        meters = [((site, name), meter, meter.is_up(now)) for name, meter in list(self._meters.items())]
        yield _info_of_meters((labels, meter.update.identity) for labels, meter, _ in meters)
        # Of both, the reading has the nominal capacity as configured.
        live = [(labels, (meter.reading, meter.update.settings)) for labels, meter, is_up in meters if is_up]
        for metric in (*names.READING_METRICS, *names.SETTING_METRICS):
            yield _family(metric, _OF_METER, ((labels, _find(metric.key, known)) for labels, known in live))
        links = [(labels, meter.update.health, is_up) for labels, meter, is_up in meters]
        for metric in names.LINK_METRICS:
            more = ("reason",) if metric.key == "garbage" else ()
            yield _family(metric, (*_OF_METER, *more), (row for link in links for row in _look(metric.key, *link)))
        yield from self._collect_gateway()

    def _collect_gateway(self) -> Iterator[Family]:
        context = self._context
        info = InfoMetricFamily(names.GATEWAY_INFO.removesuffix("_info"), "The gateway itself.")
        info.add_metric((), {names.SITE: context.site, "gateway": context.gateway, "version": context.version})
        yield info
        now = context.time()
        for metric in names.SINK_METRICS:
            rows = (((context.site, name), _ask(metric.key, sink, now)) for name, sink in list(context.sinks.items()))
            yield _family(metric, _OF_SINK, rows)


def _nothing_of(name: str) -> Update:
    return Update(name, available=False, reading=None, identity=None, settings=None, health=Health())


def _find(key: str, known: Iterable[object]) -> float | None:
    """Return the first value that there is."""
    values = (getattr(one, key, None) for one in known)
    return next((value for value in values if value is not None), None)


def _look(key: str, labels: tuple[str, ...], health: Health, is_up: bool) -> Iterable[Row]:  # noqa: FBT001 - of a row
    """Return what there is to say of a link: one row, or one for each reason."""
    if key == "garbage":
        return [((*labels, reason), count) for reason, count in list(health.garbage.items())]
    return [(labels, is_up if key == "available" else getattr(health, key))]


def _ask(key: str, sink: SinkHealth, now: float) -> float:
    value: float = sink.lag(now) if key == "lag" else getattr(sink, key)
    return value


def _family(metric: Metric, labels: tuple[str, ...], rows: Iterable[Row]) -> Family:
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.help, labels=labels)
    for row, value in rows:
        if value is not None:
            family.add_metric(row, metric.scale(value))
    return family


def _info_of_meters(meters: Iterable[tuple[tuple[str, ...], Identity | None]]) -> InfoMetricFamily:
    family = InfoMetricFamily(names.INFO.removesuffix("_info"), "Who the meter is.", labels=_OF_METER)
    for labels, identity in meters:
        if identity is not None:
            keys = ("family", "model", "sensor", "firmware")
            family.add_metric(labels, {key: getattr(identity, key) for key in keys})
    return family
