"""What a bad line does to frames; rule: a frame is damaged with the given probability, or passes unchanged."""

from __future__ import annotations

from itertools import zip_longest
from random import Random


class Noise:
    """Damages frames; the same seed and frames give the same damage. `damaged` counts the frames hit."""

    __slots__ = ("_dice", "damaged", "probability")

    def __init__(self, seed: int, probability: float) -> None:
        self.probability = probability
        self.damaged = 0
        self._dice = Random(f"noise/{seed}")

    def pass_through(self, frame: bytes) -> bytes:
        """Return the frame as it arrives."""
        if not self.probability or self._dice.random() >= self.probability:
            return frame
        return self.damage(frame)

    def damage(self, frame: bytes) -> bytes:
        """Return the frame with flipped bits, lost, changed or added bytes, a burst, or stray bytes around it."""
        self.damaged += 1
        kind = self._dice.choice((_flip, _lose, _change, _add, _burst, _cut, _stray))
        arrived = kind(self._dice, bytearray(frame))
        # A changed byte may have become the same again; then a stray one is added, so that every hit shows.
        return bytes(arrived) if arrived != frame else frame + b"\xff"


def collide(replies: list[bytes]) -> bytes:
    """Return what arrives when several meters answer at once, each a byte later than the one before.

    The wire is low where any of them pulls it low.
    """
    arrived = replies[0]
    for delay, reply in enumerate(replies[1:], start=1):
        late = b"\xff" * delay + reply
        arrived = bytes(a & b for a, b in zip_longest(arrived, late, fillvalue=0xFF))
    return arrived


def _places(dice: Random, frame: bytearray, most: int) -> list[int]:
    return [dice.randrange(len(frame)) for _ in range(dice.randint(1, most))] if frame else []


def _flip(dice: Random, frame: bytearray) -> bytearray:
    for place in _places(dice, frame, 3):
        frame[place] ^= 1 << dice.randrange(8)
    return frame


def _lose(dice: Random, frame: bytearray) -> bytearray:
    for place in sorted(set(_places(dice, frame, 4)), reverse=True):
        del frame[place]
    return frame


def _change(dice: Random, frame: bytearray) -> bytearray:
    for place in _places(dice, frame, 3):
        frame[place] = dice.randrange(256)
    return frame


def _add(dice: Random, frame: bytearray) -> bytearray:
    for place in _places(dice, frame, 3):
        frame.insert(place, dice.randrange(256))
    return frame


def _burst(dice: Random, frame: bytearray) -> bytearray:
    start = dice.randrange(len(frame) + 1)
    length = dice.randint(2, 30)
    frame[start : start + length] = dice.randbytes(length)
    return frame


def _cut(dice: Random, frame: bytearray) -> bytearray:
    return frame[: dice.randrange(len(frame) + 1)]


def _stray(dice: Random, frame: bytearray) -> bytearray:
    return bytearray(dice.randbytes(dice.randint(1, 8))) + frame + dice.randbytes(dice.randint(0, 8))
