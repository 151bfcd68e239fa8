"""Right frames of batteries with lively loads, and of meters with every way to work out their time left.

It knows nothing of the simulator, so that a fault there is not believed here. One seed, one stream.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from juntek.rs485.framing import encode

Current = Callable[[int, random.Random, float], float]
"""Second, dice and the current of the second before (A) give the current (A, positive when charging)."""


def _house(dice: random.Random) -> float:
    return -5 + dice.gauss(0, 0.05)


def _spikes(_: int, dice: random.Random, __: float) -> float:
    return _house(dice) - (dice.choice((2.5, 3, 5.1, 10, 40, 80)) if dice.random() < 0.12 else 0)


def _pump(second: int, dice: random.Random, _: float) -> float:
    return _house(dice) - (18 if second % 23 < 6 else 0) - (40 if second % 23 == 0 else 0)


def _microwave(second: int, dice: random.Random, _: float) -> float:
    return _house(dice) - (110 if second % 11 < 4 else 0)


def _inverter(second: int, dice: random.Random, _: float) -> float:
    return _house(dice) - (90 if second % 60 == 10 else 30 if 10 < second % 60 < 40 else 0)


def _starter(second: int, dice: random.Random, _: float) -> float:
    return _house(dice) - (400 if second % 90 in (20, 21) else 0)


def _clouds(_: int, dice: random.Random, before: float) -> float:
    return min(max(before + dice.gauss(0, 7), -10), 55)


def _regeneration(second: int, dice: random.Random, before: float) -> float:
    return dice.choice((-60, -30, 25, 40, -5)) + dice.gauss(0, 1) if second % 2 == 0 else before


def _restless(_: int, dice: random.Random, __: float) -> float:
    return -20 + dice.gauss(0, 6)


def _toggle(second: int, _: random.Random, __: float) -> float:
    return -1 if second % 2 else -16.3


def _kitchen(_: int, dice: random.Random, __: float) -> float:
    loads = ((8, 0.3), (22, 0.1), (61, 0.05), (2.6, 0.3))
    return _house(dice) - sum(current for current, often in loads if dice.random() < often)


PROFILES: dict[str, Current] = {
    "spikes": _spikes,
    "pump": _pump,
    "microwave": _microwave,
    "inverter": _inverter,
    "starter": _starter,
    "clouds": _clouds,
    "regeneration": _regeneration,
    "restless": _restless,
    "toggle": _toggle,
    "kitchen": _kitchen,
}
WAYS = ("exact", "late", "averaged", "off", "finer", "stuck")
"""How the meter works out its time left."""

NOMINAL = 5600.0
"""Ah; large, so that no stream empties it."""


@dataclass
class Lively:
    """A KG-F at 52 V (12.7 V for the starter) that shows 0.1 A."""

    profile: str
    way: str
    seed: int = 1
    lags: bool = False
    """Whether the voltage is measured a second before the current."""
    resistance: float | None = None
    """ohm that the battery gives way by; None is that of a usual one."""
    remaining: float = 0.6 * NOMINAL
    discharged: float = 3.0
    charged: float = 40_000.0
    minutes: int = 0
    past: list[float] = field(default_factory=list)

    def frames(self, count: int) -> Iterator[bytes]:
        """Yield the settings, then a frame each second."""
        dice = random.Random(f"{self.profile} {self.way} {self.seed}")
        volts, resistance = (12.7, 0.0092) if self.profile == "starter" else (52.0, 0.012)
        resistance = resistance if self.resistance is None else self.resistance
        yield encode("r51", 1, [0, 0, 0, 0, 0, 100, 5, 3, round(NOMINAL * 10), 100, 100, 100, 0, 0, 1])
        current = 0.0
        for second in range(count):
            current = PROFILES[self.profile](second, dice, current)
            self.past.append(current)
            self.remaining += current / 3600
            if current < 0:
                self.discharged -= current / 3600
            else:
                self.charged += current * volts / 3600
            shown = round(abs(current), 1)
            self.minutes = self._time_left(second, current, shown)
            felt = self.past[max(second - 1, 0)] if self.lags else current
            voltage = volts + felt * resistance + dice.gauss(0, 0.004)
            yield encode("r50", 1, [
                round(voltage * 100), round(shown * 100), round(self.remaining * 1000), round(self.discharged * 1000),
                round(self.charged * 100), 1000 + second, 121, 0, 0, int(current > 0), self.minutes, 899,
            ])  # fmt: skip

    def _time_left(self, second: int, current: float, shown: float) -> int:
        past = self.past
        ways = {
            "exact": shown if current > 0 else -shown,
            "late": past[max(0, second - 1 - self.seed % 3)],
            "averaged": sum(past[-8:]) / len(past[-8:]),
            "off": current / 1.02,
            "finer": current,
        }
        if self.way == "stuck" and second % 5:
            return self.minutes
        flow = ways.get(self.way, current)
        if abs(flow) < 0.01:
            return 0
        return int((self.remaining if flow < 0 else NOMINAL - self.remaining) * 60 / abs(flow)) & 0xFFFF
