"""Recordings as programs pack them; rule: what is no known packing passes unchanged.

gzip, xz and bz2, also several after each other, and the UTF-16 of Windows.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from typing import Any, Protocol

_LEAST = 10
"""Bytes that tell a packing."""
_UTF_16 = re.compile(rb"\xff\xfe(?:[\t\r\n -~]\x00){4}|\xfe\xff(?:\x00[\t\r\n -~]){4}")
_MAGICS = (b"\x1f\x8b", b"\xfd7zXZ\x00", b"BZh")


class DamagedError(ValueError):
    """A packed recording ends too early or is damaged."""


class _Unpacker(Protocol):
    def decompress(self, data: bytes, /) -> bytes: ...

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...


def _opener(start: bytes) -> Callable[[], _Unpacker] | None:
    if start.startswith(b"\x1f\x8b\x08"):
        import zlib  # noqa: PLC0415 - few recordings are packed

        return lambda: zlib.decompressobj(31)
    if start.startswith(b"\xfd7zXZ\x00"):
        import lzma  # noqa: PLC0415

        return lzma.LZMADecompressor
    if re.match(rb"BZh[1-9]1AY&SY", start):
        import bz2  # noqa: PLC0415

        return bz2.BZ2Decompressor
    return None


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
            if len(self._held) < _LEAST and self._may_be_packed():
                return b""
            block, self._held = self._held, None
            self._open = _opener(block)
            if self._open is not None:
                self._unpacker, self._inner = self._open(), Unpacking()
            elif _UTF_16.match(block):
                self._decoder = codecs.getincrementaldecoder("utf-16")("replace")
        if self._open is not None:
            return self._unpack(block)
        return self._decoder.decode(block).encode() if self._decoder is not None else block

    def finish(self) -> bytes:
        """Return what was held; raises DamagedError where packed data has no end."""
        held, self._held = self._held, None
        if self._inner is not None and self._unpacker is not None:
            if not self._unpacker.eof:
                raise DamagedError("its compressed data is damaged")
            return self._inner.finish()
        return held or b""

    def _may_be_packed(self) -> bool:
        held = self._held or b""
        return any(
            held.startswith(magic[: len(held)]) for magic in (*_MAGICS, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        )

    def _unpack(self, block: bytes) -> bytes:
        plain, block = [], self._rest + block
        self._rest = b""
        try:
            while block and self._open is not None and self._unpacker is not None:
                if self._unpacker.eof:  # another one may follow
                    if len(block) < _LEAST and any(magic.startswith(block[: len(magic)]) for magic in _MAGICS):
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
