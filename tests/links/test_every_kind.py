"""What links of every kind do alike: bytes go both ways, and whatever fails is a sentence with its mend."""

from __future__ import annotations

import asyncio
import socket
import tty
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from juntek.errors import LinkError, LinkLostError
from juntek.links import open_link
from links.esphome_server import EsphomeServer
from links.peers import PATIENCE, BareServer, Pty, Server, running
from links.rfc2217_server import Rfc2217Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from juntek.links import Link

SERVERS: dict[str, type[Server]] = {
    "socket://{}:{}": BareServer,
    "tcp://{}:{}": BareServer,
    "SOCKET://{}:{}": BareServer,
    "rfc2217://{}:{}": Rfc2217Server,
    "esphome://{}:{}/?port_name=Meter": EsphomeServer,
}
EVERYTHING = bytes(range(256))


@asynccontextmanager
async def opened(kind: str) -> AsyncIterator[tuple[Link, Server | Pty]]:
    """Open a link of a kind, with the other end of it."""
    if kind == "pty":
        pty = Pty()
        async with await open_link(pty.path) as link:
            tty.setraw(pty.master)
            yield link, pty
        pty.pull()
        return
    async with running(SERVERS[kind]()) as server, await open_link(kind.format("127.0.0.1", server.port)) as link:
        yield link, server


@pytest.mark.parametrize("kind", ["pty", *SERVERS])
async def test_bytes_go_both_ways_unchanged(kind: str) -> None:
    async with asyncio.timeout(PATIENCE), opened(kind) as (link, other):
        assert link.can_write
        await link.write(EVERYTHING)
        assert await other.receive(256) == EVERYTHING
        other.send(EVERYTHING)
        received = b""
        while len(received) < 256:
            received += (await link.read()).data
        assert received == EVERYTHING


@pytest.mark.parametrize("kind", ["pty", *SERVERS])
async def test_a_cut_link_is_lost(kind: str, is_sentence: Callable[[object], str]) -> None:
    async with asyncio.timeout(PATIENCE), opened(kind) as (link, other):
        await link.write(b"x")
        await other.receive(1)
        waiting = asyncio.create_task(link.read())
        await asyncio.sleep(0)
        other.cut()
        with pytest.raises(LinkLostError) as lost:
            await waiting
        with pytest.raises(LinkLostError):
            await link.write(b"x")
    assert link.url in is_sentence(lost.value)
    assert ("plug" if kind == "pty" else "is switched on") in str(lost.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("kind", SERVERS)
async def test_nobody_listens(kind: str, host: str, is_sentence: Callable[[object], str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(LinkError) as error:
        await open_link(kind.format(host, port))
    assert f":{port} is not there; start it" in is_sentence(error.value)


@pytest.mark.parametrize("kind", SERVERS)
async def test_the_host_is_not_known(kind: str, is_sentence: Callable[[object], str]) -> None:
    with pytest.raises(LinkError) as error:
        await open_link(kind.format("no-such-host.invalid", 4001))
    assert 'the name "no-such-host.invalid" is not known' in is_sentence(error.value)


@pytest.mark.parametrize("kind", ["socket://{}:{}", "rfc2217://{}:{}"])
async def test_the_kernel_looks_after_a_silent_connection(kind: str) -> None:
    async with opened(kind) as (link, _):
        transport = link._transport  # type: ignore[attr-defined]
        connection = getattr(transport, "_tcp_transport", transport).get_extra_info("socket")
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


RIGHT = {
    "socket://192.168.1.20:4001": ["socket://", "socket://host", "socket://:4001", "socket://h:99999", "socket://h:x"],
    "rfc2217://192.168.1.20:4001": ["rfc2217://serverofmine"],
    "esphome://van.local/?port_name=NAME": ["esphome://van.local"],
}


@pytest.mark.parametrize(("right", "wrong"), [(right, wrong) for right in RIGHT for wrong in RIGHT[right]])
async def test_an_address_that_is_not_whole(right: str, wrong: str, is_sentence: Callable[[object], str]) -> None:
    with pytest.raises(LinkError) as error:
        await open_link(wrong)
    assert right in is_sentence(error.value)
