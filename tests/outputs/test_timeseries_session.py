"""What the gateway does for a target, and what its log and health say of it."""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from itertools import count
from pathlib import Path

import pytest

from juntek.files import hold, lock_of
from juntek.outputs import FarEndError, timeseries
from outputs.delivering import Gateway, serving, wait_until
from outputs.line_server import GOOD, Reply, Request
from outputs.moody import REFUSAL, arrive, moody_server, moody_server_without, ticks_of
from outputs.updates import kg_update


async def test_a_target_that_is_away_is_told_of_once_and_its_return_too(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "juntek")
    async with moody_server() as (mood, server, url), serving(path, url) as gateway:
        words = count(1)
        mood.judge = lambda _: Reply(503, b"starting, try %d" % next(words))
        await gateway.hear(100)
        await wait_until(lambda: len(server.requests) > 4, "it was tried again and again")
        assert not gateway.health.connected
        assert (gateway.health.lost, gateway.health.waiting) == (0, 0), "the history has all"
        assert len(gateway.context.errors) == 1
        await wait_until(lambda: gateway.health.lag(gateway.context.time()) > 90, "the lag tells of it")
        mood.judge = lambda _: GOOD
        await arrive(server, *range(1, 101))
        await wait_until(lambda: gateway.health.connected, "it is back")
        await wait_until(lambda: gateway.health.lag(gateway.context.time()) == 0, "it has all")
        assert gateway.context.errors == {}
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def test_another_cause_of_a_failure_is_told_too(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with moody_server() as (mood, _, url), serving(path, url) as gateway:
        mood.judge = lambda _: Reply(503)
        await wait_until(lambda: len(caplog.records) == 1, "it is told")
        mood.judge = lambda _: Reply(401)
        await wait_until(lambda: len(caplog.records) == 2, "the other is told too")
        (text,) = gateway.context.errors.values()
        assert "wants a login" in text


async def test_the_lag_grows_while_an_answer_is_waited_for_and_is_over_with_it(path: Path) -> None:
    async with moody_server() as (mood, server, url), serving(path, url) as gateway:
        await gateway.hear(5)
        await arrive(server, *range(1, 6))
        mood.judge = lambda request: Reply(fault="slow") if ticks_of(request.lines) else GOOD
        await gateway.hear(100)
        await wait_until(lambda: gateway.health.lag(gateway.context.time()) > 90, "the lag tells of it")
        assert gateway.health.failures == 0, "and nobody knows yet what is wrong"
        mood.judge = lambda _: GOOD
        server.let_go.set()
        await wait_until(lambda: gateway.health.lag(gateway.context.time()) == 0, "it is over")


async def test_the_lag_grows_while_a_target_hangs_that_has_all_so_far(path: Path) -> None:
    async with moody_server() as (mood, _, url), serving(path, url) as gateway:
        mood.judge = lambda _: Reply(fault="slow")
        await wait_until(lambda: gateway.health.behind is not None, "it was asked")
        gateway.tick += 100
        assert gateway.health.lag(gateway.context.time()) >= 100


async def test_what_was_missed_before_a_restart_is_told(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "juntek")
    async with moody_server_without(path, 3000) as (mood, server, url):
        mood.judge = lambda _: Reply(503)
        async with serving(path, url, tick=5000) as gateway:
            await wait_until(lambda: gateway.health.failures > 0, "it is away")
            assert gateway.health.lag(gateway.context.time()) > 4900
        mood.judge = lambda _: GOOD
        async with serving(path, url, tick=5000, rate=4000):
            await arrive(server, *range(1, 3001))
            await wait_until(lambda: "it has all that it missed" in caplog.text, "its end is told")
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "INFO", "INFO"]


async def test_the_past_is_sent_no_faster_than_the_rate(path: Path) -> None:
    async with moody_server_without(path, 2000) as (_, server, url):
        loop = asyncio.get_running_loop()
        began = loop.time()  # what keeps a busy machine from going on only adds to it
        async with serving(path, url, tick=2000, rate=1000):
            await arrive(server, *range(1, 2001))
            assert loop.time() - began >= 1.0


