"""The display that some meters come with, as a poller on the line; rule: it asks and does not mind the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count

from juntek.simulator.simulation_options import Display
from juntek.simulator.wires import Line

NEWER_PAUSE = 0.2
"""Seconds between two requests of a newer unit, each of which asks 2 to 3 times a second (TF27)."""
OLDER_PAUSE = 1.0
"""Seconds between two requests of an older unit."""


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
    """A display on the line; `plug_in` and `unplug` at any time."""

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
