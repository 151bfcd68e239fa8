"""Replies that arrive all at once, as after a hiccup of a wireless bridge: none of them may get lost later."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

import juntek
from database.made import rows_in
from juntek import Reading
from juntek.meter import MeterOptions
from juntek.meter.state import Meter
from juntek.sinks import Context
from juntek.sinks.history import Options, open_sink
from juntek.update import Health, Update
from juntek.wire import encode
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


async def test_readings_that_a_bridge_held_back_are_all_kept(tmp_path: Path) -> None:
    async with tcp_peer() as peer:
        house = MeterOptions(name="house", mode="listen")
        async with serving(f"socket://127.0.0.1:{peer.port}", [house]) as told:
            _, writer = await peer.accept()
            writer.write(b"".join(map(reply, range(COUNT))))
            await until(lambda: len(told.readings) == COUNT)
            writer.write(reply(COUNT))
            await until(lambda: len(told.readings) == COUNT + 1)
    path = tmp_path / "history.db"
    context = Context(version="1", gateway="pi", meters=("house",), database=path)
    async with open_sink(Options(), context) as handle:
        for one in told.readings:
            await handle(Update("house", available=True, reading=one, identity=None, settings=None, health=Health()))
    assert [row["run_time"] for row in rows_in(path)] == [100 + second for second in range(COUNT + 1)]


@pytest.mark.parametrize(
    ("times", "told"),
    [
        ((10.0, 11.0, 12.0), (10.0, 11.0, 12.0)),
        ((10.0, 10.0, 10.0, 10.0015, 11.0), (10.0, 10.001, 10.002, 10.003, 11.0)),
        ((10.0, 9.5, 9.9, 10.5), (10.0, 10.001, 10.002, 10.5)),  # a clock that is set right by half a second
        ((10_000.0, 10.0, 11.0), (10_000.0, 10.0, 11.0)),  # one that had been wrong
        ((None, None), (None, None)),
    ],
)
def test_each_reading_of_a_meter_has_a_time_of_its_own(
    times: tuple[float | None, ...], told: tuple[float | None, ...]
) -> None:
    meter = Meter(MeterOptions(name="house"), Counter())
    own = [meter.tell_apart(reading(time)).time for time in times]
    assert [None if time is None else round(time, 6) for time in own] == list(told)
