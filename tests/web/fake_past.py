"""A year of a battery as a function of time, so that any stretch of it is answered at once; rule: pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

STEP = 600
"""s between two points of the state of charge that is worked out beforehand."""

NICE = (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 21600, 86400, 604800)
"""s that one point of a series may stand for."""

NOMINAL = 280.0
QUANTITIES = ("voltage", "current", "power", "state_of_charge", "temperature", "remaining_capacity")


def _dice(time: float, every: float, seed: int) -> float:
    number = int(time // every) * 2654435761 + seed * 97
    return ((number ^ (number >> 13)) * 1274126177 & 0xFFFF) / 0xFFFF


def _net(time: float, seed: int) -> float:
    hour = time / 3600 % 24
    cloud = 0.35 + 0.65 * _dice(time, 86400, seed)
    season = 0.7 + 0.3 * math.cos((time / 86400 - 172) / 365 * 2 * math.pi)
    sun = 4700 * season * cloud * max(0.0, math.sin((hour - 6) / 12 * math.pi))
    load = (
        (1 + 0.5 * (_dice(time, 3, seed) - 0.5)) * 210
        + 420 * math.exp(-((hour - 19) ** 2) / 6)
        + (350 if _dice(time, 1800, seed) > 0.86 else 0)
    )
    return sun - load


@cache
def _charges(begin: float, count: int, seed: int) -> list[float]:
    """Work out the state of charge at every STEP; most tests have the same year."""
    charge, charges = 60.0, []
    for index in range(count):
        charges.append(charge)
        net = _net(begin + index * STEP, seed)
        charge = min(100.0, max(12.0, charge + net * STEP / 3600 / (52.0 * NOMINAL) * 100))
    return charges


@dataclass
class Past:
    """A battery of 280 Ah from `first` to `last`, in seconds since 1970. In `gaps` the gateway was off."""

    first: float
    last: float
    seed: int = 1
    gaps: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        self._begin = self.first // STEP * STEP
        self._charges = _charges(self._begin, int((self.last - self.first) // STEP) + 300, self.seed)

    def _dice(self, time: float, every: float) -> float:
        return _dice(time, every, self.seed)

    def state_of_charge(self, time: float) -> float:
        place = min(max((time - self._begin) / STEP, 0.0), len(self._charges) - 2.0)
        index = int(place)
        return self._charges[index] + (self._charges[index + 1] - self._charges[index]) * (place - index)

    def power(self, time: float) -> float:
        charge, net = self.state_of_charge(time), _net(time, self.seed)
        if net > 0:
            net *= min(1.0, max(0.02, (100.5 - charge) / 6))
        elif charge <= 12.1:
            net = -25.0
        return net + 18 * (self._dice(time, 1) - 0.5)

    def values(self, time: float) -> dict[str, float]:
        charge, power = self.state_of_charge(time), self.power(time)
        voltage = 49.6 + charge * 0.034 + power / 2600 + max(0.0, charge - 94) * 0.16
        return {
            "voltage": round(voltage, 2),
            "current": round(power / voltage, 2),
            "power": round(power, 1),
            "state_of_charge": round(charge, 2),
            "temperature": round(19 + 5 * math.sin((time / 3600 - 9) / 12 * math.pi) + 3 * self._dice(time, 86400)),
            "remaining_capacity": round(charge * NOMINAL / 100, 3),
        }

    def series(self, quantities: list[str], start: float, end: float, points: int) -> dict[str, Any]:
        wanted = max(1.0, (end - start) / points)
        resolution = next((step for step in NICE if step >= wanted), NICE[-1])
        times: list[float] = []
        rows: list[list[dict[str, float]]] = []
        time = max(start, self.first) // resolution * resolution
        while time < min(end, self.last):
            middle = time + resolution / 2
            if not any(gap[0] <= middle < gap[1] for gap in self.gaps) and middle >= self.first:
                times.append(time)
                count = 1 if resolution == 1 else 5
                rows.append([self.values(time + resolution * (part + 0.5) / count) for part in range(count)])
            time += resolution
        columns: dict[str, dict[str, list[float]]] = {}
        for key in quantities:
            samples = [[value.get(key, 1.8) for value in row] for row in rows]
            columns[key] = {
                "minimum": [min(sample) for sample in samples],
                "average": [round(sum(sample) / len(sample), 3) for sample in samples],
                "maximum": [max(sample) for sample in samples],
                "last": [sample[-1] for sample in samples],
            }
        return {"resolution": 0 if resolution == 1 else resolution, "time": times, "quantities": columns}

    def day(self, start: float, end: float) -> dict[str, Any]:
        """The statistics of one stretch, without its date."""
        start, end = max(start, self.first), min(end, self.last)
        every = max(1800.0, (end - start) / 200)
        samples = [self.values(start + index * every) for index in range(max(1, int((end - start) / every)))]
        charged = sum(max(sample["power"], 0) for sample in samples) * every / 3600
        discharged = sum(max(-sample["power"], 0) for sample in samples) * every / 3600
        extremes = {
            key: {"minimum": min(s[key] for s in samples), "maximum": max(s[key] for s in samples)}
            for key in ("voltage", "current", "power", "temperature", "state_of_charge")
        }
        return {
            "charged_energy": round(charged, 1),
            "discharged_energy": round(discharged, 1),
            "charged_capacity": round(charged / 52.6, 2),
            "discharged_capacity": round(discharged / 52.6, 2),
            "efficiency": round(0.93 + 0.03 * self._dice(start, 86400), 3) if charged > 4500 else None,
            **extremes,
        }
