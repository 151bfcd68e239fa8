"""Holds what came out of a gateway against what the meters have sent; rule: every single reading, wherever it went."""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from math import isclose
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.listener import Message
from juntek.metric import READING_METRICS
from servers.engines import VictoriaMetrics, series_name

SITE = "home"


class Sent(NamedTuple):
    """A reading as it left its meter; times by the monotonic clock, s."""

    meter: str
    run_time: int
    due: float
    moment: float


class Arrived(NamedTuple):
    """A state as it came to the subscriber."""

    moment: float
    values: dict[str, Any]
    size: int
    """Bytes of topic and payload."""


States = dict[tuple[str, int], list[Arrived]]
"""By meter and run time, which together tell every reading from all others."""


def read_sent(file: Path) -> list[Sent]:
    """Return what `fleet_meters` has left in its file."""
    numbers = array("d", file.read_bytes())
    rows = zip(*(iter(numbers),) * 4, strict=True)
    return [Sent(f"meter{meter:.0f}", int(run_time), due, moment) for meter, run_time, due, moment in rows]


def read_states(messages: Sequence[Message]) -> States:
    """Return the states among the messages."""
    states: States = {}
    for message in messages:
        values = json.loads(message.payload)
        meter = message.topic.split("/")[-2]
        arrived = Arrived(message.moment, values, len(message.topic) + len(message.payload))
        states.setdefault((meter, values["run_time"]), []).append(arrived)
    return states


def count_wrong_states(sent: Sequence[Sent], states: States) -> int:
    """Return how many readings did not arrive exactly once."""
    return sum(len(states.get((one.meter, one.run_time), ())) != 1 for one in sent)


def count_wrong_rows(sent: Sequence[Sent], database: Path) -> int:
    """Return how many readings the history has too few or too many; nobody may have it open."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT name, sum(count) FROM raw JOIN meter ON meter.id = raw.meter GROUP BY name")
        kept = dict(rows.fetchall())
    expected = Counter(one.meter for one in sent)
    return sum(abs(kept.get(meter, 0) - count) for meter, count in expected.items())


def count_wrong_points(states: States, engine: VictoriaMetrics) -> int:
    """Return how many values that the subscriber was told the engine lacks, has twice or has otherwise.

    A state tells its time cut to ms, the engine has it rounded.
    """
    wrong = 0
    for metric in READING_METRICS:
        exported = engine.export(metric.name)
        found = {name: dict(points) for name, points in exported.items()}
        wrong += sum(len(points) - len(found[name]) for name, points in exported.items())
        for (meter, _), (first, *_) in states.items():
            value = first.values[metric.key]
            if value is None:
                continue
            points = found.get(series_name({"__name__": metric.name, "meter": meter, "site": SITE}), {})
            time = milliseconds(first.values["time"])
            there = points.get(time, points.get(time + 1))
            if there is None or not isclose(there, value * metric.factor / metric.divisor, rel_tol=1e-9):
                wrong += 1
    return wrong


def milliseconds(text: str) -> int:
    """Return the time that a state tells, ms since 1970."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def losses(engine: VictoriaMetrics) -> float:
    """Return what the gateway itself says that its sinks lost or were refused, by its last word about it."""
    names = ("juntek_sink_lost_updates_total", "juntek_sink_refused_readings_total")
    return sum(points[-1][1] for name in names for points in engine.export(name).values())


def said_at(engine: VictoriaMetrics) -> float:
    """Return when the gateway last said how its sinks do, s since 1970; 0 when it never did."""
    series = engine.export("juntek_sink_lost_updates_total").values()
    return max((points[-1][0] / 1000 for points in series), default=0.0)
