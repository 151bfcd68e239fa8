"""A link over an asyncio transport, as its protocol; rule: bytes go straight into a small bounded buffer.

What the kinds of link share stands here too: how serialx opens a port, and what is wrong with a bridge in the network.
"""

from __future__ import annotations

import asyncio
import re
import socket
import sys
import time
from contextlib import suppress
from functools import cache
from types import ModuleType
from typing import Any, cast

from juntek.errors import LinkError, LinkLostError
from juntek.links import Chunk, Link, parse_address
from juntek.network import Mend, explain_no_connection

BAUD_RATE = 115200
"""Bits a second, with 8 data bits, no parity, 1 stop bit (all three manuals)."""
READ_LIMIT = 16 * 1024
"""Bytes that wait for a slow reader, 1.4 s of a full line, before the other end is held back."""
READ_BLOCK = 2048
"""Bytes taken from the system at a time. By default asyncio asks for 256 KiB, and for each read the memory is mapped
and given back, which takes longer than the read itself (80 us instead of 45 us here)."""

# Seconds of silence before the kernel asks the other end, seconds between questions, questions without answer,
# and milliseconds that sent bytes may stay unconfirmed: a bridge without power is noticed within 40 s.
_KEEP_ALIVE = {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 4, "TCP_USER_TIMEOUT": 40_000}
_MEND = Mend(host="the host of the link", port="host and port of the link", authority="", tls="")
_SYSTEM_NUMBER = re.compile(r"\[Errno -?\d+\] ?")
_ESPHOME = "aioesphomeapi"


class StreamLink(asyncio.Protocol, asyncio.BufferedProtocol, Link):
    """A link over any asyncio transport, as its protocol: bytes go straight into a small bounded buffer.

    asyncio fills the buffer that it is given; the transports of serialx call `data_received`.

    `mend` says what an owner looks at when the link is lost. A transport that cannot be held back loses its oldest
    bytes to a slow reader. `close_timeout` is the seconds that the last bytes have to leave before the link is closed
    without them.
    """

    close_timeout = 2.0

    def __init__(self, url: str, mend: str) -> None:
        super().__init__(url)
        self._mend = mend
        self._transport: asyncio.Transport
        self._block = memoryview(bytearray(READ_BLOCK))
        self._buffer = bytearray()
        self._time = 0.0
        self._is_full = False
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
        if len(self._buffer) > READ_LIMIT and not self._is_full:
            self._hold_back()
        elif self.gather and len(data) < READ_BLOCK:
            with suppress(NotImplementedError):  # what comes next is left to the system for a while, which keeps it
                self._transport.pause_reading()
                self._gathering = asyncio.get_running_loop().call_later(self.gather, self._end_gathering)

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
            self._is_full = True
        except NotImplementedError:
            del self._buffer[: len(self._buffer) - READ_LIMIT]

    def _end_gathering(self) -> None:
        self._gathering = None
        self._go_on()

    def _go_on(self) -> None:
        """Let the transport bring more, unless there is a reason to wait."""
        if not self._is_full and self._gathering is None and self._loss is None:
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
        if self._is_full:
            self._is_full = False
            self._go_on()
        return chunk

    async def write(self, data: bytes) -> None:
        """Send bytes; what the transport raises means that the link is lost."""
        if self._loss is None:
            try:
                self._transport.write(data)
            except Exception as error:  # noqa: BLE001 - each library has its own
                self._lose(error)
                self._wake()
            else:
                # A transport that fails to write says so only later, and why.
                await (self._gone if self._transport.is_closing() else self._can_send).wait()
        if self._loss is not None:
            raise LinkLostError(self._loss)

    async def close(self) -> None:
        """Let the last bytes leave for `close_timeout` seconds, then wait for the end."""
        self._loss = self._loss or f"The link {self.name} is closed; open it again to use it."
        self._wake()
        if self._gathering is not None:
            self._gathering.cancel()
        self._transport.close()
        try:
            async with asyncio.timeout(self.close_timeout):
                await self._gone.wait()
        except TimeoutError:
            self._transport.abort()
            await self._gone.wait()


class BridgeLink(StreamLink):
    """A link to a bridge in the network; raises LinkError where its URL lacks that."""

    def __init__(self, url: str) -> None:
        self.host, self.port = parse_address(url)
        super().__init__(url, f"check that {self.host} is switched on and in the network")

    def explain(self, error: Exception) -> LinkError:
        """Make of a failed connection a sentence with its mend."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        bridge = f"Cannot open {self.name}: the bridge at {host}:{self.port}"
        return LinkError(explain_no_connection(error, bridge, _MEND, host=self.host))


@cache
def load_serialx() -> ModuleType:
    """Return serialx without its ESPHome part, whose library takes 9 MB and is asked for by that kind of link alone."""
    # serialx goes without what cannot be imported, and None is Python's word for that.
    is_hidden = _ESPHOME not in sys.modules and "serialx" not in sys.modules
    if is_hidden:
        sys.modules[_ESPHOME] = cast("ModuleType", None)
    try:
        import serialx  # noqa: PLC0415 - only some kinds of link need it
    finally:
        if is_hidden:
            del sys.modules[_ESPHOME]
    return serialx


async def connect_serial(link: StreamLink, url: str, **options: object) -> Any:  # noqa: ANN401
    """Open a port with 115200 8N1 by serialx, and return its transport; raises what serialx raises."""
    serialx = load_serialx()
    kind = serialx.get_serial_classes(url)[1]  # where it looks itself it starts a thread for that
    transport, _ = await serialx.create_serial_connection(
        asyncio.get_running_loop(), lambda: link, url, baudrate=BAUD_RATE, transport_cls=kind, **options
    )
    return transport


def describe(error: Exception) -> str:
    """Say what the system said, without its numbers."""
    text = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
    return _SYSTEM_NUMBER.sub("", text).rstrip(".")


def keep_alive(connection: socket.socket) -> None:
    """Let the kernel find out when the other end of a silent TCP connection is gone."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE.items():
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
