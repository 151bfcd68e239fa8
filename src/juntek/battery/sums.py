"""Four growing sums: capacity and energy, out and in; rule: years of small steps lose nothing, and none goes back.

A sum is a whole number of µAh or µWh, and a fraction that is added to until it is settled.
"""

from __future__ import annotations

from datetime import date, tzinfo
from math import isnan
from typing import Any, NamedTuple

from juntek.battery.counters import Moment
from juntek.battery.watch import BOTH_WAYS, CHANNELS, ENERGY_BOTH_WAYS, IN, OUT
from juntek.calendar import date_of, day_after, start_of
from juntek.quantity import READING_KEYS
from juntek.reading import Reading


class Totals(NamedTuple):
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
        values: list[Any] = list(reading)  # by their places, which takes a third of the time of `_replace`
        values[_TOTALS], values[_TODAY] = self[:4], self[4:]
        return tuple.__new__(Reading, values)


_TOTALS = slice(Reading._fields.index("discharged_capacity"), Reading._fields.index("charged_energy") + 1)
_TODAY = slice(Reading._fields.index("discharged_energy_today"), Reading._fields.index("estimated") + 1)


DAY = 86_400
"""s; a clock that steps back by up to a day keeps the day, so that nothing starts again twice."""


class Sums:
    """The sums by channel (`battery.watch.CHANNELS`), in µAh and µWh.

    What falls is a debt: it has to come again before a sum grows, so that nothing is counted twice.

    The present local day holds from `day_start` up to, not including, `day_end` (s since 1970; 0 before the first).
    A clock that steps back by more than a DAY had been wrong before: the day is the one it tells now, and starts again.
    While no clock is trusted, a day goes on.
    """

    __slots__ = ("_zone", "day_end", "day_start", "estimated", "fractions", "midnight", "wholes")

    def __init__(self, zone: tzinfo) -> None:
        self.wholes = [0, 0, 0, 0]
        self.fractions = [0.0, 0.0, 0.0, 0.0]
        self._zone = zone
        self.day_start = self.day_end = 0
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
        after, begins, share = self.settle(), False, 1.0
        if not isnan(time) and not (self.day_end and self.day_start - DAY <= time < self.day_end):
            begins = self.day_end != 0
            self._choose_day(date_of(time, self._zone))
        if begins:
            share = min(max((time - self.day_start) / gap, 0.0), 1.0) if gap > 0 else 0.0
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

    def _choose_day(self, day: date) -> None:
        self.day_start, self.day_end = start_of(day, self._zone), start_of(day_after(day), self._zone)

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
            "day": {"date": date_of(self.day_start, self._zone).isoformat() if self.day_end else None},
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
        if snapshot["day"]["date"] is not None:
            sums._choose_day(date.fromisoformat(snapshot["day"]["date"]))
        sums.estimated = set(READING_KEYS) & set(snapshot["estimated"])
        return sums


STUCK_TIME, STUCK_CHARGE = 15.0, 10_000.0
"""s and µAh after which a meter is stuck if a current flows and nothing moves that counts."""

_HALF = 1e6 / 7200  # s -> half of the millionths of an hour


class Held:
    """What flowed by current and power since something moved that counts: it is held back until something does.

    A line may say the same for ever.
    """

    __slots__ = ("flow", "is_stuck", "seconds")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew: something has moved."""
        self.flow = [0.0, 0.0, 0.0, 0.0]
        self.seconds = 0.0
        self.is_stuck = False

    def wait(self, before: Moment, now: Moment, gap: float) -> None:
        """Add an interval of `gap` s in which nothing moved; one of a meter that is stuck holds nothing."""
        self.seconds += gap
        if self.is_stuck:
            return
        flow = self.integrate(before, now, gap)
        if self.seconds >= STUCK_TIME and max(flow[:2]) >= STUCK_CHARGE:
            counted = {place for place, count in enumerate(now.counts) if count is not None}
            ways = [w for w in (OUT, IN) if now.is_running or counted & {w, w + 2, BOTH_WAYS, ENERGY_BOTH_WAYS}]
            self.is_stuck = any(flow[way] >= STUCK_CHARGE for way in ways)

    def integrate(self, before: Moment, now: Moment, gap: float) -> list[float]:
        """Add trapezoids by channel, those across 0 split where the line crosses it; return the whole flow."""
        flow, half = self.flow, gap * _HALF
        for unit, start, end in ((0, before.current, now.current), (2, before.power, now.power)):
            if start >= 0 <= end:
                flow[unit + IN] += (start + end) * half
            elif start <= 0 >= end:
                flow[unit + OUT] -= (start + end) * half
            else:
                part = half / (abs(start) + abs(end))
                flow[unit + (IN if start > 0 else OUT)] += start * start * part
                flow[unit + (IN if end > 0 else OUT)] += end * end * part
        return flow
