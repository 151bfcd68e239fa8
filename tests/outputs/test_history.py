"""The history sink against a real file: what it keeps, when it writes, and what it does when it cannot."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, date
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from history.made import (
    START,
    assert_rollups_are_right,
    days_in,
    execute,
    reading_at,
    readings,
    rollups_in,
    rows_in,
    run,
)
from juntek.backoff import Backoff
from juntek.errors import ConfigurationError, DatabaseError, JuntekError
from juntek.gateway.supervisor import Supervisor
from juntek.history import Database
from juntek.history.fields import batch_of
from juntek.history.queries import HistoryReader
from juntek.history.recorder import Recorder, Stream
from juntek.outputs import Context, history
from juntek.outputs.history import HistoryOptions, open_sink
from juntek.reading import Reading
from juntek.update import Health, Update

Handle = Callable[[Update], Awaitable[None]]
NEVER = 3600.0
"""s of commit interval: only a stop writes."""


def context(path: Path, meters: tuple[str, ...] = ("house",)) -> Context:
    return Context(version="1", gateway="pi", meters=meters, database=path, time_zone=UTC)


@asynccontextmanager
async def sink(path: Path, **options: Any) -> AsyncIterator[Handle]:  # noqa: ANN401 - those of HistoryOptions
    async with open_sink(HistoryOptions(**options), context(path)) as handle:
        yield handle


def update(reading: Reading, meter: str = "house") -> Update:
    return Update(meter=meter, available=True, reading=reading, identity=None, settings=None, health=Health())


async def tell(handle: Handle, some: Iterable[Reading]) -> None:
    for reading in some:
        await handle(update(reading))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.02)


async def test_a_clean_stop_loses_nothing_and_many_readings_are_one_commit(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    async with sink(path, commit_interval=NEVER) as handle:
        await tell(handle, readings(0, 100))
        assert rows_in_or_none(path) == []
    assert [row["run_time"] for row in rows_in(path)] == list(range(100))
    assert execute(path, "SELECT count(*) FROM raw") == [(1,)]


async def test_a_reading_that_is_told_again_after_a_failure_is_kept_once(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    for _ in range(2):
        async with sink(path, commit_interval=NEVER) as handle:
            await tell(handle, [reading_at(7)])
    assert len(rows_in(path)) == 1


async def test_an_unset_clock_writes_nothing_and_costs_no_energy(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "history.db"
    where = context(path)
    async with open_sink(HistoryOptions(commit_interval=NEVER), where) as handle:
        await tell(handle, readings(0, 10))
        await tell(handle, [reading_at(tick)._replace(time=None) for tick in range(10, 500)])
        assert "the clock was not set" in where.errors["history"]
        await tell(handle, readings(500, 10))
        assert where.errors == {}
    rows = rows_in(path)
    assert [row["run_time"] for row in rows] == [*range(10), *range(500, 510)]
    (day,) = days_in(path, UTC).values()
    assert day["charged_energy_increase"] == 509 * 16
    assert len([message for message in caplog.messages if "the clock was not set" in message]) == 1
    assert_rollups_are_right(path, UTC)


async def test_a_clock_that_steps_back_an_hour_doubles_nothing(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    async with sink(path, commit_interval=NEVER) as handle:
        await tell(handle, readings(0, 4000))
        await tell(handle, [reading_at(tick, time=START + tick - 3600) for tick in range(4000, 8000)])
    rows = rows_in(path)
    assert [row["run_time"] for row in rows] == [*range(4000), *range(7600, 8000)]
    (day,) = days_in(path, UTC).values()
    assert day["charged_energy_increase"] == 7999 * 16
    assert_rollups_are_right(path, UTC)


async def test_a_clock_that_had_been_years_ahead_is_followed_when_it_is_set_right(tmp_path: Path) -> None:
    path, ahead = tmp_path / "history.db", 10 * 365 * 86_400
    async with sink(path, commit_interval=NEVER) as handle:
        await tell(handle, [reading_at(tick, time=START + tick + ahead) for tick in range(50)])
        await tell(handle, readings(50, 50))
    async with sink(path, commit_interval=NEVER) as handle:
        await tell(handle, readings(100, 50))
    present = [row["run_time"] for row in rows_in(path) if row["time"] < START + ahead / 2]
    assert present == list(range(50, 150))
    days = days_in(path, UTC)
    assert sum(day["charged_energy_increase"] for day in days.values()) == 149 * 16


async def test_old_readings_are_dropped_and_their_rollups_stay(tmp_path: Path) -> None:
    path, day = tmp_path / "history.db", 86_400
    old, new = range(0, 3600, 60), range(3 * day, 3 * day + 8000, 60)
    async with sink(path, commit_interval=0.1, keep_raw_days=2) as handle:
        for ticks in (old, new):
            await tell(handle, [reading_at(tick) for tick in ticks])
            await until(partial(ends_with, path, ticks[-1]))
    assert {row["run_time"] for row in rows_in(path)} == set(new)
    assert sum(hour["count"] for hour in rollups_in(path, "hour").values()) == len(old) + len(new)


async def test_old_minutes_are_dropped_and_hours_and_days_say_the_same(tmp_path: Path) -> None:
    path, day = tmp_path / "history.db", 86_400
    old, new = range(0, 20_000, 20), range(3 * day, 3 * day + 8000, 20)
    async with sink(path, commit_interval=NEVER, keep_raw_days=1, keep_minutes_days=0) as handle:
        for ticks in (old, new):
            await tell(handle, [reading_at(tick) for tick in ticks])
    told = days_in(path, UTC), days_in(path, ZoneInfo("Asia/Kolkata"))
    with HistoryReader(path, time_zone=UTC) as reader:
        whole = reader.days("house", date(2026, 9, 1), date(2026, 9, 30))
        span = reader.span("house")
    async with sink(path, commit_interval=NEVER, keep_raw_days=1, keep_minutes_days=2) as handle:
        await tell(handle, [reading_at(tick) for tick in range(3 * day + 8000, 3 * day + 12_000, 2000)])
        await tell(handle, [reading_at(3 * day + 12_000)])
    minutes = rollups_in(path, "minute")
    assert min(minutes) > START + day
    assert days_in(path, UTC).keys() == told[0].keys()
    first = min(told[0])
    assert days_in(path, UTC)[first] == told[0][first]
    parts = days_in(path, ZoneInfo("Asia/Kolkata"))
    energies = [sum(part["charged_energy_increase"] for part in days.values()) for days in (parts, days_in(path, UTC))]
    assert energies[0] == energies[1]
    with HistoryReader(path, time_zone=UTC) as reader:
        assert reader.days("house", date(2026, 9, 1), date(2026, 9, 30))[0] == whole[0]
        assert span is not None
        assert (reader.span("house") or (0,))[0] == span[0]
        series = reader.series("house", ["voltage"], START - 3600, START + 20_000, 500)
        assert series.resolution == 3600
        assert series.columns["voltage"].average[0] is not None
    with Database(path) as database:
        again = Stream("house", live=False)
        assert Recorder(database).record_streams([(again, batch_of([reading_at(tick) for tick in old]))]) == len(old)
    assert days_in(path, UTC)[first] == told[0][first]


async def test_a_file_that_is_deleted_is_begun_anew_with_what_is_held(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    async with sink(path, commit_interval=0.1) as handle:
        await tell(handle, readings(0, 5))
        await until(lambda: len(rows_in_or_none(path)) == 5)
        path.unlink()
        await tell(handle, readings(5, 5))
        await until(lambda: len(rows_in_or_none(path)) == 5)
    assert [row["run_time"] for row in rows_in(path)] == [*range(5, 10)]


async def test_a_jump_into_the_future_drops_nothing(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    async with sink(path, commit_interval=0.1, keep_raw_days=2) as handle:
        await tell(handle, readings(0, 5000))
        await tell(handle, [reading_at(tick, time=START + tick + 1e8) for tick in range(5000, 5100)])
        await until(lambda: len(rows_in_or_none(path)) == 5100)
    assert len(rows_in(path)) == 5100


async def test_a_database_that_cannot_be_written_ends_a_body_that_only_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("juntek.history.database_file.BUSY_WAIT", 0.1)
    path = tmp_path / "history.db"
    blocker = None
    with pytest.raises(DatabaseError, match="another program holds it"):  # noqa: PT012 - the body waits to be ended
        async with asyncio.timeout(60), sink(path, commit_interval=0.1) as handle:
            blocker = sqlite3.connect(path, isolation_level=None)
            blocker.execute("BEGIN IMMEDIATE")
            await tell(handle, readings(0, 5))
            await asyncio.Event().wait()
    assert blocker is not None
    blocker.close()


async def test_what_was_held_when_a_commit_failed_is_written_when_the_sink_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("juntek.history.database_file.BUSY_WAIT", 0.1)
    path = tmp_path / "history.db"
    where = context(path)
    async with open_sink(HistoryOptions(commit_interval=NEVER), where) as handle:
        await tell(handle, readings(0, 5))
    blocker = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(DatabaseError):  # noqa: PT012 - leaving it is what fails
        async with open_sink(HistoryOptions(commit_interval=NEVER), where) as handle:
            await tell(handle, readings(5, 5))
            blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseError):
        async with open_sink(HistoryOptions(commit_interval=NEVER), where):
            raise AssertionError("it cannot be entered yet")
    blocker.close()
    async with open_sink(HistoryOptions(commit_interval=NEVER), where) as handle:
        await tell(handle, readings(9, 3))
    assert [row["run_time"] for row in rows_in(path)] == list(range(12))


async def test_a_history_that_was_away_says_so_and_goes_on_by_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    folder = tmp_path / "disk"
    folder.write_text("in the way: no folder can be made")
    where = context(folder / "history.db")
    supervisor = Supervisor(history.OUTPUT, HistoryOptions(commit_interval=0.1), where, backoff=Backoff(0.05, 1.0))
    task = asyncio.create_task(supervisor.run())
    for reading in readings(0, 5):
        supervisor.offer(update(reading))
    await until(lambda: "history" in where.errors)
    folder.unlink()
    await until(lambda: len(rows_in_or_none(folder / "history.db")) == 5)
    assert where.errors == {}
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [message for message in caplog.messages if message.startswith("history:") and "cannot be made" in message]


FILL = """
import asyncio, resource, signal, sys
from pathlib import Path
from history.made import readings
from juntek.errors import DatabaseError
from outputs.test_history import sink, tell

