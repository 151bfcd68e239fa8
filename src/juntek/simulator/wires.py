"""The pair of wires, the display on it and what damages it; rule: what one writes all others hear, and not himself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, zip_longest
from random import Random
from typing import Literal

Display = Literal["none", "newer", "older"]
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
        return partial(self._write, hear)

    def leave(self, hear: Hear) -> None:
        """Disconnect someone, whose writing then reaches nobody; doing it twice is no error."""
        if hear in self._ears:
            self._ears.remove(hear)

    def _write(self, writer: Hear, data: bytes) -> None:
        if writer not in self._ears:
            return
        arrived = self.noise.pass_through(data)
        for hear in tuple(self._ears):
            if hear != writer and arrived:
                hear(arrived)


def requests(style: Display, address: int) -> Iterator[bytes]:
    """Yield what a display asks, for ever: newer units as TF10, LD and TF27 saw it, older ones as MS and PO."""
    for turn in count():
        if style == "newer":
            yield b":R5%d=%d,\n" % (turn % 2, address)
        else:
            # About every ten seconds an older unit asks for identity and settings too.
            number = {4: 0, 9: 51}.get(turn % 12, 50)
            yield b":R%02d=%02d.\r\n" % (number, address)


async def poll(line: Line, style: Display, address: int) -> None:
    """Ask a meter as the display does that some come with, until cancelled."""

    def hear(_: bytes) -> None:
        """A display shows what it hears; nobody looks at this one."""

    write = line.join(hear)
    try:
        for request in requests(style, address):
            write(request)
            await asyncio.sleep(NEWER_PAUSE if style == "newer" else OLDER_PAUSE)
    finally:
        line.leave(hear)


class Noise:
    """Damages frames; the same seed and frames give the same damage. `damaged` counts the frames hit."""

    def __init__(self, seed: int, probability: float) -> None:
        self.probability = probability
        self.damaged = 0
        self._dice = Random(f"noise/{seed}")

    def pass_through(self, frame: bytes) -> bytes:
        """Return the frame as it arrives: mostly whole, else with one place where bytes are lost, changed or added."""
        dice = self._dice
        if not self.probability or dice.random() >= self.probability:
            return frame
        self.damaged += 1
        place = dice.randrange(len(frame) + 1)
        lost, added = (dice.choice((0, 1, 1, 2, 30)) for _ in "ab")
        arrived = frame[:place] + dice.randbytes(added) + frame[place + lost :]
        return arrived if arrived != frame else frame + b"\xff"  # so that every hit shows


def collide(replies: list[bytes]) -> bytes:
    """Return what arrives when several meters answer at once, each a byte later than the one before.

    The wire is low where any of them pulls it low.
    """
    arrived = replies[0]
    for delay, reply in enumerate(replies[1:], start=1):
        late = b"\xff" * delay + reply
        arrived = bytes(a & b for a, b in zip_longest(arrived, late, fillvalue=0xFF))
    return arrived
