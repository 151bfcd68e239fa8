"""The frames in a line of text; rule: what a table or a writer has put around a frame is taken off, never a number.

Whether a frame is whole is told by its sum and by how many numbers the replies of its kind have. One that a program has
cut over lines is joined: what stands after the same label and begins without a colon is its rest; so is what stands
alone on the next line where that makes the frame whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from math import inf
from typing import NamedTuple

from juntek.exchange import Chunk
from juntek.rs485.family import find_models
from juntek.rs485.framing import LONGEST_FRAME, Frame, parse

_FRAME = re.compile(rb"(:[RrWw][0-9]{2}=[^\x00-\x20\x7f-\xff:\"'`\\<\[\];|>){}&]*)( ?\n)?")
_BLANKS_INSIDE = re.compile(rb"(?<=[0-9],) (?=[0-9])")
_DIGITS = re.compile(rb"[0-9]+")
_REST = re.compile(rb"(?:[0-9NS,.=]+|[RrWw][0-9NS,.=]*)(?:\n|(?=[:\"'`\s;|>)}\]])|$)|\n")
_REST_ALONE = re.compile(rb"[0-9,]+(?=\n|[\"'`]|$)")
PIECE_LIMIT = 1024
"""Bytes of a frame that waits for its rest."""
_PATIENCE = 32
"""Lines that a frame waits for its rest."""


class Found(NamedTuple):
    """A frame in a line: where it stands, what it is, and whether its line end is written there."""

    start: int
    end: int
    frame: bytes
    ended: bool


def frames_in(text: bytes) -> Iterator[Found]:
    """Yield the frames in a line, without the columns of a table that follow them."""
    for found in _FRAME.finditer(text):
        frame = trim_frame(found[1], text, found.end(1))
        is_shorter = frame != found[1] and found[1].startswith(frame)
        end = found.start() + len(frame) if is_shorter else found.end()
        yield Found(found.start(), end, frame, found[2] is not None and not is_shorter)


def without(text: bytes, frames: list[Found]) -> bytes:
    """Return a line with a blank in the place of each frame."""
    starts, ends = [0, *(found.end for found in frames)], [*(found.start for found in frames), len(text)]
    return b" ".join(text[start:end] for start, end in zip(starts, ends, strict=True))


def trim_frame(frame: bytes, text: bytes, end: int) -> bytes:
    """Return a frame without what a table has after it, and without the blanks that a writer has put in.

    `text` is the line and `end` where the frame ends in it.
    """
    if is_whole(frame):
        return frame
    if text[end : end + 1] == b" " and text[end + 1 : end + 2].isdigit():
        spread = _FRAME.match(_BLANKS_INSIDE.sub(b"", text[end - len(frame) : end + LONGEST_FRAME]))
        return _shortened(spread[1]) if spread is not None else frame
    return _shortened(frame)


def _shortened(frame: bytes) -> bytes:
    head, _, numbers = frame.partition(b"=")
    parts = numbers.split(b",")
    for count in sorted(_counts().get(head[1:].decode("latin-1"), ()), reverse=True):
        short = head + b"=" + b",".join(parts[: count + 2]) + b","
        after = frame[len(short) :]
        is_apart = frame.startswith(short) and (after.startswith(b",") or _DIGITS.sub(b"", after).strip(b","))
        if is_apart and is_whole(short):
            return short
    return frame


def close_frame(frame: bytes) -> bytes:
    """Return a frame with its line end, and with its last comma, which some programs cut off."""
    comma = b"," if not frame.endswith(b",") and is_whole(frame + b",") else b""
    return frame + comma + b"\r\n"


@cache
def _counts() -> dict[str, set[int]]:
    """Return how many numbers the replies have."""
    models = find_models()
    return {
        "r50": {count for model in models for count in model.readings.counts},
        "r51": {count for model in models for count in model.settings.counts},
        "r00": {3},
    }


@lru_cache(8)
def is_whole(piece: bytes) -> bool:
    """Whether a frame without its line end is whole, as far as its sum and its numbers tell."""
    frame = parse(piece) if len(piece) <= 256 else None
    if not isinstance(frame, Frame):
        return False
    return piece.endswith((b",", b".")) and len(frame.fields) in _counts().get(frame.command, {len(frame.fields)})


def _may_go_on(piece: bytes) -> bool:
    """Whether there are longer replies of this kind: zeros at their end would not change the sum."""
    return piece.startswith(b":r51=") and piece.count(b",") - 1 in _counts()["r51"]


class _Waiting(NamedTuple):
    """A frame, or its beginning, that waits for its rest."""

    piece: bytes
    time: float | None
    until: int
    """The last line for which it waits."""
    label: re.Pattern[bytes] | None
    """Of the lines that may bring the rest; None for those of a dump."""
    line: int


class Pieces:
    """Joins frames that a program has cut over lines. `number` is that of the present line."""

    def __init__(self) -> None:
        self.number = 0
        self.waiting: dict[bytes, _Waiting] = {}

    def give_up(self, number: float = inf) -> list[Chunk]:
        """Return what has waited for its rest up to this line, or all of it."""
        late = [label for label, waiting in self.waiting.items() if waiting.until <= number]
        return [Chunk(waiting.time, close_frame(waiting.piece)) for waiting in map(self.waiting.pop, late)]

    def find_rest(self, text: bytes) -> tuple[bytes, bytes] | None:
        """Return the label and the rest of a frame that waits, where a line brings it."""
        found = None
        for label, waiting in reversed(self.waiting.items()):
            start = waiting.label.match(text) if waiting.label is not None else None
            if start is not None and (rest := _REST.match(text, start.end())):
                found = found or (label, rest[0].replace(b"\n", b"\r\n"))
                if is_whole(waiting.piece + rest[0].rstrip(b"\n")):
                    return label, rest[0].replace(b"\n", b"\r\n")
            alone = _REST_ALONE.match(text) if waiting.line == self.number - 1 else None
            if alone is not None and is_whole(joined := trim_frame(waiting.piece + alone[0], text, alone.end())):
                return label, joined.removeprefix(waiting.piece)
        return found

    def take(self, label: bytes, data: bytes, time: float | None) -> list[Chunk]:
        """Return the whole frames of what stands after a label; what is not whole waits for the next lines."""
        chunks = []
        if label in self.waiting:
            before = self.waiting.pop(label)
            if data.startswith(b":") and len(before.piece) > 4:
                chunks.append(Chunk(before.time, close_frame(before.piece)))
            else:
                data, time = before.piece + data, before.time if time is None else time
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        last = data[end:]
        whole = is_whole(last)
        if not last or (whole and not _may_go_on(last)) or len(last) > PIECE_LIMIT:
            return [*chunks, Chunk(time, data + b"\r\n" if last else data)]
        parts = map(re.escape, _DIGITS.split(label))
        pattern = None if label.startswith(b"\0") else re.compile(rb"[0-9]+".join(parts))
        until = self.number + (1 if whole or is_whole(last + b",") else _PATIENCE)
        self.waiting[label] = _Waiting(last, time, until, pattern, self.number)
        return [*chunks, Chunk(time, data[:end])] if end else chunks
