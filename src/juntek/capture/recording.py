"""A recording as it lies in a file, block by block: unpacked, its kind found out, and in the order of time.

What has its newest line first is turned round, and the files of a ZIP archive come in the order in which they begin;
both need all of it, so they are only done where the source ends by itself.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from operator import itemgetter

from juntek.capture import HELD_LIMIT, Chunk, ChunkReader
from juntek.capture.forms import FRAME_START
from juntek.capture.packing import ZIP, DamagedError, files_in_zip, refuse_depth, unpack
from juntek.capture.times import LineTimes
from juntek.rs485.bus import Bus, Event

_REPLY = re.compile(rb":r[0-9]{2}=([0-9]{1,2}),")
_STEPS = 16
"""Changes of the time after which the order of a recording is known."""
_MOST_CHUNKS, _MOST_BYTES = 4096, 1024 * 1024
"""Of a beginning that tells no order, after which nothing is turned round."""


class Recording:
    """Turns the blocks of one file into chunks; `ends` says that it is no pipe that somebody waits for.

    `depth`: in how many archives it is.
    """

    def __init__(self, times: LineTimes | None = None, *, ends: bool = True, depth: int = 0) -> None:
        self._times = times or LineTimes()
        self._ends, self._depth = ends, depth
        self._files: list[Recording] = []
        self.start = b""
        """The first bytes, unpacked, for a guess at what it is when there are no frames in it."""

    @property
    def has_frames(self) -> bool:
        """Whether there are frames among the first bytes, though they may be damaged."""
        return FRAME_START.search(self.start) is not None or any(file.has_frames for file in self._files)

    def read(self, blocks: Iterable[bytes]) -> Iterator[list[Chunk]]:
        """Yield the chunks of what comes, from a pipe at once; raises DamagedError."""
        pieces = unpack(blocks)
        first = next(pieces, b"")
        if first.startswith(ZIP):
            self.start = ZIP
            return self._read_archive(first + b"".join(pieces))
        parts = self._read(chain((first,), pieces))
        return _in_order(parts) if self._ends else parts

    def _read(self, pieces: Iterable[bytes]) -> Iterator[list[Chunk]]:
        reader = ChunkReader(self._times)
        try:
            for piece in pieces:
                if len(self.start) < HELD_LIMIT:
                    self._times.look_ahead(piece)
                    self.start += piece[: HELD_LIMIT - len(self.start)]
                yield reader.feed(piece)
        except DamagedError as error:
            if not self.start:
                raise
            self._times.remark(f"What came before the damage was read: {error}.")
        yield reader.finish()

    def _read_archive(self, archive: bytes) -> Iterator[list[Chunk]]:
        """Yield the chunks of the files in a ZIP archive, in the order in which they begin."""
        refuse_depth(self._depth)
        zone, until, depth = self._times.zone, self._times.until, self._depth + 1
        begins = [
            first_time(Recording(LineTimes(zone, until), depth=depth).read(file)) for file in files_in_zip(archive)
        ]
        files = zip(begins, files_in_zip(archive), strict=True)
        for _, file in sorted(files, key=itemgetter(0)):
            self._files.append(Recording(self._times, depth=depth))
            yield from self._files[-1].read(file)


def _in_order(parts: Iterator[list[Chunk]]) -> Iterator[list[Chunk]]:
    """Yield the chunks of a recording, turned round where the times fall."""
    held: list[Chunk] = []
    rises = falls = size = 0
    last = math.nan
    for chunks in parts:
        held += chunks
        for chunk in chunks if rises + falls < _STEPS else ():
            size += len(chunk.data)
            if chunk.time is not None:
                rises, falls, last = rises + (chunk.time > last), falls + (chunk.time < last), chunk.time
        is_known = rises + falls >= _STEPS or len(held) > _MOST_CHUNKS or size > _MOST_BYTES
        if is_known and falls <= rises:
            yield held
            yield from parts
            return
    yield held[::-1] if falls > rises else held


def first_time(parts: Iterable[list[Chunk]]) -> float:
    """Return when a recording begins, s since 1970; one that does not tell comes last."""
    return next((chunk.time for chunks in parts for chunk in chunks if chunk.time is not None), math.inf)


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
