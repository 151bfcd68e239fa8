"""Recordings as programs pack them; rule: what is no known packing passes unchanged.

gzip, xz, lzma, bz2 and zstd (Python 3.14 reads it, before that the extra `zstd`), also several after each other, and
UTF-16 and UTF-32.
A ZIP archive has its directory at its end, so its files are told when all of it is there.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any, Protocol

ZIP = b"PK\x03\x04"
_LEAST = 32
"""Bytes that tell a packing, or wide letters."""
_NEXT = 10
"""Bytes that tell whether another packed piece follows."""
_GZIP, _XZ, _LZMA, _BZ2, _ZSTD = b"\x1f\x8b\x08", b"\xfd7zXZ\x00", b"\x5d\0\0", b"BZh", b"\x28\xb5\x2f\xfd"
_MAGICS = (_GZIP, _XZ, _LZMA, _BZ2, _ZSTD)
_LZMA_HEADER = re.compile(rb"\x5d\0\0..(?:\xff{8}|.{5}\0{3})", re.DOTALL)
"""The usual properties, the size of the dictionary, and that of the data where it is known."""
_BZ2_BLOCK = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")
_WIDE_TEXT = (
    ("utf-32", re.compile(rb"\xff\xfe\0\0(?:[\t\r\n -~]\0\0\0){2}|\0\0\xfe\xff(?:\0\0\0[\t\r\n -~]){2}")),
    ("utf-16", re.compile(rb"\xff\xfe(?:[\t\r\n -~]\0){4}|\xfe\xff(?:\0[\t\r\n -~]){4}")),
    ("utf-16-le", re.compile(rb"(?:[\t\r\n -~]\0){8}")),
    ("utf-16-be", re.compile(rb"(?:\0[\t\r\n -~]){8}")),
)
"""Wide letters, by how a text in them begins, with its mark or, as some editors save it, without."""


class DamagedError(ValueError):
    """A packed recording ends too early, is damaged, or needs a library that is not there."""


class _Unpacker(Protocol):
    def decompress(self, data: bytes, /) -> bytes: ...

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...


def _opener(start: bytes) -> Callable[[], _Unpacker] | None:
    if start.startswith(_GZIP):
        import zlib  # noqa: PLC0415 - few recordings are packed

        return lambda: zlib.decompressobj(31)
    if start.startswith(_XZ) or _LZMA_HEADER.match(start):
        import lzma  # noqa: PLC0415

        return lzma.LZMADecompressor
    if _BZ2_BLOCK.match(start):
        import bz2  # noqa: PLC0415

        return bz2.BZ2Decompressor
    return _zstd_opener() if start.startswith(_ZSTD) else None


def _zstd_opener() -> Callable[[], _Unpacker]:
    for name in ("compression.zstd", "backports.zstd"):  # of Python 3.14, and the same for those before
        with suppress(ImportError):
            opener: Callable[[], _Unpacker] = import_module(name).ZstdDecompressor
            return opener
    raise DamagedError("it is packed by zstd; install juntek with its extra zstd, or unpack it with: zstd -d FILE")


def files_in_zip(data: bytes) -> list[bytes]:
    """Return the contents of the files in a ZIP archive; raises DamagedError."""
    import io  # noqa: PLC0415 - few recordings are packed
    import zipfile  # noqa: PLC0415

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [archive.read(member) for member in archive.infolist() if not member.is_dir()]
    except RuntimeError as error:
        raise DamagedError("it is locked with a password") from error
    except Exception as error:  # zipfile and what it unpacks with have each their own
        raise DamagedError("its compressed data is damaged") from error


class Unpacking:
    """Turns the bytes of a file, cut anywhere, into those of the recording in it."""

    def __init__(self) -> None:
        self._held: bytes | None = b""
        self._open: Callable[[], _Unpacker] | None = None
        self._unpacker: _Unpacker | None = None
        self._inner: Unpacking | None = None
        self._decoder: Any = None
        self._rest = b""

    def feed(self, block: bytes) -> bytes:
        """Return what can be told; raises DamagedError."""
        if self._held is not None:
            self._held += block
            if len(self._held) < _LEAST and self._may_be_packed(self._held):
                return b""
            block, self._held = self._held, None
            self._begin(block)
        if self._open is not None:
            return self._unpack(block)
        return self._decoder.decode(block).encode() if self._decoder is not None else block

    def finish(self) -> bytes:
        """Return what was held; raises DamagedError where packed data has no end."""
        held, self._held = self._held, None
        if held:
            self._begin(held)
            if self._open is not None:
                plain = self._unpack(held)
                return plain + self._finish_inner()
            return self._decoder.decode(held, final=True).encode() if self._decoder is not None else held
        return self._finish_inner()

    def _begin(self, start: bytes) -> None:
        self._open = _opener(start)
        if self._open is not None:
            self._unpacker, self._inner = self._open(), Unpacking()
            return
        encoding = next((name for name, begin in _WIDE_TEXT if begin.match(start)), None)
        if encoding is not None:
            self._decoder = codecs.getincrementaldecoder(encoding)("replace")

    def _finish_inner(self) -> bytes:
        if self._inner is None or self._unpacker is None:
            return b""
        if not self._unpacker.eof:
            raise DamagedError("its compressed data is damaged")
        return self._inner.finish()

    @staticmethod
    def _may_be_packed(start: bytes) -> bool:
        begins = any(start.startswith(magic[: len(start)]) for magic in _MAGICS)
        return begins or start[:1] in b"\xff\xfe" or 0 in start[:2]

    def _unpack(self, block: bytes) -> bytes:
        plain, block = [], self._rest + block
        self._rest = b""
        try:
            while block and self._open is not None and self._unpacker is not None:
                if self._unpacker.eof:  # another one may follow
                    if len(block) < _NEXT and any(magic.startswith(block[: len(magic)]) for magic in _MAGICS):
                        self._rest = block
                        break
                    if not block.startswith(_MAGICS):
                        break  # padding
                    self._unpacker = self._open()
                plain.append(self._unpacker.decompress(block))
                block = self._unpacker.unused_data if self._unpacker.eof else b""
        except Exception as error:  # zlib, lzma and bz2 have each its own
            raise DamagedError("its compressed data is damaged") from error
        return self._inner.feed(b"".join(plain)) if self._inner is not None else b""
