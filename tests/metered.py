"""A true battery with a meter in front of it, whose every Ah and Wh is known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import pytest

from juntek.battery.ledger import Ledger
from juntek.reading import Reading, fill_reading

Counting = Literal["KG-F", "KH-F", "one way", "both", "backwards", "nothing"]


class MeteredBattery:
    """A battery whose current and voltage go in straight lines from one `flow` to the next.

    `counting` is what the meter counts: as a KG-F or KH-F; `one way` is a KL-F that counts as a KG-F does, `both` one
    that counts both directions, `backwards` one with its shunt turned round, `nothing` one whose counters stand still.
    """

    def __init__(self, family: str = "KG-F", counting: Counting | None = None, *, remaining: float = 100.0) -> None:
        self.family = family
        self.counting: str = counting or {"KL-F": "one way", "unknown": "nothing"}.get(family, family)
        self.capacity = [0.0, 0.0]
        self.energy = [0.0, 0.0]
        self.cleared = [0.0, 0.0, 0.0, 0.0]
        self.remaining = remaining
        self.run_time = 0.0
        self.voltage, self.current = 52.0, 0.0

    def flow(self, seconds: float, current: float, voltage: float | None = None) -> None:
        """Let the current go to `current`, and the voltage to `voltage`, within `seconds`."""
        self.run_time += seconds
        start, low = self.current, self.voltage
        end, high = current, self.voltage if voltage is None else voltage
        turn = abs(start) / (abs(start) + abs(end)) if start * end < 0 else 1.0
        middle = low + (high - low) * turn
        for part, (i, j), (v, w) in ((turn, (start, 0.0 if turn < 1 else end), (low, middle)),
                                     (1 - turn, (0.0, end), (middle, high))):  # fmt: skip
            capacity = (i + j) / 2 * seconds * part / 3600
            energy = (2 * i * v + 2 * j * w + i * w + j * v) / 6 * seconds * part / 3600
            way = 1 if capacity > 0 else 0
            self.capacity[way] += abs(capacity)
            self.energy[way] += abs(energy)
            self.remaining += capacity
        self.current, self.voltage = end, high

    def step(self, current: float, voltage: float | None = None) -> None:
        """Change the current and the voltage at once."""
        self.current = current
        self.voltage = self.voltage if voltage is None else voltage

    def clear(self) -> None:
        """Clear the counters, as at the display, and the run time with them."""
        self.run_time = 0.0
        self.cleared = [*self.capacity, *self.energy]

    def reading(self, time: float | None) -> Reading:
        """Return what the meter says."""
        out_ah, in_ah, out_wh, in_wh = (
            true - cleared for true, cleared in zip((*self.capacity, *self.energy), self.cleared, strict=True)
        )
        first, second = {
            "KG-F": (out_ah, in_wh),
            "KH-F": (out_wh, in_wh),
            "one way": (out_ah, in_wh),
            "both": (out_ah + in_ah, out_wh + in_wh),
            "backwards": (in_ah, out_wh),
            "nothing": (0.0, 0.0),
        }[self.counting]
        first = int(first * 100 + 1e-6) / 100 if self.counting == "KH-F" else int(first * 1000 + 1e-6) / 1000
        second = int(second * 100 + 1e-6) / 100
        voltage, current = round(self.voltage, 2), round(self.current, 2)
        return reading(
            time,
            self.family,
            voltage=voltage,
            current=current,
            power=round(voltage * current, 2),
            remaining_capacity=int(self.remaining * 1000) / 1000,
            run_time=int(self.run_time),
            **dict(zip(_COUNTERS.get(self.family, ()), (first, second), strict=False)),
        )


def tell(ledger: Ledger, times: Iterable[float], family: str = "KG-F", **numbers: float) -> None:
    """Let a ledger read the same at each of some times."""
    for time in times:
        ledger.add(reading(time, family, **numbers))


def confirm(ledger: Ledger, battery: MeteredBattery, time: float) -> None:
    """Read twice: what is read first after a start is believed when a second reading agrees."""
    for late in (0.0, 0.1):
        ledger.add(battery.reading(time + late))


def assert_true(ledger: Ledger, battery: MeteredBattery, capacity: float, energy: float, part: float = 0.0) -> None:
    """Assert that the totals are those of the battery, within Ah and Wh, or a part of them."""
    totals = ledger.totals()
    assert totals[:2] == pytest.approx(tuple(battery.capacity), rel=part, abs=capacity)
    assert totals[2:4] == pytest.approx(tuple(battery.energy), rel=part, abs=energy)


def trust_in(ledger: Ledger) -> str:
    """Return what a ledger thinks of its meter's counters."""
    rule = ledger.snapshot()["watch"]["rule"]
    return "watched" if rule is None else "distrusted" if rule == "nothing" else "trusted"


_COUNTERS = {
    "KG-F": ("discharged_capacity", "charged_energy"),
    "KH-F": ("discharged_energy", "charged_energy"),
    "KL-F": ("counted_capacity", "counted_energy"),
}


def reading(
    time: float | None,
    family: str = "KG-F",
    *,
    voltage: float = 52.0,
    current: float = 0.0,
    **known: Any,  # noqa: ANN401 - the fields of Reading
) -> Reading:
    """Return a believed reading with these numbers."""
    usual: dict[str, Any] = {
        "address": 1, "power": voltage * current, "remaining_capacity": 100.0, "output_code": 0, "output_state": "on",
        "direction": "charging" if current > 0 else "discharging" if current < 0 else "idle",
    }  # fmt: skip
    return fill_reading(time=time, family=family, voltage=voltage, current=current, **usual | known)
