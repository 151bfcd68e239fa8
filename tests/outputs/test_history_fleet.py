"""The history of many meters: a commit that fails half way, and what is dropped of so many."""

from __future__ import annotations

from pathlib import Path

import pytest

from history.made import execute, reading_at, readings, rows_in
from juntek.errors import DatabaseError
from juntek.outputs.history import METERS_A_COMMIT, HistoryOptions, open_sink
from outputs.test_history import NEVER, context, update

NAMES = tuple(f"meter{number}" for number in range(2 * METERS_A_COMMIT + 50))


def blocks_in(path: Path) -> int:
    return int(execute(path, "SELECT count(*) FROM raw")[0][0])


async def test_of_a_write_that_fails_half_way_no_reading_is_missing_or_doubled(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    where = context(path, NAMES)
    async with open_sink(HistoryOptions(commit_interval=NEVER), where):
        pass  # makes the file
    victim = NAMES[METERS_A_COMMIT + 20]
    execute(
        path,
        f"CREATE TRIGGER disk BEFORE INSERT ON meter WHEN new.name = '{victim}'"
        " BEGIN SELECT RAISE(ABORT, 'the disk fails'); END",
    )
    with pytest.raises(DatabaseError, match="the disk fails"):  # noqa: PT012 - leaving it is what fails
        async with open_sink(HistoryOptions(commit_interval=NEVER), where) as handle:
            for reading in readings(0, 3):
                for name in NAMES:
                    await handle(update(reading, name))
    assert blocks_in(path) == METERS_A_COMMIT
    execute(path, "DROP TRIGGER disk")
    async with open_sink(HistoryOptions(commit_interval=NEVER), where) as handle:
        for name in NAMES:
            await handle(update(reading_at(3), name))
    assert {name: [row["run_time"] for row in rows_in(path, name)] for name in NAMES} == {
        name: [0, 1, 2, 3] for name in NAMES
    }


async def test_as_many_old_readings_are_dropped_as_become_old_however_seldom_is_written(tmp_path: Path) -> None:
    path, day, hour = tmp_path / "history.db", 86_400, 3600
    options = HistoryOptions(commit_interval=hour, keep_raw_days=2)
    async with open_sink(options, context(path, NAMES)) as handle:
        for name in NAMES:
            await handle(update(reading_at(0), name))
    assert blocks_in(path) == len(NAMES)
    async with open_sink(options, context(path, NAMES)) as handle:
        for tick in (3 * day, 3 * day + hour + 1):
            for name in NAMES:
                await handle(update(reading_at(tick), name))
    assert [row["run_time"] for row in rows_in(path, NAMES[-1])] == [3 * day, 3 * day + hour + 1]
    assert blocks_in(path) == 2 * len(NAMES)
