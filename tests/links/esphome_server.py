"""An ESPHome device with a serial proxy: its native API in plain text, as far as a serial proxy needs it."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any, TypeAlias

from aioesphomeapi.core import MESSAGE_TYPE_TO_PROTO

from links.peers import Server

# Its classes are made at run time, so no type checker knows them.
Message: TypeAlias = Any
api_pb2: Any = import_module("aioesphomeapi.api_pb2")
NUMBERS = {kind: number for number, kind in MESSAGE_TYPE_TO_PROTO.items()}
SUBSCRIBE, CONFIGURE = 0, 3
OK, PORT_IN_USE = 0, 5


class EsphomeServer(Server):
    """Keeps what the client configured and wrote."""

    def __init__(self, *, proxy: str = "Meter", status: int = OK) -> None:
        super().__init__()
        self.configured: Any = None
        self._proxy = proxy
        self._status = status

    def send(self, data: bytes) -> None:
        self._answer(api_pb2.SerialProxyDataReceived(instance=0, data=data))

    async def talk(self, reader: asyncio.StreamReader) -> None:
        while (await reader.readexactly(1))[0] == 0:
            size, number = await _read_number(reader), await _read_number(reader)
            message = MESSAGE_TYPE_TO_PROTO[number]()
            message.ParseFromString(await reader.readexactly(size))
            self._react(message)

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
                self.take(message.data)

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
