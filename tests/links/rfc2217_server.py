"""A serial port behind RFC 2217: a telnet server with the COM port option, as ser2net is one."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

IAC, DONT, DO, WONT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240
BINARY, SUPPRESS_GO_AHEAD, COM_PORT = 0, 3, 44
SET_BAUD_RATE, SET_DATA_SIZE, SET_PARITY, SET_STOP_SIZE = 1, 2, 3, 4
ANSWER = 100


class Rfc2217Server:
    """Keeps what the client set and sent; `send` is what the serial line received."""

    def __init__(self, *, options: tuple[int, ...] = (BINARY, SUPPRESS_GO_AHEAD, COM_PORT)) -> None:
        self.port = 0
        self.settings: dict[int, int] = {}
        self.received = bytearray()
        self.arrived = asyncio.Event()
        self._options = options
        self._writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self._writer.write(data.replace(bytes([IAC]), bytes([IAC, IAC])))

    def cut(self) -> None:
        self._writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                byte = (await reader.readexactly(1))[0]
                command = (await reader.readexactly(1))[0] if byte == IAC else None
                if command is None or command == IAC:
                    self.received.append(byte)
                    self.arrived.set()
                elif command == SB:
                    self._set((await reader.readuntil(bytes([IAC, SE])))[:-2])
                else:
                    self._negotiate(command, (await reader.readexactly(1))[0])
        writer.close()

    def _negotiate(self, command: int, option: int) -> None:
        agreed = option in self._options
        if command == WILL:
            self._writer.write(bytes([IAC, DO if agreed else DONT, option]))
        elif command == DO:
            self._writer.write(bytes([IAC, WILL if agreed else WONT, option]))

    def _set(self, request: bytes) -> None:
        option, command, value = request[0], request[1], request[2:].replace(bytes([IAC, IAC]), bytes([IAC]))
        assert option == COM_PORT
        self.settings[command] = int.from_bytes(value)
        escaped = value.replace(bytes([IAC]), bytes([IAC, IAC]))
        self._writer.write(bytes([IAC, SB, COM_PORT, command + ANSWER, *escaped, IAC, SE]))


@asynccontextmanager
async def running(server: Rfc2217Server) -> AsyncIterator[Rfc2217Server]:
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        with suppress(AttributeError):
            server.cut()
