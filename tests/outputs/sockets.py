"""Clients that send what they like and take what they like; rule: raw sockets."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(port: int, text: bytes = b"", limit: int = 65536, source: str = "127.0.0.1") -> Pair:
    """Connect and send; no more than about twice `limit` bytes are taken in before somebody reads them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=limit, local_addr=(source, 0))
    writer.write(text)
    return reader, writer


async def rest_of(pair: Pair) -> bytes:
    """Return what comes until the connection ends, however it ends; it has a minute."""
    reader, writer = pair
    text = b""
    try:
        async with asyncio.timeout(60):
            while piece := await reader.read(65536):
                text += piece
    except ConnectionError:
        pass
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    return text


async def let_go(pair: Pair) -> None:
    """Wait until the server has closed its end, of which a client that takes nothing is not told."""
    (_, server), (_, client) = (pair[1].get_extra_info(name) for name in ("peername", "sockname"))
    await asyncio.to_thread(_wait_without, f":{server:04X} 0100007F:{client:04X} 01 ")


def _wait_without(connection: str) -> None:
    end = time.monotonic() + 60
    while connection in Path("/proc/net/tcp").read_text(encoding="ascii"):
        assert time.monotonic() < end, "the server holds on"
        time.sleep(0.05)
