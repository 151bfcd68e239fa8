"""All that can go wrong around a target; the target here keeps what it is sent, twice where it comes twice."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack, closing, suppress
from datetime import UTC
from pathlib import Path

import pytest

from history.made import START, reading_at, readings
from juntek.errors import DatabaseError
from juntek.history import Database
from juntek.history.deliveries import Deliveries, Range, State
from juntek.history.lock import hold, lock_of
from juntek.history.recorder import Recorder
from juntek.outputs import timeseries
from juntek.outputs.timeseries import session
from juntek.outputs.timeseries import target as target_module
from juntek.outputs.timeseries.backlog import Backlog
from juntek.outputs.timeseries.target import open_target
from juntek.update import Health, Update
from outputs.delivering import Gateway, expected, in_victoria_metrics, wait_for_all, wait_until
from outputs.line_server import GOOD, Reply
from outputs.moody import arrive, moody_server, once, owe_all, running, ticks_of, write_history
from servers.engines import VictoriaMetrics

pytestmark = pytest.mark.usefixtures("in_a_hurry")


async def test_what_a_target_takes_is_sent_once_though_it_asks_to_be_sent_less_now_and_then(path: Path) -> None:
    async with moody_server() as (mood, server, url), running(path, url) as gateway:
        for _ in range(3):
            await gateway.hear(50)
            await asyncio.sleep(0.3)
            mood.judge = lambda _: Reply(429, b"slow down")
            await gateway.hear(50)
            await asyncio.sleep(0.6)
            mood.judge = lambda _: GOOD
            await asyncio.sleep(1)
        await arrive(server, once(1, 300))
        assert ticks_of(server.taken) == once(1, 300)


async def test_all_of_a_batch_is_in_doubt_when_the_target_goes_away_however_long_the_batch_is(path: Path) -> None:
    async with moody_server() as (mood, server, url), running(path, url) as gateway:
        await gateway.hear(400)
        await wait_until(lambda: len(ticks_of(server.taken)) == 400, "one batch is taken")
        mood.judge = lambda _: Reply(503)
        await gateway.hear(1)
        await asyncio.sleep(0.5)
        mood.judge = lambda _: GOOD
        await arrive(server, once(1, 401) + once(1, 400))


async def test_a_target_that_cannot_take_much_at_once_gets_all_and_what_is_new_does_not_wait(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(target_module, "ANSWER_TIME", 0.5)
    write_history(path, 3000)
    caplog.set_level(logging.INFO)
    async with moody_server() as (mood, server, url):
        mood.judge = lambda request: Reply(fault="mute") if len(request.lines) > 200 else GOOD
        owe_all(path, url)
        async with running(path, url, tick=5000) as gateway:
            for _ in range(100):
                await gateway.hear(1)
                await asyncio.sleep(0.05)
                assert gateway.tick - 5000 - len([t for t in ticks_of(server.taken) if t > 5000]) < 20
            await arrive(server, once(1, 3000) + once(5001, 5100))
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) <= 5


async def test_a_sink_that_is_entered_again_sends_nothing_twice_and_leaves_nothing_out(
    path: Path, victoria_metrics: VictoriaMetrics
) -> None:
    gateway = Gateway(path, [timeseries.Options(url=f"{victoria_metrics.url}/write", interval=0.1)])
    for _ in range(4):
        with suppress(ZeroDivisionError):
            async with gateway.running():
                gateway.tick = max(gateway.tick - 1, 0)  # the supervisor tells again what it told last
                await gateway.hear(20)
                await asyncio.sleep(0.5)
                raise ZeroDivisionError
    await wait_for_all(lambda: in_victoria_metrics(victoria_metrics), path)
    assert len(expected(path)) == 77 * 12


async def test_what_came_between_two_entries_of_the_sink_is_sent_when_the_history_has_it(path: Path) -> None:
    async with moody_server() as (_, server, url):
        gateway = Gateway(path, [timeseries.Options(url=url, interval=0.1)])
        write_history(path, 20)
        for first in (1, 121):  # of those between nobody told the sink, as its queue was full
            async with timeseries.open_sink(gateway.targets[0], gateway.context) as handle:
                for reading in readings(first, 20):
                    await handle(Update("house", True, reading, None, None, Health()))  # noqa: FBT003
                await asyncio.sleep(1)
                if first > 1:
                    with Database(path, check=False) as database:  # the history commits seldom
                        Recorder(database, UTC).record({"house": readings(21, 120)})
                    await arrive(server, once(1, 140))
        assert all(ticks_of(server.taken)[tick] == 1 for tick in range(21, 121))


class StuckDeliveries(Deliveries):
    stuck = 0

    def settle(self, pieces: object, now: float, state: State = State.SENT) -> None:
        if self.stuck:
            self.stuck -= 1
            raise DatabaseError("the disk is full.")
        super().settle(pieces, now, state)  # type: ignore[arg-type]


async def test_what_was_sent_and_cannot_be_kept_is_not_sent_again_and_again(path: Path) -> None:
    write_history(path, 100)
    store = StuckDeliveries(Database(path), "engine")
    store.resume(START)
    store.note({}, [Range("house", 0, round((START + 50) * 1000))], START, gone=False)
    async with (
        moody_server() as (_, server, url),
        open_target(timeseries.Options(url=url), "1") as target,
    ):
        backlog = Backlog(store, target, "home", lambda: START)
        store.stuck = 5
        for _ in range(5):
            with pytest.raises(DatabaseError):
                await backlog.send()
        assert max(ticks_of(server.taken).values()) == 1
        while await backlog.send(20) is not None:
            pass
        assert set(ticks_of(server.taken)) >= set(range(1, 50))
        assert max(ticks_of(server.taken).values()) == 2, "nobody knows how it ended, so once more is right"
    store.close()


async def test_readings_that_are_dropped_before_they_are_sent_are_counted_and_told_once(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_history(path, 7200)
    async with moody_server() as (_, server, url):
        owe_all(path, url)
        with Database(path) as database:
            Recorder(database, UTC).drop_raw(START + 3600, 1000)
        async with running(path, url, tick=8000) as gateway:
            health = gateway.context.sinks[f"timeseries {gateway.targets[0].label}"]
            await gateway.hear(10)
            await arrive(server, once(4000, 7200) + once(8001, 8010))
            assert abs(health.lost - (7200 - len([t for t in ticks_of(server.taken) if t <= 7200]))) <= 60
            assert health.lost > 2000
    (told,) = [record.getMessage() for record in caplog.records if "keep_raw_days" in record.getMessage()]
    assert f" {health.lost} readings can be sent no more" in told


async def test_wherever_it_is_stopped_the_lock_is_let_go(path: Path) -> None:
    """Cancelled after each of the first steps, and the next run can begin at once."""
    write_history(path, 100)
    async with moody_server() as (mood, _, url):
        options = timeseries.Options(url=url, interval=0.1)
        owe_all(path, url)

        async def serve(gateway: Gateway) -> None:
            async with gateway.running():
                await gateway.hear(3)
                await asyncio.Event().wait()

        for step in range(60):
            mood.judge = (lambda _: GOOD) if step % 2 else (lambda _: Reply(503))
            task = asyncio.create_task(serve(Gateway(path, [options])))
            await asyncio.sleep(step * 0.01)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            with hold(lock_of(path, options.label)) as free:
                assert free, step


async def test_accounts_that_can_be_opened_only_at_the_end_are_kept_then(path: Path) -> None:
    async with moody_server() as (_, server, url):
        gateway = Gateway(path, [timeseries.Options(url=url, interval=0.1)])
        label = gateway.targets[0].label
        async with gateway.running():
            with hold(lock_of(path, label)):
                await gateway.hear(3)
                await wait_until(lambda: ticks_of(server.taken) == once(1, 3), "all is sent beside the other juntek")
        with closing(Deliveries(Database(path), label)) as store:
            assert set(store.resume(START + 1000)) == {"house"}


async def test_a_database_that_another_program_holds_delays_nothing(path: Path) -> None:
    async with moody_server() as (_, server, url):
        with Database(path) as database, database.transaction():
            gateway = Gateway(path, [timeseries.Options(url=url, interval=0.1)])
            async with AsyncExitStack() as stack:
                handle = await stack.enter_async_context(timeseries.open_sink(gateway.targets[0], gateway.context))
                await handle(Update("house", True, reading_at(1), None, None, Health()))  # noqa: FBT003
                await wait_until(lambda: ticks_of(server.taken) == once(1, 1), "it is sent all the same")
                await wait_until(lambda: bool(gateway.context.troubles), "the trouble is told")
                (trouble,) = gateway.context.troubles.values()
                assert "cannot be kept at present" in trouble
                assert "another program holds it" in trouble


async def test_many_readings_do_not_wait_for_a_long_interval(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MOST_HELD", 500)
    async with moody_server() as (_, server, url):
        gateway = Gateway(path, [timeseries.Options(url=url, interval=3600)])
        async with gateway.running():
            await gateway.hear(600)
            await wait_until(lambda: len(ticks_of(server.taken)) >= 500, "they go early")
