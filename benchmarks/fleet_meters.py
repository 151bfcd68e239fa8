"""Many meters, each on a TCP port of its own, at one reading a second; rule: light, and honest about its own delays.

`python -m benchmarks.fleet_meters COUNT listen|poll FILE` prints the ports, one to a line. In `listen` a display seems
to ask: a request, and LATENCY later the reply, those of all meters evenly over each second. In `poll` a meter answers
what it is asked, at once. After SIGUSR1 no more readings come, a line is printed, and FILE has four numbers for each
reading that was sent: the meter (from 1), its run time (s), when it was due and when it was sent (monotonic clock, s).
"""

from __future__ import annotations

import resource
import selectors
import signal
import socket
import sys
import time
from array import array
from contextlib import suppress
from pathlib import Path

from benchmarks.streams import identity, settings, simulated

REPLIES = 3600
REQUEST = b":R50=1,2,1,\r\n"
LATENCY = 0.05
"""s from a request to the reply; meters take up to 0.35 (docs/protocol.md)."""
LOOK = 0.05
"""s between two looks for who connects, once all are connected."""


def make_replies(count: int) -> list[bytes]:
    """Return what so many meters say one after the other; each reply has a run time of its own."""
    return [data for _, data in simulated("KG140F", REPLIES + count)]


class Meters:
    """All meters; a reading that nobody listens to is not sent. Where a display `talks` it has asked who they are."""

    def __init__(self, count: int, *, talks: bool) -> None:
        self.talks = talks
        self._replies = make_replies(count)
        # The meters are at different moments of one morning, so that no two say the same in a second.
        self._places = list(range(count))
        self._servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
        self._connections: list[socket.socket | None] = [None] * count
        self._selector = selectors.DefaultSelector()
        for meter, server in enumerate(self._servers):
            server.setblocking(False)  # noqa: FBT003 - the library's own
            self._selector.register(server, selectors.EVENT_READ, meter)
        self.ports = [server.getsockname()[1] for server in self._servers]
        self.sent = array("d")
        self.stopped = False

    def talk(self) -> None:
        """Let a display ask each meter once a second, until stopped."""
        count = len(self._servers)
        start = time.monotonic()
        asked = answered = 0
        looked = 0.0
        while not self.stopped:
            question, answer = start + asked / count, start + answered / count + LATENCY
            now = time.monotonic()
            if now - looked > LOOK:
                self._look(0)
                looked = now
            if min(question, answer) > now:
                time.sleep(min(question - now, answer - now, LOOK))
            elif question <= answer:
                self._send(asked % count, REQUEST)
                asked += 1
            else:
                self._reply(answered % count, answer)
                answered += 1

    def answer(self) -> None:
        """Answer each request, until stopped."""
        while not self.stopped:
            self._look(0.5)

    def _look(self, patience: float) -> None:
        """Take who connects, and answer who asks."""
        for key, _ in self._selector.select(patience):
            if key.data >= 0:
                self._accept(key.data)
            else:
                self._hear(-1 - key.data, time.monotonic())

    def _accept(self, meter: int) -> None:
        connection, _ = self._servers[meter].accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setblocking(False)  # noqa: FBT003
        self._selector.register(connection, selectors.EVENT_READ, -1 - meter)
        self._connections[meter] = connection
        if self.talks:
            self._send(meter, identity() + settings())

    def _hear(self, meter: int, due: float) -> None:
        connection = self._connections[meter]
        assert connection is not None  # noqa: S101 - it was heard
        try:
            data = connection.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._selector.unregister(connection)
            connection.close()
            self._connections[meter] = None
        elif data.startswith(b":R50"):
            self._reply(meter, due)
        elif data.startswith(b":R00"):
            self._send(meter, identity())
        elif data.startswith(b":R51"):
            self._send(meter, settings())

    def _reply(self, meter: int, due: float) -> None:
        if self._connections[meter] is None:
            return
        place = self._places[meter]
        self._places[meter] = place + 1
        reply = self._replies[place % len(self._replies)]
        moment = time.monotonic()
        if self._send(meter, reply):
            self.sent.extend((meter + 1, int(reply.split(b",", 8)[7]), due, moment))

    def _send(self, meter: int, data: bytes) -> bool:
        connection = self._connections[meter]
        if connection is not None:
            with suppress(OSError):
                return connection.send(data) == len(data)
        return False


def main(count: int, way: str, file: Path) -> None:
    """Serve until terminated."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # two for each meter; 1024 is usual
    meters = Meters(count, talks=way == "listen")

    def stop(*_: object) -> None:
        meters.stopped = True

    signal.signal(signal.SIGUSR1, stop)
    sys.stdout.write("".join(f"{port}\n" for port in meters.ports))
    sys.stdout.flush()
    (meters.talk if meters.talks else meters.answer)()
    file.write_bytes(meters.sent.tobytes())
    sys.stdout.write("done\n")
    sys.stdout.flush()
    while True:  # stay connected, and say nothing more
        signal.pause()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
