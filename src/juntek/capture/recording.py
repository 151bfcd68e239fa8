"""A recording as it lies in a file, block by block: unpacked, its kind found out, and in the order of time.

gzip, xz, lzma, bz2 and zstd (Python 3.14 reads it, before that the extra `zstd`) are unpacked, also several after each
other, and UTF-16 and UTF-32; what is no known packing passes unchanged, and no more than a piece is held. What has its
newest line first is turned round, and the files of a ZIP archive, which has its directory at its end, come in the order
in which they begin; both need all of it, so they are only done where the source ends by itself.
"""

from __future__ import annotations

import codecs
import io
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from itertools import chain
from operator import itemgetter
from typing import Any

from juntek.capture import HELD_LIMIT, Chunk, ChunkReader
from juntek.capture.forms import FRAME_START
from juntek.capture.times import LineTimes
from juntek.rs485.bus import Bus, Event

_REPLY = re.compile(rb":r[0-9]{2}=([0-9]{1,2}),")
_STEPS = 16
"""Changes of the time after which the order of a recording is known."""
_MOST_CHUNKS, _MOST_BYTES = 4096, 1024 * 1024
"""Of a beginning that tells no order, after which nothing is turned round."""
ZIP = b"PK\x03\x04"
PIECE = 128 * 1024
"""Bytes that are unpacked at once: a small file may hold any number of them."""
_LEAST = 32
"""Bytes that tell a packing, or wide letters."""
_DEEPEST = 3
"""How often a file may be packed: there are some that hold themselves."""
_PACKINGS = (
    (re.compile(rb"\x1f\x8b\x08"), ("gzip",)),
    # The usual properties of .lzma, the size of the dictionary, and that of the data where it is known.
    (re.compile(rb"\xfd7zXZ\0|\x5d\0\0..(?:\xff{8}|.{5}\0{3})", re.DOTALL), ("lzma",)),
    (re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), ("bz2",)),
    (re.compile(rb"\x28\xb5\x2f\xfd"), ("compression.zstd", "backports.zstd")),
)
"""How each packing begins, and the libraries that open it, the first that is there."""
_MAGICS = (b"\x1f\x8b\x08", b"\xfd7zXZ\0", b"\x5d\0\0", b"BZh", b"\x28\xb5\x2f\xfd", ZIP)
_WIDE_TEXT = (
    ("utf-32", re.compile(rb"\xff\xfe\0\0(?:[\t\r\n -~]\0\0\0){2}|\0\0\xfe\xff(?:\0\0\0[\t\r\n -~]){2}")),
    ("utf-16", re.compile(rb"\xff\xfe(?:[\t\r\n -~]\0){4}|\xfe\xff(?:\0[\t\r\n -~]){4}")),
    ("utf-16-le", re.compile(rb"(?:[\t\r\n -~]\0){8}")),
    ("utf-16-be", re.compile(rb"(?:\0[\t\r\n -~]){8}")),
)
"""Wide letters, by how a text in them begins, with its mark or, as some editors save it, without."""


class DamagedError(ValueError):
    """A packed recording ends too early, is damaged, or needs a library that is not there."""


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
        _refuse_depth(self._depth)
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


# Packings -----------------------------------------------------------------------------------------------------


def unpack(blocks: Iterable[bytes], depth: int = 0) -> Iterator[bytes]:
    """Yield what is in the blocks of a file, cut anywhere, piece by piece as they come; raises DamagedError."""
    coming, start = iter(blocks), b""
    for block in coming:
        start += block
        if len(start) >= _LEAST or not _may_be_packed(start):
            break
    whole = chain((start,), coming)
    names = next((names for begin, names in _PACKINGS if begin.match(start)), None)
    encoding = next((name for name, begin in _WIDE_TEXT if begin.match(start)), None)
    if names is not None:
        _refuse_depth(depth)
        yield from unpack(_pieces(partial(_library(names).open, _Blocks(whole))), depth + 1)
    elif encoding is not None:
        decoder = codecs.getincrementaldecoder(encoding)("replace")
        yield from (decoder.decode(block).encode() for block in whole)
        yield decoder.decode(b"", final=True).encode()
    else:
        yield from whole


def _refuse_depth(depth: int) -> None:
    """Raise DamagedError for what was unpacked so often already."""
    if depth >= _DEEPEST:
        raise DamagedError("it is packed too often; unpack it, and give the recording in it")


def files_in_zip(data: bytes) -> list[Iterator[bytes]]:
    """Return the files in a ZIP archive, each piece by piece; that and they raise DamagedError."""
    import zipfile  # noqa: PLC0415 - few recordings are packed

    with _explained():
        archive = zipfile.ZipFile(io.BytesIO(data))
        return [_pieces(partial(archive.open, member)) for member in archive.infolist() if not member.is_dir()]


def _may_be_packed(start: bytes) -> bool:
    begins = any(start.startswith(magic[: len(start)]) for magic in _MAGICS)
    return begins or start[:1] in b"\xff\xfe" or 0 in start[:2]


def _library(names: Iterable[str]) -> Any:  # noqa: ANN401 - a module with `open`
    for name in names:
        with suppress(ImportError):
            return import_module(name)
    raise DamagedError("it is packed by zstd; install juntek with its extra zstd, or unpack it with: zstd -d FILE")


def _pieces(opened: Callable[[], Any]) -> Iterator[bytes]:
    with _explained(), opened() as file:
        while piece := file.read1(PIECE):
            yield piece


@contextmanager
def _explained() -> Iterator[None]:
    """Say of whatever a library has, as each has its own errors, that the data is damaged."""
    try:
        yield
    except Exception as error:
        if isinstance(error, DamagedError) or getattr(error, "errno", None):
            raise
        is_locked = type(error) is RuntimeError
        raise DamagedError("it is locked with a password" if is_locked else "its compressed data is damaged") from error


class _Blocks:
    """Blocks that come one by one, as a file that can be read once."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._coming = filter(None, blocks)
        self._rest = b""

    def read(self, size: int) -> bytes:
        block = self._rest or next(self._coming, b"")
        self._rest = block[size:]
        return block[:size]
