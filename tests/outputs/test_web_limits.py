"""Connections that hold on without using what they hold; rule: raw sockets, and the owner still gets in."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import struct
import threading
import tomllib
from contextlib import suppress
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest
from packaging.specifiers import SpecifierSet
from uvicorn.protocols.http.h11_impl import H11Protocol

from documents import ROOT
from juntek.listening import Address, Limits
from juntek.listening.http_server import listen
from outputs.served import HASH, PASSWORD, context, served, write_past
from outputs.sockets import connect, let_go, rest_of
from outputs.updates import kg_update

if TYPE_CHECKING:
    from pathlib import Path


IMPATIENT = Limits(request_time=0.5, stall_time=0.5, look_every=0.1)


@pytest.mark.parametrize("text", [b"", b"GET / HTTP/1.1\r\nhost: localhost\r\nx-slow: "])
async def test_a_request_that_never_ends_is_cut(text: bytes) -> None:
    async with served(limits=IMPATIENT) as site:
        assert await rest_of(await connect(site.port, text)) == b""


async def test_who_is_taken_while_the_server_ends_is_cut_too() -> None:
    async with served() as site:
        late = socket.create_connection(("127.0.0.1", site.port))
    with late, suppress(ConnectionResetError):
        late.settimeout(5)
        assert await asyncio.to_thread(late.recv, 1) == b""


async def test_who_is_gone_before_it_is_taken_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async with served() as site:
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", site.port)) as gone:  # the loop takes it only afterwards
                gone.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
                gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert (await rest_of(await connect(site.port, b"GET /api/session HTTP/1.0\r\nhost: localhost\r\n\r\n"))) != b""
    assert "failed" not in caplog.text


async def test_a_second_request_that_trickles_in_is_cut() -> None:
    async with served(limits=IMPATIENT) as site:
        reader, writer = await connect(site.port, b"GET /api/session HTTP/1.1\r\nhost: localhost\r\n\r\n")
        await reader.readuntil(b"}")

        async def trickle() -> None:
            for number in range(10_000):
                writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\nx-slow: " if number == 0 else b"x")
                await asyncio.sleep(0.05)

        slow = asyncio.create_task(trickle())
        assert await rest_of((reader, writer)) == b""
        slow.cancel()


async def test_a_browser_that_keeps_asking_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, passed = asyncio.get_running_loop(), 0.0
    time = loop.time
    monkeypatch.setattr(loop, "time", lambda: time() + passed)
    async with served(limits=Limits(request_time=20.0, look_every=0.1)) as site:
        reader, writer = await connect(site.port)
        for _ in range(25):
            writer.write(b"GET /api/session HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200")
            passed += 2
        writer.close()


async def test_a_sign_in_that_never_ends_is_told_so() -> None:
    head = b"POST /api/session HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    head += b"content-length: 99\r\n\r\n{"
    async with served(limits=IMPATIENT, password_hash=HASH) as site:
        assert (await rest_of(await connect(site.port, head))).startswith(b"HTTP/1.1 408")


async def test_a_body_that_nobody_asked_for_is_not_taken_for_ever() -> None:
    async with served(limits=IMPATIENT) as site:
        reader, writer = await connect(
            site.port, b"GET /api/session HTTP/1.1\r\nhost: localhost\r\ncontent-length: 999999999\r\n\r\n"
        )

        async def pour() -> None:
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
                await asyncio.sleep(0.01)

        pouring = asyncio.create_task(pour())
        assert (await rest_of((reader, writer))).startswith(b"HTTP/1.1 200")
        pouring.cancel()
        with pytest.raises((ConnectionError, asyncio.CancelledError)):
            await pouring


async def test_an_export_that_nobody_takes_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "juntek.db"
    write_past(path, hours=12, step=1.0)
    async with served(context(database=path), limits=IMPATIENT) as site, site.browser() as browser:
        request = b"GET /api/meters/house/export HTTP/1.1\r\nhost: localhost\r\n\r\n"
        pair = await connect(site.port, request, limit=1024)
        await pair[0].readexactly(100)
        assert (await browser.get("/api/health")).status_code == 200
        await let_go(pair)
        assert not (await rest_of(pair)).endswith(b"0\r\n\r\n")


async def test_of_connections_too_many_the_one_that_waits_longest_gives_way() -> None:
    async with served(limits=Limits(connections=20, request_time=3600.0)) as site:
        held = [await connect(site.port, b"GET / HTTP/1.1\r\n") for _ in range(20)]
        async with site.browser() as browser:
            assert (await browser.get("/api/health")).status_code == 200
        refused = await rest_of(held[0])
        assert refused.startswith(b"HTTP/1.1 503")
        assert b'{"error":"Too many connections' in refused
        await site.handle(kg_update())
        for _, writer in held[1:]:
            writer.close()


async def test_one_who_takes_all_connections_makes_room_for_the_owner() -> None:
    async with served(limits=Limits(connections=20, request_time=3600.0)) as site:
        for text in (b"", b"GET / HTTP/1.1\r\n", b"GET /api/live HTTP/1.1\r\nhost: localhost\r\n\r\n"):
            held = [await connect(site.port, text, source="127.0.0.2") for _ in range(60)]
            for _ in range(3):
                async with site.browser() as browser:
                    assert (await browser.get("/api/health")).status_code == 200
            for _, writer in held:
                writer.close()


@pytest.mark.parametrize(
    "text",
    [
        b"GET / HTTP/1.1\r\nhost: localhost\r\nx-long: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: localhost\r\n" + b"".join(b"x-%d: y\r\n" % n for n in range(20_000)) + b"\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"POST /api/session HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET \xff HTTP/1.1\r\nhost: localhost\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_refused_and_leaves_no_trace(text: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with served() as site, site.browser() as browser:
        answer = await rest_of(await connect(site.port, text))
        assert answer.startswith(b"HTTP/1.1 4")
        assert b'{"error":"' in answer
        assert b"content-security-policy" in answer
        assert (await browser.get("/api/session")).status_code == 200
    assert [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL", "WARNING")] == []


async def test_a_request_to_another_host_through_us_is_refused() -> None:
    async with served() as site:
        text = b"GET http://evil.example/ HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        assert (await rest_of(await connect(site.port, text))).startswith(b"HTTP/1.1 404")
        text = b"CONNECT evil.example:443 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        assert (await rest_of(await connect(site.port, text))).startswith(b"HTTP/1.1 40")


async def test_a_websocket_is_not_taken_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with served() as site:
        text = (
            b"GET /api/live HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        reader, writer = await connect(site.port, text)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
    assert caplog.records == [record for record in caplog.records if record.levelname == "INFO"]


def test_versions_of_uvicorn_that_nobody_tried_are_not_installed() -> None:
    """Some of it is overridden, so the next version may be another one: try it, then raise the bound."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    bounds = {SpecifierSet(word.removeprefix("uvicorn")) for words in extras.values() for word in words
              if word.startswith("uvicorn")}  # fmt: skip
    major, minor = (int(part) for part in version("uvicorn").split(".")[:2])
    assert len(bounds) == 1
    (bound,) = bounds
    assert bound.contains(version("uvicorn"))
    assert not bound.contains(f"{major}.{minor + 1}")
    for name in ("connection_made", "data_received", "send_400_response"):
        assert callable(getattr(H11Protocol, name))


