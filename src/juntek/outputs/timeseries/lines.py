"""Readings as Influx line protocol; rule: the numbers of the history, in the units and names of `metric`, exactly.

A live reading and one of the past go the same way, through a batch of the history, so that whichever comes first says
the same. Times are in ns, which every engine takes without being told.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import chain, repeat
from typing import TYPE_CHECKING

from juntek.history.fields import PLACES, SCALES, Batch, batch_of, times_of
from juntek.metric import (
    GATEWAY_INFO,
    INFO,
    LINK_METRICS,
    MEASUREMENT,
    METER,
    READING_METRICS,
    SETTING_METRICS,
    SINK_METRICS,
    SITE,
    Metric,
)

if TYPE_CHECKING:
    from juntek.outputs import Context, SinkHealth
    from juntek.reading import Reading
    from juntek.update import Update

(_STATE_OF_CHARGE,) = [metric for metric in READING_METRICS if metric.key == "state_of_charge"]
_REMAINING, _NOMINAL = PLACES["remaining_capacity"], PLACES["nominal_capacity"]

Held = Mapping[str, Container[int]]
"""Times, ms since 1970, by the field that a target has of them already."""


def labels_of(site: str, meter: str) -> dict[str, str]:
    """Return what tells the values of a meter from those of others."""
    return {SITE: _plain(site), METER: _plain(meter)}


def head_of(labels: Mapping[str, str]) -> str:
    """Return how every line with these labels begins."""
    return "".join((MEASUREMENT, *(f",{key}={_escape(value)}" for key, value in labels.items()), " "))


def lines_of(heads: Iterable[str], batch: Batch, held: Held | None = None) -> list[bytes]:
    """Return a line for each reading of a batch, but for what a target has already; `heads` has one for each."""
    times = times_of(batch)
    columns = [_texts(metric, batch) for metric in READING_METRICS]
    if held:
        fields = [held.get(metric.field, ()) for metric in READING_METRICS]
        columns = [_without(column, times, field) for column, field in zip(columns, fields, strict=True)]
    rows = map("".join, zip(*columns, strict=False))  # a field that is nowhere goes on for ever
    # Each field begins with a comma, the first one too.
    return [
        f"{head}{row[1:]} {time}000000\n".encode() for head, row, time in zip(heads, rows, times, strict=False) if row
    ]


def lines_of_all(site: str, batches: Mapping[str, Sequence[Reading]]) -> list[bytes]:
    """Return a line for each reading of each meter."""
    heads: list[str] = []
    for meter, readings in batches.items():
        heads += [head_of(labels_of(site, meter))] * len(readings)
    return lines_of(heads, batch_of(list(chain.from_iterable(batches.values()))))


def _texts(metric: Metric, batch: Batch) -> Iterable[str]:
    """Return what a field adds to each line; nothing where it is not known."""
    if metric is _STATE_OF_CHARGE:
        return _states_of_charge(batch)
    column = batch[PLACES[metric.key]]
    if column.count(None) == len(column) > 0 and metric is not READING_METRICS[0]:
        return repeat("")
    return map(_Texts(metric).__getitem__, column)


def _without(column: Iterable[str], times: list[int], held: Container[int]) -> list[str]:
    return ["" if time in held else text for text, time in zip(column, times, strict=False)]


class _Texts(dict[int | None, str]):
    """The text of each number of a field, made once."""

    def __init__(self, metric: Metric) -> None:
        super().__init__({None: ""})
        self._start = f",{metric.field}="
        # 0.001 Ah are 3.6 C: multiplied as a whole number and divided once, a number comes out as it is.
        self._factor = metric.factor
        self._divisor = metric.divisor * SCALES[metric.key]

    def __missing__(self, number: int) -> str:
        text = self[number] = f"{self._start}{number * self._factor / self._divisor!r}"
        return text


def _states_of_charge(batch: Batch) -> Iterable[str]:
    start = f",{_STATE_OF_CHARGE.field}="
    left_scale, nominal_scale = SCALES["remaining_capacity"], SCALES["nominal_capacity"]

    def text(left: int | None, nominal: int | None) -> str:
        if left is None or not nominal:
            return ""
        percent = 100 * (left / left_scale) / (nominal / nominal_scale)  # as a reading works it out
        return f"{start}{round(round(min(max(percent, 0.0), 100.0), 2) / _STATE_OF_CHARGE.divisor, 4)!r}"

    pairs = list(zip(batch[_REMAINING], batch[_NOMINAL], strict=True))
    texts = {pair: text(*pair) for pair in set(pairs)}
    return map(texts.__getitem__, pairs)


# What is said now and then ----------------------------------------------------------------------------------


def situation(context: Context, updates: Iterable[Update], now: float) -> list[bytes]:
    """Return lines about how each meter is set and how it does, and how the gateway and its sinks do."""
    time = f" {round(now * 1000)}000000\n"
    told = {update.meter: update for update in updates}
    lines = [line for update in told.values() for line in _meter_lines(context, update)]
    unheard = {metric.field: 0.0 for metric in LINK_METRICS if metric.key in ("available", "connected")}
    lines += [_line(labels_of(context.site, meter), unheard) for meter in context.meters if meter not in told]
    site = {SITE: _plain(context.site)}
    own = {**site, "gateway": _plain(context.gateway), "version": _plain(context.version)}
    lines.append(_line(own, {_field(GATEWAY_INFO): 1}))
    lines += [
        _line({**site, "sink": _plain(name)}, _sink_fields(health, now)) for name, health in context.sinks.items()
    ]
    return [(line + time).encode() for line in lines]


def _meter_lines(context: Context, update: Update) -> Iterator[str]:
    labels = labels_of(context.site, update.meter)
    health = update.health
    values = {"available": update.available, **{key: getattr(health, key) for key in _LINK_KEYS}}
    yield _line(labels, {metric.field: values[metric.key] for metric in LINK_METRICS if metric.key in values})
    (garbage,) = [metric.field for metric in LINK_METRICS if metric.key == "garbage"]
    for reason, count in tuple(health.garbage.items()):
        yield _line({**labels, "reason": _plain(reason)}, {garbage: count})
    if not update.available:
        return
    if update.identity is not None:
        identity = update.identity
        words = {key: _plain(getattr(identity, key)) for key in ("family", "model", "sensor", "firmware")}
        yield _line({**labels, **words}, {_field(INFO): 1})
    settings = {metric: getattr(update.settings, metric.key, None) for metric in SETTING_METRICS}
    if update.reading is not None and update.reading.nominal_capacity is not None:
        settings[_NOMINAL_CAPACITY] = update.reading.nominal_capacity
    known = {
        metric.field: round(value * metric.factor / metric.divisor, 6)
        for metric, value in settings.items()
        if value is not None
    }
    if known:
        yield _line(labels, known)


_LINK_KEYS = ("connected", "frames", "reconnects", "last_frame")
(_NOMINAL_CAPACITY,) = [metric for metric in SETTING_METRICS if metric.key == "nominal_capacity"]


def _sink_fields(health: SinkHealth, now: float) -> dict[str, float]:
    values = {"lag": round(health.lag(now), 3)}
    return {metric.field: values.get(metric.key, getattr(health, metric.key)) for metric in SINK_METRICS}


def _field(name: str) -> str:
    return name.removeprefix(f"{MEASUREMENT}_")


def _line(labels: Mapping[str, str], fields: Mapping[str, float | None]) -> str:
    parts = (f"{key}={float(value)!r}" for key, value in fields.items() if value is not None)
    return head_of(labels) + ",".join(parts)


def _escape(value: str) -> str:
    return value.replace(",", r"\,").replace("=", r"\=").replace(" ", r"\ ")


def _plain(value: str) -> str:
    """Return a label without what line protocol cannot say: control characters and backslashes, and no empty one."""
    return "".join("_" if sign == "\\" or not sign.isprintable() else sign for sign in value) or "_"
