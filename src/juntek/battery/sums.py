"""Four growing sums: capacity and energy, out and in; rule: years of small steps lose nothing, and none goes back.

A sum is a whole number of µAh or µWh, and a fraction that is added to until it is settled.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from math import isnan
from typing import Any

from juntek.battery.local_day import Day
from juntek.battery.watch import CHANNELS, IN, OUT
from juntek.quantity import READING_KEYS
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


SUMS_SHAPE: dict[str, Any] = {
    "sums": [float] * 4,
    "fractions": [float] * 4,
    "midnight": [float] * 2,
}


class Sums:
    """The sums by channel (`battery.watch.CHANNELS`), in µAh and µWh.

    What falls is a debt: it has to come again before a sum grows, so that nothing is counted twice.
    """

    __slots__ = ("day", "estimated", "fractions", "midnight", "wholes")

    def __init__(self, zone: tzinfo) -> None:
        self.wholes = [0, 0, 0, 0]
        self.fractions = [0.0, 0.0, 0.0, 0.0]
        self.day = Day(zone)
        self.midnight = [0, 0]
        """The energies out and in with which the day began."""
        self.estimated: set[str] = set()

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

    def turn_day(self, before: list[int], flagged: set[int], time: float, gap: float, *, short: bool) -> bool:
        """Flag what is estimated, and begin another day where the clock tells so; return whether one has begun.

        What flowed in a gap across midnight is split in proportion to time.
        """
        after, had_day = self.settle(), self.day.end > 0
        begins = not isnan(time) and self.day.move(time) and had_day
        share = self.day.share(gap, time) if begins else 1.0
        self.estimated.update(CHANNELS[channel] for channel in flagged)
        for way, key in enumerate(("discharged_energy_today", "charged_energy_today")):
            channel = way + 2
            moved = after[channel] - before[channel]
            if begins:
                self.midnight[way] = after[channel] - round(share * moved)
                self.estimated.discard(key)
            if share > 0 and (channel in flagged or (begins and moved and not short)):
                self.estimated.add(key)
        return begins

    def totals(self) -> Totals:
        """Return the totals, to 0.001 Ah and 0.01 Wh."""
        out_ah, in_ah, out_wh, in_wh = self.settle()
        return Totals(
            round(out_ah / 1e6, 3),
            round(in_ah / 1e6, 3),
            round(out_wh / 1e6, 2),
            round(in_wh / 1e6, 2),
            round((out_wh - self.midnight[OUT]) / 1e6, 2),
            round((in_wh - self.midnight[IN]) / 1e6, 2),
            tuple(key for key in READING_KEYS if key in self.estimated) if self.estimated else (),
        )

    def snapshot(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        return {
            "sums": self.settle(),
            "fractions": list(self.fractions),
            "midnight": list(self.midnight),
            "day": self.day.snapshot(),
            "estimated": sorted(self.estimated),
        }

    @classmethod
    def restore(cls, snapshot: dict[str, Any], zone: tzinfo) -> Sums:
        """Return the sums of a snapshot; raises ValueError for those that nobody can have counted."""
        sums = cls(zone)
        sums.wholes = [int(whole) for whole in snapshot["sums"]]
        if min(sums.wholes) < 0:
            raise ValueError("a total is less than nothing")
        sums.fractions = [float(fraction) for fraction in snapshot["fractions"]]
        sums.midnight = [int(whole) for whole in snapshot["midnight"]]
        sums.day = Day.restore(snapshot["day"], zone)
        sums.estimated = set(READING_KEYS) & set(snapshot["estimated"])
        return sums


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
