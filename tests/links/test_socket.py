"""Links over TCP to a bridge."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from typing import TYPE_CHECKING

import pytest

from juntek.errors import LinkError, LinkLostError
from juntek.links import open_link
from juntek.links import socket as socket_link
from juntek.links.stream import READ_LIMIT, StreamLink

if TYPE_CHECKING:
    from collections.abc import Callable

    from links.peers import Peer

FRAME = b":r50=2,215,2056,200,5408,4592,9437,14353,134,0,0,0,162,30682,\r\n"


async def test_what_came_has_the_time_at_which_it_came(peer: Peer) -> None:
    started = time.time()
    async with await open_link(f"socket://127.0.0.1:{peer.port}") as link:
        _, writer = await peer.accept()
        writer.write(FRAME)
        chunk = await link.read()
        assert chunk.time is not None
        assert started <= chunk.time <= time.time()


async def test_chunks_that_came_before_the_reader_are_read_together_and_in_order(peer: Peer) -> None:
    async with await open_link(f"socket://127.0.0.1:{peer.port}") as link:
        _, writer = await peer.accept()
        received = b""
        for number in range(50):
            writer.write(b"%d," % number)
            await asyncio.sleep(0)
        while not received.endswith(b",49,"):
            received += (await link.read()).data
        assert received == b"".join(b"%d," % number for number in range(50))


async def test_a_reader_that_is_cancelled_loses_nothing(peer: Peer) -> None:
    async with await open_link(f"socket://127.0.0.1:{peer.port}") as link:
        _, writer = await peer.accept()
        received = b""
        sender = asyncio.create_task(_trickle(writer, FRAME * 20))
        while len(received) < len(FRAME) * 20:
            try:
                async with asyncio.timeout(0.0005):
                    received += (await link.read()).data
            except TimeoutError:
                continue
        await sender
        assert received == FRAME * 20


async def _trickle(writer: asyncio.StreamWriter, data: bytes) -> None:
    for start in range(0, len(data), 7):
        writer.write(data[start : start + 7])
        await asyncio.sleep(0.0003)


async def test_a_bridge_that_closes_is_a_lost_link_after_its_last_bytes(
    peer: Peer, is_sentence: Callable[[object], str]
) -> None:
    async with await open_link(f"socket://127.0.0.1:{peer.port}") as link:
        _, writer = await peer.accept()
        writer.write(FRAME)
        writer.close()
        assert (await link.read()).data == FRAME
        for use in (link.read, lambda: link.write(b"x"), link.read):
            with pytest.raises(LinkLostError) as lost:
                await use()
            assert f"socket://127.0.0.1:{peer.port}" in is_sentence(lost.value)


async def test_a_reset_connection_is_a_lost_link(peer: Peer, is_sentence: Callable[[object], str]) -> None:
    async with await open_link(f"socket://127.0.0.1:{peer.port}") as link:
        _, writer = await peer.accept()
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()
        with pytest.raises(LinkLostError) as lost:
            await link.read()
        assert "network" in is_sentence(lost.value)


async def test_a_reader_that_waits_hears_that_the_link_was_closed(peer: Peer) -> None:
    link = await open_link(f"socket://127.0.0.1:{peer.port}")
    await peer.accept()
    waiting = asyncio.create_task(link.read())
    await asyncio.sleep(0)
    await link.close()
    await link.close()
    with pytest.raises(LinkLostError, match="closed"):
        await waiting


async def test_a_slow_reader_holds_the_sender_back_and_loses_nothing(peer: Peer) -> None:
    async with await open_link(f"socket://127.0.0.1:{peer.port}") as link:
        _, writer = await peer.accept()
        total = 8_000_000
        writer.write(b"x" * total)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await writer.drain()
        largest = received = 0
        while received < total:
            size = len((await link.read()).data)
            received += size
            largest = max(largest, size)
        assert largest < 2 * READ_LIMIT


async def test_a_bridge_that_takes_nothing_does_not_hinder_closing(peer: Peer) -> None:
    link = await open_link(f"socket://127.0.0.1:{peer.port}")
    assert isinstance(link, StreamLink)
    link.close_timeout = 0.1
    await peer.accept()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await link.write(b"x" * 30_000_000)
    await link.close()


# Errors -----------------------------------------------------------------------------------------------------


async def test_the_host_does_not_answer(monkeypatch: pytest.MonkeyPatch, is_sentence: Callable[[object], str]) -> None:
    monkeypatch.setattr(socket_link, "CONNECT_TIMEOUT", 0.1)
    # A listener whose queue is full answers no more.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for client in waiting:
            client.settimeout(0)
            client.connect_ex(address)
        with pytest.raises(LinkError) as error:
            await open_link(f"socket://127.0.0.1:{address[1]}")
        for client in waiting:
            client.close()
    assert "does not answer" in is_sentence(error.value)


@pytest.mark.parametrize("url", ["", " ", "http://192.168.1.20", "device:/dev/ttyUSB0", "sokcet://h:1"])
async def test_a_link_that_is_none(url: str, is_sentence: Callable[[object], str]) -> None:
    with pytest.raises(LinkError) as error:
        await open_link(url)
    text = is_sentence(error.value)
    for known in ("/dev/ttyUSB0", "socket:", "tcp:", "rfc2217:", "esphome:", "replay:"):
        assert known in text
