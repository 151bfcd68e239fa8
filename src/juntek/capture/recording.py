"""A recording as it lies in a file, block by block: unpacked, its kind found out, and in the order of time.

What has its newest line first is turned round, and the files of a ZIP archive come in the order in which they begin;
both need all of it, so they are only done where the source ends by itself.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from juntek.capture import Chunk, ChunkReader
from juntek.capture.packing import ZIP, DamagedError, Unpacking, files_in_zip
from juntek.capture.times import LineTimes
from juntek.rs485.bus import Bus, Event

_REPLY = re.compile(rb":r[0-9]{2}=([0-9]{1,2}),")
_STEPS = 16
"""Changes of the time after which the order of a recording is known."""
_MOST_CHUNKS, _MOST_BYTES = 4096, 1024 * 1024
"""Of a beginning that tells no order, after which nothing is turned round."""


class Recording:
    """Turns the blocks of one file into chunks; `ends` says that it is no pipe that somebody waits for."""

    def __init__(self, times: LineTimes | None = None, *, ends: bool = True) -> None:
        self._times = times or LineTimes()
        self._unpacking = Unpacking()
        self._reader = ChunkReader(self._times)
        self._order = _Order() if ends else None
        self._archive: bytearray | None = None
        self._files: list[Recording] = []
        self._is_damaged = False

    @property
    def start(self) -> bytes:
        """The first bytes, unpacked, for a guess at what it is when there are no frames in it."""
        return bytes(self._archive[:64]) if self._archive is not None else self._reader.start

    @property
    def has_frames(self) -> bool:
        """Whether there are frames among the first bytes, though they may be damaged."""
        return self._reader.has_frames or any(file.has_frames for file in self._files)

    def feed(self, block: bytes) -> list[Chunk]:
        """Take the next bytes and give what can be told of them so far; raises DamagedError."""
        if self._archive is not None:
            self._archive += block
            return []
        if not self._reader.start and block.startswith(ZIP):
            self._archive = bytearray(block)
            return []
        return self._ordered(self._reader.feed(self._unpack(block)))

    def finish(self) -> list[Chunk]:
        """Give what is left at the end; raises DamagedError."""
        if self._archive is not None:
            return self._read_archive(bytes(self._archive))
        chunks = self._ordered(self._reader.feed(self._unpack(None)) + self._reader.finish())
        return chunks + self._order.finish() if self._order is not None else chunks

    def _unpack(self, block: bytes | None) -> bytes:
        """Return what is in a block, None for the end; of what is damaged, what came before."""
        if self._is_damaged:
            return b""
        try:
            return self._unpacking.finish() if block is None else self._unpacking.feed(block)
        except DamagedError as error:
            if not self._reader.start:
                raise
            self._is_damaged = True
            self._times.remarks.append(f"What came before the damage was read: {error}.")
            return b""

    def _ordered(self, chunks: list[Chunk]) -> list[Chunk]:
        return chunks if self._order is None else self._order.take(chunks)

    def _read_archive(self, archive: bytes) -> list[Chunk]:
        parts = []
        for data in files_in_zip(archive):
            file = Recording(self._times)
            self._files.append(file)
            parts.append(file.feed(data) + file.finish())
        parts.sort(key=first_time)
        return [chunk for part in parts for chunk in part]


class _Order:
    """Turns a recording round in which the times fall."""

    def __init__(self) -> None:
        self._held: list[Chunk] | None = []
        self._last = math.nan
        self._rises = self._falls = self._size = 0

    def take(self, chunks: list[Chunk]) -> list[Chunk]:
        if self._held is None:
            return chunks
        self._held += chunks
        if self._rises + self._falls < _STEPS:
            self._count(chunks)
            self._size += sum(len(chunk.data) for chunk in chunks)
        is_long = len(self._held) > _MOST_CHUNKS or self._size > _MOST_BYTES
        is_known = self._rises + self._falls >= _STEPS or is_long
        return self._release() if is_known and self._falls <= self._rises else []

    def finish(self) -> list[Chunk]:
        return self._release()

    def _count(self, chunks: list[Chunk]) -> None:
        for time in (chunk.time for chunk in chunks if chunk.time is not None):
            self._rises += time > self._last
            self._falls += time < self._last
            self._last = time

    def _release(self) -> list[Chunk]:
        held, self._held = self._held or [], None
        return held[::-1] if self._falls > self._rises else held


def first_time(chunks: list[Chunk]) -> float:
    """Return when chunks begin, s since 1970; those that do not tell come last."""
    return next((chunk.time for chunk in chunks if chunk.time is not None), math.inf)


def listen(bus: Bus, chunks: list[Chunk]) -> Iterator[tuple[Chunk, list[Event]]]:
    """Yield each chunk with what it decides, also where it came decoded.

    A line believes a second meter when it goes on to be heard. In a recording that can be known from its beginning, so
    that none of its readings is held back.
    """
    meters = _meters_in(chunks) if bus.noise.frames == 0 else set()
    for chunk in chunks:
        if meters and (reply := _REPLY.match(chunk.data)) and int(reply[1]) in meters:
            meters.remove(int(reply[1]))
            bus.expect(int(reply[1]))
        yield chunk, [chunk.reading] if chunk.reading is not None else bus.feed(chunk.data, chunk.time)


def _meters_in(chunks: list[Chunk]) -> set[int]:
    """Return the addresses whose replies come more than once."""
    found = Counter(int(address) for chunk in chunks for address in _REPLY.findall(chunk.data))
    return {address for address, count in found.items() if count > 1}
