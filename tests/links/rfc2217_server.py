"""A serial port behind RFC 2217: a telnet server with the COM port option, as ser2net is one."""

from __future__ import annotations

import asyncio

from links.peers import Server

IAC, DONT, DO, WONT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240
BINARY, SUPPRESS_GO_AHEAD, COM_PORT = 0, 3, 44
SET_BAUD_RATE, SET_DATA_SIZE, SET_PARITY, SET_STOP_SIZE = 1, 2, 3, 4
ANSWER = 100


class Rfc2217Server(Server):
    """Keeps what the client set and sent."""

    def __init__(self, *, options: tuple[int, ...] = (BINARY, SUPPRESS_GO_AHEAD, COM_PORT)) -> None:
        super().__init__()
        self.settings: dict[int, int] = {}
        self._options = options

    def send(self, data: bytes) -> None:
        self._writer.write(data.replace(bytes([IAC]), bytes([IAC, IAC])))

    async def talk(self, reader: asyncio.StreamReader) -> None:
        while True:
            byte = (await reader.readexactly(1))[0]
            command = (await reader.readexactly(1))[0] if byte == IAC else None
            if command is None or command == IAC:
                self.take(bytes([byte]))
            elif command == SB:
                self._set((await reader.readuntil(bytes([IAC, SE])))[:-2])
            else:
                self._negotiate(command, (await reader.readexactly(1))[0])

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
