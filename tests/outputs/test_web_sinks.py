"""How each sink does, as the page's server tells it: when asked, and by itself to whoever looks on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from juntek.listening import Limits
from juntek.outputs import Context, SinkHealth
from juntek.outputs.web.live import LATE, HealthMonitor
from outputs.served import NOW, Clock, context, events, served
from outputs.updates import kg_reading, kg_update

TELL_EVERY = 5.0

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MQTT, WORKSHOP = "mqtt", "timeseries workshop"
GONE = "The target workshop is not there; start it. Nothing is lost: it is sent later."
WELL = {"connected": True, "waiting": 0, "lag": 0, "failures": 0, "lost": 0, "refused": 0, "error": None}


def two_sinks(**changes: Any) -> Context:  # noqa: ANN401 - the fields of Context
    sinks = {MQTT: SinkHealth(connected=True), WORKSHOP: SinkHealth(connected=True)}
    return context(sections=("mqtt", "timeseries"), sinks=sinks, **changes)


def go_away(where: Context) -> None:
    where.sinks[WORKSHOP].connected = False
    where.sinks[WORKSHOP].failures += 1
    where.errors[WORKSHOP] = GONE


def come_back(where: Context) -> None:
    where.sinks[WORKSHOP].connected = True
    where.errors.pop(WORKSHOP)


async def of_gateway(answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """Yield what each `gateway` event says of the sinks."""
    async for name, data in events(answer):
        if name == "gateway":
            yield data["sinks"]


async def until(stream: AsyncIterator[dict[str, Any]], *, connected: bool) -> dict[str, Any]:
    """Return what is said first of the workshop when it is there, or is not."""
    async with asyncio.timeout(30):
        async for sinks in stream:
            told: dict[str, Any] = sinks[WORKSHOP]
            if told["connected"] is connected:
                return told
    raise AssertionError(connected)


# When asked ---------------------------------------------------------------------------------------------------


async def test_health_tells_of_every_sink_by_its_name() -> None:
    where = two_sinks()
    async with served(where) as site, site.browser() as browser:
        sinks = (await browser.get("/api/health")).json()["sinks"]
        assert sinks == {MQTT: WELL, WORKSHOP: WELL}
        assert list(sinks) == [MQTT, WORKSHOP]


async def test_a_sink_that_is_away_says_why_and_how_far_it_is_behind() -> None:
    where = two_sinks()
    go_away(where)
    where.sinks[MQTT].queue.append(kg_update(kg_reading(time=NOW - 61.6)))
    workshop = where.sinks[WORKSHOP]
    workshop.behind, workshop.lost, workshop.refused = NOW - 3 * 3600, 2, 7
    async with served(where) as site, site.browser() as browser:
        sinks = (await browser.get("/api/health")).json()["sinks"]
    assert sinks[MQTT] == WELL | {"waiting": 1, "lag": 62}
    assert sinks[WORKSHOP] == WELL | {
        "connected": False, "lag": 10800, "failures": 1, "lost": 2, "refused": 7, "error": GONE,
    }  # fmt: skip


async def test_without_any_sink_there_is_nothing_to_tell() -> None:
    async with served() as site, site.browser() as browser:
        assert (await browser.get("/api/health")).json()["sinks"] == {}


# By itself ----------------------------------------------------------------------------------------------------


async def test_a_browser_hears_that_a_sink_goes_away_and_comes_back_without_any_reading() -> None:
    where = two_sinks()
    async with served(where) as site, site.browser() as browser, browser.stream("GET", "/api/live") as answer:
        stream = of_gateway(answer)
        assert await until(stream, connected=True) == WELL
        go_away(where)
        assert await until(stream, connected=False) == WELL | {"connected": False, "failures": 1, "error": GONE}
        come_back(where)
        assert await until(stream, connected=True) == WELL | {"failures": 1}


async def test_a_browser_hears_that_a_lag_changes() -> None:
    where = two_sinks()
    async with (
        served(where, limits=Limits(tell_every=0.0, look_every=0.05)) as site,
        site.browser() as browser,
        browser.stream("GET", "/api/live") as answer,
    ):
        lags = []
        async with asyncio.timeout(30):
            async for sinks in of_gateway(answer):
                lags.append(sinks[WORKSHOP]["lag"])
                if len(lags) == 3:
                    break
                where.sinks[WORKSHOP].behind = NOW - 600 * (3 - len(lags))
    assert lags == [0, 1200, 600]


async def test_a_browser_that_comes_hears_how_all_is_now_and_not_how_it_was_for_the_one_before() -> None:
    where = two_sinks()
    async with served(where) as site, site.browser() as browser:
        for lag in (0, 2):  # too little to be told by itself
            where.sinks[WORKSHOP].behind = NOW - lag
            async with browser.stream("GET", "/api/live") as answer:
                assert (await anext(of_gateway(answer)))[WORKSHOP]["lag"] == lag


def test_what_changes_a_state_is_news_at_once_and_only_once() -> None:
    where, clock = two_sinks(), Clock(0.0)
    monitor = HealthMonitor(where, clock, TELL_EVERY)
    assert not monitor.has_news()
    for change in (go_away, come_back):
        change(where)
        assert monitor.has_news()
        assert not monitor.has_news()
    where.sinks[WORKSHOP].connected = False
    assert monitor.has_news()
    where.errors[WORKSHOP] = GONE
    assert monitor.has_news()
    where.errors[WORKSHOP] = "The target workshop refuses the token; check timeseries.token."
    assert monitor.has_news()


def test_a_history_that_pauses_is_news_whatever_else_is_there() -> None:
    where = context(sections=("history",))
    monitor = HealthMonitor(where, Clock(0.0), TELL_EVERY)
    where.errors["history"] = "The disk is full; make room."
    assert monitor.has_news()
    assert not monitor.has_news()


@pytest.mark.parametrize("key", ["failures", "lost", "refused"])
def test_a_count_is_news_only_after_a_while(key: str) -> None:
    where, clock = two_sinks(), Clock(0.0)
    monitor = HealthMonitor(where, clock, TELL_EVERY)
    setattr(where.sinks[MQTT], key, 1)
    assert not monitor.has_news()
    clock.now = TELL_EVERY
    assert monitor.has_news()
    assert not monitor.has_news()


def test_a_lag_that_changes_all_the_time_is_told_at_a_pace() -> None:
    where, clock = two_sinks(), Clock(0.0)
    monitor, told = HealthMonitor(where, clock, TELL_EVERY), []
    for second in range(30):
        clock.now = float(second)
        where.sinks[WORKSHOP].behind = NOW - 1000 - second
        if monitor.has_news():
            told.append(second)
    assert told == [5, 10, 15, 20, 25]


def test_what_always_waits_a_moment_is_no_news() -> None:
    where, clock = two_sinks(), Clock(0.0)
    monitor = HealthMonitor(where, clock, TELL_EVERY)
    for second in range(100):
        clock.now = float(second)
        where.sinks[MQTT].queue.append(kg_update(kg_reading(time=NOW - second % LATE)))
        where.sinks[WORKSHOP].behind = NOW - second % LATE
        assert not monitor.has_news()
        where.sinks[MQTT].queue.popleft()
