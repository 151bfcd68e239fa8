"""Four growing sums: capacity and energy, out and in; rule: years of small steps lose nothing, and none goes back.

A sum is a whole number of µAh or µWh, and a fraction that is added to until it is settled.
"""

from __future__ import annotations

from dataclasses import dataclass

from juntek.battery.watch import IN, OUT
from juntek.reading import Reading


@dataclass(frozen=True, slots=True)
class Totals:
    """The totals (Ah, Wh) at one moment; `estimated` holds the keys of those with an estimated part."""

    discharged_capacity: float
    charged_capacity: float
    discharged_energy: float
    charged_energy: float
    discharged_energy_today: float
    charged_energy_today: float
    estimated: tuple[str, ...] = ()

    def put_on(self, reading: Reading) -> Reading:
        """Return the reading with these totals in place of the meter's own."""
        return reading._replace(
            discharged_capacity=self.discharged_capacity,
            charged_capacity=self.charged_capacity,
            discharged_energy=self.discharged_energy,
            charged_energy=self.charged_energy,
            discharged_energy_today=self.discharged_energy_today,
            charged_energy_today=self.charged_energy_today,
            estimated=self.estimated,
        )


class Sums:
    """The sums by channel (`battery.watch.CHANNELS`), in µAh and µWh.

    What falls is a debt: it has to come again before a sum grows, so that nothing is counted twice.
    """

    __slots__ = ("fractions", "wholes")

    def __init__(self) -> None:
        self.wholes = [0, 0, 0, 0]
        self.fractions = [0.0, 0.0, 0.0, 0.0]

    def add(self, flow: list[float]) -> None:
        """Add what flowed by channel."""
        fractions = self.fractions
        for channel, amount in enumerate(flow):
            fractions[channel] += amount

    def settle(self) -> list[int]:
        """Move what is whole from the fractions; return a copy of the whole sums."""
        wholes, fractions = self.wholes, self.fractions
        for channel, fraction in enumerate(fractions):
            if fraction >= 1.0:
                whole = int(fraction)
                wholes[channel] += whole
                fractions[channel] = fraction - whole
        return list(wholes)


def integrate(sums: list[float], half: float, currents: tuple[float, float], powers: tuple[float, float]) -> None:
    """Add trapezoids between two readings by channel; those across 0 are split where the line crosses it.

    `half` is half of the time between, in millionths of an hour.
    """
    for unit, (start, end) in ((0, currents), (2, powers)):
        if start >= 0 <= end:
            sums[unit + IN] += (start + end) * half
        elif start <= 0 >= end:
            sums[unit + OUT] -= (start + end) * half
        else:
            part = half / (abs(start) + abs(end))
            sums[unit + (IN if start > 0 else OUT)] += start * start * part
            sums[unit + (IN if end > 0 else OUT)] += end * end * part
