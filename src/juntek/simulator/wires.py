"""The pair of wires, who is on it and what damages it; rule: what one writes all others hear, and not himself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import count, zip_longest
from random import Random

from juntek.rs485.framing import Frame, Framer
from juntek.simulator.meter import Meter
from juntek.simulator.simulation_options import Display

Hear = Callable[[bytes], None]

NEWER_PAUSE = 0.2
"""Seconds between two requests of a newer unit, each of which asks 2 to 3 times a second (TF27)."""
OLDER_PAUSE = 1.0
"""Seconds between two requests of an older unit."""


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
                if ear != hear and arrived:
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

    def enter(self) -> None:
        """Go on the line."""
        self._write = self._line.join(self.hear)

    def hear(self, data: bytes) -> None:
        """Take bytes from the line."""
        for event in self._framer.feed(data):
            if isinstance(event, Frame) and event.command[0] in "RW":
                self._answer(event)

    def leave(self) -> None:
        """Go off the line and forget the replies that were under way."""
        self._line.leave(self.hear)
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


def requests(style: Display, address: int) -> Iterator[bytes]:
    """Yield what a display asks, for ever: newer units as TF10, LD and TF27 saw it, older ones as MS and PO."""
    for turn in count():
        if style == "newer":
            yield b":R5%d=%d,\n" % (turn % 2, address)
        else:
            # About every ten seconds an older unit asks for identity and settings too.
            number = {4: 0, 9: 51}.get(turn % 12, 50)
            yield b":R%02d=%02d.\r\n" % (number, address)


class DisplayUnit:
    """The display that some meters come with: it asks and does not mind the answers."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._task: asyncio.Task[None] | None = None

    def plug_in(self, style: Display, address: int) -> None:
        """Begin to poll the meter at `address`; one that is plugged in already is exchanged."""
        self.unplug()
        if style != "none":
            self._task = asyncio.create_task(self._poll(style, address))

    def unplug(self) -> None:
        """Stop polling."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _poll(self, style: Display, address: int) -> None:
        def hear(_: bytes) -> None:
            """A display shows what it hears; nobody looks at this one."""

        write = self._line.join(hear)
        pause = NEWER_PAUSE if style == "newer" else OLDER_PAUSE
        try:
            for request in requests(style, address):
                write(request)
                await asyncio.sleep(pause)
        finally:
            self._line.leave(hear)


class Noise:
    """Damages frames; the same seed and frames give the same damage. `damaged` counts the frames hit."""

    __slots__ = ("_dice", "damaged", "probability")

    def __init__(self, seed: int, probability: float) -> None:
        self.probability = probability
        self.damaged = 0
        self._dice = Random(f"noise/{seed}")

    def pass_through(self, frame: bytes) -> bytes:
        """Return the frame as it arrives."""
        if not self.probability or self._dice.random() >= self.probability:
            return frame
        return self.damage(frame)

    def damage(self, frame: bytes) -> bytes:
        """Return the frame with flipped bits, lost, changed or added bytes, a burst, or stray bytes around it."""
        self.damaged += 1
        kind = self._dice.choice((_flip, _lose, _change, _add, _burst, _cut, _stray))
        arrived = kind(self._dice, bytearray(frame))
        # A changed byte may have become the same again; then a stray one is added, so that every hit shows.
        return bytes(arrived) if arrived != frame else frame + b"\xff"


def collide(replies: list[bytes]) -> bytes:
    """Return what arrives when several meters answer at once, each a byte later than the one before.

    The wire is low where any of them pulls it low.
    """
    arrived = replies[0]
    for delay, reply in enumerate(replies[1:], start=1):
        late = b"\xff" * delay + reply
        arrived = bytes(a & b for a, b in zip_longest(arrived, late, fillvalue=0xFF))
    return arrived


def _places(dice: Random, frame: bytearray, most: int) -> list[int]:
    return [dice.randrange(len(frame)) for _ in range(dice.randint(1, most))] if frame else []


def _flip(dice: Random, frame: bytearray) -> bytearray:
    for place in _places(dice, frame, 3):
        frame[place] ^= 1 << dice.randrange(8)
    return frame


def _lose(dice: Random, frame: bytearray) -> bytearray:
    for place in sorted(set(_places(dice, frame, 4)), reverse=True):
        del frame[place]
    return frame


def _change(dice: Random, frame: bytearray) -> bytearray:
    for place in _places(dice, frame, 3):
        frame[place] = dice.randrange(256)
    return frame


def _add(dice: Random, frame: bytearray) -> bytearray:
    for place in _places(dice, frame, 3):
        frame.insert(place, dice.randrange(256))
    return frame


def _burst(dice: Random, frame: bytearray) -> bytearray:
    start = dice.randrange(len(frame) + 1)
    length = dice.randint(2, 30)
    frame[start : start + length] = dice.randbytes(length)
    return frame


def _cut(dice: Random, frame: bytearray) -> bytearray:
    return frame[: dice.randrange(len(frame) + 1)]


def _stray(dice: Random, frame: bytearray) -> bytearray:
    return bytearray(dice.randbytes(dice.randint(1, 8))) + frame + dice.randbytes(dice.randint(0, 8))
