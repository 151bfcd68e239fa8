"""The frames in a line of text; rule: what a table or a writer has put around a frame is taken off, never a number.

Whether a frame is whole is told by its sum and by how many numbers the replies of its kind have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import NamedTuple

from juntek.rs485.family import find_models
from juntek.rs485.framing import LONGEST_FRAME, Frame, parse

_FRAME = re.compile(rb"(:[RrWw][0-9]{2}=[^\x00-\x20\x7f-\xff:\"'`\\<\[\];|>){}&]*)( ?\n)?")
_BLANKS_INSIDE = re.compile(rb"(?<=[0-9],) (?=[0-9])")
_DIGITS = re.compile(rb"[0-9]+")


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


def may_go_on(piece: bytes) -> bool:
    """Whether there are longer replies of this kind: zeros at their end would not change the sum."""
    return piece.startswith(b":r51=") and piece.count(b",") - 1 in _counts()["r51"]
