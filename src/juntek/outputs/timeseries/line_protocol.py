"""Readings as Influx line protocol; rule: the numbers of the history, in the units and names of `metric`, exactly.

Times are in ns, which every database takes without being told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import repeat
from typing import TYPE_CHECKING

from juntek.history.fields import CHARGE, METERED, PLACES, SCALES, Batch, charge_of, percent_of, times_of
from juntek.metric import BATTERY_METRICS, MEASUREMENT, METER, READING_METRICS, SITE, Metric

if TYPE_CHECKING:
    from juntek.samples import Sample

_COLUMNS = [metric for metric in (*READING_METRICS, *BATTERY_METRICS) if metric.key in (*PLACES, METERED)]


def lines_of(site: str, meter: str, batch: Batch) -> list[bytes]:
    """Return a line for each reading of a batch of the history."""
    head = _head({SITE: site, METER: meter})
    rows = map("".join, zip(*(_texts(metric, batch) for metric in _COLUMNS), strict=False))
    # A field that is nowhere goes on for ever. Each begins with a comma, the first one too.
    return [f"{head}{row[1:]} {time}000000\n".encode() for row, time in zip(rows, times_of(batch), strict=False) if row]


def _texts(metric: Metric, batch: Batch) -> Iterable[str]:
    """Return what a field adds to each line; nothing where it is not known."""
    if metric.key in (CHARGE, METERED):
        return _states_of_charge(metric, batch)
    column = batch[PLACES[metric.key]]
    if column.count(None) == len(column) > 0 and metric is not READING_METRICS[0]:
        return repeat("")
    return map(_Texts(metric).__getitem__, column)


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


def _states_of_charge(metric: Metric, batch: Batch) -> Iterable[str]:
    """Return what was believed, or what the meter said of it, as far as that goes by each of its names."""
    believed = batch[PLACES[CHARGE]]
    is_watched = believed.count(None) < len(believed)
    if metric.key == METERED and not is_watched:
        return repeat("")
    left_scale, nominal_scale = SCALES["remaining_capacity"], SCALES["nominal_capacity"]
    pairs = list(zip(batch[PLACES["remaining_capacity"]], batch[PLACES["nominal_capacity"]], strict=True))
    percents = {
        (left, nominal): percent_of(left and left / left_scale, nominal and nominal / nominal_scale)
        for left, nominal in set(pairs)
    }
    values = [percents[pair] for pair in pairs]
    if is_watched:
        values = charge_of(metric.key, [number and number / SCALES[CHARGE] for number in believed], values)
    texts = {
        value: "" if value is None else f",{metric.field}={round(value / metric.divisor, 4)!r}" for value in set(values)
    }
    return map(texts.__getitem__, values)


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
