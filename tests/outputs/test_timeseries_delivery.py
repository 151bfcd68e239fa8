"""What becomes of a request that is refused, cut off or too slow, and how far the cursors go."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from history.made import START, readings
from juntek.history import Database
from juntek.history.cursors import Cursors
from juntek.history.recorder import Recorder
from juntek.outputs.timeseries import TimeseriesOptions
from juntek.outputs.timeseries.delivery import BATCH, SMALLEST_BATCH, WINDOW
from juntek.outputs.timeseries.line_protocol import TargetError
from outputs.delivering import wait_until
from outputs.line_server import GOOD, Reply, Request
from outputs.moody import (
    REFUSAL,
    deliver,
    delivering,
    introduce,
    moody_server,
    moody_server_without,
    send_all,
    tick_of,
    ticks_of,
    write_history,
)


def refuse(bad: set[int]) -> Callable[[Request], Reply]:
    return lambda request: REFUSAL if bad.intersection(ticks_of(request.lines)) else GOOD


@settings(max_examples=15)
@given(st.sets(st.integers(1, 60)))
def test_whatever_is_wrong_is_counted_and_all_else_is_taken(bad: set[int]) -> None:
    async def play(path: Path) -> None:
        async with moody_server_without(path, 61) as (mood, server, url):
            mood.judge = refuse(bad)
            delivery = await deliver(path, url)
            assert set(ticks_of(server.taken)) == set(range(1, 62)) - bad
            assert delivery.health.refused == len(bad)
            assert "field type conflict" in delivery.reason or not bad

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(play(Path(directory) / "juntek.db"))


async def test_one_wrong_line_in_a_thousand_costs_few_requests(path: Path) -> None:
    async with moody_server_without(path, 1000) as (mood, server, url):
        mood.judge = refuse({503})
        await deliver(path, url)
        assert len(server.requests) <= 24
        assert set(ticks_of(server.taken)) == set(range(1, 1001)) - {503}


async def test_a_batch_that_is_too_large_goes_in_parts(path: Path) -> None:
    async with moody_server_without(path, 100) as (mood, server, url):
        mood.judge = lambda request: Reply(413) if len(request.lines) > 30 else GOOD
        delivery = await deliver(path, url)
        assert ticks_of(server.taken) == dict.fromkeys(range(1, 101), 1)
        assert delivery.health.refused == 0


async def test_a_target_that_refuses_the_newest_too_is_wrong_and_nothing_is_left_out(path: Path) -> None:
    async with moody_server_without(path, 100) as (mood, server, url):
        mood.judge = lambda _: REFUSAL
        async with delivering(path, url) as delivery:
            with pytest.raises(TargetError, match="refuses all that it is sent"):
                await send_all(delivery)
            assert len(server.requests) <= 3
            assert delivery.health.refused == 0
        mood.judge = lambda _: GOOD
        await deliver(path, url)
        assert set(ticks_of(server.taken)) == set(range(1, 101))


async def test_what_is_refused_is_counted_once_though_the_target_goes_away_meanwhile(path: Path) -> None:
    async with moody_server_without(path, 100) as (mood, _, url):

        def refuse_and_go(request: Request) -> Reply:
            if set(ticks_of(request.lines)) == {1}:
                mood.judge = lambda _: Reply(503)
            return refuse({1})(request)

        mood.judge = refuse_and_go
        async with delivering(path, url) as delivery:
            with pytest.raises(TargetError):
                await send_all(delivery)
            assert delivery.health.refused == 0
        mood.judge = refuse({1})
        async with delivering(path, url) as delivery:
            await send_all(delivery)
            assert (delivery.health.refused, delivery.sent) == (1, 99)


async def test_what_is_too_old_for_a_target_that_counts_costs_no_search(path: Path) -> None:
    """InfluxDB says so of what is beyond its retention."""

    def judge(request: Request) -> Reply:
        old = sum((tick_of(line) or 0) <= 7000 for line in request.lines)
        words = b'{"error":"partial write: points beyond retention policy dropped=%d"}' % old
        return Reply(400, words) if old else GOOD

    async with moody_server_without(path, 10_000) as (mood, server, url):
        mood.judge = judge
        delivery = await deliver(path, url)
        assert set(ticks_of(server.taken)) == set(range(7001, 10_001))
        assert delivery.health.refused == 7000
        assert len(server.requests) < 60


async def test_a_target_that_is_too_slow_for_much_gets_less_at_once(path: Path) -> None:
    async with moody_server_without(path, 1500) as (mood, server, url):
        mood.judge = lambda request: Reply(fault="mute") if len(request.lines) > 200 else GOOD
        limit = BATCH
        for _ in range(30):  # which are more than it needs, as a busy machine is slow too
            async with delivering(path, url, response_time=0.3, limit=limit) as delivery:
                with suppress(TargetError):
                    await send_all(delivery)
                    break
                limit = delivery.limit
        assert set(ticks_of(server.taken)) == set(range(1, 1501))
        assert min(len(request.lines) for request in server.requests[:-1]) >= SMALLEST_BATCH


async def test_a_target_that_was_slow_once_gets_much_at_once_again_when_it_has_all(path: Path) -> None:
    async with moody_server_without(path, 400) as (_, server, url):
        async with delivering(path, url, limit=SMALLEST_BATCH) as delivery:
            await send_all(delivery)
            write_history(path, 401, BATCH)
            await send_all(delivery)
        assert [len(request.lines) for request in server.requests] == [100, 100, 100, 100, BATCH]


async def test_a_target_that_is_slow_with_little_is_not_given_less(path: Path) -> None:
    async with moody_server_without(path, 3) as (mood, _, url):
        mood.judge = lambda _: Reply(fault="mute")
        async with delivering(path, url, response_time=0.3) as delivery:
            with pytest.raises(TargetError):
                await send_all(delivery)
            assert delivery.limit == BATCH


async def test_what_is_cancelled_on_its_way_is_sent_again(path: Path) -> None:
    async with moody_server_without(path, 100) as (mood, server, url):
        mood.judge = lambda _: Reply(fault="mute")
        async with delivering(path, url) as delivery:
            sending = asyncio.create_task(send_all(delivery))
            await wait_until(lambda: bool(server.requests), "it is on its way")
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending
        mood.judge = lambda _: GOOD
        await deliver(path, url)
        assert set(ticks_of(server.taken)) == set(range(1, 101))


async def test_a_restart_sends_the_last_minute_again_and_no_more(path: Path) -> None:
    now = 0.0
    async with moody_server() as (_, server, url):
        introduce(path, url)
        async with delivering(path, url, clock=lambda: now) as delivery:
            for first in range(1, 301, 10):
                write_history(path, first, 10)
                await send_all(delivery)
                now += 10
        assert ticks_of(server.taken) == dict.fromkeys(range(1, 301), 1)
        await deliver(path, url)
        again = [tick for tick, count in ticks_of(server.taken).items() if count == 2]
        assert again == list(range(again[0], 301))
        assert WINDOW <= len(again) <= 2 * WINDOW + 10


async def test_a_long_outage_leaves_a_gap_and_what_is_new_goes_first(path: Path) -> None:
    async with moody_server_without(path, 3000) as (_, server, url):
        async with delivering(path, url) as delivery:
            await delivery.look()
            write_history(path, 3001, 5)
            await delivery.look()
            assert await delivery.send_new() == 5
            assert await delivery.send_past(100) == 100
            assert set(ticks_of(server.taken)) == {*range(1, 101), *range(3001, 3006)}
            assert delivery.health.behind == pytest.approx(START + 1, abs=1)
            await send_all(delivery)
            assert await delivery.send_past() is None
        assert set(ticks_of(server.taken)) == set(range(1, 3006))


async def test_a_meter_that_is_read_seldom_leaves_no_gap(path: Path) -> None:
    async with moody_server_without(path, 10) as (_, server, url):
        async with delivering(path, url) as delivery:
            await send_all(delivery)
            write_history(path, 4000, 1)
            await delivery.look()
            assert not delivery.has_gap
            assert await delivery.send_new() == 1
        assert ticks_of(server.taken) == dict.fromkeys((*range(1, 11), 4000), 1)


async def test_a_target_that_restarts_in_the_middle_has_not_got_all(path: Path) -> None:
    async with moody_server_without(path, 2 * BATCH) as (_, server, url):
        async with delivering(path, url) as delivery:
            assert await delivery.send() == 0
            server.taken.clear()
            server.hang_up()
            await wait_until(lambda: not server.writers, "it let go")
            await send_all(delivery)
        assert set(ticks_of(server.taken)) == set(range(1, 2 * BATCH + 1))


async def test_what_others_want_sent_again_does_not_send_the_new_ones_again(path: Path) -> None:
    """An import moves the cursors many times a minute; new readings are not held up by it."""
    async with moody_server_without(path, 600) as (_, server, url):
        async with delivering(path, url) as delivery:
            await send_all(delivery)
            with Cursors(path, TimeseriesOptions(url=url).label) as others:
                others.send_again("house", (int(START + 10) * 1000 + 1, int(START + 20) * 1000))
            await send_all(delivery)
        counts = ticks_of(server.taken)
        assert counts == dict.fromkeys(range(1, 601), 1) | dict.fromkeys(range(10, 20), 2)


async def test_readings_that_are_dropped_before_they_are_sent_are_counted(path: Path) -> None:
    async with moody_server_without(path, 7200) as (_, server, url):
        with Database(path) as database:
            Recorder(database).drop_raw(START + 3600, 1000)
        delivery = await deliver(path, url)
        assert delivery.health.lost == pytest.approx(7200 - len(ticks_of(server.taken)), abs=60)
        assert delivery.health.lost > 2000


async def test_a_meter_that_comes_later_is_sent_from_its_first_reading(path: Path) -> None:
    async with moody_server() as (_, server, url):
        write_history(path, 1, 10)
        introduce(path, url)
        with Database(path, check=False) as database:
            Recorder(database).record({"van": readings(1, 10), "house": readings(11, 1)})
        await deliver(path, url)
        assert set(ticks_of(server.taken)) == {11}, "a new target gets of the others what comes from now on"
        assert sum(b"meter=van" in line for line in server.taken) == 10
