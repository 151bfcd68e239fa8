"""One day of sun and loads at a house with solar panels; rule: the same seed and date are the same day, to the watt.

Time is seconds since local midnight. The sun knows no latitude and no season: it rises and sets at the same hours.
What a house draws stands still for ten seconds; what is shorter are the pulses of a load profile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import cos, pi
from random import Random
from typing import NamedTuple

DAY = 86_400
_NOON = 13 * 3600
_DAYLIGHT = 13 * 3600.0
_PEAK = 3800.0  # watts of the panels at noon under a clear sky
_BASE = 310.0  # watts that are always drawn
_CLOUD = 300  # seconds from one cloud to the next
_SLOT = 10  # seconds in which the loads stand still
_FRIDGE_WATTS = 95.0
_FRIDGE_PERIOD = 2700
_FRIDGE_ON = 1000
_FLICKER = 997  # prime, so that the flicker does not keep step with the slots


class Flow(NamedTuple):
    """Watts that the panels could give and that the loads draw, and the temperature around the battery in °C."""

    sun: float
    load: float
    surroundings: float


class Pulse(NamedTuple):
    """A load from second `start` for `length` seconds, at a battery of 280 Ah; negative amperes charge.

    `shade` is the part of the sun that is hidden meanwhile, and a `starter` draws its current from any battery.
    """

    start: int
    length: int
    amperes: float = 0.0
    shade: float = 0.0
    starter: bool = False


STARTER_CURRENT = 400.0
STARTER_SAG = 0.22
"""Part of the voltage that breaks down while a starter or bow thruster turns; with the cells' own, 12.6 V become 9."""

Maker = Callable[[Random, int], Iterable[Pulse]]


def _microwave(dice: Random, start: int) -> Iterator[Pulse]:
    amperes = dice.uniform(20, 32)
    for cycle in range(dice.randint(3, 8)):
        yield Pulse(start + 22 * cycle, 12, amperes)


def _inverter(dice: Random, start: int) -> Iterator[Pulse]:
    rated = dice.uniform(40, 110)
    yield Pulse(start, 1, 3 * rated)
    yield Pulse(start + 1, dice.randint(5, 25), rated)


def _regeneration(dice: Random, start: int) -> Iterator[Pulse]:
    drive = dice.randint(5, 15)
    yield Pulse(start, drive, dice.uniform(30, 90))
    yield Pulse(start + drive, dice.randint(2, 6), -dice.uniform(30, 90))


_MIXED: dict[str, tuple[Maker, int, int]] = {
    "spikes": (lambda dice, start: [Pulse(start, 1, dice.uniform(20, 150))], 25, 150),
    "pump": (lambda dice, start: [Pulse(start, dice.randint(3, 20), dice.uniform(8, 20))], 80, 500),
    "microwave": (_microwave, 240, 3600),
    "inverter": (_inverter, 100, 2400),
    "compressor": (lambda dice, start: [Pulse(start, 1, 25), Pulse(start + 1, dice.randint(30, 60), 5)], 110, 1200),
    "starter": (lambda _, start: [Pulse(start, 2, STARTER_CURRENT, starter=True)], 150, 3600),
    "clouds": (lambda dice, start: [Pulse(start, dice.randint(2, 30), shade=dice.uniform(0.3, 0.9))], 40, 400),
    "regeneration": (_regeneration, 45, 1800),
}
LOADS: dict[str, list[tuple[Maker, int]]] = {
    "steady": [],
    **{name: [(make, pause)] for name, (make, pause, _) in _MIXED.items()},
    "mixed": [(make, pause) for make, _, pause in _MIXED.values()],
}
"""The load profiles: what comes, and the mean seconds from one to the next, alone and among the others."""


