"""Damages frames the ways a line does, and counts what gets through; rule: the dice are seeded."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from juntek import Bus, Reading, Settings

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
    """What came through of the readings and settings that were sent.

    `altered` ones differ at all from every true one sent shortly before; of these `wrong` are the readings that are
    out by more than TOLERANCE, and all settings.
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
    judge = _Judge(outcome)
    for frame in frames:
        judge.expect(frame)
        broken = damage(frame, dice.choice(judge.sent) + b"\r\n", dice.choice(KINDS), dice)
        # The damage ends with a line: it shall not eat the next clean frame.
        for event in (*bus.feed(frame), *bus.feed(broken + b"\r\n")):
            if isinstance(event, Reading | Settings):
                judge.take(event)
        outcome.damaged += 1
    for event in bus.finish():
        if isinstance(event, Reading | Settings):
            judge.take(event)
    return outcome


def run_share(frames: Iterable[bytes], seed: int, share: float) -> Outcome:
    """Send every frame clean, and so many damaged copies of it behind that they are this share of all."""
    dice = random.Random(seed)
    bus, outcome = Bus(), Outcome()
    judge = _Judge(outcome)
    each = share / (1 - share)

    def hear(events: Iterable[object]) -> None:
        for event in events:
            if isinstance(event, Reading | Settings):
                judge.take(event)

    for frame in frames:
        judge.expect(frame)
        hear(bus.feed(frame))
        for _ in range(int(each) + (dice.random() < each % 1)):
            outcome.damaged += 1
            hear(bus.feed(damage(frame, dice.choice(judge.sent) + b"\r\n", dice.choice(KINDS), dice) + b"\r\n"))
    hear(bus.finish())
    return outcome


class _Judge:
    """Compares what arrives with what was sent shortly before."""

    def __init__(self, outcome: Outcome) -> None:
        self.sent: deque[bytes] = deque(maxlen=20)
        self._missing: dict[bytes, int] = {}
        self._true: deque[Reading] = deque(maxlen=20)
        self._outcome = outcome

    def expect(self, frame: bytes) -> None:
        raw = frame[:-2]
        self.sent.append(raw)
        self._outcome.clean += 1
        self._missing[raw] = self._missing.get(raw, 0) + 1

    def take(self, event: Reading | Settings) -> None:
        if event.raw in self._missing:
            # A damaged frame may turn out whole again: what was sent once counts once.
            if self._missing[event.raw]:
                self._missing[event.raw] -= 1
                self._outcome.arrived += 1
            if isinstance(event, Reading):
                self._true.append(event)
            if len(self._missing) > 100:
                self._missing = {raw: self._missing[raw] for raw in self.sent if raw in self._missing}
            return
        self._outcome.altered.append(event.raw)
        if isinstance(event, Settings):
            self._outcome.wrong.append(("settings", event.raw))
        elif key := self._out_by(event):
            self._outcome.wrong.append((key, event.raw))

    def _out_by(self, reading: Reading) -> str | None:
        """Return what is wrong with a reading, if it is more than the next second might bring."""
        for key in (*TOLERANCE, *LOOSE):
            if not any(_close(key, reading, other) for other in self._true):
                return key
        states = {(other.address, other.output_code) for other in self._true}
        return None if (reading.address, reading.output_code) in states else "address"


def _close(key: str, reading: Reading, other: Reading) -> bool:
    value, true = getattr(reading, key), getattr(other, key)
    if value is None or true is None:
        return value is true
    if key in LOOSE:
        return bool(true / LOOSE[key] <= value <= true * LOOSE[key])
    return bool(abs(value - true) <= TOLERANCE[key])
