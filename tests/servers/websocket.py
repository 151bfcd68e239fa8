"""A WebSocket client for JSON, as much of RFC 6455 as Home Assistant speaks to it.

Rule: the standard library only, so that the equipment adds no dependency to the tests.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import struct
from typing import Any

_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA
_FINAL = 0x80


class JsonWebSocket:
    """One open connection; `receive` answers pings by itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, message: object) -> None:
        await self._send_frame(_TEXT, json.dumps(message).encode())

    async def receive(self) -> Any:  # noqa: ANN401 - whatever JSON holds
        """The next message; raises ConnectionError when the other side has closed."""
        text = b""
        while True:
            first, payload = await self._receive_frame()
            kind = first & 0x0F
            if kind == _CLOSE:
                raise ConnectionError("Home Assistant closed the connection")
            if kind == _PING:
                await self._send_frame(_PONG, payload)
            elif kind != _PONG:
                text += payload
                if first & _FINAL:
                    return json.loads(text)

    async def close(self) -> None:
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return  # the other side was faster

    async def _receive_frame(self) -> tuple[int, bytes]:
        try:
            first, length = await self._reader.readexactly(2)
            if length == 126:
                (length,) = struct.unpack(">H", await self._reader.readexactly(2))
            elif length == 127:
                (length,) = struct.unpack(">Q", await self._reader.readexactly(8))
            return first, await self._reader.readexactly(length)
        except asyncio.IncompleteReadError as error:
            raise ConnectionError("Home Assistant is gone") from error

    async def _send_frame(self, kind: int, payload: bytes) -> None:
        size = len(payload)
        if size < 126:
            length = struct.pack(">B", 0x80 | size)
        elif size < 1 << 16:
            length = struct.pack(">BH", 0x80 | 126, size)
        else:
            length = struct.pack(">BQ", 0x80 | 127, size)
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        self._writer.write(bytes([_FINAL | kind]) + length + mask + masked)
        await self._writer.drain()


async def open_websocket(host: str, port: int, path: str) -> JsonWebSocket:
    """Connect and shake hands; raises ConnectionError when the server will not."""
    reader, writer = await asyncio.open_connection(host, port, limit=1 << 20)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    websocket = JsonWebSocket(reader, writer)
    try:
        answer = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        await websocket.close()
        raise ConnectionError("Home Assistant is gone") from error
    if b" 101 " not in answer.split(b"\r\n", 1)[0]:
        await websocket.close()
        raise ConnectionError(f"no WebSocket at {path}: {answer[:80]!r}")
    return websocket
