"""What the log and the health of a sink say while its target is away, hangs, or gets what it missed."""

from __future__ import annotations

import asyncio
import logging
from itertools import count
from pathlib import Path

import pytest

from juntek.outputs.timeseries import session
from outputs.delivering import wait_until
from outputs.line_server import GOOD, Reply, serve_lines
from outputs.moody import arrive, moody_server, once, owe_all, running, write_history

pytestmark = pytest.mark.usefixtures("in_a_hurry")


async def test_both_ways_to_a_target_that_is_away_say_so_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "juntek.outputs")
    write_history(path, 100)
    async with moody_server() as (mood, server, url):
        words = count(1)
        mood.judge = lambda _: Reply(503, b"starting, try %d" % next(words))
        owe_all(path, url)
        async with running(path, url, tick=5000) as gateway:
            health = gateway.context.sinks[f"timeseries {gateway.targets[0].label}"]
            await gateway.hear(1)
            await wait_until(lambda: len(server.requests) > 4, "both ways have failed")
            assert health.failures == 1
            mood.judge = lambda _: GOOD
            async with asyncio.timeout(30):
                while not health.connected:
                    await gateway.hear(1)
                    await asyncio.sleep(0.1)
            await arrive(server, once(1, 100) + once(5001, gateway.tick))
            await wait_until(lambda: "has all" in caplog.text, "that is told too")
    away, back, done = [record.getMessage() for record in caplog.records]
    assert "is not ready (503: starting, try 1)" in away
    assert "it takes readings again" in back
    assert "it has all that it missed" in done


async def test_the_lag_grows_while_an_answer_is_waited_for_and_is_over_with_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "LATE", 0.2)
    async with moody_server() as (mood, server, url), running(path, url) as gateway:
        health = gateway.context.sinks[f"timeseries {gateway.targets[0].label}"]
        await gateway.hear(5)
        await arrive(server, once(1, 5))
        mood.judge = lambda _: Reply(fault="slow")
        await gateway.hear(100)
        await wait_until(lambda: health.lag(gateway.context.time()) > 90, "the lag tells of it")
        assert health.failures == 0, "and nobody knows yet what is wrong"
        mood.judge = lambda _: GOOD
        server.let_go.set()
        await wait_until(lambda: health.lag(gateway.context.time()) == 0, "it is over")


async def test_what_was_owed_before_a_restart_is_told_though_the_target_is_still_away(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "juntek.outputs")
    write_history(path, 3000)
    async with moody_server() as (mood, server, url):
        mood.judge = lambda _: Reply(503)
        owe_all(path, url)
        async with running(path, url, tick=5000) as gateway:
            health = gateway.context.sinks[f"timeseries {gateway.targets[0].label}"]
            await wait_until(lambda: health.lag(gateway.context.time()) > 4900, "the lag tells of it")
        mood.judge = lambda _: GOOD
        async with running(path, url, tick=5000):
            await arrive(server, once(1, 3000))
            await wait_until(lambda: "has all" in caplog.text, "its end is told")
    assert caplog.text.count("it gets what it missed since 2026-09-21 14:13 now") == 1


async def test_an_engine_that_does_not_let_itself_be_asked_is_told_of_once(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve_lines(lambda request: Reply(403) if "export" in request.path else GOOD) as server:
        write_history(path, 100)
        owe_all(path, f"{server.url}/write")
        async with running(path, f"{server.url}/write", tick=200) as gateway:
            await gateway.hear(10)
            await arrive(server, once(1, 100) + once(201, 210))
    (told,) = [record.getMessage() for record in caplog.records if "does not say what it has" in record.getMessage()]
    assert "(403: Forbidden)" in told
    assert "-dedup.minScrapeInterval=1ms" in told
