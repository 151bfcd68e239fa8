"""Holds what came out of a gateway against what the meters have sent; rule: every single reading, wherever it went.

What is missing counts, and so does what is there twice, is there otherwise, or that no meter has sent.
"""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from math import isclose
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.fleet_meters import make_replies
from benchmarks.listener import Message
from juntek import Reading, decode
from juntek.history.blocks import unpack
from juntek.history.fields import SCALES
from juntek.metric import READING_METRICS
from servers.engines import VictoriaMetrics, series_name

SITE = "home"
SAID = ("voltage", "current", "power", "remaining_capacity", "temperature", "internal_resistance")
"""What the gateway passes on as a meter has said it; to totals it adds what it has counted itself."""


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


Key = tuple[str, int]
"""Meter and run time, which together tell every reading from all others."""
States = dict[Key, list[Arrived]]
Numbers = tuple[int | None, ...]
"""What is SAID, as whole numbers on the scale of the history."""


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


def read_said(count: int) -> dict[int, Numbers]:
    """Return what a reading of each run time says; `count` meters say the same at the same run time."""
    readings = [value for reply in make_replies(count) for value in decode(reply) if isinstance(value, Reading)]
    return {reading.run_time or 0: _numbers(reading._asdict()) for reading in readings}


def count_wrong_states(sent: Sequence[Sent], said: Mapping[int, Numbers], states: States) -> int:
    """Return how many readings came to the subscriber too seldom, too often or otherwise than they were sent."""
    return _count_wrong(
        sent, said, {key: [_numbers(state.values) for state in arrived] for key, arrived in states.items()}
    )


def count_wrong_rows(sent: Sequence[Sent], said: Mapping[int, Numbers], database: Path) -> int:
    """Return how many readings the history has too seldom, too often or otherwise than they were sent."""
    kept: dict[Key, list[Numbers]] = {}
    with closing(sqlite3.connect(database)) as connection:
        for meter, count, block in connection.execute(
            "SELECT name, count, block FROM raw LEFT JOIN meter ON meter.id = raw.meter"
        ):
            batch = unpack(block, count, ("run_time", *SAID))
            rows = zip(*(batch[key] for key in SAID), strict=True)
            for run_time, row in zip(batch["run_time"], rows, strict=True):
                kept.setdefault((meter, run_time or 0), []).append(row)
    return _count_wrong(sent, said, kept)


def _count_wrong(sent: Sequence[Sent], said: Mapping[int, Numbers], found: Mapping[Key, Sequence[Numbers]]) -> int:
    expected = Counter((one.meter, one.run_time) for one in sent)
    wrong = 0
    for key in expected.keys() | found.keys():
        there = found.get(key, ())
        wrong += abs(len(there) - expected[key])
        wrong += sum(numbers != said[key[1]] for numbers in there) if key in expected else 0
    return wrong


def _numbers(values: Mapping[str, Any]) -> Numbers:
    return tuple(None if values[key] is None else round(values[key] * SCALES[key]) for key in SAID)


def count_wrong_points(states: States, engine: VictoriaMetrics) -> int:
    """Return how many values the engine lacks, has otherwise, or has that the subscriber was never told.

    A busy engine shows late what it took: ask again before believing it.
    """
    told: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for (meter, _), (first, *_) in states.items():
        told.setdefault(meter, []).append((milliseconds(first.values["time"]), first.values))
    for moments in told.values():
        moments.sort(key=itemgetter(0))
    wrong = 0
    for metric in READING_METRICS:
        exported = engine.export(metric.name)
        for meter, moments in told.items():
            expected = [
                (time, values[metric.key] * metric.factor / metric.divisor)
                for time, values in moments
                if values[metric.key] is not None
            ]
            name = series_name({"__name__": metric.name, "meter": meter, "site": SITE})
            wrong += _count_differences(expected, exported.pop(name, []))
        wrong += sum(map(len, exported.values()))
    return wrong


def _count_differences(expected: Sequence[tuple[int, float]], points: Sequence[tuple[int, float]]) -> int:
    """Return how many points are missing, wrong or too many; both in the order of time.

    A state tells its time cut to ms, the engine has it rounded.
    """
    wrong = place = 0
    for time, value in expected:
        while place < len(points) and points[place][0] < time:
            wrong += 1
            place += 1
        if place < len(points) and points[place][0] <= time + 1:
            wrong += not isclose(points[place][1], value, rel_tol=1e-9)
            place += 1
        else:
            wrong += 1
    return wrong + len(points) - place


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
