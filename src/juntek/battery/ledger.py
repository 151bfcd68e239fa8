"""Charged and discharged capacity and energy of one meter; rule: a total never steps back.

Where the meter's own counters are trusted they are the totals, and what they leave out follows from them and the
voltage: V dQ for an energy, dE / V for a capacity. So neither the clock nor how often we read matters, and what
happened while nobody listened is caught up. Where they are not (`derive.watch`), current and power are
integrated over short intervals, and over longer ones the change of the remaining capacity gives the net flow.
"""

from __future__ import annotations

from datetime import tzinfo
from math import nan
from typing import Any

from juntek.battery.counters import Counters, find_pair
from juntek.battery.day import Day
from juntek.battery.sums import Sums, Totals
from juntek.battery.watch import CHANNELS, CLEAR_CURRENT, IN, LONGEST_EVIDENCE, OUT, Trust
from juntek.errors import DatabaseError
from juntek.quantity import READING_KEYS
from juntek.reading import Reading

LONGEST_INTERVAL = 60.0
"""s between readings that is integrated; what is longer is caught up and estimated."""

MARGIN = 60.0
"""s that a gap may have been longer than the clock says: readings that waited in a buffer arrive at once."""

UNKNOWN_GAP = 86_400.0
"""s that a gap may have been where the clock does not tell: it jumped back, or the computer has just started."""

BOOT_TIME = 600.0
"""s after a restart up to which the clock may be the one that a computer without a clock of its own remembered."""

LONGEST_GAP = 400 * 86_400.0
"""s; a longer gap is a clock that was set."""

_LAST_TIME = 200_000_000_000.0  # the year 8307: what calendars can still tell
_HALF = 1e6 / 7200  # s -> half of the millionths of an hour
_ENERGIES = ((OUT, 2, "discharged_energy_today"), (IN, 3, "charged_energy_today"))
_VERSION = 1


