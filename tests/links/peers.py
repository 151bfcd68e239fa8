"""The other ends of links: a TCP server that a test speaks through, and a pseudo terminal."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATIENCE = 5.0
"""Seconds that a test waits for what must come; never a measure."""


def open_files() -> list[str]:
    files = []
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            files.append(str(entry.readlink()))
    return sorted(files)


class Peer:
    """A server on a free port; `accept` gives the connections of the link under test."""

    def __init__(self) -> None:
        self.port = 0
        self.connections: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

    async def accept(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with asyncio.timeout(PATIENCE):
            return await self.connections.get()


@asynccontextmanager
async def tcp_peer() -> AsyncIterator[Peer]:
    peer = Peer()
    writers: list[asyncio.StreamWriter] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        peer.connections.put_nowait((reader, writer))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        for writer in writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


class Pty:
    """A pseudo terminal; the link gets its `path`, the test holds the other end."""

    def __init__(self) -> None:
        self.master, slave = os.openpty()
        self.path = os.ttyname(slave)
        os.close(slave)

    def pull(self) -> None:
        if self.master >= 0:
            os.close(self.master)
        self.master = -1