async def test_a_target_that_asks_to_be_left_alone_ends_it_with_the_time(path: Path) -> None:
    async with moody_server() as (mood, _, url):
        mood.judge = lambda _: Reply(429, headers={"Retry-After": "30"})
        gateway = Gateway(path, [timeseries.TimeseriesOptions(url=url)])
        with pytest.raises(FarEndError, match="Nothing is lost") as said:
            async with timeseries.open_sink(gateway.targets[0], gateway.context):
                pass
    assert said.value.wait == 30


async def test_a_password_that_is_mended_in_its_file_is_used_without_a_restart(path: Path, tmp_path: Path) -> None:
    file, login = tmp_path / "password", f"Basic {b64encode(b'house:right').decode()}"
    file.write_text("wrong")
    async with moody_server() as (mood, server, url):
        mood.judge = lambda request: GOOD if request.headers.get("authorization") == login else Reply(401)
        options = timeseries.TimeseriesOptions(url=url, username="house", password_file=file, interval=0.1)
        gateway = Gateway(path, [options])
        async with gateway.running():
            await wait_until(lambda: bool(gateway.context.errors), "it is refused")
            await gateway.hear(5)
            file.write_text("right")
            await arrive(server, *range(1, 6))
            await wait_until(lambda: not gateway.context.errors, "all is well")


async def test_a_reading_that_is_refused_is_counted_and_told_and_holds_up_no_other(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def judge(request: Request) -> Reply:
        return REFUSAL if 7 in ticks_of(request.lines) else GOOD

    async with moody_server() as (mood, server, url), serving(path, url) as gateway:
        mood.judge = judge
        await gateway.hear(20)
        await arrive(server, *range(1, 7), *range(8, 21))
        await wait_until(lambda: gateway.health.refused > 0, "it is counted")
        await wait_until(lambda: "1 readings were refused (field type conflict)" in caplog.text, "it is told")
    assert 7 not in ticks_of(server.taken)


async def test_one_process_sends_to_a_target_at_a_time(path: Path) -> None:
    async with moody_server() as (_, _, url):
        gateway = Gateway(path, [timeseries.TimeseriesOptions(url=url)])
        lock = lock_of(path, gateway.targets[0].label)
        with hold(lock):
            async with gateway.running():
                await wait_until(lambda: gateway.health.failures > 0, "another one sends")
        async with gateway.running():
            await wait_until(lambda: gateway.health.connected, "the other one has ended")
            with hold(lock) as is_free:
                assert not is_free
        with hold(lock) as is_free:
            assert is_free


async def test_how_meters_sinks_and_the_gateway_do_is_told_of_meters_that_are_silent_too(path: Path) -> None:
    async with moody_server() as (_, server, url):
        gateway = Gateway(path, [timeseries.TimeseriesOptions(url=url, interval=0.1)])
        gateway.context.latest.take(kg_update(meter="van"))
        gateway.context.latest.take(kg_update(None, meter="barn", available=False))
        async with gateway.running():
            await wait_until(lambda: bool(server.taken), "it is told at once")
        told = [line.decode().rsplit(" ", 1)[0] for line in server.taken]
    assert "juntek,site=home,gateway=pi,version=1.2.3 gateway_info=1.0" in told
    assert "juntek,site=home,meter=house meter_up=0.0,link_up=0.0,frames_total=0.0,reconnects_total=0.0" in told
    assert any(line.startswith("juntek,site=home,sink=timeseries\\ 127.0.0.1:") for line in told)
    settings = next(line for line in told if "nominal_capacity" in line)
    assert "meter=van" in settings
    assert "nominal_capacity_coulombs=1008000.0" in settings
    assert "over_voltage_protection_volts=14.6" in settings
    assert any("meter=van" in line and "meter_info=1.0" in line and "model=KG140F" in line for line in told)
    assert not any("meter=barn" in line and "nominal" in line for line in told)


async def test_a_target_that_does_not_take_how_the_gateway_does_gets_the_readings(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "juntek.outputs.timeseries")
    async with moody_server() as (mood, server, url):
        mood.judge = lambda request: GOOD if ticks_of(request.lines) else REFUSAL
        async with serving(path, url) as gateway:
            await gateway.hear(5)
            await arrive(server, *range(1, 6))
    assert "field type conflict" in caplog.text
