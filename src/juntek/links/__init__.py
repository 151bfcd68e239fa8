"""Opens the wire to a meter; rule: one module a kind of link, named as its URL scheme, and no kind knows another.

`device` is the kind for a path without a scheme. A module offers `async def open_link(url: str) -> Link` and is
imported when its scheme is first asked for, so that nobody pays for a library that is not used. What the kinds
share, the link over an asyncio transport and the sentences about a network, stands here.
"""

from __future__ import annotations

import asyncio
import errno
import importlib
import pkgutil
import re
import socket as sockets  # the kind `socket` takes the plain name in this package
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Self, cast
from urllib.parse import urlsplit

from juntek.capture import Chunk
from juntek.errors import LinkError, LinkLostError

if TYPE_CHECKING:
    from types import TracebackType

__all__ = [
    "Chunk",
    "Link",
    "StreamLink",
    "describe",
    "keep_alive",
    "kind_of",
    "network_trouble",
    "open_link",
    "parse_address",
]

BAUD_RATE = 115200
"""Bits a second, with 8 data bits, no parity, 1 stop bit (all three manuals)."""
READ_LIMIT = 16 * 1024
"""Bytes that wait for a slow reader, 1.4 s of a full line, before the other end is held back."""
READ_BLOCK = 2048
"""Bytes taken from the system at a time. By default asyncio asks for 256 KiB, and for each read the memory is mapped
and given back, which takes longer than the read itself (80 us instead of 45 us here)."""
CLOSE_PATIENCE = 2.0
"""Seconds for the last bytes to leave before a link is closed without them."""
# Seconds of silence before the kernel asks the other end, seconds between questions, questions without answer,
# and milliseconds that sent bytes may stay unconfirmed: a bridge without power is noticed within 40 s.
_KEEP_ALIVE = {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 4, "TCP_USER_TIMEOUT": 40_000}

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_SYSTEM_NUMBER = re.compile(r"\[Errno -?\d+\] ?")
_ALIASES = {"tcp": "socket"}


