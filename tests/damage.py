"""Damages frames the ways a line does, and counts what gets through; rule: the dice are seeded."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from juntek import Bus, Reading

KINDS = ("flipped", "lost", "changed", "added", "spliced", "burst")
_TELLING = b"0123456789,"
"""Bytes that leave a frame looking like one; among them half of all changed and added bytes are taken."""

TOLERANCE = {
    "voltage": 0.05,
    "current": 0.3,
    "remaining_capacity": 0.1,
    "temperature": 1,
    "discharged_capacity": 0.1,
    "charged_energy": 5.0,
    "discharged_energy": 5.0,
}
"""How far a reading may be from the nearest true one before it is called wrong: what the next second may bring."""

LOOSE = {"internal_resistance": 2.0}
"""Factors instead, for the meter's own rough estimates."""


def damage(frame: bytes, other: bytes, kind: str, dice: random.Random) -> bytes:
    """Return a damaged copy of `frame`; a splice goes on with `other`."""
    data = bytearray(frame)
    if kind == "spliced":
        at = dice.randrange(len(data))
        return bytes(data[:at]) + other[min(at + dice.choice((-1, 0, 0, 0, 1)), len(other)) :]
    if kind == "burst":
        start, length = dice.randrange(len(data)), dice.randint(2, 12)
        data[start : start + length] = (_byte(dice) for _ in range(length))
        return bytes(data)
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(data))
        if kind == "flipped":
            data[at] ^= 1 << dice.randrange(8)
        elif kind == "lost":
            del data[at]
        elif kind == "changed":
            data[at] = _byte(dice)
        else:
            data.insert(at, _byte(dice))
    return bytes(data)


def _byte(dice: random.Random) -> int:
    return dice.choice(_TELLING) if dice.random() < 0.5 else dice.randrange(256)


@dataclass(slots=True)
class Outcome:
    """What came through.

    `altered` readings differ at all from every true one sent shortly before, `wrong` ones by more than TOLERANCE.
    """

    clean: int = 0
    damaged: int = 0
    arrived: int = 0
    altered: list[bytes] = field(default_factory=list)
    wrong: list[tuple[str, bytes]] = field(default_factory=list)


def run(frames: Iterable[bytes], seed: int) -> Outcome:
    """Send every frame clean, and a damaged one after each, and count."""
    dice = random.Random(seed)
    bus = Bus()
    outcome = Outcome()
    near: deque[bytes] = deque(maxlen=20)
    true: deque[Reading] = deque(maxlen=20)
    for frame in frames:
        near.append(frame[:-2])
        broken = damage(frame, dice.choice(near) + b"\r\n", dice.choice(KINDS), dice)
        # The damage ends with a line: it shall not eat the next clean frame.
        for event in (*bus.feed(frame), *bus.feed(broken + b"\r\n")):
            if isinstance(event, Reading):
                _judge(event, near, true, outcome)
        outcome.clean += 1
        outcome.damaged += 1
    return outcome


def _judge(reading: Reading, near: deque[bytes], true: deque[Reading], outcome: Outcome) -> None:
    if reading.raw in near:
        # A damaged frame may turn out whole again, or a splice of a frame with itself: each counts once.
        if all(reading.raw != other.raw for other in true):
            true.append(reading)
            outcome.arrived += 1
        return
    outcome.altered.append(reading.raw)
    far = (key for key in (*TOLERANCE, *LOOSE) if not any(_close(key, reading, other) for other in true))
    if key := next(far, None):
        outcome.wrong.append((key, reading.raw))
    elif all(reading.address != other.address or reading.output_code != other.output_code for other in true):
        outcome.wrong.append(("address", reading.raw))


def _close(key: str, reading: Reading, other: Reading) -> bool:
    value, true = getattr(reading, key), getattr(other, key)
    if value is None or true is None:
        return value is true
    if key in LOOSE:
        return bool(true / LOOSE[key] <= value <= true * LOOSE[key])
    return bool(abs(value - true) <= TOLERANCE[key])
