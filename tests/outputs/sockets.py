"""Clients that send what they like and take what they like; rule: raw sockets."""

from __future__ import annotations

import asyncio
from contextlib import suppress

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(port: int, text: bytes = b"", limit: int = 65536, source: str = "127.0.0.1") -> Pair:
    """Connect and send; no more than about twice `limit` bytes are taken in before somebody reads them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=limit, local_addr=(source, 0))
    writer.write(text)
    return reader, writer


async def rest_of(pair: Pair) -> bytes:
    """Return what comes until the connection ends, however it ends."""
    reader, writer = pair
    text = b""
    try:
        while piece := await reader.read(65536):
            text += piece
    except ConnectionError:
        pass
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    return text
