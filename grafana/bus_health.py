"""*Bus health*: whether every meter is heard, and whether everything that was heard gets to where it should."""

from __future__ import annotations

from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from grafana.frame import Band, Times, dashboard
from grafana.looks import AWAY, BAD, GOOD, WARN, Look, Query
from grafana.panels import curve, tile, timeline
from grafana.promql import (
    METERS,
    SINKS,
    chosen,
    chosen_site,
    latest,
    lowest,
    or_zero,
    rate,
    sink,
    sink_increase,
)
from grafana.states import ANSWERS, NONE_IS_GOOD, OPEN, TAKES
from grafana.tables import Column, Order, rows
from juntek.metric import GATEWAY_INFO, INFO

_REJECTED = f"sum by (site, meter) ({rate('garbage', 'reason')})"
_AGE = f"time() - {latest('last_frame')}"
_SINK = "{{site}} {{sink}}"


def build() -> Dashboard:
    """Return the dashboard."""
    return dashboard(
        "juntek-bus-health",
        "Whether the meters are heard, how clean the bus is, and whether every sink gets what it should.",
        [
            Band("Now", [(4, _now())]),
            Band("Meters", [(7, [(_heard(), 12), (_links(), 12)]), (8, _frames()), (8, _troubles())]),
            Band("Sinks", [(7, [(_sinks(), 12), (_sink_table(), 12)]), (8, _queues()), (8, [(_losses(), 24)])]),
            Band("Who is there", [(7, [(_meters(), 14), (_gateways(), 10)])]),
        ],
        Times(start="now-6h", refresh="30s"),
    )


def _now() -> list[tuple[Panel, int]]:
    def sum_of_sinks(key: str) -> str:
        return or_zero(f"sum({sink_increase(key, '$__range')})")

    good = Look(decimals=0, steps=NONE_IS_GOOD)
    since = "In the chosen time range."
    silent = or_zero(f"count({latest('available')} == 0)")
    away = or_zero(f"count({sink('connected')} == 0)")
    shares = ((None, GOOD), (0.01, WARN), (0.1, BAD))
    share = f"max({_REJECTED} / ({_REJECTED} + {rate('frames')}))"
    lag = f"max({sink('lag')})"
    return [
        (tile("Silent meters", units.Short, Query(expr=silent, legend="silent"), look=good), 4),
        (tile("Most rejected", units.PercentUnit, _one(or_zero(share)), look=Look(steps=shares), about=_SHARE), 4),
        (tile("Sinks away", units.Short, Query(expr=away, legend="away"), look=good), 4),
        (tile("Worst lag", units.Seconds, _one(lag), look=Look(steps=_LAGS), about=_LAG), 4),
        (tile("Lost", units.Short, _one(sum_of_sinks("lost")), look=good, about=f"{_LOST} {since}"), 4),
        (tile("Refused", units.Short, _one(sum_of_sinks("refused")), look=good, about=f"{_REFUSED} {since}"), 4),
    ]


_SHARE = "The share of rejected frames of the meter that has the most. A clean bus has nearly none."
_LAG = "Age of the oldest reading that a sink's far end does not have yet."
_LOST = "Updates that a sink's far end never got. There should be none."
_REFUSED = "Readings that a sink's far end would not take. There should be none."
_LAGS = ((None, GOOD), (60, WARN), (600, BAD))


def _one(expr: str) -> Query:
    return Query(expr=expr, legend="all")


def _heard() -> Panel:
    return timeline("Meters", Query(expr=lowest("available")), look=Look(words=ANSWERS, steps=((None, GOOD),)))


def _links() -> Panel:
    about = "Whether the port or the connection to the meter is open."
    return timeline("Links", Query(expr=lowest("connected")), look=Look(words=OPEN, steps=((None, GOOD),)), about=about)


def _frames() -> list[tuple[Panel, int]]:
    frames = curve(
        "Good frames",
        units.CountsPerSecond,
        Query(expr=rate("frames")),
        look=Look(least=0, calcs=("lastNotNull", "min", "mean")),
    )
    rejected = curve(
        "Rejected frames",
        units.CountsPerSecond,
        Query(expr=rate("garbage", "reason"), legend="{{site}} {{meter}} {{reason}}"),
        look=Look(least=0, stacked=True, calcs=("lastNotNull", "mean", "max")),
        about="By reason: a bad checksum or a cut frame points at the wires, a value that cannot be at the meter.",
    )
    return [(frames, 12), (rejected, 12)]


