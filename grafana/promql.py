"""The words of the dashboards' queries; rule: plain PromQL, that VictoriaMetrics and Prometheus understand alike.

A value may have been pushed, scraped, or both, and then has labels of its own: every query brings it down to site and
meter. Names come from juntek.metric and from nowhere else. `$site`, `$meter` and `$__...` are Grafana's to fill in.
"""

from __future__ import annotations

from juntek.metric import LINK_METRICS, READING_METRICS, SETTING_METRICS, SINK_METRICS

METERS = {metric.key: metric.name for metric in (*READING_METRICS, *SETTING_METRICS, *LINK_METRICS)}
"""Name of each value of a meter, by the key of its quantity."""

SINKS = {metric.key: metric.name for metric in SINK_METRICS}
"""Name of each value of a sink, by its key."""

HOURS = 3600
"""Divides joules and coulombs into Wh and Ah."""

IDLE = 0.05
"""A; below it a battery is idle, as the gateway has it."""

MEMORY = "7d"
"""How long a total stays known while nothing is heard: what was counted meanwhile belongs to the hour of the return."""


def chosen(name: str) -> str:
    """Select a value of the chosen meters."""
    return f'{name}{{site=~"$site", meter=~"$meter"}}'


def chosen_site(name: str) -> str:
    """Select a value that has no meter, of the chosen sites."""
    return f'{name}{{site=~"$site"}}'


def latest(key: str) -> str:
    """Return what a meter said last."""
    return f"max by (site, meter) ({chosen(METERS[key])})"


def heard(query: str) -> str:
    """Leave out meters that are silent: an engine goes on showing their last values for some minutes."""
    return f"({query} unless on (site, meter) ({latest('available')} == 0))"


def now(key: str) -> str:
    """Return what a meter says now, and nothing while it is silent."""
    return heard(latest(key))


def mean(key: str) -> str:
    """Return a curve of means, with a gap where nothing was heard."""
    return f"avg by (site, meter) (avg_over_time({chosen(METERS[key])}[$__rate_interval]))"


def lowest(key: str) -> str:
    """Return a curve of the lowest values between its points."""
    return f"min by (site, meter) (min_over_time({chosen(METERS[key])}[$__rate_interval]))"


def highest(key: str) -> str:
    """Return a curve of the highest values between its points."""
    return f"max by (site, meter) (max_over_time({chosen(METERS[key])}[$__rate_interval]))"


def rate(key: str, *more: str) -> str:
    """Return how much a counter of a meter's link grows in a second; `more` are labels to keep apart."""
    labels = ", ".join(("site", "meter", *more))
    return f"max by ({labels}) (rate({chosen(METERS[key])}[$__rate_interval]))"


def grown(key: str, window: str, shift: str = "") -> str:
    """Return by how much a total grew in the window, or in the one that `shift` (as `offset -1d`) puts in its place.

    Not increase(): Prometheus would leave out what was counted while nothing was heard, and VictoriaMetrics takes a
    total that is seen for the first time for one that began at zero. A total of ours never steps back; so this is
    its last value in the window less the last one before it, or less the first one where there is none before.
    """
    total = chosen(METERS[key])
    before = f"offset {window}" if not shift else ""
    end = f"max by (site, meter) (max_over_time({total}[{window}] {shift}))"
    start = f"max by (site, meter) (last_over_time({total}[{MEMORY}] {before}))"
    first = f"min by (site, meter) (min_over_time({total}[{window}] {shift}))"
    return _tidy(f"clamp_min({end} - ({start} or {first}), 0)")


def sink(key: str) -> str:
    """Return what a gateway says of a sink."""
    return f"max by (site, sink) ({chosen_site(SINKS[key])})"


def sink_increase(key: str, window: str) -> str:
    """Return by how much a counter of a sink, which begins at zero with the gateway, grew in the window."""
    return f"max by (site, sink) (increase({chosen_site(SINKS[key])}[{window}]))"


def or_zero(count: str) -> str:
    """Say 0 where a count finds nothing."""
    return f"{count} or vector(0)"


def _tidy(query: str) -> str:
    return query.replace(" )", ")")
