"""The state of charge that follows from readings, and how sure it is; rule: a pure fold, and time is an argument.

The charge is counted between anchors: places where the voltage tells it. `belief` joins both, and learns the zero
offset of the meter and the usable capacity from it. What costs time is done at events only.
"""

from __future__ import annotations

from math import hypot
from types import NoneType
from typing import Any, Literal

from juntek.battery.estimate.anchors import ANCHORS_SHAPE, Anchor, Anchors, Moment
from juntek.battery.estimate.belief import BELIEF_SHAPE, Belief, Look
from juntek.battery.estimate.chemistry import CHEMISTRIES
from juntek.battery.estimate.pack import AVERAGE_CAPACITY, IDLE, MOST_CELLS, BatteryOptions, Pack
from juntek.battery.estimate.published import STATISTICS_SHAPE, Estimate, Statistics, describe, estimate_of
from juntek.battery.estimate.resistance import LOWEST_FOR_STEPS, QUIET, STEP_SHAPE, LoadSteps
from juntek.battery.shape import fits
from juntek.errors import DatabaseError
from juntek.reading import Reading, Settings

__all__ = ["BatteryOptions", "Estimate", "Estimator", "Event"]

Event = Literal["full", "empty", "synchronised"]

LONGEST_INTERVAL = 900.0
"""s between readings in which the current is integrated; over what is longer only what is left in the meter tells."""

LAG_TIME = 900.0
"""s over which the current is smoothed that the inside of the electrodes follows."""

PROVEN = 0.01
"""Error of a full, as a part of the capacity, up to which the voltage alone proves it."""

SEEN = 0.02
"""Part of the capacity from which on a correction is told."""

TICK = 60.0
"""s between two looks at what is deepest and highest."""

STILL = 0.005
"""Ah that a meter has to count in this time, unless it stands at its end."""

LARGEST = 1e6
"""Of A, Ah, h and V: more is of no battery."""

UNSEEN = 0.6
"""Part (one standard deviation) of what a meter may not have counted at its end in a gap."""

AROUND = 10.0
"""h in which a whole capacity may flow: in a shorter gap a meter has hardly been at an end far away."""

GAP_ERROR = 0.002
"""Part of the capacity by which a count over a gap is off."""

_VERSION = 1
_KEPT = (
    "_voltage", "_current", "_remaining", "_net", "_charged", "_hours", "_idle", "_lag", "_average", "_time", "_typed",
)  # fmt: skip
"""What is remembered of the last reading."""
_SHAPE = {
    "chemistry": tuple(CHEMISTRIES),
    "unsure": bool,
    "cells": int,
    "belief": (NoneType, BELIEF_SHAPE),
    "steps": list,
    "statistics": STATISTICS_SHAPE,
    "anchors": ANCHORS_SHAPE,
    "last": {**dict.fromkeys(_KEPT[:-2], float), "_time": (float, NoneType), "_typed": (float, NoneType)},
}
"""Of a snapshot. What a hand has written there must neither stop the gateway nor be told as a percentage."""
_HOUR = 3600.0


