"""One connection of a client; rule: whoever holds one without using it loses it, so that there is one for the owner.

The server library waits for ever for the rest of a request and for a client to take what was sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from typing import Any, ClassVar, Final

from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

KEEP_ALIVE: Final = 5
REQUEST_TIME: Final = 10.0
"""s for the first line and headers of a request."""
STALL_TIME: Final = 60.0
"""s in which a client has to take something of what waits for it."""
LARGEST_HEAD: Final = 16 * 1024

_FULL = (b"503 Service Unavailable", "Too many connections are open; close one and try again.")
_BAD = (b"400 Bad Request", "This is not a request that a browser sends; ask over HTTP/1.1 and with short headers.")


class Connection(H11Protocol):
    """A connection that can be told to be quick."""

    most: ClassVar = 256
    """Far fewer than the files a process may open, which the meters and the database need too."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - the library's own
        super().__init__(*arguments, **named)
        self._watched: object = None
        self._unsent = 0
        self._idle_since: float | None = None
        self._stalled_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or turn it away where there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            self._refuse(*_FULL)

    def data_received(self, data: bytes) -> None:
        """Take what came, no more at once than a head may have: the library looks at the length only in between."""
        for start in range(0, len(data), LARGEST_HEAD):
            if self.transport.is_closing():
                return
            super().data_received(data[start : start + LARGEST_HEAD])

    def handle_events(self) -> None:
        """Answer what was received; what a confused client sends must not end up in the gateway's log."""
        try:
            super().handle_events()
        except Exception:  # noqa: BLE001 - whatever it sent, it is gone now
            self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request."""
        del msg
        self._refuse(*_BAD)

    def _refuse(self, status: bytes, sentence: str) -> None:
        body = json.dumps({"error": sentence}, separators=(",", ":")).encode()
        lines = [
            b"HTTP/1.1 " + status,
            b"content-type: application/json",
            b"content-length: %d" % len(body),
            b"connection: close",
            *(b"%s: %s" % header for header in self.server_state.default_headers),
        ]
        self.transport.write(b"\r\n".join([*lines, b"", body]))
        self.transport.close()

    def hurry(self, now: float) -> None:
        """Cut the connection where it has been waiting for a request or for its reader for too long."""
        busy = self.cycle is not None and not self.cycle.response_complete
        if busy or self.cycle is not self._watched:
            self._watched, self._idle_since = self.cycle, None
        elif self._idle_since is None:
            self._idle_since = now
        elif now - self._idle_since > REQUEST_TIME:
            self.transport.abort()
            return
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0 or unsent < self._unsent:
            self._stalled_since = None
        elif self._stalled_since is None:
            self._stalled_since = now
        elif now - self._stalled_since > STALL_TIME:
            self.transport.abort()
        self._unsent = unsent


class QuietServer(Server):
    """The server as a part of a gateway: signals are the gateway's, and it wakes up once in a second only."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.stopping = asyncio.Event()
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the gateway."""
        yield

    async def main_loop(self) -> None:
        """Serve until `stopping` is set."""
        self.ready.set()
        while not self.stopping.is_set():
            await self.on_tick(0)
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, Connection):
                    connection.hurry(now)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self.stopping.wait()

    def cut_all(self) -> None:
        """Cut every connection that is still open."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()
