"""Readings as Influx line protocol; rule: the numbers of the history, in the units and names of `metric`, exactly.

Times are in ns, which every database takes without being told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from juntek.history.fields import CHARGE, METERED, PLACES, SCALES, Batch, states_of_charge, times_of
from juntek.metric import BATTERY_METRICS, MEASUREMENT, METER, READING_METRICS, SITE, Metric

if TYPE_CHECKING:
    from juntek.metric import Sample

_COLUMNS = [metric for metric in (*READING_METRICS, *BATTERY_METRICS) if metric.key in (*PLACES, METERED)]


def lines_of(site: str, meter: str, batch: Batch) -> list[bytes]:
    """Return a line for each reading of a batch of the history."""
    head = _head({SITE: site, METER: meter})
    rows = map("".join, zip(*(_texts(metric, batch) for metric in _COLUMNS), strict=True))
    # Each field begins with a comma, the first one too.
    return [f"{head}{row[1:]} {time}000000\n".encode() for row, time in zip(rows, times_of(batch), strict=True)]


def _texts(metric: Metric, batch: Batch) -> Iterable[str]:
    """Return what a field adds to each line; nothing where it is not known."""
    start, factor, divisor = f",{metric.field}=", metric.factor, metric.divisor
    column: Sequence[float | None]
    texts: dict[float | None, str]
    if metric.key in (CHARGE, METERED):
        column = states_of_charge(metric.key, batch)
        texts = {value: f"{start}{round(value / divisor, 4)!r}" for value in set(column) if value is not None}
    else:
        column = batch[PLACES[metric.key]]
        # 0.001 Ah are 3.6 C: multiplied as a whole number and divided once, a number comes out as it is.
        divisor *= SCALES[metric.key]
        texts = {number: f"{start}{number * factor / divisor!r}" for number in set(column) if number is not None}
    return map((texts | {None: ""}).__getitem__, column)


def lines_of_samples(samples: Iterable[Sample], now: float) -> list[bytes]:
    """Return a line for all values that have the same labels; `now` is s since 1970."""
    lines: defaultdict[str, list[str]] = defaultdict(list)
    for metric, labels, value in samples:
        lines[_head(labels)].append(f"{metric.field}={float(value)!r}")
    return [f"{head}{','.join(fields)} {round(now * 1000)}000000\n".encode() for head, fields in lines.items()]


def _head(labels: Mapping[str, str]) -> str:
    """Return how every line with these labels begins."""
    return "".join((MEASUREMENT, *(f",{key}={_escape(value)}" for key, value in labels.items()), " "))


def _escape(value: str) -> str:
    """Return a label without what line protocol cannot say: control characters and backslashes, and no empty one."""
    plain = "".join("_" if sign == "\\" or not sign.isprintable() else sign for sign in value) or "_"
    return plain.replace(",", r"\,").replace("=", r"\=").replace(" ", r"\ ")
