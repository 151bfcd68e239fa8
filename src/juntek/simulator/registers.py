"""What a meter keeps from one sample to the next: counters, time left, protection; rule: pure, seconds are an argument.

The true current and voltage are counted, never what is shown. Protection has the codes of the reply's status.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import exp
from random import Random
from typing import Literal, NamedTuple, get_args

from juntek.simulator.meter_settings import MeterSettings

TimeLeft = Literal["exact", "late", "averaged", "off", "finer", "stuck"]
TIMES_LEFT: tuple[TimeLeft, ...] = get_args(TimeLeft)
_AVERAGED = 6.0  # seconds in which an averaged current follows
_STUCK = 5.0  # seconds for which a stuck one does not move


class Sample(NamedTuple):
    """What the meter measures at one moment: V, A (charging positive), °C, and the date and time it has."""

    voltage: float
    current: float
    temperature: float | None
    ordinal: int
    second: float


@dataclass
class Counters:
    """Ah, Wh and seconds since they were cleared, and the Ah that are left, each by the key of its quantity."""

    remaining_capacity: float
    discharged_capacity: float = 0.0
    charged_capacity: float = 0.0
    discharged_energy: float = 0.0
    charged_energy: float = 0.0
    run_time: float = 0.0

    def count(self, seconds: float, voltage: float, current: float, nominal_capacity: float) -> None:
        """Add `seconds` of a current; what is left stays between 0 and `nominal_capacity` (SH, CM)."""
        capacity = current * seconds / 3600
        self.remaining_capacity = min(max(self.remaining_capacity + capacity, 0.0), nominal_capacity)
        if current > 0:
            self.charged_capacity += capacity
            self.charged_energy += capacity * voltage
        else:
            self.discharged_capacity -= capacity
            self.discharged_energy -= capacity * voltage


class Estimate:
    """The time to empty or full, made in one of the ways of `TimeLeft`; captures show most of them (protocol: r50).

    `exact` is from the current that is shown and `finer` from steps of `fine` A; `late` is 1 to 3 s old, `averaged`
    over some seconds, `off` 2 % too long or short, and `stuck` moves every 5 s only.
    """

    def __init__(self, way: TimeLeft, fine: float, seed: int = 1) -> None:
        dice = Random(f"estimate/{seed}")
        self._way = way
        self._fine = fine
        self._delay = float({"late": dice.randint(1, 3), "stuck": _STUCK}.get(way, 0))
        self._factor = dice.choice((0.98, 1.02)) if way == "off" else 1.0
        self._kept: deque[tuple[float, float, float]] = deque()
        self._time = 0.0
        self._current = self._averaged = self._remaining = 0.0

    def watch(self, seconds: float, current: float, shown: float, remaining: float) -> None:
        """Take what was measured and shown for the last `seconds`, in A and Ah."""
        if self._way == "finer":
            current = round(current / self._fine) * self._fine
        elif self._way == "averaged":
            self._averaged += (current - self._averaged) * (1 - exp(-seconds / _AVERAGED) if self._time else 1)
            current = self._averaged
        else:
            current = shown
        self._time += seconds
        if self._way == "late":
            self._kept.append((self._time, current, remaining))
            while self._kept[0][0] < self._time - self._delay:
                self._kept.popleft()
            _, self._current, self._remaining = self._kept[0]
        elif self._way != "stuck" or self._time % _STUCK < seconds or not seconds:
            self._current, self._remaining = current, remaining

    def minutes(self, nominal_capacity: float) -> int:
        """Return whole minutes to empty or full as 16 bit that wrap (JK), 0 where no current flows."""
        if abs(self._current) < self._fine / 2:
            return 0
        amount = nominal_capacity - self._remaining if self._current > 0 else self._remaining
        return int(amount * 60 / abs(self._current) * self._factor) & 0xFFFF


class Protection:
    """Trips after the delay that is set, beyond one of the limits that are set; `code` is the status then, else 0.

    Where no recovery time is set a trip stays until the output is switched on again.
    """

    def __init__(self, settings: MeterSettings) -> None:
        self._settings = settings
        self.code = self._violation = 0
        self._seconds = 0.0

    def watch(self, seconds: float, sample: Sample) -> None:
        """Take what was measured for the last `seconds`."""
        values = self._settings.values
        violation = next((code for code, trips, limit in self._settings.limits if trips(sample, limit)), 0)
        self._seconds = self._seconds + seconds if self.code or violation == self._violation else seconds
        if self.code:
            if 0 < values.get("protection_recovery_time", 0) <= self._seconds and not violation:
                self.clear()
        elif violation and self._seconds > values.get("protection_delay", 0):
            self.code, self._seconds = violation, 0.0
        self._violation = violation

    def clear(self) -> None:
        """Forget a trip, as the OK button does."""
        self.code = self._violation = 0
        self._seconds = 0.0
