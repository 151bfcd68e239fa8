"""Readings in real engines, which die in the middle of the stream: not one is missing, doubled or altered."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from history.made import START
from juntek.history import deliveries
from juntek.outputs import timeseries
from juntek.outputs.timeseries import condition, connection, held, target, witness
from outputs.delivering import (
    Gateway,
    expected,
    in_influxdb,
    in_victoria_metrics,
    serving,
    wait_for_all,
    wait_until,
)
from servers.engines import InfluxDB, VictoriaMetrics

pytestmark = pytest.mark.usefixtures("in_a_hurry", "long_in_doubt")


@pytest.fixture
def long_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of seconds of readings go by in one, so what was sent in the last of these is in doubt for longer."""
    monkeypatch.setattr(deliveries, "SETTLE", 100_000.0)
    monkeypatch.setattr(connection, "IDLE_TIME", 600)  # the start of an engine may take its time
    monkeypatch.setattr(condition, "SETTLING", 1.5)  # and so may what it shows


async def stream(gateway: Gateway, count: int) -> None:
    """Hear readings with a little time between them, so that they go out in many batches."""
    for _ in range(count // 10):
        await gateway.hear(10)
        await asyncio.sleep(0.03)


async def lose_some_unseen(engine: VictoriaMetrics, gateway: Gateway, path: Path) -> None:
    """Kill the engine and start it between two batches that are 2 s apart; return once it has all again."""
    for _ in range(5):
        await gateway.hear(20)
        await asyncio.sleep(2.0)
    await asyncio.to_thread(engine.kill)
    await asyncio.to_thread(engine.start)
    assert len(in_victoria_metrics(engine)) < 12 * 100, "it has lost some"
    await gateway.hear(20)
    await wait_for_all(lambda: in_victoria_metrics(engine), path)


async def test_every_value_of_every_reading_arrives_in_victoria_metrics(
    victoria_metrics: VictoriaMetrics, path: Path
) -> None:
    async with serving(path, f"{victoria_metrics.url}/write") as gateway:
        await stream(gateway, 300)
        await wait_for_all(lambda: in_victoria_metrics(victoria_metrics), path)
    assert len(expected(path)) == 300 * 12


async def test_every_value_of_every_reading_arrives_in_influxdb(influxdb: InfluxDB, path: Path) -> None:
    await asyncio.to_thread(influxdb.create_database, "juntek")
    async with serving(path, f"{influxdb.url}/write?db=juntek") as gateway:
        await stream(gateway, 300)
        await wait_for_all(lambda: in_influxdb(influxdb), path)


async def test_victoria_metrics_that_loses_its_power_in_the_middle_has_every_reading_once_in_the_end(
    victoria_metrics: VictoriaMetrics, path: Path
) -> None:
    async with serving(path, f"{victoria_metrics.url}/write") as gateway:
        await stream(gateway, 300)
        await asyncio.to_thread(victoria_metrics.kill)
        await stream(gateway, 300)
        (trouble,) = gateway.context.troubles.values()
        assert "Nothing is lost" in trouble
        await asyncio.to_thread(victoria_metrics.start)
        await stream(gateway, 100)
        await wait_for_all(lambda: in_victoria_metrics(victoria_metrics), path)
        assert gateway.context.troubles == {}
    assert len(expected(path)) == 700 * 12


async def test_victoria_metrics_that_is_up_again_before_anybody_noticed_has_every_reading_once_in_the_end(
    victoria_metrics: VictoriaMetrics, path: Path
) -> None:
    async with serving(path, f"{victoria_metrics.url}/write") as gateway:
        await stream(gateway, 300)
        await asyncio.to_thread(victoria_metrics.kill)
        await asyncio.to_thread(victoria_metrics.start)
        await stream(gateway, 100)
        await wait_for_all(lambda: in_victoria_metrics(victoria_metrics), path)


async def test_victoria_metrics_that_is_up_again_between_two_requests_far_apart_has_every_reading_once_in_the_end(
    victoria_metrics: VictoriaMetrics, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """We give up a connection that is idle for long, so nothing is seen of it; the engine is asked."""
    monkeypatch.setattr(connection, "IDLE_TIME", 0.1)
    monkeypatch.setattr(witness, "ASK_EVERY", 1.0)
    monkeypatch.setattr(witness, "SHOWN_AFTER", 3.5)
    async with serving(path, f"{victoria_metrics.url}/write", interval=2.0) as gateway:
        await lose_some_unseen(victoria_metrics, gateway, path)


async def test_victoria_metrics_that_is_up_again_behind_a_proxy_that_tells_nothing_has_every_reading_once_in_the_end(
    victoria_metrics: VictoriaMetrics,
    start_vmauth: Callable[[str], int],
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The proxy keeps our connection, so the engine is asked now and then what it has."""
    monkeypatch.setattr(witness, "ASK_EVERY", 1.0)
    monkeypatch.setattr(witness, "SHOWN_AFTER", 3.5)
    port = start_vmauth(f'users:\n- bearer_token: "right"\n  url_prefix: "{victoria_metrics.url}"\n')
    url = f"http://127.0.0.1:{port}/write"
    gateway = Gateway(path, [timeseries.Options(url=url, token="right", interval=2.0)])  # noqa: S106
    async with gateway.running():
        await lose_some_unseen(victoria_metrics, gateway, path)


async def test_victoria_metrics_that_hangs_for_a_while_has_every_reading_once_in_the_end(
    victoria_metrics: VictoriaMetrics, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It works off afterwards what it was sent meanwhile, and nobody was told how that ended."""
    monkeypatch.setattr(target, "ANSWER_TIME", 0.5)
    monkeypatch.setattr(held, "_SEARCH_TIME", 1.0)
    monkeypatch.setattr(condition, "LONGEST_WAIT", 3.0)  # longer than it takes to settle, as it is
    async with serving(path, f"{victoria_metrics.url}/write") as gateway:
        health = gateway.context.sinks[f"timeseries {gateway.targets[0].label}"]
        await stream(gateway, 300)
        for since in (0, 1):
            await wait_for_all(lambda: in_victoria_metrics(victoria_metrics), path)
            os.kill(victoria_metrics.process_id, signal.SIGSTOP)
            for _ in range(20):
                await gateway.hear(10)
                await asyncio.sleep(0.2)
            assert health.failures == since + 1
            assert health.lag(gateway.context.time()) > 190, "the lag tells of it while it hangs"
            os.kill(victoria_metrics.process_id, signal.SIGCONT)
            await stream(gateway, 100)
        await wait_for_all(lambda: in_victoria_metrics(victoria_metrics), path)
        await wait_until(lambda: health.lag(gateway.context.time()) == 0, "the lag is over too")


async def test_influxdb_that_loses_its_power_in_the_middle_has_every_reading_in_the_end(
    influxdb: InfluxDB, path: Path
) -> None:
    await asyncio.to_thread(influxdb.create_database, "juntek")
    async with serving(path, f"{influxdb.url}/write?db=juntek") as gateway:
        await stream(gateway, 200)
        await asyncio.to_thread(influxdb.kill)
        await stream(gateway, 200)
        await asyncio.to_thread(influxdb.start)
        # Nothing more is heard: what is owed is sent all the same.
        await wait_for_all(lambda: in_influxdb(influxdb), path)


async def test_an_engine_that_dies_while_it_gets_what_it_missed_has_all_of_it_once_in_the_end(
    victoria_metrics: VictoriaMetrics, path: Path
) -> None:
    await asyncio.to_thread(victoria_metrics.stop)
    async with serving(path, f"{victoria_metrics.url}/write", rate=2000) as gateway:
        await gateway.hear(10_000)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(victoria_metrics.start)
        await wait_until(lambda: len(in_victoria_metrics(victoria_metrics)) > 12 * 2000, "a part has arrived")
        await asyncio.to_thread(victoria_metrics.kill)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(victoria_metrics.start)
        await stream(gateway, 50)
        await wait_for_all(lambda: in_victoria_metrics(victoria_metrics), path)
    assert len(expected(path)) == 10_050 * 12


async def test_a_gateway_that_is_started_again_sends_what_was_heard_and_not_sent(
    victoria_metrics: VictoriaMetrics, path: Path
) -> None:
    url = f"{victoria_metrics.url}/write"
    async with serving(path, url) as gateway:
        await stream(gateway, 100)
        await asyncio.to_thread(victoria_metrics.stop)
        await stream(gateway, 100)
    await asyncio.to_thread(victoria_metrics.start)
    async with serving(path, url, tick=gateway.tick):
        await wait_for_all(lambda: in_victoria_metrics(victoria_metrics), path)


async def test_new_readings_do_not_wait_for_old_ones(victoria_metrics: VictoriaMetrics, path: Path) -> None:
    await asyncio.to_thread(victoria_metrics.stop)
    async with serving(path, f"{victoria_metrics.url}/write", rate=100) as gateway:
        await gateway.hear(5000)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(victoria_metrics.start)
        health = gateway.context.sinks[f"timeseries {gateway.targets[0].label}"]
        while not health.connected:
            await gateway.hear(1)
            await asyncio.sleep(0.1)
        await stream(gateway, 20)
        await wait_until(lambda: max(expected(path))[0] // 1000 == START + gateway.tick, "the history has the newest")
        newest = max(expected(path))[0]
        await wait_until(
            lambda: newest in {p[0] for p in in_victoria_metrics(victoria_metrics)}, "the engine has it too"
        )
        there = {time for time, _, _ in in_victoria_metrics(victoria_metrics)}
        owed = sorted({time for time, _, _ in expected(path)} - there)
        assert len(owed) > 3000, "at this rate the past takes most of a minute"
        assert all(time < owed[0] or time > owed[-1] for time in there), "the oldest goes first"
        await wait_until(lambda: health.lag(gateway.context.time()) > 1000, "the lag tells of it")


async def test_a_target_that_is_away_costs_the_other_one_nothing(
    start_victoria_metrics: Callable[..., VictoriaMetrics], path: Path
) -> None:
    near, far = await asyncio.to_thread(lambda: (start_victoria_metrics(), start_victoria_metrics()))
    await asyncio.to_thread(far.stop)
    async with serving(path, f"{near.url}/write", f"{far.url}/write") as gateway:
        await stream(gateway, 100)
        await wait_for_all(lambda: in_victoria_metrics(near), path)
        assert list(gateway.context.troubles) == [f"timeseries {gateway.targets[1].label}"]
        await asyncio.to_thread(far.start)
        await wait_for_all(lambda: in_victoria_metrics(far), path)