class Estimator:
    """A fold of the readings of one meter."""

    __slots__ = (
        "_anchors", "_average", "_averaging", "_capacity", "_charged", "_current", "_high", "_hours", "_idle", "_lag",
        "_low", "_net", "_per_second", "_remaining", "_tail", "_threshold", "_tick_at", "_ticked", "_time", "_top",
        "_typed", "_voltage", "belief", "pack", "statistics", "steps",
    )  # fmt: skip

    def __init__(self, options: BatteryOptions | None = None) -> None:
        self.pack = Pack(options or BatteryOptions())
        self.belief: Belief | None = None
        """None until the first reading."""
        self.steps = LoadSteps()
        self.statistics = Statistics()
        self._typed: float | None = None
        self._time: float | None = None
        self._voltage = self._current = self._remaining = 0.0
        self._net = self._charged = self._hours = 0.0
        """Ah counted, Ah of them that flowed in, and h since the last anchor."""
        self._idle = 0.0
        """s of them in which a small current did not change."""
        self._lag = 0.0
        """A, smoothed."""
        self._average = 0.0
        """A, smoothed for the times to empty and full."""
        self._averaging = 60 * self.pack.options.averaging
        self._threshold = self.pack.options.current_threshold
        self._tick_at = self._ticked = 0.0
        self._anchors = Anchors()
        self._capacity = AVERAGE_CAPACITY

    def add(self, reading: Reading) -> Event | None:  # noqa: C901 - all that is done at every reading, in one place
        """Take a reading; return what it was found to be. One without a time is left out."""
        time = reading.time
        last = self._time
        if last is None or time is None:
            if time is not None:
                self._begin(reading, time)
            return None
        seconds = time - last
        current, voltage, remaining = reading.current, reading.voltage, reading.remaining_capacity
        if not 0 < seconds <= LONGEST_INTERVAL:
            return self._bridge(reading, seconds) if seconds else None
        before = self._current
        change = current - before
        flow = (before + current) * seconds * 1.388888888888889e-4  # half of an hour's s
        counted = remaining - self._remaining
        # What the meter counted itself is finer, but for where it stands at its ends or was set: what flowed between
        # the readings is between their currents, or nearly so.
        if (
            -1.0 < (counted - flow) / (seconds * (self._per_second + abs(change) * 1.388888888888889e-4)) < 1.0
            and (remaining < self._top or flow < 0)
            and (remaining > 0 or flow > 0)
        ):
            flow = counted
        if -self._threshold < current < self._threshold:
            flow = 0.0
        self._net += flow
        if flow > 0:
            self._charged += flow
        self._hours += seconds / _HOUR
        self._lag += (current - self._lag) * seconds / (seconds + LAG_TIME)
        self._average += (current - self._average) * seconds / (seconds + self._averaging)
        self._time, self._remaining, self._current = time, remaining, current
        if not change and -IDLE <= current <= IDLE:
            self._idle += seconds
        if change > self._tail or change < -self._tail or self.steps.is_open:
            is_plain = max(voltage, self._voltage) < self._high and self.look().state > LOWEST_FOR_STEPS
            self.steps.follow(change, voltage - self._voltage, reading, self._tail, is_plain=is_plain)
        self._voltage = voltage
        if not self._tick_at - TICK < time < self._tick_at:
            self._tick(time)
        if self._low < voltage < self._high:
            self._anchors.leave_high()
            return None
        return self._look(voltage, current, seconds, time, flow)

    def hear(self, settings: Settings) -> None:
        """Take how the meter is set."""
        self.pack.hear(settings)
        self._set_limits()

    def _begin(self, reading: Reading, time: float) -> None:
        """Take the first reading, or the first after a gap."""
        if self.pack.is_unsure or not self.pack.cells:
            self.pack.guess(reading.voltage, reading.current)
        self._typed = reading.nominal_capacity
        if self.belief is None:
            self.belief = self.pack.begin(reading)
        self._set_limits()
        self._time, self._voltage, self._remaining = time, reading.voltage, reading.remaining_capacity
        self._current = self._average = self._lag = reading.current
        self.statistics.look(reading.voltage, 0.0, self.pack.safe)

    def _set_limits(self) -> None:
        """Keep at hand what is compared at each reading."""
        capacity = self._capacity = self.belief.capacity if self.belief is not None else AVERAGE_CAPACITY
        self._high, self._low = self.pack.high, self.pack.low
        self._top = self._typed or 1e9
        self._tail = QUIET * capacity
        self._per_second = 0.5 * capacity / _HOUR

    def _bridge(self, reading: Reading, seconds: float) -> Event | None:
        """Go on after a gap, or a clock that was set back: the meter has counted, or was changed."""
        belief, time = self._settle(), reading.time
        assert time is not None  # noqa: S101 - the caller looked
        hours, capacity = max(seconds, 0.0) / _HOUR, belief.capacity
        before, now = self._remaining, reading.remaining_capacity
        counted = now - before
        if abs(counted) > min(hours * capacity + 0.01, 1.1 * capacity):
            belief.doubt()
        elif seconds > 0:
            # A meter that stands at its end counts no further, but the battery goes on to its own.
            look, top = self.look(), max(self._top, now)
            above, below = look.deficit - top + before, capacity - look.deficit - before
            if now >= self._top or before >= self._top:
                counted += max(above, 0.0) / 2
            self._net, self._charged, self._hours = counted, max(counted, 0.0), hours
            belief = self._settle()
            unsure, reach = look.error * capacity, hours * capacity / AROUND
            missed = UNSEEN * hypot(
                max(above + unsure, 0.0) * min(reach / max(2 * top - before - now, STILL), 1.0) ** 2,
                max(below + unsure, 0.0) * min(reach / max(before + now, STILL), 1.0) ** 2,
            )
            lost = self.pack.loss[0] * capacity * hours / 48  # of half a capacity a day
            belief.add_error(missed**2 + lost**2 + (GAP_ERROR * capacity) ** 2)
            if self.pack.is_other(self._voltage, reading, self.look().state):
                belief.doubt()
        self.steps.leave()
        self._begin(reading, time)
        return None

    def _settle(self) -> Belief:
        """Move the belief on to now."""
        belief = self.belief
        assert belief is not None  # noqa: S101 - after the first reading
        belief.advance(self._net, self._charged, self._hours, self._idle / _HOUR)
        self.statistics.cumulative += self._charged - self._net
        self._net = self._charged = self._hours = self._idle = 0.0
        return belief

    def _look(self, voltage: float, current: float, seconds: float, time: float, flow: float) -> Event | None:
        """Look for an anchor, where the voltage is high or low."""
        capacity, pack = self._capacity, self.pack
        if not pack.safe[0] < voltage < pack.safe[1]:
            self.statistics.look(voltage, 0.0, pack.safe)
        at = Moment(voltage, current, capacity, current / capacity, self._lag / capacity, time, seconds, flow)
        if voltage >= self._high:
            zero = self._anchors.zero(pack, at)
            if zero is not None:
                self._settle().see_zero(*zero)
            anchor = self._anchors.high(pack, at)
        else:
            measured = self.steps.resistance
            resistance = measured * capacity if measured is not None else pack.chemistry.resistance * pack.cells
            anchor = self._anchors.low(pack, at, resistance)
        return None if anchor is None else self._take(anchor, time)

    def _take(self, anchor: Anchor, time: float) -> Event | None:
        """Take an anchor; a full is none where the count says so and the voltage alone does not prove it."""
        look = self.look()
        if anchor.kind == "full":
            if self.pack.chemistry.full_error > PROVEN and self.statistics.fulls and look.state + 4 * look.error < 0.9:
                return None
            self.statistics.add_full(time)
        elif anchor.kind == "empty":
            self.statistics.full_discharges += 1
        elif anchor.is_again and look.error < anchor.error:
            return None  # the curve is wrong as it was before, and the count is not
        belief = self._settle()
        belief.anchor(anchor.state, anchor.error)
        self._set_limits()
        if anchor.kind != "held":
            return anchor.kind
        moved = abs(self.look().state - look.state)
        return "synchronised" if moved > SEEN else None

    def _tick(self, time: float) -> None:
        """Look at what is deepest and highest, and where the meter stops counting up."""
        self._tick_at = time + TICK
        remaining = self._remaining
        if remaining > self._top:
            self._top = max(self._typed or 0.0, remaining + STILL)
        elif remaining == self._ticked and self._average * TICK / _HOUR > STILL:
            self._top = remaining
        self._ticked = remaining
        if self.pack.is_unsure and self._average < -IDLE:
            self.pack.guess(self._voltage, self._average)
            self._set_limits()
        elif self.pack.is_lithium_after_all(self._voltage, self._lag / self._capacity):
            belief = self._settle()
            self.pack.correct(self._voltage)
            belief.set_loss(*self.pack.loss)
            self._set_limits()
        look = self.look()
        chemistry = self.pack.chemistry
        tells = chemistry.held is not None and self._voltage >= self._high
        unknown = 2 * look.error if chemistry.held is not None else 0.0  # lead takes gas for charge
        if look.state > 1 + max(chemistry.overcharge, unknown) and not tells:
            self._settle().fill()
        self.statistics.look(self._voltage, look.deficit, self.pack.safe)

    @property
    def time(self) -> float | None:
        """When the last reading was, s since 1970."""
        return self._time

    @property
    def nominal_capacity(self) -> float | None:
        """Ah that the meter or the configuration says."""
        return self._typed

    def look(self) -> Look:
        """Return what is believed now; only after the first reading."""
        belief = self.belief
        assert belief is not None  # noqa: S101 - as above
        return belief.look(self._net, self._charged, self._hours)

    def estimate(self) -> Estimate | None:
        """Return what is believed now, None before the first reading."""
        return None if self.belief is None else estimate_of(self.belief, self.look())

    def describe(self) -> dict[str, float | int | None]:
        """Return what is published, by the keys of `quantity.battery`; nothing before the first reading."""
        now, belief = self.estimate(), self.belief
        return {} if now is None or belief is None else describe(self, now, self._average - belief.offset)

    def snapshot(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        return {
            "version": _VERSION,
            "chemistry": self.pack.chemistry.name,
            "unsure": self.pack.is_unsure,
            "cells": self.pack.cells,
            "belief": None if self.belief is None else self.belief.snapshot(),
            "steps": [list(step) for step in self.steps.steps],
            "statistics": self.statistics.snapshot(),
            "anchors": self._anchors.snapshot(),
            "last": {name: getattr(self, name) for name in _KEPT},
        }

    @classmethod
    def restore(cls, snapshot: Any, options: BatteryOptions | None = None) -> Estimator:  # noqa: ANN401 - from a file
        """Return the estimator of a snapshot; raises DatabaseError when it is not one of this version."""
        if fits(snapshot, {"version": int}) and snapshot["version"] > _VERSION:
            raise DatabaseError("what was learnt of the battery was written by a newer version, so it is learnt anew.")
        estimator = cls(options)
        if not (fits(snapshot, _SHAPE | {"version": _VERSION}) and estimator._load(snapshot)):
            raise DatabaseError("what was learnt of the battery cannot be read, so it is learnt anew.")
        return estimator

    def _load(self, snapshot: dict[str, Any]) -> bool:
        """Take everything of a snapshot that has its shape; return whether a battery can be like that."""
        belief, steps, cells = snapshot["belief"], snapshot["steps"], snapshot["cells"]
        known = belief is not None
        if not known <= cells <= MOST_CELLS or not all(
            fits(step, STEP_SHAPE) and step[0] > 0 < step[1] for step in steps
        ):
            return False
        self.pack.restore(snapshot["chemistry"], cells, is_unsure=snapshot["unsure"])
        self.steps = LoadSteps(steps)
        self.statistics = Statistics.restore(snapshot["statistics"])
        self._anchors = Anchors.restore(snapshot["anchors"])
        for name in _KEPT:
            setattr(self, name, snapshot["last"][name])
        if not self.statistics.is_possible or known == (self._time is None):
            return False
        if not known:
            return True
        self.belief = Belief.restore(belief, self.pack.loss[1])
        is_small = all(abs(getattr(self, name)) < LARGEST for name in _KEPT[:-2]) and 0 < (self._typed or 1) < LARGEST
        if not is_small or not self.belief.is_possible or self._hours < 0 or self._charged < 0:
            return False
        self._set_limits()
        return -1 < self.look().state < 2
