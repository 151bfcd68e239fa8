"""What is told of a battery, by the keys of `quantity.battery`; rule: rounded here, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from juntek.battery.estimate import Estimator
    from juntek.battery.estimate.belief import Belief, Look

TIMES_SURE = 1.96
"""Standard deviations within which 95 of 100 are."""

LONGEST_TIME = 60 * 24 * 365
"""Minutes beyond which a time says nothing."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is believed at a reading; percent, percent points (95 %), Ah and A."""

    state_of_charge: float
    state_of_charge_uncertainty: float
    usable_capacity: float
    zero_offset: float


def estimate_of(belief: Belief, look: Look) -> Estimate:
    """Return what is believed at a look."""
    state = min(max(100 * look.state, 0.0), 100.0)
    error = min(TIMES_SURE * 100 * look.error, max(state, 100 - state))
    return Estimate(state, error, belief.capacity, belief.offset)


def describe(estimator: Estimator, now: Estimate, current: float) -> dict[str, float | int | None]:
    """Return all values; `current` (A) is the averaged one without the zero offset."""
    statistics, options, chemistry = estimator.statistics, estimator.pack.options, estimator.pack.chemistry
    capacity, state = now.usable_capacity, now.state_of_charge
    resistance = estimator.steps.resistance
    typed = estimator.nominal_capacity
    time = estimator.time
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
        "average_discharge": None if statistics.average is None else round(statistics.average, 1),
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
    if current <= 0.05 or capacity * 60 > current * LONGEST_TIME:
        return None
    return round(capacity * 60 / current)
