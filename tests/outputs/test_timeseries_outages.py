"""Readings in real databases, which die in the middle of the stream: not one is missing, doubled or altered."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

from history.made import START, reading_at
from juntek.history import Database
from juntek.history.cursors import Cursors
from juntek.history.recorder import Recorder
from juntek.outputs import timeseries
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

MONTH, EVERY = 30 * 86_400, 300


async def stream(gateway: Gateway, count: int) -> None:
    """Hear readings with a little time between them, so that they go out in many batches."""
    for _ in range(count // 10):
        await gateway.hear(10)
        await asyncio.sleep(0.03)


async def test_every_value_of_every_reading_arrives_in_influxdb_though_it_loses_its_power(
    influxdb: InfluxDB, path: Path
) -> None:
    await asyncio.to_thread(influxdb.create_database, "juntek")
    async with serving(path, f"{influxdb.url}/write?db=juntek") as gateway:
        await stream(gateway, 200)
        await asyncio.to_thread(influxdb.kill)
        await stream(gateway, 200)
        await asyncio.to_thread(influxdb.start)
        # Nothing more is heard: what is missing is sent all the same.
        await wait_for_all(lambda: in_influxdb(influxdb), path)


async def test_a_database_that_loses_its_power_in_the_middle_has_every_reading_in_the_end(
    engine: VictoriaMetrics, path: Path
) -> None:
    async with serving(path, f"{engine.url}/write") as gateway:
        await stream(gateway, 300)
        await asyncio.to_thread(engine.kill)
        await stream(gateway, 300)
        await wait_until(lambda: bool(gateway.context.errors), "the trouble is told")
        assert not gateway.health.connected
        await asyncio.to_thread(engine.start)
        await stream(gateway, 100)
        await wait_for_all(lambda: in_victoria_metrics(engine), path)
        assert gateway.context.errors == {}
    assert len(expected(path)) == 700 * 12


async def test_a_database_that_is_up_again_before_anybody_noticed_is_known_by_its_new_connection(
    engine: VictoriaMetrics, path: Path
) -> None:
    async with serving(path, f"{engine.url}/write", interval=2.0) as gateway:
        await stream(gateway, 100)
        await wait_for_all(lambda: in_victoria_metrics(engine), path)
        await asyncio.to_thread(engine.kill)
        await asyncio.to_thread(engine.start)
        assert len(in_victoria_metrics(engine)) < 12 * 100, "it has lost some"
        await gateway.hear(20)
        await wait_for_all(lambda: in_victoria_metrics(engine), path)


async def test_a_database_that_is_away_behind_a_proxy_has_every_reading_in_the_end(
    engine: VictoriaMetrics, start_vmauth: Callable[[str], int], path: Path
) -> None:
    """The proxy keeps our connection, and says for the database that it is away."""
    port = start_vmauth(f'users:\n- bearer_token: "right"\n  url_prefix: "{engine.url}"\n')
    url = f"http://127.0.0.1:{port}/write"
    gateway = Gateway(path, [timeseries.TimeseriesOptions(url=url, token="right", interval=0.1)])  # noqa: S106
    async with gateway.running():
        await stream(gateway, 100)
        await asyncio.to_thread(engine.kill)
        await stream(gateway, 100)
        await wait_until(lambda: not gateway.health.connected, "it is away")
        await asyncio.to_thread(engine.start)
        await wait_for_all(lambda: in_victoria_metrics(engine), path)


async def test_a_database_that_hangs_for_a_while_has_every_reading_in_the_end(
    engine: VictoriaMetrics, path: Path
) -> None:
    """It works off afterwards what it was sent meanwhile, and nobody was told how that ended."""
    async with serving(path, f"{engine.url}/write", response_time=2.0) as gateway:
        await stream(gateway, 300)
        await wait_for_all(lambda: in_victoria_metrics(engine), path)
        failures = gateway.health.failures
        os.kill(engine.process_id, signal.SIGSTOP)
        try:
            await gateway.hear(200)
            await wait_until(lambda: gateway.health.failures > failures, "it is away")
            await wait_until(lambda: gateway.health.lag(gateway.context.time()) > 190, "the lag tells of it")
        finally:
            os.kill(engine.process_id, signal.SIGCONT)
        await stream(gateway, 100)
        await wait_for_all(lambda: in_victoria_metrics(engine), path)
        await wait_until(lambda: gateway.health.lag(gateway.context.time()) == 0, "the lag is over too")


async def test_a_database_that_dies_while_it_gets_what_it_missed_has_all_of_it_in_the_end(
    engine: VictoriaMetrics, path: Path
) -> None:
    await asyncio.to_thread(engine.stop)
    async with serving(path, f"{engine.url}/write", rate=1000) as gateway:
        await gateway.hear(3000)
        await wait_until(lambda: not gateway.health.connected, "it is away")
        await asyncio.to_thread(engine.start)
        await wait_until(lambda: len(in_victoria_metrics(engine)) > 12 * 500, "a part has arrived")
        await asyncio.to_thread(engine.kill)
        await asyncio.to_thread(engine.start)
        await stream(gateway, 50)
        await wait_for_all(lambda: in_victoria_metrics(engine), path)
    assert len(expected(path)) == 3050 * 12


async def test_a_database_that_was_away_for_a_month_gets_all_of_it(engine: VictoriaMetrics, path: Path) -> None:
    url = f"{engine.url}/write"
    with Cursors(path, timeseries.TimeseriesOptions(url=url).label):
        pass  # it was known before
    with Database(path, check=False, synchronous="NORMAL") as database:
        recorder = Recorder(database)
        for day in range(0, MONTH, 86_400):
            ticks = range(day, day + 86_400, EVERY)
            recorder.record({"house": [reading_at(tick, time=START + tick) for tick in ticks]})
    async with serving(path, url, tick=MONTH) as gateway:
        await gateway.hear(10)
        await wait_for_all(lambda: in_victoria_metrics(engine), path)
    assert len(expected(path)) == (MONTH // EVERY + 10) * 12


async def test_a_gateway_that_is_started_again_sends_what_was_heard_and_not_sent(
    engine: VictoriaMetrics, path: Path
) -> None:
    url = f"{engine.url}/write"
    async with serving(path, url) as gateway:
        await stream(gateway, 100)
        await asyncio.to_thread(engine.stop)
        await stream(gateway, 100)
    await asyncio.to_thread(engine.start)
    async with serving(path, url, tick=gateway.tick):
        await wait_for_all(lambda: in_victoria_metrics(engine), path)


async def test_new_readings_do_not_wait_for_old_ones(engine: VictoriaMetrics, path: Path) -> None:
    await asyncio.to_thread(engine.stop)
    async with serving(path, f"{engine.url}/write", rate=100) as gateway:
        await gateway.hear(5000)
        await wait_until(lambda: not gateway.health.connected, "it is away")
        await asyncio.to_thread(engine.start)
        await wait_until(lambda: gateway.health.connected, "it is back")
        await stream(gateway, 20)
        newest = START + gateway.tick
        await wait_until(
            lambda: newest in {time // 1000 for time, _, _ in in_victoria_metrics(engine)}, "the newest has arrived"
        )
        there = {time for time, _, _ in in_victoria_metrics(engine)}
        missing = sorted({time for time, _, _ in expected(path)} - there)
        assert len(missing) > 3000, "at this rate the past takes most of a minute"
        assert all(time < missing[0] or time > missing[-1] for time in there), "the oldest goes first"
        assert gateway.health.lag(gateway.context.time()) > 1000


async def test_a_target_that_is_away_costs_the_other_one_nothing(
    start_victoria_metrics: Callable[..., VictoriaMetrics], engine: VictoriaMetrics, path: Path
) -> None:
    far = await asyncio.to_thread(start_victoria_metrics, "-dedup.minScrapeInterval=1ms")
    await asyncio.to_thread(far.stop)
    async with serving(path, f"{engine.url}/write", f"{far.url}/write") as gateway:
        await stream(gateway, 100)
        await wait_for_all(lambda: in_victoria_metrics(engine), path)
        await wait_until(lambda: bool(gateway.context.errors), "the other one is told of")
        assert list(gateway.context.errors) == [f"timeseries {gateway.targets[1].label}"]
        await asyncio.to_thread(far.start)
        await wait_for_all(lambda: in_victoria_metrics(far), path)
