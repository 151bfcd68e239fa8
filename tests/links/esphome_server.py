"""An ESPHome device with a serial proxy: its native API in plain text, as far as a serial proxy needs it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from aioesphomeapi.core import MESSAGE_TYPE_TO_PROTO

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# Its classes are made at run time, so no type checker knows them.
Message: TypeAlias = Any
api_pb2: Any = import_module("aioesphomeapi.api_pb2")
NUMBERS = {kind: number for number, kind in MESSAGE_TYPE_TO_PROTO.items()}
SUBSCRIBE, CONFIGURE = 0, 3
OK, PORT_IN_USE = 0, 5


class EsphomeServer:
    """Keeps what the client configured and wrote; `send` is what the serial line received."""

    def __init__(self, *, proxy: str = "Meter", status: int = OK) -> None:
        self.port = 0
        self.configured: Any = None
        self.received = bytearray()
        self.arrived = asyncio.Event()
        self._proxy = proxy
        self._status = status
        self._writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self._answer(api_pb2.SerialProxyDataReceived(instance=0, data=data))

    def cut(self) -> None:
        self._writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        with suppress(asyncio.IncompleteReadError, OSError):
            while (await reader.readexactly(1))[0] == 0:
                size, number = await _read_number(reader), await _read_number(reader)
                message = MESSAGE_TYPE_TO_PROTO[number]()
                message.ParseFromString(await reader.readexactly(size))
                self._react(message)
        writer.close()

    def _react(self, message: Message) -> None:
        match message:
            case api_pb2.HelloRequest():
                self._answer(api_pb2.HelloResponse(api_version_major=1, api_version_minor=16, name="van"))
            case api_pb2.AuthenticationRequest():
                self._answer(api_pb2.AuthenticationResponse())
            case api_pb2.DeviceInfoRequest():
                proxies = [api_pb2.SerialProxyInfo(name=self._proxy)]
                self._answer(api_pb2.DeviceInfoResponse(name="van", serial_proxies=proxies))
            case api_pb2.PingRequest():
                self._answer(api_pb2.PingResponse())
            case api_pb2.DisconnectRequest():
                self._answer(api_pb2.DisconnectResponse())
            case api_pb2.SerialProxyRequest():
                self._acknowledge(message.type)
            case api_pb2.SerialProxyConfigureRequest():
                self.configured = message
                self._acknowledge(CONFIGURE)
            case api_pb2.SerialProxyWriteRequest():
                self.received += message.data
                self.arrived.set()

    def _acknowledge(self, kind: int) -> None:
        self._answer(api_pb2.SerialProxyRequestResponse(instance=0, type=kind, status=self._status))

    def _answer(self, message: Message) -> None:
        body = message.SerializeToString()
        self._writer.write(b"\0" + _number(len(body)) + _number(NUMBERS[type(message)]) + body)


def _number(value: int) -> bytes:
    """A number in protobuf's form: seven bits a byte, the lowest first."""
    return bytes([value & 0x7F | 0x80]) + _number(value >> 7) if value > 0x7F else bytes([value])


async def _read_number(reader: asyncio.StreamReader) -> int:
    byte = (await reader.readexactly(1))[0]
    return byte & 0x7F | (await _read_number(reader)) << 7 if byte & 0x80 else byte


@asynccontextmanager
async def running(server: EsphomeServer) -> AsyncIterator[EsphomeServer]:
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        with suppress(AttributeError):
            server.cut()
