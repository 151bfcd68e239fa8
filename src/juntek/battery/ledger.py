"""Charged and discharged capacity and energy of one meter; rule: a total never steps back, and nothing is made up.

Where the meter's own counters are trusted they are the totals, and what they leave out follows from them and the
voltage: V dQ for an energy, dE / V for a capacity. So neither the clock nor how often we read matters, and what
happened while nobody listened is caught up. Where they are not (`battery.watch`), current and power are
integrated over short intervals, and over longer ones the change of the remaining capacity gives the net flow.

What a meter cannot have done since it was heard last (`battery.counters`), and the first that is heard after a start,
is believed when a second reading agrees. Then it is a new start: the totals go on from where they are.
"""

from __future__ import annotations

from datetime import tzinfo
from math import isnan, nan
from typing import Any, Literal

from juntek.battery.counters import (
    BOOT_TIME,
    LONGEST_INTERVAL,
    MARGIN,
    UNKNOWN_GAP,
    Limits,
    Moment,
    cleared,
    dated,
    is_after,
    is_plain,
    seconds_of,
)
from juntek.battery.shape import LEDGER, VERSION, fits, of_version_1
from juntek.battery.sums import Held, Sums, Totals
from juntek.battery.watch import BOTH_WAYS, COUNTED, IN, OUT, CounterWatch, Interval
from juntek.errors import DatabaseError
from juntek.reading import Identity, Reading

Notice = Literal["stuck", "replaced", "doubted"]


