"""What went wrong with a single reading of a fleet is found, wherever it went wrong."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from benchmarks.fleet_check import (
    Sent,
    count_wrong_points,
    count_wrong_rows,
    count_wrong_states,
    read_said,
    read_states,
)
from benchmarks.fleet_meters import make_replies
from benchmarks.listener import Message

import juntek
from history.made import START
from juntek import Reading
from juntek.history import Database
from juntek.history.fields import batch_of
from juntek.history.recorder import Recorder
from juntek.metric import READING_METRICS
from juntek.outputs.timeseries.line_protocol import lines_of
from servers.engine import once_shown
from servers.engines import VictoriaMetrics

COUNT = 6
SAID = read_said(0)
SENT = [Sent(meter, second, 0.0, 0.0) for meter in ("meter1", "meter2") for second in range(COUNT)]


def heard() -> list[Reading]:
    """The readings of one meter as the gateway heard them, the last two in one ms of the subscriber."""
    times = [START + second + 0.0004 for second in range(COUNT - 1)]
    readings = [value for reply in make_replies(0)[:COUNT] for value in juntek.decode(reply)]
    return [
        value._replace(time=time)
        for value, time in zip(readings, [*times, times[-1] + 0.0005], strict=True)
        if isinstance(value, Reading)
    ]


def altered(reading: Reading) -> Reading:
    return reading._replace(voltage=reading.voltage + 0.01)


def at_another_time(reading: Reading) -> Reading:
    assert reading.time is not None
    return reading._replace(time=reading.time + 0.5)


GOOD = heard()
EXTRA = at_another_time(GOOD[2])._replace(run_time=COUNT)
FAULTS = {
    "nothing": (GOOD, 0),
    "missing": (GOOD[:2] + GOOD[3:], 1),
    "doubled": ([*GOOD[:3], at_another_time(GOOD[2]), *GOOD[3:]], 1),
    "altered": ([*GOOD[:2], altered(GOOD[2]), *GOOD[3:]], 1),
    "extra": ([*GOOD[:3], EXTRA, *GOOD[3:]], 1),
    "one missing and one doubled": ([*GOOD[:3], at_another_time(GOOD[2]), *GOOD[4:]], 2),
}
faults = pytest.mark.parametrize(("readings", "wrong"), FAULTS.values(), ids=FAULTS)


def states_of(**readings: list[Reading]) -> list[Message]:
    return [
        Message(0.0, f"juntek/{meter}/state", json.dumps(one.as_dict()).encode(), retained=False)
        for meter, those in readings.items()
        for one in those
    ]


@faults
def test_a_fault_at_the_subscriber_is_found(readings: list[Reading], wrong: int) -> None:
    assert count_wrong_states(SENT, SAID, read_states(states_of(meter1=readings, meter2=GOOD))) == wrong


@faults
def test_a_fault_in_the_history_is_found(readings: list[Reading], wrong: int, tmp_path: Path) -> None:
    assert rows_wrong(tmp_path, meter1=readings, meter2=GOOD) == wrong


def test_readings_of_a_meter_that_nobody_knows_are_found(tmp_path: Path) -> None:
    assert count_wrong_states(SENT, SAID, read_states(states_of(meter1=GOOD, meter2=GOOD, meter3=GOOD))) == COUNT
    assert rows_wrong(tmp_path, meter1=GOOD, meter2=GOOD, meter3=GOOD) == COUNT


def rows_wrong(directory: Path, **readings: list[Reading]) -> int:
    path = directory / "juntek.db"
    with closing(Database(path)) as database:
        assert Recorder(database).record(readings) == 0
    return count_wrong_rows(SENT, SAID, path)


VALUES = sum(getattr(GOOD[2], metric.key) is not None for metric in READING_METRICS)
"""Of each reading in the engine."""


@pytest.mark.parametrize(
    ("readings", "wrong"),
    [
        ({}, 0),
        ({"meter1": GOOD[:2] + GOOD[3:]}, VALUES),
        ({"meter1": [*GOOD, GOOD[2]]}, VALUES),
        ({"meter1": [*GOOD, at_another_time(GOOD[2])]}, VALUES),
        ({"meter1": [*GOOD[:2], altered(GOOD[2]), *GOOD[3:]]}, 1),
        ({"meter1": [*GOOD, EXTRA]}, VALUES),
        ({"meter1": [*GOOD[:3], GOOD[2], *GOOD[4:]]}, 2 * VALUES),
        ({"meter3": GOOD}, COUNT * VALUES),
    ],
    ids=("nothing", "missing", "doubled", "doubled at another time", "altered", "extra", "one missing and one doubled",
         "a meter that nobody knows"),
)  # fmt: skip
def test_a_fault_in_the_engine_is_found(
    readings: dict[str, list[Reading]], wrong: int, victoria_metrics: VictoriaMetrics
) -> None:
    in_engine = {"meter1": GOOD, "meter2": GOOD} | readings
    for meter, those in in_engine.items():
        victoria_metrics.write(b"".join(lines_of("home", meter, batch_of(those))).decode())
    states = read_states(states_of(meter1=GOOD, meter2=GOOD))
    assert once_shown(lambda: count_wrong_points(states, victoria_metrics), wrong) == wrong
