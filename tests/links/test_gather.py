"""A busy link is looked at now and then, and loses nothing by it."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from juntek.errors import LinkLostError
from juntek.links import open_link
from juntek.links.stream import READ_LIMIT
from links.peers import PATIENCE

if TYPE_CHECKING:
    from links.peers import Peer, Pty

PIECES = [b":r50=2,215,", b"2056,200,5408,", b"4592,9437,14353,", b"134,0,0,0,162,30682,\r\n"]


async def test_pieces_that_come_soon_after_the_first_are_taken_together(peer: Peer) -> None:
    async with await open_link(f"socket://127.0.0.1:{peer.port}") as link:
        link.gather = 0.3
        _, writer = await peer.accept()
        writer.write(b"first")
        assert (await link.read()).data == b"first"
        for piece in PIECES:
            writer.write(piece)
            await asyncio.sleep(0.005)
        assert (await link.read()).data == b"".join(PIECES)


async def test_a_serial_port_gathers_too(pty: Pty) -> None:
    async with await open_link(pty.path) as link:
        link.gather = 0.3
        os.write(pty.master, b"first")
        assert (await link.read()).data == b"first"
        for piece in PIECES:
            os.write(pty.master, piece)
            await asyncio.sleep(0.005)
        assert (await link.read()).data == b"".join(PIECES)


async def test_a_reader_that_is_slow_gets_everything_in_order(peer: Peer) -> None:
    async with await open_link(f"socket://127.0.0.1:{peer.port}") as link:
        link.gather = 0.001
        _, writer = await peer.accept()
        sent = b"".join(b"%d," % number for number in range(READ_LIMIT))
        writer.write(sent)
        received = b""
        async with asyncio.timeout(PATIENCE):
            while len(received) < len(sent):
                received += (await link.read()).data
                await asyncio.sleep(0.002)
        assert received == sent


async def test_a_link_that_is_lost_meanwhile_gives_what_came_before(peer: Peer) -> None:
    async with await open_link(f"socket://127.0.0.1:{peer.port}") as link:
        link.gather = 0.05
        _, writer = await peer.accept()
        writer.write(b"first")
        assert (await link.read()).data == b"first"
        writer.write(b"last")
        writer.close()
        async with asyncio.timeout(PATIENCE):
            assert (await link.read()).data == b"last"
            with pytest.raises(LinkLostError):
                await link.read()


async def test_a_link_is_closed_while_it_gathers(peer: Peer) -> None:
    async with await open_link(f"socket://127.0.0.1:{peer.port}") as link:
        link.gather = 3600.0
        reader, writer = await peer.accept()
        writer.write(b"first")
        assert (await link.read()).data == b"first"
    async with asyncio.timeout(PATIENCE):
        assert await reader.read() == b""
