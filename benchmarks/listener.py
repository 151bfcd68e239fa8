"""A subscriber that costs next to nothing; rule: while it listens it keeps bytes and moments, and looks at them later.

A library that calls for every message would take as much of a core as what is measured.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

_CONNECT = b"\x00\x04MQTT\x04\x02\xff\xff\x00\x08listener"  # 3.1.1, a clean session, no sign of life for 18 hours
_PUBLISH = 0x30


class Message(NamedTuple):
    """What arrived, and when by the monotonic clock (s). What the broker had kept from before is `retained`."""

    moment: float
    topic: str
    payload: bytes
    retained: bool


class Listener:
    """What one subscription has brought so far."""

    def __init__(self, connection: socket.socket) -> None:
        self.messages: list[Message] = []
        """All that `read` has found so far."""
        self._connection = connection
        self._pieces: deque[tuple[float, bytes]] = deque()
        self._rest = b""

    def listen(self) -> None:
        """Keep what comes until the connection is closed."""
        with suppress(OSError):
            while data := self._connection.recv(1 << 20):
                self._pieces.append((time.monotonic(), data))

    def read(self) -> list[Message]:
        """Make messages of what has come, and return all so far."""
        while self._pieces:
            moment, data = self._pieces.popleft()
            data = self._rest + data
            start = 0
            while (packet := _packet(data, start)) is not None:
                head, begin, start = packet
                if head & 0xF0 == _PUBLISH:
                    self.messages.append(_message(moment, head, data[begin:start]))
            self._rest = data[start:]
        return self.messages


@contextmanager
def listen(port: int, topics: str) -> Iterator[Listener]:
    """Yield a listener whose subscription the broker has confirmed."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(bytes((0x10, len(_CONNECT))) + _CONNECT)
        _expect(connection, b"\x20\x02\x00\x00")
        name = topics.encode()
        body = struct.pack("!HH", 1, len(name)) + name + b"\x00"
        connection.sendall(bytes((0x82, len(body))) + body)
        _expect(connection, b"\x90\x03\x00\x01\x00")
        listener = Listener(connection)
        thread = threading.Thread(target=listener.listen, daemon=True)
        thread.start()
        yield listener
        connection.shutdown(socket.SHUT_RDWR)
        thread.join()


def _expect(connection: socket.socket, answer: bytes) -> None:
    heard = b""
    while len(heard) < len(answer):
        piece = connection.recv(len(answer) - len(heard))
        if not piece:
            break
        heard += piece
    if heard != answer:
        raise RuntimeError(f"The broker answers {heard!r}, not {answer!r}.")


def _packet(data: bytes, start: int) -> tuple[int, int, int] | None:
    """Return first byte, beginning and end of the body of the packet at `start`; None while it is not whole."""
    length, place = 0, start + 1
    while place < len(data):
        byte = data[place]
        length |= (byte & 0x7F) << 7 * (place - start - 1)
        place += 1
        if byte < 0x80:
            return (data[start], place, place + length) if place + length <= len(data) else None
    return None


def _message(moment: float, head: int, body: bytes) -> Message:
    end = 2 + int.from_bytes(body[:2], "big")
    begin = end + 2 if head & 0x06 else end  # a number comes between with QoS 1 and 2
    return Message(moment, body[2:end].decode(), body[begin:], bool(head & 1))
