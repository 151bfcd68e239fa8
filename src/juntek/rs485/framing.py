"""Bytes of the bus in, frames and garbage out; rule: no bytes raise, and how they were chunked makes no difference.

A frame starts at every `:` and ends at CR or LF (docs/protocol.md, Frames). So a display's request and the meter's
reply come out as two frames even when they stand glued on one line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from json import JSONDecoder
from typing import Literal, NamedTuple

from juntek.errors import RequestError

LONGEST_FRAME = 256
"""Bytes; the longest known reply, a KH-F's `r51`, has about 130."""

Reason = Literal[
    "noise",  # bytes outside of any frame
    "cut",  # a frame that ended too early
    "overlong",  # a frame, or noise, that does not end
    "malformed",  # not digits and commas
    "checksum",
    "unknown_command",
    "unknown_layout",  # a reply that no model table explains
    "implausible",  # a value that the model cannot have, or that does not follow from those before it
]

# A reply: numbers as the meter prints them, without sign or leading zeros, every one followed by a comma. That is how
# JSON writes a list, and its reader takes half of the time of int() for each number. It would also take other things
# than digits and commas, so these are looked for before.
# Possessive quantifiers: a line that does not match is given up at once, whatever it holds.
_REPLY = re.compile(rb":r[0-9][0-9]=[0-9,]++(?<=[0-9],)")
_read_numbers = JSONDecoder().raw_decode
_LARGEST = 2**40
# A request: some displays leave out checksum and data, write two digits, or end the address with a dot.
_REQUEST = re.compile(rb":([RW]\d\d)=(\d{1,2})(?:[.,](?:([\dNS]+(?:,[\dNS]+)*),?)?)?")
# An acknowledgement: what follows the `=` is not documented, so nothing is demanded of it.
_ACKNOWLEDGEMENT = re.compile(rb":(w\d\d)=([ -9;-~]*)")
# The beginning of a reply or a request, and nothing after it.
_CUT = re.compile(rb":([rR](\d(\d(=[\d,]*)?)?)?)?")


class Frame(NamedTuple):
    """A whole frame with a right checksum (or 0: not verified, or None: it carries none).

    `command` is the letter and number as sent: `R50` a request, `r50` a reply, `W28` a write, `w28` its
    acknowledgement. `fields` are the numbers after the checksum. `raw` is the frame without its line end.
    """

    command: str
    address: int
    checksum: int | None
    fields: tuple[int, ...]
    raw: bytes


_new = tuple.__new__
"""Makes a named tuple of all its fields at once, in half of the time that its own way by names takes."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """Bytes that mean nothing, or a frame that is not believed; `detail` is a sentence on why, or empty."""

    reason: Reason
    raw: bytes
    detail: str = ""
    time: float | None = None


def checksum(numbers: Sequence[int]) -> int:
    """Return the checksum of the numbers after it: their sum modulo 255, plus 1 (manuals, KG p. 23)."""
    return sum(numbers) % 255 + 1


def encode(command: str, address: int, numbers: Sequence[int]) -> bytes:
    """Return a frame with CR LF, ready for the line.

    Raises RequestError for an address that is not 0-99 or a number that is negative.
    """
    if not 0 <= address <= 99:
        raise RequestError(f"A meter's address is 1 to 99 (0 for all), not {address}.")
    if any(number < 0 for number in numbers):
        raise RequestError(f"The line carries no negative numbers, and {command} was given {min(numbers)}.")
    body = ",".join(map(str, (address, checksum(numbers), *numbers)))
    return f":{command}={body},\r\n".encode("ascii")


def parse(line: bytes) -> Frame | Garbage:
    """Return what one line says, from its `:` to before its line end."""
    if _REPLY.fullmatch(line) is None:
        return _parse_other(line)
    try:
        numbers, _ = _read_numbers(f"[{line[5:-1].decode('ascii')}]")
    except ValueError:  # a leading zero, or nothing between two commas
        return _parse_other(line)
    if len(numbers) < 3:
        return _parse_other(line)
    address, check = numbers[0], numbers[1]
    fields = tuple(numbers[2:])
    total = sum(fields)
    if check != total % 255 + 1 and check != 0:
        return Garbage("checksum", line)
    if address > 99 or (total > _LARGEST and max(fields) > _LARGEST):
        return Garbage("malformed", line)
    return _new(Frame, (line[1:4].decode("ascii"), address, check, fields, line))


@lru_cache(maxsize=64)  # a display asks the same for ever
def _parse_other(line: bytes) -> Frame | Garbage:
    if match := _REQUEST.fullmatch(line):
        words = match[3].split(b",") if match[3] else []
        numbers = [int(word) for word in words if word.isdigit()]
        check = numbers[0] if numbers else None
        data = tuple(numbers[1:])
        if len(numbers) != len(words):
            check, data = None, ()
        elif check and check != checksum(data):
            return Garbage("checksum", line)
        return Frame(match[1].decode("ascii"), int(match[2]), check, data, line)
    if match := _ACKNOWLEDGEMENT.fullmatch(line):
        words = match[2].split(b",")
        address = int(words[0]) if words[0].isdigit() and len(words[0]) <= 2 else 0
        data = tuple(int(word) for word in words[2:] if word.isdigit() and len(word) <= 10)
        return Frame(match[1].decode("ascii"), address, None, data, line)
    if not line.startswith(b":"):
        return Garbage("noise", line)
    return Garbage("cut" if _CUT.fullmatch(line) else "malformed", line)


class Framer:
    """Cuts a stream of bytes into lines and parses them; holds at most one unfinished line of bounded length."""

    __slots__ = ("_rest", "_skipping")

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False  # inside a line that was already reported as overlong

    def feed(self, data: bytes) -> list[Frame | Garbage]:
        """Return the frames and garbage that `data` completes, in the order of the wire."""
        events: list[Frame | Garbage] = []
        lines = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
        rest = lines.pop()
        for line in lines:
            if line.rfind(b":") == 0 and len(line) <= LONGEST_FRAME:  # nearly every line: one frame and no more
                events.append(parse(line))
            elif line:
                self._take(self._take_pieces(line, events), events)
            self._skipping = False
        self._rest = self._take_pieces(rest, events) if rest else rest
        if len(self._rest) > LONGEST_FRAME:
            self._take(self._rest, events)
            self._skipping = True
            self._rest = b""
        return events

    def finish(self) -> list[Frame | Garbage]:
        """Return what stood unfinished at the end of the stream, as if its line had ended."""
        return self.feed(b"\n") if self._rest else []

    def _take_pieces(self, line: bytes, events: list[Frame | Garbage]) -> bytes:
        """Take all pieces of a line that a later `:` has ended; return the last one.

        A request may lack its line end when the reply follows at once; a reply without one is cut.
        """
        piece, *others = line.split(b":")
        for other in others:
            if piece.startswith(b":r"):
                events.append(Garbage("cut", piece[:LONGEST_FRAME]))
            else:
                self._take(piece, events)
            self._skipping = False
            piece = b":" + other
        return piece

    def _take(self, piece: bytes, events: list[Frame | Garbage]) -> None:
        if self._skipping or not piece:
            return
        events.append(parse(piece) if len(piece) <= LONGEST_FRAME else Garbage("overlong", piece[:LONGEST_FRAME]))
