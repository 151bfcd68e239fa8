"""A web server within the gateway; rule: it starts or says why not, and whoever holds a connection unused loses it.

It is uvicorn by its options. What those do not reach is here: it waits for ever for the rest of a request and for a
client to take what was sent, and it takes any number of connections. What is overridden for that are callbacks of
asyncio, `send_400_response` and `capture_signals`; a test holds pyproject.toml to versions that this was tried with.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from juntek.errors import JuntekError
from juntek.listening.address import Address

MOST_CONNECTIONS: Final = 256
"""Far fewer than the files a process may open, which the meters and the database need too."""
KEEP_ALIVE: Final = 5
REQUEST_TIME: Final = 10.0
"""s for the first line and headers of a request."""
STALL_TIME: Final = 60.0
"""s in which a client has to take something of what waits for it."""
LARGEST_HEAD: Final = 16 * 1024
STOP_TIME: Final = 2
"""s in which responses under way may end."""

_FULL = (b"503 Service Unavailable", "Too many connections are open; close one and try again.")
_BAD = (b"400 Bad Request", "This is not a request that a browser sends; ask over HTTP/1.1 and with short headers.")


class ListenError(JuntekError):
    """The address cannot be listened at: in use, not of this computer, not permitted."""


@asynccontextmanager
async def serve(
    application: Callable[..., Any],
    address: Address,
    key: str,
    *,
    headers: Iterable[tuple[str, str]],
    most_connections: int | None = None,
) -> AsyncIterator[None]:
    """Let an ASGI application answer at an address; leaving ends every response and cuts every connection.

    Every response has the `headers`, errors and refusals too. `key` is what the owner has to correct. Raises
    ListenError.
    """
    logging.getLogger("uvicorn.error").propagate = False  # it tells of every stranger's bad request
    listener = listen(address, key)
    try:
        server = _Server(_configure(application, list(headers), most_connections or MOST_CONNECTIONS))
        work = asyncio.create_task(server.serve([listener]), name=f"server of {key}")
    except BaseException:
        listener.close()
        raise
    try:
        yield
    finally:
        server.should_exit = True
        try:
            await work
        finally:
            server.cut_all()


def _configure(application: Callable[..., Any], headers: list[tuple[str, str]], most: int) -> Config:
    return Config(
        application,
        http=_Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        headers=headers,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=STOP_TIME,
        timeout_notify=-(10**10),  # at every look, also when the clock was set back
        limit_concurrency=most + 1,  # a connection more is refused before it asks for anything
        h11_max_incomplete_event_size=LARGEST_HEAD,
        forwarded_allow_ips="127.0.0.1,::1",
        workers=1,
    )


class _Server(Server):
    """The server as a part of a gateway."""

    def __init__(self, config: Config) -> None:
        config.callback_notify = self._hurry_all  # called once a second
        super().__init__(config)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the gateway."""
        yield

    async def _hurry_all(self) -> None:
        now = asyncio.get_running_loop().time()
        for connection in list(self.server_state.connections):
            if isinstance(connection, _Connection):
                connection.hurry(now)

    def cut_all(self) -> None:
        """Cut every connection that is still open."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()


class _Connection(H11Protocol):
    """A connection that can be told to be quick."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - the library's own
        super().__init__(*arguments, **named)
        self._watched: object = None
        self._unsent = 0
        self._idle_since: float | None = None
        self._stalled_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or turn it away where there are too many."""
        super().connection_made(transport)
        if self.limit_concurrency is not None and len(self.connections) >= self.limit_concurrency:
            self._refuse(*_FULL)

    def data_received(self, data: bytes) -> None:
        """Take what came, no more at once than a head may have: the library looks at the length only in between."""
        try:
            for start in range(0, len(data), LARGEST_HEAD):
                if self.transport.is_closing():
                    return
                super().data_received(data[start : start + LARGEST_HEAD])
        except Exception:  # noqa: BLE001 - what a confused client sends must not end up in the gateway's log
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


def listen(address: Address, key: str) -> socket.socket:
    """Return a listening socket; raises ListenError. The library would end the process where it cannot."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # asyncio sends small pieces at once only where the protocol is named; else each answer waits 40 ms for the client.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and address.is_any:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(tuple(address))
        listener.listen(128)
        listener.setblocking(False)  # noqa: FBT003 - the library's signature
    except OSError as error:
        listener.close()
        raise ListenError(_explain(address, key, error)) from None
    return listener


def _explain(address: Address, key: str, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Another program already listens at {address}; stop it, or give another port in {key}."
        case errno.EADDRNOTAVAIL:
            return f"{address.host} is not an address of this computer; correct {key}, or use 0.0.0.0 for all."
        case errno.EACCES:
            return f"Port {address.port} is for the system's own services; give one above 1023 in {key}."
        case _:
            return f"It is not possible to listen at {address} ({error.strerror}); correct {key}."
