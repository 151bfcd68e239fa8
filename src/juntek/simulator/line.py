"""The pair of wires and the meters on it; rule: what one writes all others hear, and nobody hears himself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from juntek.rs485.framing import Frame, Framer
from juntek.simulator.meter import Meter
from juntek.simulator.noise import Noise, collide

Hear = Callable[[bytes], None]


class Line:
    """Two wires, half duplex. `join` gives the function to write with; `noise` damages what is written."""

    def __init__(self, noise: Noise) -> None:
        self.noise = noise
        self._ears: list[Hear] = []

    def join(self, hear: Hear) -> Hear:
        """Connect someone; `hear` is called with what the others write. Return the function to write with."""
        self._ears.append(hear)

        def write(data: bytes) -> None:
            if hear not in self._ears:
                return
            arrived = self.noise.pass_through(data)
            for ear in tuple(self._ears):
                if ear is not hear and arrived:
                    ear(arrived)

        return write

    def leave(self, hear: Hear) -> None:
        """Disconnect someone; doing it twice is no error."""
        if hear in self._ears:
            self._ears.remove(hear)


class Answerer:
    """The meters of one line: hears requests and answers after `latency` seconds, unless the meter is silent.

    `catch_up` is called before a meter is asked, to bring it to the present time.
    """

    def __init__(self, line: Line, meters: tuple[Meter, ...], *, latency: float, catch_up: Callable[[], None]) -> None:
        self.silent: set[Meter] = set()
        self._meters = meters
        self._latency = latency
        self._catch_up = catch_up
        self._framer = Framer()
        self._pending: set[asyncio.TimerHandle] = set()
        self._line = line
        self._hear = self.hear  # one bound method, so that leaving finds it
        self._write = line.join(self._hear)

    def hear(self, data: bytes) -> None:
        """Take bytes from the line."""
        for event in self._framer.feed(data):
            if isinstance(event, Frame) and event.command[0] in "RW":
                self._answer(event)

    def leave(self) -> None:
        """Go off the line and forget the replies that were under way."""
        self._line.leave(self._hear)
        for handle in self._pending:
            handle.cancel()
        self._pending.clear()

    def _answer(self, request: Frame) -> None:
        self._catch_up()
        replies = [
            reply for meter in self._meters if meter not in self.silent and (reply := meter.answer(request)) is not None
        ]
        if replies:
            self._send_later(collide(replies))

    def _send_later(self, reply: bytes) -> None:
        def send() -> None:
            self._pending.discard(handle)
            self._write(reply)

        handle = asyncio.get_running_loop().call_later(self._latency, send)
        self._pending.add(handle)