class Link(ABC):
    """An open link; `async with await open_link(url) as link:` closes it at the end.

    `name` is the URL without its secrets, for messages. `can_write` is False where nobody listens (a replay): a
    meter behind it can only be listened to. `dropped_bytes` counts what a slow reader has lost. `gather` is the seconds
    after some bytes in which the next ones may wait, to be taken together: to wake up for each piece of a reply costs
    more than all that is done with it. A recording does not mind it.
    """

    def __init__(self, url: str, *, name: str | None = None, can_write: bool = True) -> None:
        self.url = url
        self.name = url if name is None else name
        self.can_write = can_write
        self.dropped_bytes = 0
        self.gather = 0.0

    @abstractmethod
    async def read(self) -> Chunk:
        """Wait for at least one byte and return what is there; one reader at a time, and safe to cancel.

        The chunk's time is when its last byte was received, by this computer's clock. For a replay it is the
        recorded time, or None where there is none. Raises LinkLostError when the link is gone or closed.
        """

    @abstractmethod
    async def write(self, data: bytes) -> None:
        """Send bytes and wait while too many are on their way.

        Raises LinkLostError when the link is gone or closed, RequestError when it cannot be written to.
        """

    @abstractmethod
    async def close(self) -> None:
        """Give the port or connection free; once is enough, twice does no harm, and it never raises."""

    async def reopen(self) -> Link:
        """Open the same link anew once it is lost; as `open_link`, but a device is found under its new name, too."""
        return await open_link(self.url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def open_link(url: str) -> Link:
    """Open a link by its URL: a device path, or `scheme:…` with one of this package's modules as the scheme.

    Raises LinkError with a sentence on what to do about it.
    """
    kind = importlib.import_module(f"{__name__}.{kind_of(url)}")
    return cast("Link", await kind.open_link(url))


def kind_of(url: str) -> str:
    """Return the name of the module for a URL; raises LinkError for what is no link at all."""
    found = _SCHEME.match(url)
    scheme = found[1].lower() if found else "device"
    scheme = _ALIASES.get(scheme, scheme)
    kinds = {module.name for module in pkgutil.iter_modules(__path__)}
    if not url.strip() or scheme not in kinds or (found and scheme == "device"):
        known = ", ".join(f"{kind}:" for kind in sorted((kinds | _ALIASES.keys()) - {"device"}))
        raise LinkError(
            f"'{url.partition('?')[0]}' is not a link: give a device path such as /dev/ttyUSB0, "
            f"or a URL that begins with one of {known}."
        )
    return scheme


class StreamLink(asyncio.Protocol, asyncio.BufferedProtocol, Link):
    """A link over any asyncio transport, as its protocol: bytes go straight into a small bounded buffer.

    asyncio fills the buffer that it is given; the transports of serialx call `data_received`.

    `mend` says what an owner looks at when the link is lost. `write_errors` are what the transport raises when it
    is gone. A transport that cannot be held back loses its oldest bytes to a slow reader.
    """

    def __init__(
        self,
        url: str,
        *,
        mend: str,
        name: str | None = None,
        write_errors: tuple[type[Exception], ...] = (OSError,),
    ) -> None:
        super().__init__(url, name=name)
        self._mend = mend
        self._write_errors = write_errors
        self._transport: asyncio.Transport
        self._block = memoryview(bytearray(READ_BLOCK))
        self._buffer = bytearray()
        self._time = 0.0
        self._paused = False
        self._gathering: asyncio.TimerHandle | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._can_send = asyncio.Event()
        self._can_send.set()
        self._gone = asyncio.Event()
        self._loss: str | None = None

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport; the link is open."""
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the hint is about far larger reads
        """Lend the place for the next bytes."""
        return self._block

    def buffer_updated(self, nbytes: int) -> None:
        """Keep the bytes that were filled in."""
        self.data_received(self._block[:nbytes])

    def data_received(self, data: bytes | memoryview) -> None:
        """Keep bytes for the reader, with the time of the last of them."""
        self._buffer += data
        self._time = time.time()
        self._wake()
        if len(self._buffer) > READ_LIMIT and not self._paused:
            self._hold_back()
        elif self.gather and len(data) < READ_BLOCK:
            self._begin_to_gather()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note why; the reader still gets what came before."""
        self._lose(exc)
        self._gone.set()
        self._can_send.set()
        self._wake()

    def pause_writing(self) -> None:
        """Let writers wait: too much is on its way."""
        self._can_send.clear()

    def resume_writing(self) -> None:
        """Let writers go on."""
        self._can_send.set()

    def _lose(self, error: Exception | None) -> None:
        reason = describe(error) if error is not None else "closed by the other end"
        self._loss = self._loss or f"The link {self.name} was lost ({reason}); {self._mend}."

    def _wake(self) -> None:
        # The bytes stay in the buffer until the reader runs, so a reader cancelled in between loses none.
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _hold_back(self) -> None:
        try:
            self._transport.pause_reading()
            self._paused = True
        except NotImplementedError:
            excess = len(self._buffer) - READ_LIMIT
            self.dropped_bytes += excess
            del self._buffer[:excess]

    def _begin_to_gather(self) -> None:
        """Leave what comes next to the system for a while, which keeps it."""
        with suppress(NotImplementedError):
            self._transport.pause_reading()
            self._gathering = asyncio.get_running_loop().call_later(self.gather, self._end_gathering)

    def _end_gathering(self) -> None:
        self._gathering = None
        if not self._paused and self._loss is None:
            self._transport.resume_reading()

    # What the meter calls

    async def read(self) -> Chunk:
        """Return all that has come, and let a transport that was held back go on."""
        buffer = self._buffer
        while not buffer:
            if self._loss is not None:
                raise LinkLostError(self._loss)
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        chunk = Chunk(self._time, bytes(buffer))
        buffer.clear()
        if self._paused:
            self._paused = False
            if self._loss is None and self._gathering is None:
                self._transport.resume_reading()
        return chunk

    async def write(self, data: bytes) -> None:
        """Send bytes; what the transport raises means that the link is lost."""
        if self._loss is None:
            try:
                self._transport.write(data)
            except self._write_errors as error:
                self._lose(error)
                self._wake()
            else:
                # A transport that fails to write says so only later, and why.
                await (self._gone if self._transport.is_closing() else self._can_send).wait()
        if self._loss is not None:
            raise LinkLostError(self._loss)

    async def close(self) -> None:
        """Let the last bytes leave for `CLOSE_PATIENCE` seconds, then wait for the end."""
        self._loss = self._loss or f"The link {self.name} is closed; open it again to use it."
        self._wake()
        if self._gathering is not None:
            self._gathering.cancel()
        self._transport.close()
        try:
            async with asyncio.timeout(CLOSE_PATIENCE):
                await self._gone.wait()
        except TimeoutError:
            self._transport.abort()
            await self._gone.wait()


# About networks ---------------------------------------------------------------------------------------------


def parse_address(url: str, *, default_port: int | None = None) -> tuple[str, int]:
    """Take host and port from a URL; raises LinkError with an example of a right one."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or default_port
    except ValueError:
        host, port = None, None
    if not host or not port:
        scheme = url.partition(":")[0]
        example = f"{scheme}://192.168.1.20" + (":4001" if default_port is None else "")
        raise LinkError(f"'{url}' lacks a host or a right port; write it like {example}.")
    return host, port


def network_trouble(name: str, host: str, port: int, error: Exception) -> LinkError:
    """Make of a failed connection a sentence with its mend."""
    # Where a host has several addresses, asyncio joins the errors of all of them into one text.
    refused = isinstance(error, ConnectionRefusedError) or f"[Errno {errno.ECONNREFUSED}]" in str(error)
    if refused:
        reason = f"nothing listens on port {port} of {host}; start the bridge there or correct the port"
    elif isinstance(error, sockets.gaierror):
        reason = f"the host name '{host}' is not known; check its spelling or give its IP address"
    elif isinstance(error, TimeoutError):
        reason = f"{host} does not answer; check that it is switched on and in this network"
    else:
        reason = f"{describe(error)}; check the address {host}:{port} and the network"
    return LinkError(f"Cannot open {name}: {reason}.")


def describe(error: Exception) -> str:
    """Say what the system said, without its numbers."""
    text = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
    return _SYSTEM_NUMBER.sub("", text).rstrip(".")


def keep_alive(connection: sockets.socket) -> None:
    """Let the kernel find out when the other end of a silent TCP connection is gone."""
    connection.setsockopt(sockets.SOL_SOCKET, sockets.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE.items():
        if hasattr(sockets, name):
            connection.setsockopt(sockets.IPPROTO_TCP, getattr(sockets, name), value)
