"""Link `replay:FILE[?speed=X]`: a recording instead of a meter; rule: the recorded time is the time.

A capture, a text log or raw bytes. Where times are recorded they set the pace, times `speed` (1 if it is not
given); `speed=0` or `speed=max` waits for nothing, as does a recording without times. At the end the link is lost.
"""

from __future__ import annotations

import asyncio
import math
import stat
from functools import partial
from pathlib import Path
from typing import BinaryIO

from juntek.capture import Chunk, read_chunks
from juntek.errors import LinkError, LinkLostError, RequestError, counted
from juntek.files import at_home, explain_unreadable
from juntek.links import Link

BLOCK = 16 * 1024
"""Bytes of the file read at a time."""


async def open_link(url: str) -> Link:
    """Open the file; raises LinkError."""
    path, speed = parse_url(url)
    try:
        # A pipe would stop the whole program while it is empty; only a file has its bytes at hand.
        if not stat.S_ISREG(path.stat().st_mode):
            raise LinkError(f"Cannot open {url}: {path} is not a file; give a file made by 'juntek capture'.")
        return ReplayLink(url, path.open("rb"), speed=speed)
    except OSError as error:
        raise LinkError(f"Cannot open {url}: {path} {explain_unreadable(error)}") from None


def parse_url(url: str) -> tuple[Path, float]:
    """Take the file and the speed (infinite: as fast as possible) from a URL; raises LinkError."""
    rest = url.partition(":")[2].removeprefix("//")
    name, mark, value = rest.partition("?speed=")
    try:
        speed = math.inf if value == "max" else float(value) if mark else 1.0
    except ValueError:
        speed = math.nan
    if not name or "?" in name or math.isnan(speed) or speed < 0:
        raise LinkError(f"'{url}' is not a replay; write replay:FILE, or replay:FILE?speed=10 with 0 for no waiting.")
    return at_home(name), speed or math.inf


class ReplayLink(Link):
    """Plays a recording; nobody is there to hear what is written, so writing is refused."""

    can_write = False

    def __init__(self, url: str, file: BinaryIO, *, speed: float) -> None:
        super().__init__(url)
        self._file = file
        self._speed = speed
        self._chunks = (chunk for chunk in read_chunks(iter(partial(file.read, BLOCK), b"")) if chunk.data)
        self._next: Chunk | None = None
        self._recorded: float | None = None
        self._started = 0.0

    async def read(self) -> Chunk:
        """Return the next chunk when its time has come."""
        if self._next is None and not self._file.closed:
            try:
                self._next = next(self._chunks, None)
            except OSError as error:
                raise LinkLostError(f"The link {self.url} was lost ({error}); check the disk.") from error
        if self._next is not None:
            await self._wait(self._next.time)
        if self._file.closed:
            raise LinkLostError(f"The link {self.url} is closed; open it again to use it.")
        if self._next is None:
            raise LinkLostError(f"The recording {self.url} is at its end; open it again to play it once more.")
        chunk, self._next = self._next, None
        return chunk

    async def _wait(self, recorded: float | None) -> None:
        now = asyncio.get_running_loop().time()
        if recorded is None or math.isinf(self._speed):
            await asyncio.sleep(0)
            return
        if self._recorded is None or recorded < self._recorded:
            # The first time, or a clock that was set back while recording: the pace starts anew.
            self._recorded, self._started = recorded, now
        due = self._started + (recorded - self._recorded) / self._speed
        await asyncio.sleep(max(0.0, due - now))

    async def write(self, data: bytes) -> None:
        """Refuse: a recording hears nothing."""
        raise RequestError(
            f"{self.url} is a recording and cannot take {counted(len(data), 'byte')}; write to a live link."
        )

    async def close(self) -> None:
        """Close the file."""
        self._file.close()
