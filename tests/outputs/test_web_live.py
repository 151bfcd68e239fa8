"""Live values: they change as they come, and no browser, slow or one of many, holds up the gateway or another one."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx

from juntek.listening import Limits
from juntek.outputs.web.live import Broadcaster
from outputs.served import HASH, PASSWORD, Served, context, events, served, status_of_stream
from outputs.updates import kg_reading, kg_update, kh_update, listening

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


MOST = 60.0
"""s that anything here may take: a stream with a heartbeat is never silent for as long as a browser waits."""


async def next_of(stream: AsyncIterator[tuple[str, Any]], meter: str, voltage: float | None = None) -> Any:  # noqa: ANN401
    async with asyncio.timeout(MOST):
        async for name, data in stream:
            if name == "update" and data["meter"] == meter:
                latest = data.get("latest") or {}
                if voltage is None or latest.get("voltage") == voltage:
                    return data
    raise AssertionError(meter)


async def test_a_browser_first_hears_how_everything_is() -> None:
    async with served() as site, site.browser() as browser:
        await site.handle(kg_update())
        async with browser.stream("GET", "/api/live") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert answer.headers["cache-control"] == "no-store"
            stream = events(answer)
            name, data = await anext(stream)
            assert (name, data["version"], data["history"]["state"]) == ("gateway", "1.2.3", "off")
            house, boat = (await anext(stream))[1], (await anext(stream))[1]
            assert (house["meter"], house["available"], house["latest"]["voltage"]) == ("house", True, 13.2)
            assert (boat["meter"], boat["available"], boat["latest"]) == ("boat", False, None)


async def test_values_change_while_a_browser_looks_on() -> None:
    async with served() as site, site.browser() as browser, browser.stream("GET", "/api/live") as answer:
        stream = events(answer)
        for voltage in (13.1, 13.2, 13.3):
            await site.handle(kg_update(kg_reading(voltage=voltage)))
            assert (await next_of(stream, "house", voltage))["health"]["frames"] == 9
        error = listening(error="The meter is silent; check its wires.")
        await site.handle(kg_update(None, available=False, health=error))
        silent = await next_of(stream, "house", 13.3)
        assert (silent["available"], silent["health"]["error"]) == (False, "The meter is silent; check its wires.")
        await site.handle(kh_update())
        assert (await next_of(stream, "boat", 13.2))["identity"]["model"] == "KH140F"


async def test_a_browser_hears_when_the_history_pauses_and_goes_on() -> None:
    where = context(sections=("history",))
    async with served(where) as site, site.browser() as browser, browser.stream("GET", "/api/live") as answer:
        stream = events(answer)
        await next_of(stream, "boat")
        for state, trouble in (("paused", {"history": "The disk is full; make room."}), ("ok", {})):
            where.errors.clear()
            where.errors.update(trouble)
            await site.handle(kg_update())
            async with asyncio.timeout(MOST):
                data = await anext(data async for name, data in stream if name == "gateway")
            assert data["history"] == {"state": state, "reason": trouble.get("history")}


async def test_a_browser_that_comes_costs_the_others_nothing() -> None:
    async with (
        asyncio.timeout(MOST),
        served(limits=Limits(look_every=3600, shortest_gap=0.01)) as site,
        site.browser() as browser,
        browser.stream("GET", "/api/live") as first,
    ):
        stream = events(first)
        assert [(await anext(stream))[0] for _ in range(3)] == ["gateway", "update", "update"]
        async with browser.stream("GET", "/api/live") as second:
            assert (await anext(events(second)))[0] == "gateway"
        await site.handle(kg_update())
        assert (await anext(stream))[0] == "update"


async def test_a_silent_stream_has_a_heartbeat() -> None:
    async with (
        served(limits=Limits(heartbeat=0.05)) as site,
        site.browser() as browser,
        browser.stream("GET", "/api/live") as answer,
    ):
        lines = (line async for line in answer.aiter_lines() if line.startswith(":"))
        async with asyncio.timeout(MOST):
            assert [await anext(lines) for _ in range(3)]


async def test_a_hundred_browsers_all_see_the_newest_value() -> None:
    async with served() as site, site.browser(limits=httpx.Limits(max_connections=None)) as browser:
        ready = 0
        all_ready = asyncio.Event()

        async def look_on() -> float:
            nonlocal ready
            async with browser.stream("GET", "/api/live") as answer:
                stream = events(answer)
                await next_of(stream, "boat")
                ready += 1
                if ready == 100:
                    all_ready.set()
                voltage: float = (await next_of(stream, "house", 14.4))["latest"]["voltage"]
                return voltage

        browsers = [asyncio.create_task(look_on()) for _ in range(100)]
        async with asyncio.timeout(MOST):
            await all_ready.wait()
        for number in range(200):
            await site.handle(kg_update(kg_reading(voltage=10 + number / 100)))
        await site.handle(kg_update(kg_reading(voltage=14.4)))
        assert await asyncio.gather(*browsers) == [14.4] * 100
        assert (await browser.get("/api/health")).status_code == 200


async def test_a_browser_too_many_is_told_so_and_finds_a_place_when_another_leaves() -> None:
    async with (
        served(limits=Limits(streams=20)) as site,
        site.browser(limits=httpx.Limits(max_connections=None)) as browser,
    ):
        streams = [browser.stream("GET", "/api/live") for _ in range(20)]
        answers = await asyncio.gather(*(stream.__aenter__() for stream in streams))
        assert {answer.status_code for answer in answers} == {200}
        refused = await browser.get("/api/live")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        await streams.pop().__aexit__(None, None, None)
        async with asyncio.timeout(MOST):
            while (await status_of_stream(browser)) != 200:  # noqa: ASYNC110 - only asking tells
                await asyncio.sleep(0.01)
        await asyncio.gather(*(stream.__aexit__(None, None, None) for stream in streams))


async def test_browsers_that_go_before_they_heard_anything_leave_their_place() -> None:
    async with served(limits=Limits(streams=3)) as site, site.browser() as browser:
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", site.port)) as hasty:
                hasty.sendall(b"GET /api/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
        async with asyncio.timeout(MOST):
            while (await status_of_stream(browser)) != 200:  # noqa: ASYNC110 - only asking tells
                await asyncio.sleep(0.01)


async def test_who_sends_on_and_on_instead_of_listening_is_not_served() -> None:
    async with served() as site, asyncio.timeout(MOST):
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(b"GET /api/live HTTP/1.1\r\nhost: localhost\r\ncontent-length: 999999999\r\n\r\n" + bytes(1000))
        with suppress(ConnectionResetError):
            assert b"200 OK" in await reader.read()  # it ends
        writer.close()


async def test_a_browser_that_takes_nothing_holds_up_nobody_and_gets_the_newest_when_it_wakes_up() -> None:
    async with served(limits=Limits(shortest_gap=0.0)) as site, site.browser() as browser:
        sleeper = await sleeping_browser(site)
        async with browser.stream("GET", "/api/live") as answer:
            stream = events(answer)
            # Far more than all buffers between the two can hold: each update is some two kilobytes.
            for number in range(4000):
                await site.handle(kg_update(kg_reading(voltage=10.0, message_count=number)))
                await asyncio.sleep(0)
            await site.handle(kg_update(kg_reading(voltage=14.4)))
            assert (await next_of(stream, "house", 14.4))["meter"] == "house"
        text = await read_until(sleeper, b'"voltage":14.4')
        counts = text.count(b"event: update")
        assert counts < 4000
        sleeper.close()


async def sleeping_browser(site: Served) -> socket.socket:
    """Return a connection that asked for live values, has small buffers and reads nothing."""
    sleeper = socket.socket()
    sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sleeper.setblocking(False)  # noqa: FBT003 - the library's signature
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sleeper, ("127.0.0.1", site.port))
    await loop.sock_sendall(sleeper, b"GET /api/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
    await read_until(sleeper, b'"meter":"boat"')
    return sleeper


async def read_until(connection: socket.socket, mark: bytes) -> bytes:
    text = b""
    async with asyncio.timeout(MOST):
        while mark not in text:
            piece = await asyncio.get_running_loop().sock_recv(connection, 65536)
            assert piece, "the connection was closed"
            text += piece
    return text


async def test_the_stream_of_a_browser_ends_when_it_signs_out() -> None:
    async with served(password_hash=HASH) as site, site.browser() as browser:
        await browser.post("/api/session", json={"password": PASSWORD})
        async with browser.stream("GET", "/api/live") as answer:
            stream = events(answer)
            await next_of(stream, "boat")
            await browser.delete("/api/session")
            await site.handle(kg_update(kg_reading(voltage=9.9)))
            async with asyncio.timeout(MOST):
                assert [data async for _, data in stream if data.get("latest")] == []


def test_what_waits_for_a_browser_never_grows() -> None:
    broadcaster = Broadcaster(lambda key: ("update", {"meter": key}), Limits())
    client = broadcaster.join()
    for _ in range(1000):
        broadcaster.notify("house")
        broadcaster.notify("boat")
    assert client.take() == ["house", "boat"]
    assert client.take() == []


def test_the_text_of_an_event_is_made_once_for_all_browsers() -> None:
    made = []

    def describe(key: str) -> tuple[str, Any]:
        made.append(key)
        return "update", {"meter": key}

    broadcaster = Broadcaster(describe, Limits())
    assert broadcaster.text_of("house") == broadcaster.text_of("house") == b'event: update\ndata: {"meter":"house"}\n\n'
    assert made == ["house"]
    broadcaster.notify("house")
    broadcaster.text_of("house")
    assert made == ["house", "house"]


async def test_a_broadcaster_that_is_closed_lets_nobody_stay() -> None:
    broadcaster = Broadcaster(lambda _: ("", None), Limits())
    early = broadcaster.join()
    broadcaster.close()
    for client in (early, broadcaster.join()):
        assert [text async for text in client.body_iterator] == []
