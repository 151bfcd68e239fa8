"""What a meter keeps from one sample to the next: counters, time left, protection; rule: pure, seconds are an argument.

The true current and voltage are counted, never what is shown. Protection has the codes of the reply's status.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, inf
from random import Random
from typing import Literal, get_args

TimeLeft = Literal["exact", "late", "averaged", "off", "finer", "stuck"]
TIMES_LEFT: tuple[TimeLeft, ...] = get_args(TimeLeft)
_AVERAGED = 6.0  # seconds in which an averaged current follows
_STUCK = 5.0  # seconds for which a stuck one does not move

OVER_VOLTAGE, OVER_CURRENT, LOW_VOLTAGE, NEGATIVE_OVER_CURRENT, OVER_POWER, OVER_TEMPERATURE = range(1, 7)
PROTECTIONS = {
    OVER_VOLTAGE: "over_voltage_protection",
    OVER_CURRENT: "over_current_protection",
    LOW_VOLTAGE: "under_voltage_protection",
    NEGATIVE_OVER_CURRENT: "negative_over_current_protection",
    OVER_POWER: "over_power_protection",
    OVER_TEMPERATURE: "over_temperature_protection",
}
"""The setting of each code."""


@dataclass(slots=True)
class Counters:
    """Ah, Wh and seconds since they were cleared, and the Ah that are left."""

    remaining: float
    discharged_capacity: float = 0.0
    charged_capacity: float = 0.0
    discharged_energy: float = 0.0
    charged_energy: float = 0.0
    run_time: float = 0.0

    def count(self, seconds: float, voltage: float, current: float, nominal_capacity: float) -> None:
        """Add `seconds` of a current; what is left stays between 0 and `nominal_capacity` (SH, CM)."""
        capacity = current * seconds / 3600
        self.remaining = min(max(self.remaining + capacity, 0.0), nominal_capacity)
        if current > 0:
            self.charged_capacity += capacity
            self.charged_energy += capacity * voltage
        else:
            self.discharged_capacity -= capacity
            self.discharged_energy -= capacity * voltage

    @property
    def counted_capacity(self) -> float:
        """Ah of both directions: what KL-man says of the KL-F, in doubt (protocol: KL-F's counters)."""
        return self.charged_capacity + self.discharged_capacity

    @property
    def counted_energy(self) -> float:
        """Wh of both directions: what KL-man says of the KL-F, in doubt (protocol: KL-F's counters)."""
        return self.charged_energy + self.discharged_energy

    def clear(self) -> None:
        """Begin again at 0, as W62 does; what is left stays."""
        self.discharged_capacity = self.charged_capacity = 0.0
        self.discharged_energy = self.charged_energy = 0.0
        self.run_time = 0.0


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
    """Trips after `delay` s beyond one of `limits`, in V, A, W and °C by their codes, without those switched off.

    `code` is the status of a trip, 0 while there is none. A `recovery` of 0 s means that a trip stays until the output
    is switched on again.
    """

    def __init__(self) -> None:
        self.limits: Mapping[int, float] = {}
        self.delay = self.recovery = self._seconds = 0.0
        self.code = self._violation = 0

    def watch(self, seconds: float, voltage: float, current: float, temperature: float) -> None:
        """Take what was measured for the last `seconds`."""
        violation = self._find_violation(voltage, current, temperature)
        if self.code:
            self._seconds += seconds
            if self.recovery and self._seconds >= self.recovery and not violation:
                self.clear()
            return
        if violation != self._violation:
            self._violation = violation
            self._seconds = 0.0
        self._seconds += seconds
        if violation and self._seconds > self.delay:
            self.code = violation
            self._seconds = 0.0

    def clear(self) -> None:
        """Forget a trip, as the OK button does."""
        self.code = self._violation = 0
        self._seconds = 0.0

    def _find_violation(self, voltage: float, current: float, temperature: float) -> int:
        """Return the status code of the first limit that is passed, 0 if none is."""
        limits = self.limits
        if not limits:
            return 0
        measured = {
            OVER_VOLTAGE: voltage,
            OVER_CURRENT: -current,
            NEGATIVE_OVER_CURRENT: current,
            OVER_POWER: abs(voltage * current),
            OVER_TEMPERATURE: temperature,
        }
        passed = (code for code, value in measured.items() if code in limits and value > limits[code])
        return next(passed, LOW_VOLTAGE if voltage < limits.get(LOW_VOLTAGE, -inf) else 0)
