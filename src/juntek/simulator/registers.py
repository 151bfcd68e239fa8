"""What a meter keeps from one sample to the next: counters and protection; rule: pure, seconds are an argument.

The true current and voltage are counted, never what is shown. Protection has the codes of the reply's status.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from juntek.simulator.meter_settings import MeterSettings


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
