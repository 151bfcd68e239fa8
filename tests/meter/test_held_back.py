"""Replies that arrive all at once, as after a hiccup of a wireless bridge: none of them may get lost later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import juntek
from history.made import START, rows_in
from juntek import Reading
from juntek.clock import SMALL_STEP, Clock
from juntek.meter import MeterOptions
from juntek.outputs import Context
from juntek.outputs.history import HistoryOptions, open_sink
from juntek.rs485.framing import encode
from juntek.update import Health, Update
from links.peers import tcp_peer
from meter.served import serving, until

COUNT = 8


def reply(second: int) -> bytes:
    fields = (5000, 3600, 100_000 - 10 * second, 5000 + 10 * second, 40_000, 100 + second, 120, 0, 0, 0, 166, 1000)
    return encode("r50", 1, fields)


def reading(time: float | None) -> Reading:
    (value,) = juntek.decode(reply(0))
    assert isinstance(value, Reading)
    return value._replace(time=time)


async def kept(directory: Path, readings: Sequence[Reading]) -> list[int]:
    """Return the run times of what the history has of the readings."""
    path = directory / "history.db"
    context = Context(version="1", gateway="pi", meters=("house",), database=path)
    async with open_sink(HistoryOptions(), context) as handle:
        for one in readings:
            await handle(Update("house", available=True, reading=one, identity=None, settings=None, health=Health()))
    return [row["run_time"] for row in rows_in(path)]


def told_times(times: Iterable[float | None]) -> list[float | None]:
    clock = Clock()
    return [clock.judge(time, None)[0] for time in times]


async def test_readings_that_a_bridge_held_back_are_all_kept(tmp_path: Path) -> None:
    async with tcp_peer() as peer:
        house = MeterOptions(name="house", mode="listen")
        async with serving(f"socket://127.0.0.1:{peer.port}", [house]) as told:
            _, writer = await peer.accept()
            writer.write(b"".join(map(reply, range(COUNT))))
            await until(lambda: len(told.readings) == COUNT)
            writer.write(reply(COUNT))
            await until(lambda: len(told.readings) == COUNT + 1)
    assert await kept(tmp_path, told.readings) == [100 + second for second in range(COUNT + 1)]


@pytest.mark.parametrize(
    ("times", "told"),
    [
        ((10.0, 11.0, 12.0), (10.0, 11.0, 12.0)),
        ((10.0, 10.0, 10.0, 10.0015, 11.0), (10.0, 10.001, 10.002, 10.003, 11.0)),
        ((10.0, 9.5, 9.9, 10.5), (10.0, 10.001, 10.002, 10.5)),  # a clock that is set right by half a second
        ((10_000.0, 10.0, 11.0), (10_000.0, 10.0, 11.0)),  # one that had been wrong
        ((None, None), (None, None)),
        ((START, START, START - 1.5, START - 0.5), (START, START + 0.001, START - 1.5, START - 0.5)),
    ],
)
def test_each_reading_of_a_meter_has_a_time_of_its_own(
    times: tuple[float | None, ...], told: tuple[float | None, ...]
) -> None:
    assert told_times(times) == list(told)


async def test_a_thousand_readings_and_more_that_were_held_back_are_all_kept(tmp_path: Path) -> None:
    clock = Clock()
    held = [reading(START)._replace(run_time=number) for number in range(1500)]
    after = [reading(START + second)._replace(run_time=1500 + second) for second in range(1, 4)]
    told = [one._replace(time=clock.judge(one.time, None)[0]) for one in (*held, *after)]
    assert await kept(tmp_path, told) == [*range(1500), 1501, 1502, 1503]
    assert [one.time for one in told[-2:]] == [START + 2, START + 3]


STEPS = st.one_of(
    st.just(0.0),  # a burst
    st.floats(-SMALL_STEP, 0.01),
    st.floats(-0.002, 0.002),
    st.floats(0, 100),
)


@given(st.floats(START, START + 1e8), st.lists(st.tuples(STEPS, st.integers(1, 30)), max_size=30))
def test_no_two_readings_of_a_meter_have_the_same_ms_in_the_history(
    start: float, bursts: list[tuple[float, int]]
) -> None:
    times = [start]
    for step, count in bursts:
        # A sum of floats must not make a small step a larger one.
        times += [max(times[-1] + step, times[-1] - SMALL_STEP)] * count
    told = told_times(times)
    kept_as = [round(1000 * time) for time in told if time is not None]
    assert all(before < after for before, after in pairwise(kept_as))
    latest = -1
    for time, own, ms in zip(times, told, kept_as, strict=True):
        if round(1000 * time) > latest:
            assert own == time  # where nothing is in the way it stays exactly as it came
        latest = ms
