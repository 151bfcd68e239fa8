"""What is told of a battery, by the keys of `quantity.battery`, and what is remembered of its life for that.

Rule: rounded here, and nowhere else; what is remembered grows at events and once a minute.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from juntek.reading import minutes

if TYPE_CHECKING:
    from juntek.battery.estimate import Estimator
    from juntek.battery.estimate.belief import Belief, Look

TIMES_SURE = 1.96
"""Standard deviations within which 95 of 100 are."""

OVER = 0.01
"""Part of the voltage by which it has to come back before an alarm is over."""

LEAST_CURRENT = 0.05
"""A up to which no time to empty or full is told."""

LARGEST_COUNT = 1e9
"""Of events, and of Ah, in no life."""


@dataclass(slots=True)
class Statistics:
    """Ah, V and counts since the beginning; a discharge is what is missing between two fulls at its deepest."""

    fulls: int = 0
    full_discharges: int = 0
    low_alarms: int = 0
    high_alarms: int = 0
    last_full: float | None = None
    """s since 1970."""
    deepest: float = 0.0
    latest: float = 0.0
    """The deepest since the last full."""
    cycles_deepest: float = 0.0
    """Sum of the deepest of each full before."""
    cumulative: float = 0.0
    lowest: float | None = None
    highest: float | None = None
    alarm: bool = False
    """Whether one lasts."""

    def look(self, voltage: float, deficit: float, safe: tuple[float, float]) -> None:
        """Take what is now; the voltage is alarming at and beyond what is `safe` (V)."""
        low, high = safe
        if not low < voltage < high and not self.alarm:
            self.alarm = True
            self.low_alarms += voltage <= low
            self.high_alarms += voltage >= high
        elif low * (1 + OVER) < voltage < high * (1 - OVER):
            self.alarm = False
        if self.lowest is None or voltage < self.lowest:
            self.lowest = voltage
        if self.highest is None or voltage > self.highest:
            self.highest = voltage
        if deficit > self.latest:
            self.latest = deficit
            self.deepest = max(self.deepest, deficit)

    def add_full(self, time: float) -> None:
        """Count a full: another discharge begins."""
        self.fulls += 1
        self.last_full = time
        self.cycles_deepest += self.latest
        self.latest = 0.0

    @property
    def is_possible(self) -> bool:
        """Whether there can be such a life: what is saved may have been changed by hand."""
        sums = self.deepest, self.latest, self.cycles_deepest, self.cumulative
        counts = self.fulls, self.full_discharges, self.low_alarms, self.high_alarms
        return all(0 <= count <= LARGEST_COUNT for count in counts) and all(abs(one) <= LARGEST_COUNT for one in sums)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is believed at a reading; percent, percent points (95 %), Ah and A."""

    state_of_charge: float
    state_of_charge_uncertainty: float
    usable_capacity: float
    zero_offset: float

    @classmethod
    def of(cls, belief: Belief, look: Look) -> Estimate:
        """Return what is believed at a look."""
        state = min(max(100 * look.state, 0.0), 100.0)
        error = min(TIMES_SURE * 100 * look.error, max(state, 100 - state))
        return cls(state, error, belief.capacity, belief.offset)


def describe(estimator: Estimator, now: Estimate) -> dict[str, float | int | None]:
    """Return all values."""
    statistics, options, chemistry = estimator.statistics, estimator.pack.options, estimator.pack.chemistry
    capacity, state = now.usable_capacity, now.state_of_charge
    resistance, typed, time = estimator.steps.resistance, estimator.count.typed, estimator.count.time
    current = estimator.count.average - now.zero_offset
    since = None if statistics.last_full is None or time is None else (time - statistics.last_full) / 60
    above = max(state - options.discharge_floor, 0.0) / 100 * capacity
    return {
        "state_of_charge": round(state, 1),
        "state_of_charge_uncertainty": round(now.state_of_charge_uncertainty, 1),
        "remaining_energy": round(state / 100 * capacity * chemistry.nominal * estimator.pack.cells / 1000, 3),
        "time_to_empty": _time_to_empty(above, -current, capacity, options.peukert_exponent or chemistry.peukert),
        "time_to_full": _minutes((100 - state) / 100 * capacity, current),
        "time_since_full": None if since is None else round(max(since, 0.0)),
        "synchronisations": statistics.fulls,
        "usable_capacity": round(capacity, 1),
        "state_of_health": round(100 * capacity / typed, 1) if typed else None,
        "zero_offset": round(now.zero_offset, 3) + 0.0,
        "measured_resistance": None if resistance is None else round(1000 * resistance, 2),
        "cycles": round(statistics.cumulative / capacity, 1),
        "deepest_discharge": round(statistics.deepest, 1),
        "last_discharge": round(statistics.latest, 1),
        "average_discharge": round(statistics.cycles_deepest / statistics.fulls, 1) if statistics.fulls else None,
        "full_discharges": statistics.full_discharges,
        "cumulative_discharge": round(statistics.cumulative, 1),
        "low_voltage_alarms": statistics.low_alarms,
        "high_voltage_alarms": statistics.high_alarms,
        "minimum_voltage": statistics.lowest,
        "maximum_voltage": statistics.highest,
    }


def _time_to_empty(left: float, current: float, capacity: float, peukert: float) -> int | None:
    """Return minutes; a current above that of twenty hours gets less out of lead."""
    slow = capacity / 20
    if peukert > 1 and current > slow:
        left *= (slow / current) ** (peukert - 1)
    return _minutes(left, current)


def _minutes(capacity: float, current: float) -> int | None:
    return minutes(capacity, current) if current > LEAST_CURRENT else None
