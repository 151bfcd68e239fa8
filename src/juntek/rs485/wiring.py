"""What bytes without frames look like: wires swapped, another speed, another device; rule: pure, and it guesses aloud.

Swapped wires and a wrong speed leave no text, but they leave their own few bytes: which ones, and how often, is worked
out here, from what the bits of a frame look like to a receiver (8N1, least bit first, start 0, stop 1, idle 1).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import cache
from itertools import cycle
from typing import Literal, NamedTuple

Cause = Literal["swapped", "speed", "converter", "device", "noise"]

FEWEST = 8
"""Bytes from which anything can be said."""
MOSTLY = 0.75
"""Part of the bytes that has to fit."""
BITS = 1.2
"""What every byte has to say for a likeness, on the average, over what it says for any byte at all."""
RECURRING = 0.1
"""Part of the bytes that stands in sequences which come again and again, as the heads of a language's messages."""
SPEEDS = {9600: "9600 or less", 19200: "19200", 38400: "38400", 57600: "57600", 230400: "230400"}
"""Bits a second; of the slow ones only the first bit of each byte is long enough to tell."""
OWN_SPEED = 115200
GAPS = ((0,), (1,), (2,), (3,), (0, 2, 1, 5, 0, 3, 1))
"""Bits of rest between two bytes in turn, as the electronics of a meter may leave them."""

_REQUESTS = [
    b"".join(spelling % ((address,) * spelling.count(b"%")) for address in range(1, 10))
    for spelling in (b":R50=%d,2,1,\r\n:R51=%d,2,1,\r\n", b":R50=%d,2,1\r\n", b":R50=%d,2,1,\n",
                     b":R50=%d,\n:R51=%d,\n", b":R00=%02d.\r\n:R50=%02d.\r\n:R51=%02d.\r\n")
]  # fmt: skip
"""As displays and programs spell them."""
_FRAMES = b"".join(
    b":R50=1,2,1,\r\n:r50=%d,%d,%d,%d,%d,%d,%d,%d,%d,0,0,1,%d,%d,\r\n:R51=1,\n:r51=1,%d,0,0,0,0,0,100,0,0,%d,100,100,100,0,"
    b"0,1,\r\n" % (n % 4 + 1, n * 37 % 255, 1190 + 997 * n % 4300, n * 463, n * 31013, n * 70901, n * 99991, n * 54321,
                   110 + n, n * 571, n * 1999, n * 29 % 255, 500 + n * 310)
    for n in range(1, 41)
)  # fmt: skip
_OTHERS = bytes(range(32, 127)) + bytes(byte * 37 % 256 for byte in range(256))
_LANGUAGES = {
    "NMEA 0183, as GPS receivers speak": rb"\$[A-Z]{4,6},[^*\r\n]*\*[0-9A-F]{2}",
    "VE.Direct of Victron": rb"\r\n(?:PID|V|I|VPV|SOC|Checksum)\t",
    "a JK BMS": rb"\x55\xaa\xeb\x90|NW[\x00-\x04].\x00{4}",
    "a Daly BMS": rb"\xa5[\x01\x40\x80][\x90-\x98]\x08",
    "a JBD or Xiaoxiang BMS": rb"\xdd[\xa5\x5a][\x03-\x05]\x00\xff.\x77",
    "SML, as electricity meters speak": rb"\x1b{4}\x01{4}",
}


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
    best, likeness = max((_score(data, weights), likeness) for weights, likeness in _references())
    if best >= BITS:
        return likeness
    readable = sum(32 <= byte < 127 or byte in b"\r\n\t" for byte in data)
    if readable > 0.95 * len(data):
        return Likeness("device", "text of another kind")
    return Likeness("device", "a language of its own") if _recurring_share(data) > RECURRING else Likeness("noise")


def _score(data: bytes, weights: dict[int, float]) -> float:
    """Return what a byte says for a likeness on the average, in bits; negative where too few fit."""
    known = [weights[byte] for byte in data if byte in weights]
    return sum(known) / len(data) if len(known) >= MOSTLY * len(data) else -1.0


