"""The state of charge that follows from readings, and how sure it is; rule: a pure fold, and time is an argument.

The charge is counted between anchors: places where the voltage tells it. `belief` joins both, and learns the zero
offset of the meter and the usable capacity from it. What costs time is done at events only.
"""

from __future__ import annotations

from typing import Any, Literal

from juntek.battery import BatteryOptions
from juntek.battery.estimate.anchors import Anchor, Anchors
from juntek.battery.estimate.belief import Belief, Look
from juntek.battery.estimate.count import LARGEST, Count
from juntek.battery.estimate.pack import AVERAGE_CAPACITY, IDLE, Moment, Pack
from juntek.battery.estimate.published import Estimate, Statistics, describe
from juntek.battery.estimate.resistance import LOWEST_FOR_STEPS, QUIET, LoadSteps
from juntek.battery.estimate.saved import load, snapshot_of
from juntek.battery.estimate.zero import ZERO_ERROR
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

FAR = 0.4
"""State of charge by which a low voltage contradicts a count since a full, so that a guess of lithium was wrong."""

UNKNOWN = 0.2
"""Error, as a part of the capacity, from which on a count past full teaches nothing of the capacity."""

TICK = 60.0
"""s between two looks at what is deepest and highest."""

COARSEST, COARSEST_PART = 1.5, 0.02
"""Ah, and part of the capacity: the larger one may flow before a meter counts on; one that does not is hung."""

_HOUR = 3600.0
_HALF = 0.5 / _HOUR


