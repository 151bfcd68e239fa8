"""Some sites whose batteries are charged and discharged, as samples; what fills an engine for the dashboards' tests.

Rule: every name of `juntek.metric` is there, and every state that a panel is made for. Values go to VictoriaMetrics
as line protocol, as a gateway pushes them, and to Prometheus as it would have scraped them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import cos, pi, sin
from typing import Final

from juntek.metric import (
    GATEWAY_INFO,
    INFO,
    LINK_METRICS,
    MEASUREMENT,
    READING_METRICS,
    SETTING_METRICS,
    SINK_METRICS,
    Metric,
)

DAY: Final = 86_400
EVERY: Final = 15
"""s between samples, as a gateway pushes its links and Prometheus scrapes."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Values of one time (s since 1970) that have the same labels, by name."""

    time: int
    labels: Mapping[str, str]
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """A meter that swings between charging and discharging once a day.

    Everything of it ends `gone` s before the end, and its readings end `silent` s before the end.
    """

    site: str
    name: str
    amplitude: float = 20.0
    phase: float = 0.0
    output: int = 0
    silent: int = 0
    gone: int = 0


METERS: Final = (
    Meter(site="cabin", name="house", phase=1),
    Meter(site="cabin", name="van", amplitude=5, phase=4),
    Meter(site="workshop", name="bench", silent=1800),
    Meter(site="workshop", name="store", output=3, phase=2),
    Meter(site="boat", name="bow", gone=2400),
)
SINKS: Final = {"cabin": ("mqtt", "timeseries"), "workshop": ("mqtt", "timeseries"), "boat": ("mqtt",)}

CAPACITY: Final = 280.0
"""Ah."""
VOLTS: Final = 52.0
_SETTINGS = {
    "nominal_capacity": CAPACITY,
    "over_voltage_protection": 58.4,
    "under_voltage_protection": 44.0,
    "over_current_protection": 100.0,
    "negative_over_current_protection": 80.0,
    "over_power_protection": 4000.0,
    "over_temperature_protection": 60.0,
    "low_temperature_protection": -10.0,
}


def samples(start: int, end: int, every: int = EVERY) -> Iterator[Sample]:
    """Return everything that all gateways would have said from `start` to `end`."""
    for time in range(start, end + 1, every):
        for meter in METERS:
            if time <= end - meter.gone:
                yield from _meter(meter, time, start, end)
        for site, names in SINKS.items():
            if time <= end - max(meter.gone for meter in METERS if meter.site == site):
                yield from _sinks(site, names, time, time - start)


def _meter(meter: Meter, time: int, start: int, end: int) -> Iterator[Sample]:
    labels = {"site": meter.site, "meter": meter.name}
    heard = min(time, end - meter.silent)
    up = time <= heard
    if up:
        yield Sample(time, labels, _named(READING_METRICS, _reading(meter, time - start)))
        yield Sample(time, labels, _named(SETTING_METRICS, _SETTINGS))
    frames = (heard - start) * 1.0
    link = {
        "available": up,
        "connected": up,
        "frames": frames,
        "reconnects": (time - start) // 7200,
        "last_frame": heard,
    }
    yield Sample(time, labels, _named(LINK_METRICS, link))
    for reason, share in (("checksum", 0.01), ("implausible", 0.002)):
        garbage = _named(LINK_METRICS, {"garbage": round(frames * share)})
        yield Sample(time, {**labels, "reason": reason}, garbage)
    who = {"family": "KG-F", "model": "KG140F", "sensor": "hall", "firmware": "1.10"}
    yield Sample(time, {**labels, **who}, {INFO: 1})


def _reading(meter: Meter, age: int) -> dict[str, float]:
    angle = 2 * pi * age / DAY + meter.phase
    current = meter.amplitude * sin(angle)
    flow = charged_and_discharged(meter, age)
    remaining = CAPACITY * 0.5 + flow[0] - flow[1]
    return {
        "voltage": VOLTS,
        "current": current,
        "power": VOLTS * current,
        "state_of_charge": 100 * remaining / CAPACITY,
        "remaining_capacity": remaining,
        "temperature": 20 + 5 * sin(angle),
        "internal_resistance": 11.5,
        "discharged_capacity": 900 + flow[1],
        "charged_capacity": 1000 + flow[0],
        "discharged_energy": (900 + flow[1]) * VOLTS,
        "charged_energy": (1000 + flow[0]) * VOLTS,
        "output_code": meter.output,
    }


def charged_and_discharged(meter: Meter, age: float) -> tuple[float, float]:
    """Return what went in and out in the first `age` s, Ah: the integrals of the two halves of a sine."""
    return _half(meter, age, 0.0), _half(meter, age, pi)


def _half(meter: Meter, age: float, turn: float) -> float:
    def until(angle: float) -> float:
        whole, rest = divmod(angle, 2 * pi)
        return 2 * whole + (1 - cos(min(rest, pi)))

    first = meter.phase + turn
    hours = DAY / 3600 / (2 * pi)
    return meter.amplitude * hours * (until(2 * pi * age / DAY + first) - until(first))


def _sinks(site: str, names: Iterable[str], time: int, age: int) -> Iterator[Sample]:
    late = site == "workshop"
    for name in names:
        values = {
            "connected": not (late and name == "timeseries"),
            "waiting": 40 if late else 0,
            "lag": 900 if late and name == "timeseries" else 0.4,
            "failures": age // 7200,
            "lost": age // 14_400 if late else 0,
            "refused": age // 21_600 if late else 0,
        }
        yield Sample(time, {"site": site, "sink": name}, _named(SINK_METRICS, values))
    yield Sample(time, {"site": site, "gateway": f"{site}-pi", "version": "0.4.0"}, {GATEWAY_INFO: 1})


def _named(metrics: Iterable[Metric], values: Mapping[str, float]) -> dict[str, float]:
    return {
        metric.name: float(values[metric.key]) * metric.factor / metric.divisor
        for metric in metrics
        if metric.key in values
    }


def line_protocol(rows: Iterable[Sample]) -> Iterator[str]:
    """Write samples as a gateway pushes them, times in s."""
    for row in rows:
        tags = "".join(f",{key}={value.replace(' ', chr(92) + ' ')}" for key, value in sorted(row.labels.items()))
        fields = ",".join(f"{name.removeprefix(MEASUREMENT + '_')}={value!r}" for name, value in row.values.items())
        yield f"{MEASUREMENT}{tags} {fields} {row.time}"


def open_metrics(rows: Iterable[Sample]) -> Iterator[str]:
    """Write samples as promtool takes them, with the labels that a scrape adds."""
    families: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows:
        labels = ",".join(f'{key}="{value}"' for key, value in sorted(row.labels.items()))
        for name, value in row.values.items():
            scraped = f'{{{labels},job="juntek",instance="127.0.0.1:9485"}}'
            families[name].append(f"{name}{scraped} {value!r} {row.time}")
    for lines in families.values():
        yield from lines
    yield "# EOF"