class Ledger:
    """A fold of the believed readings of one meter; `zone` says when its day begins."""

    __slots__ = (
        "_base", "_candidate", "_gap", "_held", "_identity", "_is_other", "_limits", "_replaced", "_restored", "_sums",
        "_watch", "longest_interval",
    )  # fmt: skip

    def __init__(self, zone: tzinfo, *, longest_interval: float = LONGEST_INTERVAL) -> None:
        self.longest_interval = longest_interval
        self._limits = Limits()
        self._watch = CounterWatch(())
        self._sums = Sums(zone)
        self._identity: str | None = None
        self._base: Moment | None = None
        """The last moment that was counted."""
        self._candidate: tuple[Moment, float] | None = None
        """A moment that waits for another to agree with it, and the s from the base to it."""
        self._gap = 0.0
        """s since the base, with all that was heard since."""
        self._held = Held()
        self._restored = self._is_other = False
        """The second: whether another meter has told who it is, whose counters are still to come."""
        self._replaced = False

    @property
    def has_begun(self) -> bool:
        """Whether a first reading was believed; until then nothing is counted."""
        return self._base is not None

    @property
    def notice(self) -> Notice | None:
        """What an owner should know: the meter says the same for ever, is another one, or miscounts."""
        if self._held.is_stuck:
            return "stuck"
        if self._replaced:
            return "replaced"
        return "doubted" if self._watch.counters and self._watch.rule == "nothing" else None

    def limit(self, max_current: float) -> None:
        """Say how much the meter can measure (A), once its identity is known."""
        self._limits.max_current = max_current

    def identify(self, identity: Identity) -> None:
        """Say who the meter is. Another one than before is a new start."""
        self.limit(identity.max_current)
        who = identity.mark
        if who and self._identity not in (None, who):
            self._is_other = True
        self._identity = who or self._identity

    def add(self, reading: Reading) -> None:
        """Count a reading. One without a time and without what has elapsed comes at an unknown time."""
        last = self._candidate[0] if self._candidate is not None else self._base
        time = dated(reading.time)
        elapsed = reading.elapsed
        if elapsed is None or (self._restored and self._candidate is None):
            elapsed = time - last.time if last is not None and time >= last.time else nan
        elif isnan(time) and last is not None:
            time = dated(last.time + elapsed)
        if reading.nominal_capacity is not None:
            self._limits.nominal_capacity = reading.nominal_capacity
        now, base, candidate = Moment.of(reading, time), self._base, self._candidate
        gap = self._gap = self._gap + elapsed
        if base is not None and self._is_believed(base, now, elapsed):
            self._candidate, self._restored = None, False
            self._count(base, now, gap)
            return
        self._candidate = now, gap
        if candidate is not None and self._limits.agree(candidate[0], now, elapsed):
            self._accept(*candidate)
            self._candidate = None
            self._count(candidate[0], now, elapsed)

    def _is_believed(self, base: Moment, now: Moment, elapsed: float) -> bool:
        """Whether a reading goes on from the base, and not rather from the candidate."""
        silent = self._gap + (self._held.seconds if self._held.is_stuck else 0.0)
        if self._is_other or not self._limits.go_on(base, now, silent, self._watch, restored=self._restored):
            return False
        if self._candidate is not None and is_after(self._candidate[0], base, now, elapsed, self._gap):
            return False
        return not self._restored or is_plain(base, now, self._gap)

    def _accept(self, candidate: Moment, gap: float) -> None:
        """Take a candidate for the meter that it is: the one of before after a gap, a cleared one, or another one."""
        base, known = self._base, gap if not self._restored or gap > BOOT_TIME else nan
        if base is None or self._is_other:
            self._begin(candidate, gap)
        elif self._limits.go_on(base, candidate, gap, self._watch, restored=self._restored):
            self._count(base, candidate, known)
        else:
            seconds = known * 1.25 + (2 if known <= self.longest_interval else MARGIN) if known >= 0 else UNKNOWN_GAP
            zero = cleared(base, candidate, seconds if known <= self.longest_interval else 0.0)
            if zero is not None and self._limits.allow(zero, candidate, seconds):
                self._count(zero, candidate, known)
                if not known <= self.longest_interval:
                    self._turn_day(self._sums.settle(), {0, 1, 2, 3}, candidate.time, known)
            else:
                self._begin(candidate, gap)
        self._restored = self._is_other = False

    def _begin(self, now: Moment, gap: float) -> None:
        """Take the counters as they stand; those of the very first meter are the totals, if they are trusted."""
        is_first, had_counters = self._base is None, bool(self._watch.counters)
        self._watch = CounterWatch(now.counts)
        if is_first and self._watch.rule == "named":
            self._sums.wholes = [count or 0 for count in now.counts[:4]]
        before = self._sums.settle()
        if is_first:
            self._sums.midnight = before[2:]
        self._set_base(now)
        self._turn_day(before, set() if is_first or gap <= self.longest_interval else {0, 1, 2, 3}, now.time, gap)
        self._replaced = had_counters

    def _set_base(self, now: Moment) -> None:
        self._base, self._gap = now, 0.0
        self._held.reset()

    def _count(self, base: Moment, now: Moment, gap: float) -> None:
        """Count from the base to now; a `gap` that is NaN is of unknown length."""
        time, sums = now.time, self._sums
        short = gap <= self.longest_interval
        still = short and now.is_still(base)
        if self._held.is_stuck and not still:
            gap, short = gap + self._held.seconds, False
        turns = time < sums.day_start or time >= sums.day_end or not short
        before = self._sums.settle() if turns else []
        flagged: set[int] = set()
        if still:
            self._base, self._gap = now, 0.0
            self._held.wait(base, now, gap)
        elif short:
            self._follow(base, now, gap)
        else:
            flagged = self._catch_up(base, now, gap)
        if turns:
            self._turn_day(before, flagged, time, gap)

    def _follow(self, base: Moment, now: Moment, gap: float) -> None:
        """Count a short interval; nothing of it is estimated."""
        own = self._held.integrate(base, now, gap)
        net: float = now.remaining - base.remaining
        nominal = self._limits.nominal_capacity
        if not net and (now.remaining <= 0 or (nominal and now.remaining >= nominal * 1e6)):
            net = own[IN] - own[OUT]  # what is left stands still at its ends
        voltage = (base.voltage + now.voltage) / 2
        self._sums.add(self._watch.count(Interval(now.steps_from(base), net, voltage, own)))
        self._set_base(now)

    def _catch_up(self, base: Moment, now: Moment, gap: float) -> set[int]:
        """Count what went on while nobody listened; return the channels that have an estimated part of it."""
        seconds, steps = seconds_of(gap), now.steps_from(base)
        voltage = (base.voltage + now.voltage) / 2
        net = now.remaining - base.remaining
        change = net if abs(net) <= self._limits.most(BOTH_WAYS, seconds, voltage) else 0
        out, in_ = max(-change, 0), max(change, 0)
        flow = self._watch.count(Interval(steps, net, voltage, (out, in_, out * voltage, in_ * voltage), gap=True))
        self._sums.add(flow)
        self._set_base(now)
        rule = self._watch.rule
        if rule is None or rule == "nothing":
            # Without counters the net flow is all that is known: as much again may have gone out and in.
            return {0, 1, 2, 3} if gap > 0 else {channel for channel in range(4) if flow[channel]}
        exact = {channel for channel, step in zip(COUNTED[rule], steps, strict=True) if step is not None}
        if BOTH_WAYS in exact:
            exact |= {OUT, IN}
        return {channel for channel in range(4) if flow[channel] and channel not in exact}

    def _turn_day(self, before: list[int], flagged: set[int], time: float, gap: float) -> None:
        if self._sums.turn_day(before, flagged, time, gap, short=gap <= self.longest_interval):
            self._replaced = False

    def totals(self) -> Totals:
        """Return the totals, to 0.001 Ah and 0.01 Wh."""
        return self._sums.totals()

    def snapshot(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        base = self._base
        return {
            "version": VERSION,
            **self._sums.snapshot(),
            "watch": self._watch.snapshot(),
            "identity": self._identity,
            "limits": [self._limits.max_current, self._limits.nominal_capacity],
            "own": list(self._held.flow),
            "last": None if base is None else [None if isnan(base.time) else base.time, *base[1:-1], list(base.counts)],
        }

    @classmethod
    def restore(cls, snapshot: dict[str, Any], zone: tzinfo, *, longest_interval: float = LONGEST_INTERVAL) -> Ledger:
        """Return the ledger of a snapshot; raises DatabaseError when it is not one of this version or before."""
        ledger = cls(zone, longest_interval=longest_interval)
        try:
            if snapshot["version"] > VERSION:
                raise DatabaseError(
                    "The saved totals were written by a newer version of juntek: install that version again."
                )
            ledger._load(snapshot, zone)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise DatabaseError(
                "The saved totals cannot be read: put back a backup of the database, or remove it to begin at 0."
            ) from error
        return ledger

    def _load(self, saved: dict[str, Any], zone: tzinfo) -> None:
        saved = saved if saved["version"] > 1 else of_version_1(saved)
        self._sums = Sums.restore(saved, zone)
        self._restored = True
        self._identity = saved["identity"]
        self._limits = Limits(*saved["limits"])
        self._held.flow = list(map(float, saved["own"]))
        if (last := saved["last"]) is not None:
            self._base = Moment._make([nan if last[0] is None else last[0], *last[1:-1], tuple(last[-1])])
            self._watch = CounterWatch.restore(saved["watch"], last[-1])
        if not fits(self.snapshot(), LEDGER):
            raise ValueError("not a ledger")