class Ledger:
    """A fold of the believed readings of one meter; `zone` says when its day begins."""

    __slots__ = (
        "_counters", "_current", "_day", "_estimated", "_family", "_midnight", "_power", "_remaining", "_restored",
        "_sums", "_time", "_voltage", "longest_interval",
    )  # fmt: skip

    def __init__(self, zone: tzinfo, *, longest_interval: float = LONGEST_INTERVAL) -> None:
        self.longest_interval = longest_interval
        self._counters = Counters(None)
        self._sums = Sums()
        self._day = Day(zone)
        self._midnight = [0, 0]
        self._estimated: set[str] = set()
        self._family: str | None = None
        self._time = nan
        self._voltage = self._current = self._power = self._remaining = 0.0
        self._restored = False

    @property
    def counters(self) -> Trust:
        """What is thought of the meter's counters; a meter without any counts as distrusted."""
        return self._counters.watch.trust

    def limit(self, max_current: float) -> None:
        """Say how much the meter can measure (A), once its identity is known."""
        self._counters.max_current = max_current

    def add(self, reading: Reading) -> None:
        """Count a reading. Its time is s since 1970; one without a time comes at an unknown time."""
        time, day = reading.time, self._day
        if (
            time is not None
            and 0.0 <= time - self._time <= self.longest_interval
            and day.start <= time < day.end
            and reading.family == self._family
        ):
            self._follow(reading, time - self._time)
            self._time = time
        else:
            self._resume(reading)

    def totals(self) -> Totals:
        """Return the totals, to 0.001 Ah and 0.01 Wh."""
        out_ah, in_ah, out_wh, in_wh = self._sums.settle()
        return Totals(
            round(out_ah / 1e6, 3),
            round(in_ah / 1e6, 3),
            round(out_wh / 1e6, 2),
            round(in_wh / 1e6, 2),
            round((out_wh - self._midnight[OUT]) / 1e6, 2),
            round((in_wh - self._midnight[IN]) / 1e6, 2),
            tuple(key for key in READING_KEYS if key in self._estimated) if self._estimated else (),
        )

    def snapshot(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        return {
            "version": _VERSION,
            "sums": self._sums.settle(),
            "fractions": list(self._sums.fractions),
            "midnight": list(self._midnight),
            "day": self._day.snapshot(),
            "estimated": sorted(self._estimated),
            "counters": self._counters.snapshot(),
            "last": [self._time, self._voltage, self._current, self._power, self._remaining]
            if self._time == self._time
            else None,
        }

    @classmethod
    def restore(cls, snapshot: dict[str, Any], zone: tzinfo, *, longest_interval: float = LONGEST_INTERVAL) -> Ledger:
        """Return the ledger of a snapshot; raises DatabaseError when it is not one of this version."""
        ledger = cls(zone, longest_interval=longest_interval)
        try:
            if snapshot["version"] > _VERSION:
                raise DatabaseError(
                    "The saved totals were written by a newer version of juntek: install that version again."
                )
            ledger._load(snapshot, zone)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DatabaseError(
                "The saved totals cannot be read: put back a backup of the database, or remove it to begin at 0."
            ) from error
        return ledger

    def _load(self, snapshot: dict[str, Any], zone: tzinfo) -> None:
        self._sums.wholes = [int(whole) for whole in snapshot["sums"]]
        self._sums.fractions = [float(fraction) for fraction in snapshot["fractions"]]
        self._midnight = [int(whole) for whole in snapshot["midnight"]]
        self._day = Day.restore(snapshot["day"], zone)
        self._estimated = set(snapshot["estimated"])
        self._counters = Counters.restore(snapshot["counters"])
        if snapshot["last"] is not None:
            self._time, self._voltage, self._current, self._power, self._remaining = map(float, snapshot["last"])
        self._restored = True

    def _follow(self, reading: Reading, gap: float) -> None:
        """Count a short interval of `gap` s."""
        voltage, current, power = reading.voltage, reading.current, reading.power
        before, half, counters = self._current, gap * _HALF, self._counters
        watch, values = counters.watch, counters.values
        trust = watch.trust
        first = second = 0
        if trust != "distrusted":
            value, other = counters.read(reading)
            if value != values[0]:
                first = counters.step(0, value, gap + MARGIN, voltage)
            if other != values[1]:
                second = counters.step(1, other, gap + MARGIN, voltage)
        if trust == "trusted":
            if first:
                self._sums.count(watch.channels[0], first, (self._voltage + voltage) / 2)
            if second:
                self._sums.count(watch.channels[1], second, (self._voltage + voltage) / 2)
        else:
            self._sums.integrate(half, (before, current), (self._power, power))
        if trust != "distrusted" and gap <= LONGEST_EVIDENCE:
            if before > CLEAR_CURRENT < current:
                watch.add(IN, (before + current) * half, (self._power + power) * half, first, second)
            elif before < -CLEAR_CURRENT > current:
                watch.add(OUT, -(before + current) * half, -(self._power + power) * half, first, second)
        self._voltage, self._current, self._power = voltage, current, power
        self._remaining = reading.remaining_capacity

    def _resume(self, reading: Reading) -> None:
        """Count a reading that is the first, or comes after a gap, a jump of the clock, midnight or a restart."""
        time, first = reading.time, self._time != self._time
        known = time is not None and 0.0 <= time < _LAST_TIME
        at = time if time is not None and known else 0.0 if first else self._time
        gap = at - self._time if known else nan
        short = 0.0 <= gap <= self.longest_interval
        before = self._sums.settle()
        flagged: set[int] = set()
        pair = find_pair(reading)
        if first or pair is not self._counters.pair:
            self._begin(reading, first=first)
        elif short and (not self._restored or self._is_plain(reading, gap)):
            self._follow(reading, gap)
        else:
            flagged = self._catch_up(reading, gap)
        self._turn_day(before, flagged, at, short=short)
        self._voltage, self._current, self._power = reading.voltage, reading.current, reading.power
        self._remaining = reading.remaining_capacity
        self._family, self._time, self._restored = reading.family, at, False

    def _begin(self, reading: Reading, *, first: bool) -> None:
        """Take the counters as they stand; for the very first reading, trusted ones are the totals."""
        counters = Counters(find_pair(reading))
        counters.max_current = self._counters.max_current
        counters.start(reading)
        self._counters = counters
        if first and counters.watch.trust == "trusted":
            for channel, count in zip(counters.watch.channels, counters.counts, strict=True):
                self._sums.wholes[channel] = count

    def _is_plain(self, reading: Reading, gap: float) -> bool:
        """Whether the first reading after a restart fits into the short gap that the clock tells.

        A computer without a clock starts with the time it stopped at, so hours may have gone by.
        """
        if self._counters.watch.trust == "trusted":
            return self._counters.fits(reading, gap + MARGIN)
        change = (reading.remaining_capacity - self._remaining) * 1e6
        expected = (self._current + reading.current) * gap * _HALF
        # Remaining capacity stands still at 0 and at full.
        return change == 0 or abs(change - expected) <= 50_000 + 0.2 * abs(expected)

    def _catch_up(self, reading: Reading, gap: float) -> set[int]:
        """Count what went on while nobody listened; return the channels that have an estimated part of it."""
        if gap >= 0 and not (self._restored and gap <= BOOT_TIME):
            seconds = min(gap, LONGEST_GAP) * 1.25 + MARGIN
        else:
            seconds = UNKNOWN_GAP
        counters, sums = self._counters, self._sums
        channels, before = counters.watch.channels, list(counters.counts)
        voltage = (self._voltage + reading.voltage) / 2
        change = round((reading.remaining_capacity - self._remaining) * 1e6)
        if counters.watch.trust != "trusted":
            counters.start(reading)
            return self._count_net(change, voltage, counters.most(0, seconds, voltage), known=gap > 0)
        moved = [counters.step(which, value, seconds, voltage) for which, value in enumerate(counters.read(reading))]
        flagged: set[int] = set()
        for which, channel in enumerate(channels):
            if moved[which]:
                sums.count(channel, moved[which], voltage)
                flagged.add(channel ^ 2)
            if moved[which] != counters.counts[which] - before[which]:
                flagged |= {channel, channel ^ 2}
        if channels[0] < 2 and moved[1]:
            # Capacity one way is counted, so with the change of what is left the other way follows, if nothing
            # else moved it: reaching full or empty, a setting.
            followed = change + moved[0] if channels[0] == OUT else moved[0] - change
            guessed = moved[1] / voltage if voltage > 0 else 0.0
            if abs(followed - guessed) <= 0.05 * guessed + 50_000:
                sums.fractions[channels[0] ^ 1] += max(followed, 0) - guessed
        return flagged

    def _count_net(self, change: int, voltage: float, most: float, *, known: bool) -> set[int]:
        """Count the change of the remaining capacity (µAh), the net flow: all that is known without counters."""
        way = IN if change > 0 else OUT
        if 0 < abs(change) <= most:
            self._sums.count(way, abs(change), voltage)
        if known:  # as much again may have gone out and in
            return {0, 1, 2, 3}
        return {way, way + 2} if change else set()

    def _turn_day(self, before: list[int], flagged: set[int], time: float, *, short: bool) -> None:
        """Flag what is estimated, and begin another day where the clock tells so.

        What flowed in a gap across midnight is split in proportion to time.
        """
        after = self._sums.settle()
        begins = self._day.move(time)
        share = self._day.share(self._time, time) if begins else 1.0
        self._estimated.update(CHANNELS[channel] for channel in flagged)
        for way, channel, key in _ENERGIES:
            moved = after[channel] - before[channel]
            if begins:
                self._midnight[way] = after[channel] - round(share * moved)
                self._estimated.discard(key)
            if share > 0 and (channel in flagged or (begins and moved and not short)):
                self._estimated.add(key)