@cache
def _references() -> list[tuple[dict[int, float], Likeness]]:
    """Return what each likeness leaves: how much each byte speaks for it, in bits."""
    some = _FRAMES[:1200]
    swapped = [_levels(text, gaps, swapped=True) for text in (some, *_REQUESTS) for gaps in GAPS]
    frames, others = _levels(_FRAMES), _levels(some + _OTHERS)
    heard = [(bytes(byte ^ 0xFF for byte in some), Likeness("swapped"))]  # of a converter that only turns the bits over
    for strict in (False, True):
        heard += [(_receive(levels, strict=strict), Likeness("swapped")) for levels in swapped]
        heard += [
            (_receive(others, speed / OWN_SPEED, strict=strict), Likeness("speed", said))
            for speed, said in SPEEDS.items()
        ]
        heard += [
            (_receive(frames, OWN_SPEED / speed, late, strict=strict, careful=careful), Likeness("converter"))
            for speed in SPEEDS
            if speed < OWN_SPEED
            for careful in (False, True)
            for late in (-0.1, 0.1)
        ]
    return [
        ({byte: math.log2(256 * count / len(data)) for byte, count in Counter(data).items()}, likeness)
        for data, likeness in heard
    ]


def _find_language(data: bytes) -> str:
    for language, pattern in _LANGUAGES.items():
        if re.search(pattern, data, re.DOTALL):
            return language
    return "Modbus" if _modbus_share(data) > 0.5 else ""


def _recurring_share(data: bytes) -> float:
    """Return which part of the bytes stands in threes that come more often than their bytes would meet by chance.

    It is 0 where most threes do: what comes again as a whole, as a hum does, has no head and says nothing.
    """
    parts = {byte: count / len(data) for byte, count in Counter(data).items()}
    threes = Counter(data[at : at + 3] for at in range(len(data) - 2))
    often = {
        three
        for three, count in threes.items()
        if count >= 3 and count > 5 * len(data) * math.prod(parts[byte] for byte in three)
    }
    if len(often) > len(threes) / 2:
        return 0.0
    covered = {at + step for at in range(len(data) - 2) if data[at : at + 3] in often for step in range(3)}
    return len(covered) / len(data)


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


def _levels(data: bytes, gaps: tuple[int, ...] = (0,), *, swapped: bool = False) -> bytes:
    """Return what a wire is at in each bit of what is sent."""
    levels = bytearray([1] * 20)
    for byte, gap in zip(data, cycle(gaps), strict=False):
        levels.append(0)
        levels += bytes((byte >> bit) & 1 for bit in range(8))
        levels += b"\1" * (1 + gap)
    levels += b"\1" * 20
    return bytes(levels.translate(bytes((1, 0)) + bytes(254)) if swapped else levels)


def _receive(
    levels: bytes, own: float = 1.0, late: float = 0.0, *, strict: bool = False, careful: bool = True
) -> bytes:
    """Return what a receiver makes of a wire; a bit of its own is `own` bits of the wire long, and it looks `late`.

    A strict one takes a stop bit that is wrong for the next start bit, as the 16550 and its kin do; others wait for
    the line to rest. A careful one looks whether a start bit is still low in its middle.
    """
    heard = bytearray()
    middle = own / 2 + late if careful else 0.0
    at, end = float(_next_start(levels, 0.0, middle)), len(levels) - 10 * own - 1
    while 0 <= at < end:
        byte = sum(levels[int(at + own * (bit + 1.5) + late)] << bit for bit in range(8))
        heard.append(byte)
        stop = at + own * 9.5 + late
        broken = strict and byte and not levels[int(stop)]
        at = at + own * 9 if broken else _next_start(levels, stop, middle)
    return bytes(heard)


def _next_start(levels: bytes, at: float, middle: float) -> int:
    """Return where the line falls next after a rest and is still low in the middle of a start bit, or -1."""
    rest = levels.find(1, int(at))
    while (fall := levels.find(0, rest) if rest >= 0 else -1) >= 0 and levels[min(int(fall + middle), len(levels) - 1)]:
        rest = levels.find(1, fall)
    return fall