def _troubles() -> list[tuple[Panel, int]]:
    age = curve(
        "Age of the last frame",
        units.Seconds,
        Query(expr=_AGE),
        look=Look(least=0, calcs=("lastNotNull", "max")),
    )
    hour = f"max by (site, meter) (increase({chosen(METERS['reconnects'])}[1h]))"
    reconnects = curve(
        "Reconnects in an hour",
        units.Short,
        Query(expr=hour),
        look=Look(least=0, decimals=0, calcs=("lastNotNull", "max")),
        about="How often the link was opened again in the hour before each point.",
    )
    return [(age, 12), (reconnects, 12)]


def _sinks() -> Panel:
    worst = f"min by (site, sink) (min_over_time({chosen_site(SINKS['connected'])}[$__rate_interval]))"
    about = "Whether a sink's far end (broker, engine, disk) takes what it is given."
    look = Look(words=TAKES, steps=((None, GOOD),))
    return timeline("Sinks", Query(expr=worst, legend=_SINK), look=look, about=about)


def _sink_table() -> Panel:
    def in_range(key: str) -> str:
        return f"{sink_increase(key, '$__range')} and on (site, sink) {sink('connected')}"

    good = Look(decimals=0, steps=NONE_IS_GOOD)
    columns = (
        Column(title="Waiting", expr=sink("waiting"), unit=units.Short, look=Look(decimals=0)),
        Column(title="Lag", expr=sink("lag"), unit=units.Seconds, look=Look(steps=_LAGS)),
        Column(title="Failures", expr=in_range("failures"), unit=units.Short, look=Look(decimals=0)),
        Column(title="Lost", expr=in_range("lost"), unit=units.Short, look=good),
        Column(title="Refused", expr=in_range("refused"), unit=units.Short, look=good),
    )
    about = "Waiting and lag now; failures, lost and refused in the chosen time range."
    return rows("Sinks now", {"site": "Site", "sink": "Sink"}, *columns, order=Order(worst="Lag"), about=about)


def _queues() -> list[tuple[Panel, int]]:
    lag = curve(
        "Lag",
        units.Seconds,
        Query(expr=sink("lag"), legend=_SINK),
        look=Look(least=0, calcs=("lastNotNull", "max")),
        about=_LAG,
    )
    waiting = curve(
        "Waiting",
        units.Short,
        Query(expr=sink("waiting"), legend=_SINK),
        look=Look(least=0, decimals=0, calcs=("lastNotNull", "max")),
        about="Updates in a sink's queue.",
    )
    return [(lag, 12), (waiting, 12)]


def _losses() -> Panel:
    return curve(
        "Failures, lost and refused in an hour",
        units.Short,
        Query(expr=sink_increase("failures", "1h"), legend="{{site}} {{sink}} failures", colour=WARN),
        Query(expr=sink_increase("lost", "1h"), legend="{{site}} {{sink}} lost", colour=BAD),
        Query(expr=sink_increase("refused", "1h"), legend="{{site}} {{sink}} refused", colour=AWAY),
        look=Look(least=0, decimals=0, calcs=("max",)),
        about=f"In the hour before each point. A failure is tried again. {_LOST}",
    )


def _meters() -> Panel:
    labels = ("site", "meter", "model", "family", "sensor", "firmware")
    names = {name: name.capitalize() for name in labels}
    expr = f"{_AGE} + on (site, meter) group_right () (0 * max by ({', '.join(labels)}) ({chosen(INFO)}))"
    column = Column(title="Last frame", expr=expr, unit=units.Seconds)
    return rows("Meters", names, column, about="Last frame: how long ago.")


def _gateways() -> Panel:
    expr = f"max by (site, gateway, version) ({chosen_site(GATEWAY_INFO)})"
    column = Column(title="Runs", expr=expr, look=Look(words=ANSWERS))
    return rows("Gateways", {"site": "Site", "gateway": "Gateway", "version": "Version"}, column)
