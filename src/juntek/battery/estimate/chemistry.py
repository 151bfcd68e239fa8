"""What is known of each chemistry, by cell; rule: a row a chemistry, and no other file names one.

Voltages are those at rest. Where a curve is flat it says nothing of the charge, so only its steep ends stand here.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace

from juntek.battery import ChemistryName

Curve = tuple[tuple[float, float, float], ...]
"""V of a cell at rest, its state of charge (0 to 1), and how far that may be off (one standard deviation)."""


@dataclass(frozen=True, slots=True)
class Chemistry:
    """A cell at about 25 °C; currents as parts of the capacity an hour."""

    name: ChemistryName
    label: str
    nominal: float
    """V, in the middle of a discharge."""
    charged_voltage: float
    tail_current: float
    """Percent of the capacity."""
    sag: float
    """Part by which the voltage may fall from its highest while the tail current flows: more is a load or a cloud."""
    charge_efficiency: float
    """Percent."""
    efficiency_error: float
    """Percent points by which that of a battery may be off (one standard deviation), until it is learnt."""
    peukert: float
    full_error: float
    """Part of the capacity by which a full that was found may not be one."""
    held: float | None
    """V above which a battery that hardly takes a current is at the top of its curve; lead says so long before."""
    low: Curve
    high: Curve
    resistance: float
    """V that a cell gives way at a current of its capacity in an hour, while nothing is measured."""
    lag: float = 0.18
    """h by which the surface of the electrodes, which the voltage tells of, is ahead of the inside."""
    tail_time: float = 0.03
    """h for which a tail current goes on as it is until nothing more can be stored; of lead the rest is gas."""
    detection_time: float = 3.0
    """min."""
    overcharge: float = 0.03
    """Part of the capacity by which the count may seem to be above full: more is no charge, but gas or a wrong zero."""
    above: float = 2.17
    """V that a cell does not hold while a part of its charge is taken from it: the guess was wrong."""
    safe: tuple[float, float] = (1.8, 2.6)
    """V at and beyond which it is alarming: hardly anything is left, or the charger goes on too far."""


_LEAD_LOW: Curve = (
    (1.91, 0.00, 0.05), (1.94, 0.10, 0.05), (1.97, 0.20, 0.06), (2.00, 0.31, 0.07),
)  # fmt: skip


_LEAD = Chemistry(
    "agm", "AGM", 2.04, 2.37, 3.0, 0.008, 94.0, 3.0, 1.15, 0.025, None, _LEAD_LOW, (), 0.12,
    lag=0.5, tail_time=0.5, overcharge=0.0,
)  # fmt: skip

CHEMISTRIES: dict[str, Chemistry] = {
    row.name: row
    for row in (
        Chemistry(
            "lifepo4", "LiFePO4", 3.25, 3.45, 4.0, 0.03, 100.0, 0.3, 1.0, 0.003, 3.34,
            (
                (2.27, 0.004, 0.008), (2.46, 0.014, 0.008), (2.60, 0.024, 0.009), (2.71, 0.034, 0.009),
                (2.785, 0.044, 0.009), (2.85, 0.056, 0.009), (2.97, 0.092, 0.009), (3.05, 0.121, 0.011),
                (3.10, 0.142, 0.014), (3.165, 0.190, 0.024), (3.185, 0.244, 0.033), (3.205, 0.298, 0.05),
            ),
            (
                (3.335, 0.975, 0.02), (3.345, 0.982, 0.008), (3.38, 0.989, 0.006), (3.425, 0.9945, 0.005),
                (3.45, 0.996, 0.004), (3.5, 0.998, 0.004), (3.6, 1.0, 0.004),
            ),
            0.09, above=3.36, safe=(2.7, 3.7),
        ),
        replace(
            _LEAD, name="flooded", label="Lead-acid, flooded", tail_current=4.0, charge_efficiency=90.0,
            efficiency_error=4.0, peukert=1.25, safe=(1.8, 2.7),
        ),
        _LEAD,
        replace(
            _LEAD, name="gel", label="Gel", charged_voltage=2.33, tail_current=2.0, charge_efficiency=92.0, peukert=1.2
        ),
        Chemistry(
            "nmc", "NMC", 3.65, 4.15, 4.0, 0.01, 99.5, 0.3, 1.0, 0.01, 4.1,
            ((2.8, 0.008, 0.01), (3.0, 0.022, 0.015), (3.2, 0.057, 0.03), (3.35, 0.11, 0.05), (3.5, 0.22, 0.08)),
            ((4.1, 0.915, 0.01), (4.15, 0.963, 0.008), (4.2, 1.0, 0.006)), 0.1, above=4.22, safe=(2.9, 4.25),
        ),
        Chemistry(
            "lto", "LTO", 2.3, 2.65, 4.0, 0.02, 99.5, 0.3, 1.0, 0.01, 2.6,
            ((1.8, 0.0, 0.02), (2.0, 0.03, 0.02), (2.1, 0.09, 0.03)),
            ((2.6, 0.97, 0.02), (2.7, 1.0, 0.01)), 0.05, above=2.75, safe=(1.7, 2.85),
        ),
    )
}  # fmt: skip
"""By name."""

_USUAL = {"lifepo4": (4, 8, 12, 15, 16, 20, 24), "nmc": (3, 7, 13, 14, 20), "lto": (5, 6, 12, 24)}
_LEAD_BLOCKS = (6, 12, 24, 18, 3)


def guess_cells(chemistry: Chemistry, voltage: float) -> int:
    """Return the cells in series that are usual and fit a voltage best."""
    usual = _USUAL.get(chemistry.name, _LEAD_BLOCKS)
    return min(usual, key=lambda cells: abs(voltage / cells - chemistry.nominal))


def guess_chemistry(voltage: float) -> Chemistry:
    """Return LiFePO4 or AGM, by a voltage (V) while nothing charges.

    A block of four cells of LiFePO4 is above 12.9 V for most of its charge, six cells of lead never without a charger.
    """
    block = min((voltage / count for count in (1, 2, 4)), key=lambda volts: abs(volts - 12.9))
    return CHEMISTRIES["lifepo4" if block > 12.85 or block < 11.4 else "agm"]


def read_curve(curve: Curve, voltage: float) -> tuple[float, float]:
    """Return the state of charge (0 to 1) at a voltage of a cell, and its error; the ends go on as they are."""
    place = min(max(bisect_left(curve, (voltage,)), 1), len(curve) - 1)
    (low, start, error), (high, end, other) = curve[place - 1], curve[place]
    part = min(max((voltage - low) / (high - low), 0.0), 1.0)
    return start + (end - start) * part, error + (other - error) * part