async def test_passwords_are_checked_while_values_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, gone_on, scrypt = threading.Event(), threading.Event(), hashlib.scrypt

    def wait_for_values(*args: Any, **options: Any) -> bytes:  # noqa: ANN401 - those of scrypt
        begun.set()
        assert gone_on.wait(60), "nothing went on beside the check"
        return scrypt(*args, **options)

    async with served(password_hash=HASH) as site, site.browser() as browser:
        monkeypatch.setattr(hashlib, "scrypt", wait_for_values)
        check = asyncio.create_task(browser.post("/api/session", json={"password": PASSWORD}))
        assert await asyncio.to_thread(begun.wait, 60)
        await site.handle(kg_update())
        gone_on.set()
        assert (await check).status_code == 200


async def test_an_answer_does_not_wait_for_the_client_to_say_that_it_has_the_piece_before() -> None:
    """A socket that names its protocol is not made to wait: else each answer comes 40 ms late."""
    listener = listen(Address("127.0.0.1", 0), "web.listen")
    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: writers.append(writer), sock=listener)
    async with server:
        _, client = await asyncio.open_connection(*listener.getsockname()[:2])
        async with asyncio.timeout(10):
            while not writers:  # noqa: ASYNC110 - the server tells in its own time
                await asyncio.sleep(0.01)
        served = writers[0].get_extra_info("socket")
        assert served.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        for writer in (client, *writers):
            writer.close()
            await writer.wait_closed()
