"""The other ends of links: a TCP server that a test speaks through, and a pseudo terminal."""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

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


class Server(ABC):
    """A server with a serial line behind it: `send` is what that received, `received` what the client wrote."""

    def __init__(self) -> None:
        self.port = 0
        self.received = bytearray()
        self._arrived = asyncio.Event()
        self._writer: asyncio.StreamWriter

    @abstractmethod
    def send(self, data: bytes) -> None: ...

    @abstractmethod
    async def talk(self, reader: asyncio.StreamReader) -> None:
        """Read what the client says until it is gone."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        with suppress(asyncio.IncompleteReadError, OSError):
            await self.talk(reader)
        writer.close()

    def cut(self) -> None:
        self._writer.transport.abort()

    def take(self, data: bytes) -> None:
        self.received += data
        self._arrived.set()

    async def receive(self, count: int) -> bytes:
        while len(self.received) < count:
            self._arrived.clear()
            await self._arrived.wait()
        return bytes(self.received)


class BareServer(Server):
    """Passes bytes on as they are."""

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def talk(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(1000):
            self.take(data)


S = TypeVar("S", bound=Server)


@asynccontextmanager
async def running(server: S) -> AsyncIterator[S]:
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        with suppress(AttributeError):
            server.cut()


class Pty:
    """A pseudo terminal; the link gets its `path`, the test holds the other end."""

    def __init__(self) -> None:
        self.master, slave = os.openpty()
        self.path = os.ttyname(slave)
        os.close(slave)

    def send(self, data: bytes) -> None:
        os.write(self.master, data)

    async def receive(self, count: int) -> bytes:
        received = b""
        while len(received) < count:
            received += await asyncio.to_thread(os.read, self.master, count)
        return received

    def pull(self) -> None:
        if self.master >= 0:
            os.close(self.master)
        self.master = -1

    cut = pull
