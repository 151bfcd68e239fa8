"""A battery that is made up as a function of time, and its past in a database; rule: pure but for the file."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

from juntek.history import Database
from juntek.history.recorder import Recorder
from juntek.reading import Reading
from outputs.updates import kg_reading

STEP = 600
"""s between two points of the state of charge that is worked out beforehand."""
DAY = 86_400.0
PACES = ((60 * DAY, 600.0), (3 * DAY, 300.0), (7200.0, 30.0), (0.0, 2.0))
"""s before the end from which on, and s between two readings there: denser than the points of a chart over them."""
NOMINAL = 280.0


def _dice(moment: float, every: float, seed: int) -> float:
    number = int(moment // every) * 2654435761 + seed * 97
    return ((number ^ (number >> 13)) * 1274126177 & 0xFFFF) / 0xFFFF


def _net(moment: float, seed: int) -> float:
    hour = moment / 3600 % 24
    cloud = 0.35 + 0.65 * _dice(moment, DAY, seed)
    season = 0.7 + 0.3 * math.cos((moment / DAY - 172) / 365 * 2 * math.pi)
    sun = 4700 * season * cloud * max(0.0, math.sin((hour - 6) / 12 * math.pi))
    load = (
        (1 + 0.5 * (_dice(moment, 3, seed) - 0.5)) * 210
        + 420 * math.exp(-((hour - 19) ** 2) / 6)
        + (350 if _dice(moment, 1800, seed) > 0.86 else 0)
    )
    return sun - load


@dataclass
class Past:
    """A battery of 280 Ah in the `length` s until now. In gaps the gateway was off; `share` is that of all energy.

    `more` is what each reading says besides.
    """

    length: float
    seed: int = 1
    gaps: tuple[tuple[float, float], ...] = ()
    """s before the end."""
    share: float = 1.0
    more: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.last = time.time()
        self._begin = (self.last - self.length) // STEP * STEP
        self._charges, charge = [], 60.0
        for index in range(int(self.length // STEP) + 300):
            self._charges.append(charge)
            net = _net(self._begin + index * STEP, self.seed)
            charge = min(100.0, max(12.0, charge + net * STEP / 3600 / (52.0 * NOMINAL) * 100))

    def reading(self, moment: float, **changes: Any) -> Reading:  # noqa: ANN401 - the fields of Reading
        """Return what the meter says at a moment."""
        place = min(max((moment - self._begin) / STEP, 0.0), len(self._charges) - 2.0)
        before, after = self._charges[int(place) : int(place) + 2]
        charge, net = before + (after - before) * (place % 1), _net(moment, self.seed)
        if net > 0:
            net *= min(1.0, max(0.02, (100.5 - charge) / 6))
        elif charge <= 12.1:
            net = -25.0
        power = net + 18 * (_dice(moment, 1, self.seed) - 0.5)
        voltage = round(49.6 + charge * 0.034 + power / 2600 + max(0.0, charge - 94) * 0.16, 2)
        current = round(power / voltage, 2)
        values: dict[str, Any] = {
            "time": moment, "voltage": voltage, "current": current, "power": round(power, 1),
            "direction": "charging" if current > 0 else "discharging" if current < 0 else "idle",
            "temperature": round(19 + 5 * math.sin((moment / 3600 - 9) / 12 * math.pi)),
            "remaining_capacity": round(charge * NOMINAL / 100, 3), "more": self.more,
            "charged_energy_today": 3214.5, "discharged_energy_today": 2140.8,
        }  # fmt: skip
        return kg_reading(**values | changes)

    def readings(self) -> Iterator[Reading]:
        """Yield all of the past; totals grow by what flows."""
        moment, charged, discharged = self.last - self.length, 0.0, 0.0
        while moment <= self.last:
            ago = self.last - moment
            step = next(step for start, step in PACES if ago >= start)
            if not any(end <= ago < start for start, end in self.gaps):
                one = self.reading(moment)
                flown = one.power * self.share * step / 3600
                charged, discharged = charged + max(flown, 0.0), discharged + max(-flown, 0.0)
                yield one._replace(
                    charged_energy=round(charged, 2), discharged_energy=round(discharged, 2),
                    charged_capacity=round(charged / 52.6, 3), discharged_capacity=round(discharged / 52.6, 3),
                )  # fmt: skip
            moment += step


@cache
def _folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="juntek-page-")


def write(pasts: dict[str, Past]) -> Path:
    """Write the past of meters into a new database, which is there until the tests end."""
    path = Path(mkdtemp(dir=_folder().name)) / "juntek.db"
    with Database(path, synchronous="NORMAL") as database:
        Recorder(database).record({name: list(past.readings()) for name, past in pasts.items()})
    return path


@cache
def year() -> tuple[dict[str, Past], Path]:
    """A year of two meters, and where it is; most tests have the same."""
    gaps = ((40.2 * DAY, 39.9 * DAY), (20 * 3600.0, 19.2 * 3600.0))
    pasts = {"house": Past(365 * DAY, gaps=gaps), "boat": Past(10 * DAY, seed=4)}
    return pasts, write(pasts)
