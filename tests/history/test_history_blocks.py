"""Blocks of readings in the database: small ones in the hour that goes on, and one for an hour that is over."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from history.made import START, execute, readings, record, rows_in
from juntek.history.blocks import pack, unpack
from juntek.history.fields import FIRST_COLUMNS, batch_of
from juntek.history.queries import HistoryReader

HOUR = 3_600_000
FIRST = int(3600 - START % 3600)
"""The tick at which the first whole hour begins."""


def blocks_in(path: Path, meter: int = 1) -> Counter[int]:
    """The number of blocks of each hour, counted from that of START."""
    rows = execute(path, f"SELECT time FROM raw WHERE meter = {meter}")  # noqa: S608
    return Counter(time // HOUR - int(START) // 3600 for (time,) in rows)


def write(path: Path, first: int, count: int, *, size: int = 10, meter: str = "house") -> None:
    record(path, *(readings(tick, size) for tick in range(first, first + count, size)), meter=meter)


def test_an_hour_that_is_over_becomes_one_block(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    write(path, FIRST - 200, 100)
    assert blocks_in(path) == {0: 10}
    write(path, FIRST, 30)
    assert blocks_in(path) == {0: 1, 1: 3}
    write(path, FIRST + 3600, 3600, size=400)
    assert blocks_in(path) == {0: 1, 1: 1, 2: 9}
    assert [row["run_time"] for row in rows_in(path)] == [
        *range(FIRST - 200, FIRST - 100), *range(FIRST, FIRST + 30), *range(FIRST + 3600, FIRST + 7200)
    ]  # fmt: skip


def test_many_meters_end_their_hour_one_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    for name in ("first", "second", "third"):
        write(path, FIRST - 100, 100, meter=name)
        write(path, FIRST, 20, meter=name)
    assert [blocks_in(path, meter)[0] for meter in (1, 2, 3)] == [1, 10, 10]
    for name in ("first", "second", "third"):
        write(path, FIRST + 20, 20, meter=name)
    assert [blocks_in(path, meter)[0] for meter in (1, 2, 3)] == [1, 1, 1]


def test_what_comes_later_goes_into_the_block_of_its_hour(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    write(path, FIRST + 60, 60)
    write(path, FIRST + 7200, 60)
    write(path, FIRST, 60)
    write(path, FIRST + 3600, 60)
    assert {hour: count for hour, count in blocks_in(path).items() if hour < 3} == {1: 1, 2: 1}
    assert [row["run_time"] for row in rows_in(path)] == [
        *range(FIRST, FIRST + 120), *range(FIRST + 3600, FIRST + 3660), *range(FIRST + 7200, FIRST + 7260)
    ]  # fmt: skip


def test_a_block_that_is_damaged_stops_nobody_from_writing(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    write(path, FIRST - 100, 100)
    execute(path, "UPDATE raw SET block = x'02' WHERE time = (SELECT min(time) FROM raw)")
    write(path, FIRST, 20)
    assert [row["run_time"] for row in rows_in(path)] == list(range(FIRST - 90, FIRST + 20))


@pytest.mark.parametrize("key", ["time", "voltage", "remaining_capacity"])
def test_a_block_that_has_lost_what_every_reading_has_is_damaged(tmp_path: Path, key: str) -> None:
    path = tmp_path / "history.db"
    write(path, FIRST - 100, 100)
    number = next(number for number, name in FIRST_COLUMNS.items() if name == key)
    [(block,)] = execute(path, "SELECT block FROM raw WHERE time = (SELECT min(time) FROM raw)")
    altered = bytearray(block)
    altered[2 + number] = 100  # where its number stands
    execute(path, f"UPDATE raw SET block = x'{altered.hex()}' WHERE time = (SELECT min(time) FROM raw)")  # noqa: S608
    with HistoryReader(path) as reader:
        assert len(reader.read_after("house", 0, 1000)["time"]) == 90
        assert reader.series("house", ["power"], START, START + FIRST, 5).time
    write(path, FIRST, 20)
    assert [row["run_time"] for row in rows_in(path)] == list(range(FIRST - 90, FIRST + 20))


def test_a_block_of_other_columns_is_readable() -> None:
    batch = batch_of(readings(0, 50))
    known = {0: "time", 1: "voltage", 2: "current", 4: "remaining_capacity"}
    block = pack(batch, other := known | {900: "temperature", 7: "power"})
    assert unpack(block, 50, columns=other)["temperature"] == batch["temperature"]
    assert unpack(block, 50, columns=known)["voltage"] == batch["voltage"]
    assert unpack(block, 50, columns=known)["temperature"] == [None] * 50
    with pytest.raises(ValueError, match="version"):
        unpack(b"\x09" + block[1:], 50)
