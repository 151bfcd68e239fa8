"""What bytes without frames look like: wires swapped, another speed, another device; rule: pure, and it guesses aloud.

Swapped wires and a wrong speed leave no text, but they leave their own few bytes: which ones is worked out here, from
what the bits of a frame look like to a receiver (8N1, least bit first, start 0, stop 1, idle 1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Literal, NamedTuple

Cause = Literal["swapped", "speed", "device", "noise"]

FEWEST = 8
"""Bytes from which anything can be said."""
MOSTLY = 0.85
"""Part of the bytes that has to fit."""
SPEEDS = {9600: "9600 or less", 19200: "19200", 38400: "38400", 57600: "57600", 230400: "230400"}
"""Bits a second; of the slow ones only the first bit of each byte is long enough to tell."""
OWN_SPEED = 115200
GAPS = range(4)
"""Bits of rest between two bytes, as the electronics of a meter may leave them."""

_FRAMES = (
    b":R50=1,2,1,\r\n:r50=1,215,2056,200,5408,4592,9437,14353,134,0,0,0,162,30682,\r\n:R51=1,2,1,\r\n"
    b":r51=1,12,0,0,0,0,0,100,0,0,4200,100,100,100,0,0,1,\r\n:r00=1,217,2140,110,6,\r\n"
)
_OTHERS = bytes(range(32, 127)) + bytes(byte * 37 % 256 for byte in range(256))
_SAMPLES = 16
_NMEA = re.compile(rb"\$[A-Z]{4,6},[^*\r\n]*\*[0-9A-F]{2}")
_VE_DIRECT = re.compile(rb"\r\n(?:PID|V|I|VPV|SOC|Checksum)\t")


class Likeness(NamedTuple):
    """What bytes look like, and what is said of it: a speed in bits a second, or the language of another device."""

    cause: Cause
    detail: str = ""


def look_at(data: bytes) -> Likeness:
    """Say what bytes without a frame in them most likely are."""
    if language := _find_language(data):
        return Likeness("device", language)
    if len(data) < FEWEST and set(data) <= {0, 255}:
        return Likeness("swapped")  # the rest of a line is a long break to whoever has its wires swapped
    if len(data) < FEWEST:
        return Likeness("noise")
    guesses = [(_surplus(data, known), likeness) for known, likeness in _references()]
    best, likeness = max(guesses, key=lambda guess: guess[0])
    if best > 0:
        return likeness
    readable = sum(32 <= byte < 127 or byte in b"\r\n\t" for byte in data)
    return Likeness("device", "text of another kind") if readable > 0.95 * len(data) else Likeness("noise")


def _surplus(data: bytes, known: frozenset[int]) -> float:
    """Return how much more of the bytes is known than chance would have; negative where too little is."""
    part = sum(byte in known for byte in data) / len(data)
    return part - len(known) / 256 if part >= MOSTLY else -1.0


@cache
def _references() -> tuple[tuple[frozenset[int], Likeness], ...]:
    swapped = [frozenset(_receive(_FRAMES, swapped=True, gap=gap)) for gap in GAPS]
    swapped.append(frozenset(byte ^ 0xFF for byte in _FRAMES))  # a converter that only turns the bits over
    slow = [
        (frozenset(_receive(_FRAMES + _OTHERS, speed=speed)), Likeness("speed", said)) for speed, said in SPEEDS.items()
    ]
    return (*((known, Likeness("swapped")) for known in swapped), *slow)


def _find_language(data: bytes) -> str:
    if _NMEA.search(data):
        return "NMEA 0183, as GPS receivers speak"
    if _VE_DIRECT.search(data):
        return "VE.Direct of Victron"
    if _modbus_share(data) > 0.5:
        return "Modbus"
    return ""


def _modbus_share(data: bytes) -> float:
    """Return which part of the bytes stands in frames with a right CRC of Modbus RTU."""
    at = covered = 0
    while at + 4 <= len(data):
        sizes = [size for size in _modbus_sizes(data[at:]) if _has_modbus_crc(data[at : at + size], size)]
        covered += sizes[0] if sizes else 0
        at += sizes[0] if sizes else 1
    return covered / len(data) if data else 0.0


def _modbus_sizes(part: bytes) -> tuple[int, ...]:
    """Return how long a frame that begins here may be, as a request and as a response; its function says that."""
    function = part[1]
    if 1 <= function <= 4:
        return 8, 5 + part[2]
    if function in (15, 16):
        return (8, 9 + part[6]) if len(part) > 6 else ()
    return (8,) if function in (5, 6) else (5,) if 0x81 <= function <= 0x90 else ()


def _has_modbus_crc(frame: bytes, size: int) -> bool:
    crc = 0xFFFF
    for byte in frame[:-2]:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return len(frame) == size and frame[-2:] == crc.to_bytes(2, "little")


# Bits --------------------------------------------------------------------------------------------------------


def _receive(data: bytes, *, swapped: bool = False, speed: int = OWN_SPEED, gap: int = 0) -> bytes:
    """Return what a receiver at our speed makes of bytes sent at `speed`, with the wires swapped or not."""
    levels = [level ^ swapped for level in _levels(data, gap) for _ in range(_SAMPLES)]
    return bytes(_sample(levels, _SAMPLES * speed / OWN_SPEED))


def _levels(data: bytes, gap: int) -> Iterator[int]:
    yield from [1] * 20
    for byte in data:
        yield 0
        yield from ((byte >> bit) & 1 for bit in range(8))
        yield from [1] * (1 + gap)
    yield from [1] * 20


def _sample(levels: list[int], width: float) -> Iterator[int]:
    """Yield the bytes that a receiver takes; a bit is `width` samples long, and a wrong stop bit is borne."""
    at, end = 1, len(levels) - int(10 * width) - 1
    while at < end:
        if levels[at - 1] == 0 or levels[at] == 1 or levels[at + int(width / 2)] == 1:
            at += 1
            continue
        middle = at + width / 2
        yield sum(levels[int(middle + width * (bit + 1))] << bit for bit in range(8))
        at = int(middle + width * 9)
        while at < end and levels[at] == 0:
            at += 1