async def main(path):
    first = 0
    try:
        async with sink(path, commit_interval=0.1) as handle:
            while True:
                await tell(handle, readings(first, 500))
                first += 500
                await asyncio.sleep(0.02)
    except DatabaseError as error:
        print(error)

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
asyncio.run(main(Path(sys.argv[1])))
"""


async def test_a_full_disk_is_told_and_what_was_written_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    process = run(FILL, path)
    assert "make room on it" in process.stdout or "is full" in process.stdout
    assert len(rows_in(path)) > 500
    assert_rollups_are_right(path, UTC)
    async with sink(path, commit_interval=NEVER) as handle:
        await tell(handle, readings(1_000_000, 3))
    assert rows_in(path)[-1]["run_time"] == 1_000_002


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"keep_raw_days": 0.5}, "history.keep_raw_days is 1 to 36500 days, not 0.5."),
        ({"commit_interval": 0}, "history.commit_interval is 0.1 to 3600 s, not 0."),
    ],
)
def test_a_wrong_value_is_one_sentence(wrong: dict[str, float], sentence: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        HistoryOptions(**wrong)  # type: ignore[arg-type]
    assert str(error.value) == sentence


def ends_with(path: Path, tick: int) -> bool:
    return [row["run_time"] for row in rows_in_or_none(path)[-1:]] == [tick]


def rows_in_or_none(path: Path) -> list[dict[str, Any]]:
    try:
        return rows_in(path)
    except JuntekError:
        return []
