"""Meters on TCP ports, at an even pace; rule: replies that were made before, so that feeding takes next to nothing.

`python -m benchmarks.feeder METERS RATE` prints the ports, one to a line. Whoever connects hears, as beside a display,
a request and the reply to it, RATE times a second; first who the meter is and how it is set.
"""

from __future__ import annotations

import asyncio
import socket
import sys

from benchmarks.streams import identity, settings, simulated

REPLIES = 3600
REQUEST = b":R50=1,2,1,\r\n"


async def _feed(writer: asyncio.StreamWriter, pieces: list[bytes], rate: float) -> None:
    loop = asyncio.get_running_loop()
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    writer.write(identity() + settings())
    due = loop.time()
    try:
        while not writer.is_closing():
            for piece in pieces:
                due += 1 / rate
                await asyncio.sleep(due - loop.time())
                if writer.is_closing():
                    return
                writer.write(piece)
    finally:
        writer.close()


async def _serve(meters: int, rate: float) -> None:
    pieces = [REQUEST + data for _, data in simulated("KG140F", REPLIES)]
    # To the end and back would make counters fall, so a meter that has said it all begins anew: one jump an hour.
    servers = [
        await asyncio.start_server(lambda _, writer: _feed(writer, pieces, rate), "127.0.0.1", 0) for _ in range(meters)
    ]
    for server in servers:
        sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
