"""The line on a TCP port, as a serial device server gives it; rule: raw bytes, any number of clients."""

from __future__ import annotations

import asyncio
from typing import cast
from urllib.parse import urlsplit

from juntek.errors import LinkError, RequestError
from juntek.simulator.line import Hear, Line

_MOST_UNREAD = 65_536  # bytes kept for a client that does not read; more is lost, as on a real line


class TcpPort:
    """Serves a line at `tcp://HOST:PORT`; `url` is what a client opens."""

    def __init__(self, line: Line, listen: str) -> None:
        try:
            parts = urlsplit(listen)
            port = parts.port
        except ValueError:
            port = None
        if port is None or parts.scheme != "tcp" or not parts.hostname or parts.path not in ("", "/"):
            raise RequestError(f"Cannot listen on {listen!r}; write tcp://HOST:PORT, such as tcp://127.0.0.1:0.")
        self._host: str = parts.hostname
        self._port = port
        self._line = line
        self._server: asyncio.Server | None = None
        self._clients: set[_Client] = set()

    @property
    def url(self) -> str:
        """The link URL for a client."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"socket://{host}:{self._port}"

    async def open(self) -> None:
        """Begin to listen; a free port that was chosen once is kept. Raises LinkError where it cannot."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._make_client, self._host, self._port)
        except OSError as error:
            raise LinkError(
                f"Cannot listen on {self._host} port {self._port} ({error.strerror or error}); "
                "choose a free port, or 0 to get one."
            ) from error
        self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and cut all clients off."""
        if self._server is not None:
            self._server.close()
            for client in tuple(self._clients):
                client.cut()
            await self._server.wait_closed()
            self._server = None

    def _make_client(self) -> _Client:
        return _Client(self._line, self._clients)


class _Client(asyncio.Protocol):
    """One connection; it is on the line for as long as it lasts."""

    def __init__(self, line: Line, clients: set[_Client]) -> None:
        self._line = line
        self._clients = clients
        self._hear: Hear = self.hear
        self._transport: asyncio.Transport | None = None
        self._write: Hear | None = None

    def hear(self, data: bytes) -> None:
        transport = self._transport
        if transport is not None and transport.get_write_buffer_size() < _MOST_UNREAD:
            transport.write(data)

    def cut(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._clients.add(self)
        self._write = self._line.join(self._hear)

    def data_received(self, data: bytes) -> None:
        if self._write is not None:
            self._write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._line.leave(self._hear)
        self._clients.discard(self)
