"""A web server within the gateway; rule: it starts or says why not, and whoever holds a connection unused loses it.

It is uvicorn's protocol by uvicorn's options. What those do not reach is here: it waits for ever for the rest of a
request and for a client to take what was sent, and it takes any number of connections from anybody. What is overridden
for that are callbacks of asyncio and `send_400_response`; a test holds pyproject.toml to versions that this was tried
with. uvicorn's own server is for a program of its own: it takes the signals, and wakes up ten times a second.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from email.utils import formatdate
from typing import Any, Final, cast

from juntek.errors import JuntekError
from juntek.extras import leave_out
from juntek.listening import Address, Limits, find_crowds, network_of

leave_out("uvicorn.main", "Server", "main", "run")  # with click and multiprocessing: 1.6 MB

from uvicorn.config import Config  # noqa: E402
from uvicorn.protocols.http.h11_impl import H11Protocol  # noqa: E402
from uvicorn.server import ServerState  # noqa: E402

PROXIES: Final = ("127.0.0.1", "::1")
"""Who is believed when it says whom it asks for."""
LARGEST_HEAD: Final = 16 * 1024
STOP_TIME: Final = 2
"""s in which responses under way may end."""

_FULL = (b"503 Service Unavailable", "Too many connections are open; close one and try again.")
_BAD = (b"400 Bad Request", "This is not a request that a browser sends; ask over HTTP/1.1 and with short headers.")


class ListenError(JuntekError):
    """The address cannot be listened at: in use, not of this computer, not permitted."""


@asynccontextmanager
async def serve(  # noqa: PLR0913 - what a server is made of
    application: Callable[..., Any],
    address: Address,
    key: str,
    *,
    headers: Iterable[tuple[str, str]],
    limits: Limits,
    proxies: Sequence[str] = PROXIES,
) -> AsyncIterator[None]:
    """Let an ASGI application answer at an address; leaving ends every response and cuts every connection.

    Every response has the `headers`, errors and refusals too. `key` is what the owner has to correct. `proxies` are
    believed whom they ask for. Raises ListenError.
    """
    config, state, loop = _configure(application, headers, proxies), ServerState(), asyncio.get_running_loop()
    state.default_headers = config.encoded_headers
    with listen(address, key) as listener:
        server = await loop.create_server(lambda: _Connection(limits, config, state, {}, loop), sock=listener)
        looking = asyncio.create_task(_look(state, config.encoded_headers, limits.look_every))
        try:
            yield
        finally:
            server.close()
            looking.cancel()
            await _end(state)


def _configure(application: Callable[..., Any], headers: Iterable[tuple[str, str]], proxies: Sequence[str]) -> Config:
    config = Config(
        application,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",  # it tells of every stranger's bad request
        access_log=False,
        server_header=False,
        headers=list(headers),
        h11_max_incomplete_event_size=LARGEST_HEAD,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        workers=1,
    )
    config.load()
    return config


async def _look(state: ServerState, headers: list[tuple[bytes, bytes]], every: float) -> None:
    """Cut connections that have been waiting for too long, and keep the date that responses have."""
    while True:
        state.default_headers = [(b"date", formatdate(usegmt=True).encode()), *headers]
        for connection in list(state.connections):
            cast("_Connection", connection).look()
        await asyncio.sleep(every)


async def _end(state: ServerState) -> None:
    """Let responses under way end for a while, then cut every connection."""
    try:
        await asyncio.sleep(0.05)  # who was taken just now is among the connections then
        for connection in list(state.connections):
            connection.shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_TIME):
                while state.connections or state.tasks:  # noqa: ASYNC110 - only looking tells
                    await asyncio.sleep(0.05)
    finally:
        for task in state.tasks:
            task.cancel()
        for connection in list(state.connections):
            connection.transport.abort()


class _Connection(H11Protocol):
    """A connection that can be told to be quick, and to give way to others.

    `since` is when it began to wait for its client: for a request, the rest of one, or to take what was sent; None
    while the client waits for us.
    """

    def __init__(self, limits: Limits, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - the library's own
        super().__init__(*arguments, **named)
        self._limits = limits
        self._waits_for: object = None
        self._unsent = 0
        self.since: float | None = None
        self.visitor = ""
        self.made = self.loop.time()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection; where there are too many, one has to give way."""
        super().connection_made(transport)
        if self.client is None:  # gone before it was taken, so that nobody reads an answer
            transport.abort()
            return
        self.visitor = network_of(self.client[0])
        self.look()
        others = [cast("_Connection", other) for other in self.connections if not other.transport.is_closing()]
        if len(others) > self._limits.connections:
            (_find_unused(others, self) or self).give_way()

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

    def give_way(self) -> None:
        """Leave the place to somebody else; who has not asked yet is told why."""
        if cast("object", self.cycle) is None:
            self._refuse(*_FULL)
        else:
            self.transport.abort()

    def look(self) -> None:
        """Cut the connection where it has been waiting for its client for too long."""
        now, unsent = self.loop.time(), self.transport.get_write_buffer_size()
        busy = self.cycle is not None and not self.cycle.response_complete
        waits_for: object = None
        longest = float("inf")
        if unsent and unsent >= self._unsent:
            waits_for, longest = "a reader", self._limits.stall_time
        elif not busy and not unsent:
            waits_for, longest = (self.cycle,), self._limits.request_time
        elif busy and self.cycle.more_body:
            waits_for = "a body"  # how long for that is the application's to say
        if waits_for != self._waits_for:
            self.since = None if waits_for is None else now
        self._waits_for, self._unsent = waits_for, unsent
        if self.since is not None and now - self.since > longest:
            self.transport.abort()


def _find_unused(connections: list[_Connection], newcomer: _Connection) -> _Connection | None:
    """Return the connection that is to give way: of who has most, the one that has waited for its client longest."""
    crowds = find_crowds(connections, lambda one: one.visitor, newcomer.visitor)
    for crowd in crowds:
        for one in crowd:
            one.look()
        waiting = [one for one in crowd if one.since is not None and one is not newcomer]
        if waiting:
            return min(waiting, key=lambda one: one.since or 0.0)
        if newcomer not in crowd and len(crowd) > len(crowds[-1]):
            return min(crowd, key=lambda one: one.made)
    return None


def listen(address: Address, key: str) -> socket.socket:
    """Return a listening socket; raises ListenError. The library would end the process where it cannot."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    takes_both = family == socket.AF_INET6 and address.is_any and socket.has_dualstack_ipv6()
    try:
        made = socket.create_server(tuple(address), family=family, backlog=128, dualstack_ipv6=takes_both)
    except OSError as error:
        raise ListenError(_explain(address, key, error)) from None
    # asyncio sends small pieces at once only where the protocol is named; else each answer waits 40 ms for the client.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, made.detach())
    listener.setblocking(False)  # noqa: FBT003 - the library's signature
    return listener


def _explain(address: Address, key: str, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Another program already listens at {address}; stop it, or give another port in {key}."
        case errno.EADDRNOTAVAIL | socket.EAI_NONAME:  # the latter for a network card that is not there
            return f"{address.host} is not an address of this computer; correct {key}, or use 0.0.0.0 for all."
        case errno.EACCES:
            return f"Port {address.port} is for the system's own services; give one above 1023 in {key}."
        case _:
            return f"It is not possible to listen at {address} ({os.strerror(error.errno or 0)}); correct {key}."
