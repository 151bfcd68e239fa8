"""Recordings as programs pack them; rule: what is no known packing passes unchanged, and no more than a piece is held.

gzip, xz, lzma, bz2 and zstd (Python 3.14 reads it, before that the extra `zstd`), also several after each other, and
UTF-16 and UTF-32.
A ZIP archive has its directory at its end, so its files are told when all of it is there.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from itertools import chain
from typing import Any

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
        refuse_depth(depth)
        yield from unpack(_pieces(partial(_library(names).open, _Blocks(whole))), depth + 1)
    elif encoding is not None:
        decoder = codecs.getincrementaldecoder(encoding)("replace")
        yield from (decoder.decode(block).encode() for block in whole)
        yield decoder.decode(b"", final=True).encode()
    else:
        yield from whole


def refuse_depth(depth: int) -> None:
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