class Day:
    """The day number `ordinal` (of the proleptic Gregorian calendar); `size` scales the panels and the loads."""

    def __init__(self, seed: int, ordinal: int, size: float = 1.0, load: str = "steady") -> None:
        dice = Random(f"{seed}/{ordinal}")
        self._size = size
        self._warmth = dice.uniform(14.0, 21.0)
        self._clouds = _draw_clouds(dice)
        self._loads = _draw_loads(dice)
        self._flicker = [dice.gauss(1.0, 0.006) for _ in range(_FLICKER)]
        self._pulses = _draw_pulses(dice, load)

    def flow(self, second: float) -> Flow:
        """Return what flows at `second`, 0 to 86400."""
        return Flow(
            self._size * _bell(second) * self._clearness(second),
            self._size * self._loads[int(second) // _SLOT] * self._flicker[int(second) % _FLICKER],
            self._warmth - 5.0 * cos(2 * pi * (second - 3 * 3600) / DAY),
        )

    def pulses(self, second: float, seconds: float) -> Iterator[tuple[Pulse, float]]:
        """Yield each pulse of each of the `seconds` that end at `second`, and the part of them that one is, 0 to 1."""
        moments = range(int(max(second - seconds, 0.0)), int(second))
        for moment in filter(self._pulses.__contains__, moments):
            for pulse in self._pulses[moment]:
                yield pulse, 1 / seconds

    def _clearness(self, second: float) -> float:
        place = second / _CLOUD
        index = int(place)
        left = self._clouds[index]
        return left + (self._clouds[index + 1] - left) * (place - index)


def _bell(second: float) -> float:
    angle = (second - _NOON) / _DAYLIGHT
    if not -0.5 < angle < 0.5:
        return 0.0
    height = cos(pi * angle)
    return _PEAK * height * (0.25 + 0.75 * height)


def _draw_clouds(dice: Random) -> list[float]:
    """Return what the clouds let through, 0 to 1, at equal distances: a clear, a changing or a grey day."""
    clear, wild = dice.choice(((0.97, 0.02), (0.9, 0.1), (0.75, 0.3), (0.65, 0.35), (0.35, 0.15)))
    through = clear
    clouds = []
    for _ in range(DAY // _CLOUD + 2):
        through += 0.35 * (clear - through) + dice.gauss(0.0, wild)
        through = min(max(through, 0.08), 1.0)
        clouds.append(through)
    return clouds


def _draw_loads(dice: Random) -> list[float]:
    """Return the watts of every slot: what is always on, the fridge, the evening, and short heavy loads."""
    phase = dice.randrange(_FRIDGE_PERIOD)
    seconds = range(phase, phase + DAY + _SLOT, _SLOT)
    loads = [_BASE + (_FRIDGE_WATTS if second % _FRIDGE_PERIOD < _FRIDGE_ON else 0.0) for second in seconds]
    _add(loads, dice.gauss(18.0, 0.4), dice.uniform(4.0, 5.5), dice.uniform(350, 750))  # lights and screens
    for _ in range(dice.randint(4, 7)):
        _add(loads, dice.uniform(6.5, 21.5), dice.uniform(0.04, 0.07), 2000)  # kettle
    for _ in range(dice.randint(4, 9)):
        _add(loads, dice.uniform(6.0, 23.0), dice.uniform(0.004, 0.012), dice.uniform(700, 1300))  # pump
    _add(loads, dice.gauss(12.3, 0.3), dice.uniform(0.25, 0.5), 1400)  # lunch
    _add(loads, dice.gauss(19.0, 0.3), dice.uniform(0.3, 0.6), 1600)  # dinner
    return loads


def _draw_pulses(dice: Random, load: str) -> dict[int, list[Pulse]]:
    """Return the pulses of a profile in each of their seconds."""
    pulses: dict[int, list[Pulse]] = {}
    for make, pause in LOADS[load]:
        second = dice.randint(1, pause)
        while second < DAY:
            for pulse in make(dice, second):
                for moment in range(pulse.start, second := pulse.start + pulse.length):
                    pulses.setdefault(moment, []).append(pulse)
            second += dice.randint(pause // 2, pause * 3 // 2)
    return pulses


def _add(loads: list[float], start: float, duration: float, watts: float) -> None:
    """Add a load that begins at `start` and lasts for `duration`, both in hours."""
    first = int(start * 3600) // _SLOT
    for slot in range(first, min(first + max(int(duration * 3600) // _SLOT, 1), len(loads))):
        loads[slot] += watts