class Estimator:
    """A fold of the readings of one meter."""

    def __init__(self, options: BatteryOptions | None = None) -> None:
        self.pack = Pack(options or BatteryOptions())
        self.belief: Belief | None = None
        """None until the first reading."""
        self.steps = LoadSteps()
        self.statistics = Statistics()
        self.count = Count()
        self._averaging = 60 * self.pack.options.averaging
        self._threshold = self.pack.options.current_threshold
        self._tick_at = 0.0
        self.anchors = Anchors()
        self._capacity = AVERAGE_CAPACITY

    def add(self, reading: Reading) -> Event | None:
        """Take a reading; return what it was found to be. One without a time is left out."""
        time, count = reading.time, self.count
        if time is None:
            return None
        if count.time is None:
            self._begin(reading, time)
            return None
        seconds = time - count.time
        current, voltage, remaining = reading.current, reading.voltage, reading.remaining_capacity
        if not 0 < seconds <= LONGEST_INTERVAL:
            self._bridge(reading, time, seconds)
            return None
        change, flow = current - count.current, self._flow(current, remaining, seconds)
        count.net += flow
        if flow > 0:
            count.charged += flow
        count.hours += seconds / _HOUR
        count.lag += (current - count.lag) * seconds / (seconds + LAG_TIME)
        count.average += (current - count.average) * seconds / (seconds + self._averaging)
        count.time, count.remaining, count.current = time, remaining, current
        if not change and -IDLE <= current <= IDLE:
            count.idle += seconds
        if self.steps.is_open or not -self._tail <= change <= self._tail:
            is_plain = max(voltage, count.voltage) < self.pack.high and self.look().state > LOWEST_FOR_STEPS
            self.steps.follow(change, voltage - count.voltage, reading, self._tail, is_plain=is_plain)
        count.voltage = voltage
        if not self._tick_at - TICK < time < self._tick_at:
            self._tick(time)
        if not self.pack.low < voltage < self.pack.high:
            return self._look(voltage, current, seconds, time, flow)
        anchors = self.anchors
        if anchors.full.highest and (anchor := anchors.leave_high(time)):
            return self._take(anchor, time)
        return None

    def _flow(self, current: float, remaining: float, seconds: float) -> float:
        """Return the Ah that flowed since the last reading.

        What the meter counted itself is finer, but for where it was set: what flowed is what flows at one of both
        currents, at something between them, or nearly so.
        """
        if -self._threshold < current < self._threshold:
            return 0.0
        count, half = self.count, seconds * _HALF
        flow = (current + count.current) * half
        if (remaining >= count.top and flow > 0) or (remaining <= 0 and flow < 0):
            return flow  # the meter stands at its end
        if remaining == count.remaining:
            if abs(count.waiting) > max(COARSEST, COARSEST_PART * self._capacity):
                return 0.0
            count.waiting += flow
            return flow
        counted = remaining - count.remaining - count.waiting
        count.waiting = 0.0
        margin = seconds * self._per_second + abs(current - count.current) * half
        return counted if -margin < counted - flow < margin else flow

    def hear(self, settings: Settings) -> None:
        """Take how the meter is set."""
        self.pack.hear(settings)
        self._set_limits()

    def _begin(self, reading: Reading, time: float) -> None:
        """Take the first reading, or the first after a gap."""
        if self.pack.is_unsure or not self.pack.cells:
            self.pack.guess(reading.voltage, reading.current)
        count = self.count
        count.typed = reading.nominal_capacity
        count.top = count.typed or LARGEST
        if self.belief is None:
            self.belief = self.pack.begin(reading)
        self._set_limits()
        count.time, count.voltage, count.remaining = time, reading.voltage, reading.remaining_capacity
        count.current = count.average = count.lag = reading.current
        self.statistics.look(reading.voltage, 0.0, self.pack.safe)

    def _set_limits(self) -> None:
        """Keep at hand what is compared at each reading."""
        capacity = self._capacity = self.belief.capacity if self.belief is not None else AVERAGE_CAPACITY
        self._tail = QUIET * capacity
        self._per_second = 0.5 * capacity / _HOUR
        self._seeks_zero = self.belief is None or self.belief.offset_error > ZERO_ERROR

    def _bridge(self, reading: Reading, time: float, seconds: float) -> None:
        """Go on after a gap, or a clock that was set back: the meter has counted, or was changed."""
        if not seconds:
            return
        belief = self._settle()
        hours, capacity, count = max(seconds, 0.0) / _HOUR, belief.capacity, self.count
        counted = reading.remaining_capacity - count.remaining
        if abs(counted) > min(hours * capacity + 0.01, 1.1 * capacity):
            belief.doubt()
        elif seconds > 0:
            counted, missed = count.over_gap(reading.remaining_capacity, hours, self.look(), capacity)
            count.net, count.charged, count.hours = counted, max(counted, 0.0), hours
            belief = self._settle()
            lost = self.pack.loss[0] * capacity * hours / 48  # of half a capacity a day
            belief.add_error(missed**2 + lost**2)
            if self.pack.is_other(count.voltage, reading, self.look().state):
                belief.doubt()
        self.steps.leave()
        self._begin(reading, time)

    def _settle(self) -> Belief:
        """Move the belief on to now."""
        belief = self.belief
        assert belief is not None  # noqa: S101 - after the first reading
        count = self.count
        belief.advance(count.net, count.charged, count.hours, count.idle / _HOUR)
        self.statistics.cumulative += count.charged - count.net
        count.net = count.charged = count.hours = count.idle = 0.0
        return belief

    def _look(self, voltage: float, current: float, seconds: float, time: float, flow: float) -> Event | None:
        """Look for an anchor, where the voltage is high or low."""
        capacity, pack = self._capacity, self.pack
        lowest, highest = pack.safe
        if not lowest < voltage < highest:
            self.statistics.look(voltage, 0.0, pack.safe)
        at = Moment(voltage, current, capacity, current / capacity, self.count.lag / capacity, time, seconds, flow)
        if voltage >= self.pack.high:
            anchors = self.anchors
            is_steep = self._seeks_zero and voltage >= pack.steep
            if is_steep and (zero := anchors.zero.look(pack, at, anchors.full.highest)):
                self._settle().see_zero(*zero)
                self._set_limits()
            anchor = anchors.look_high(pack, at)
        else:
            measured = self.steps.resistance
            resistance = measured * capacity if measured is not None else pack.chemistry.resistance * pack.cells
            anchor = self.anchors.look_low(pack, at, resistance, self.look)
        return None if anchor is None else self._take(anchor, time)

    def _take(self, anchor: Anchor, time: float) -> Event | None:
        """Take an anchor; a full is none where the count says so and the voltage alone does not prove it."""
        look = self.look()
        if self.statistics.fulls and look.state - anchor.state > FAR > 3 * look.error and self.pack.be_lead():
            self._mend()
            return None
        if anchor.kind == "full":
            if self.pack.chemistry.full_error > PROVEN and self.statistics.fulls and look.state + 4 * look.error < 0.9:
                return None
            self.statistics.add_full(time)
        elif anchor.kind == "empty":
            self.statistics.full_discharges += 1
        belief = self._settle()
        belief.anchor(anchor.state, anchor.error)
        self._set_limits()
        if anchor.kind != "held":
            return anchor.kind
        moved = abs(self.look().state - look.state)
        return "synchronised" if moved > SEEN else None

    def _mend(self) -> None:
        """Begin anew with what is guessed now: what was believed was of another battery."""
        self._settle().set_loss(*self.pack.loss)
        self._set_limits()

    def _tick(self, time: float) -> None:
        """Look at what is deepest and highest, and where the meter stops counting up."""
        hours = min(abs(time + TICK - self._tick_at), LONGEST_INTERVAL) / _HOUR
        self._tick_at = time + TICK
        count = self.count
        count.find_top(hours)
        if self.pack.is_unsure and count.average < -IDLE:
            self.pack.guess(count.voltage, count.average)
            self._set_limits()
        if self.pack.review(count.voltage, count.lag / self._capacity, hours):
            self._mend()
        look, chemistry = self.look(), self.pack.chemistry
        most = 1 + chemistry.overcharge
        if chemistry.held is not None and count.voltage >= self.pack.high:  # lead takes gas for charge
            most = LARGEST
        elif chemistry.held is not None and look.error < UNKNOWN:
            most = max(most, 1 + 2 * look.error)
        if look.state > most:
            self._settle().fill()
        self.statistics.look(count.voltage, look.deficit, self.pack.safe)

    def look(self) -> Look:
        """Return what is believed now; only after the first reading."""
        belief = self.belief
        assert belief is not None  # noqa: S101 - as above
        return belief.look(self.count.net, self.count.charged, self.count.hours)

    def estimate(self) -> Estimate | None:
        """Return what is believed now, None before the first reading."""
        return None if self.belief is None else Estimate.of(self.belief, self.look())

    def describe(self) -> dict[str, float | int | None]:
        """Return what is published, by the keys of `quantity.battery`; nothing before the first reading."""
        now = self.estimate()
        return {} if now is None else describe(self, now)

    def snapshot(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        return snapshot_of(self)

    @classmethod
    def restore(cls, snapshot: Any, options: BatteryOptions | None = None) -> Estimator:  # noqa: ANN401 - from a file
        """Return the estimator of a snapshot; raises DatabaseError when it is not one of this version."""
        estimator = cls(options)
        load(estimator, snapshot)
        if estimator.belief is not None:
            estimator._set_limits()
        return estimator
