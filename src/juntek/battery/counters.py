"""Where the counters of a meter stand, and whether they can have got from there to here; rule: no state of its own.

What they cannot have done is another meter's doing, or a damaged number's: whoever asks lets a second reading say.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from operator import itemgetter
from typing import NamedTuple

from juntek.battery.watch import BOTH_WAYS, COUNTERS, ENERGIES, CounterWatch, Interval
from juntek.reading import Reading

LARGEST_CURRENT = 600
"""A; of the largest meter of any family."""

MARGIN = 60.0
"""s that a gap may have been longer than the clock says: readings that waited in a buffer arrive at once."""

RUN_MARGIN = 3600.0
"""s by which a run time may be ahead of the clock: what it runs for too long, the counters have to make up for."""

PEAK, LONGEST_PEAK = 4.0, 10.0
"""Times the current that a meter can measure which may flow for so many s."""

LONGEST_INTERVAL = 60.0
"""s between readings that is integrated; what is longer is caught up and estimated."""

UNKNOWN_GAP = 86_400.0
"""s that a gap may have been where the clock does not tell: it jumped back, or the computer has just started."""

BOOT_TIME = 600.0
"""s after a restart up to which the clock may be the one that a computer without a clock of its own remembered."""

LONGEST_GAP = 400 * 86_400.0
"""s; a longer gap is a clock that was set."""

SLOWEST_CYCLE, MORE_THAN_FULL = 4.0, 1.2
"""h in which a battery is not charged and discharged more than once, and what may flow at once, of its capacity."""

_FIRST, _LAST = 0.0, 250_000_000_000.0
"""s since 1970 between which a time has a date in every zone, and a day after it."""

_read = itemgetter(*(Reading._fields.index(key) for key in COUNTERS))


class Moment(NamedTuple):
    """What is kept of a reading: `counts` by COUNTERS and `remaining` in µAh and µWh, `time` NaN where unknown.

    `is_running` says that the run time goes: it stands still while the output is off.
    """

    time: float
    voltage: float
    current: float
    power: float
    remaining: int
    run_time: int | None
    is_running: bool
    counts: tuple[int | None, ...]

    @classmethod
    def of(cls, reading: Reading, time: float) -> Moment:
        """Return the moment of a reading that came at `time`."""
        counts = tuple([None if value is None else round(value * 1e6) for value in _read(reading)])
        remaining = round(reading.remaining_capacity * 1e6)
        is_running = reading.run_time is not None and reading.output_state == "on"
        values = time, reading.voltage, reading.current, reading.power, remaining, reading.run_time, is_running, counts
        return tuple.__new__(cls, values)  # in half the time

    def steps_from(self, before: Moment) -> list[int | None]:
        """Return what each counter has moved since a moment; None for those that one of the two does not have."""
        pairs = zip(self.counts, before.counts, strict=True)
        return [None if new is None or old is None else new - old for new, old in pairs]

    def ran_from(self, before: Moment) -> int | None:
        """Return the s that the meter's recording has run since, None where it does not tell."""
        return None if self.run_time is None or before.run_time is None else self.run_time - before.run_time

    def is_still(self, before: Moment) -> bool:
        """Whether nothing has moved that counts, though something must while a current flows."""
        return (
            self.remaining == before.remaining
            and self[5:] == before[5:]
            and (self.is_running or any(count is not None for count in self.counts))
        )


@dataclass(slots=True)
class Limits:
    """What a meter can measure (A), and what its battery holds (Ah), as far as it is known."""

    max_current: float = LARGEST_CURRENT
    nominal_capacity: float | None = None

    def most(self, place: int, seconds: float, voltage: float, peak: float = PEAK) -> float:
        """Return the most that a counter can move in `seconds`, µAh or µWh, with room for what a meter stands.

        For a moment that is `peak` times what it can measure: an inverter or an engine is started.
        """
        most = self.max_current * seconds * (peak if seconds <= LONGEST_PEAK else 1.25) * 1e6 / 3600
        if self.nominal_capacity:
            held = self.nominal_capacity * 1e6 * (MORE_THAN_FULL + seconds / 3600 / SLOWEST_CYCLE)
            most = min(most, 2 * held if place >= BOTH_WAYS else held)
        return most * max(voltage * 1.25, 1.0) if place in ENERGIES else most

    def allow(self, before: Moment, after: Moment, seconds: float, peak: float = PEAK) -> bool:
        """Whether a meter can have got from one moment to the other in at most `seconds`.

        A counter may fall a little: it was read wrong, or wavers.
        """
        ran = after.ran_from(before)
        if ran is not None and not 0 <= ran <= seconds + RUN_MARGIN:
            return False
        for place, (old, new) in enumerate(zip(before.counts, after.counts, strict=True)):
            if old is None or new is None:
                if old is not new:
                    return False
            elif new != old and (abs(new - old) > self.most(place, seconds, after.voltage, peak) or 2 * new < old):
                return False
        return True

    def explain(self, before: Moment, after: Moment, watch: CounterWatch, *, narrowly: bool) -> bool:
        """Whether what the counters say and the change of what is left can both be true.

        A meter takes its battery for full, or is told what is left: so by about what the battery holds, or `narrowly`.
        """
        steps = after.steps_from(before)
        voltage = (before.voltage + after.voltage) / 2
        error = watch.error(Interval(steps, after.remaining - before.remaining, voltage))
        moved = max(
            (abs(step) / (voltage or 1.0) if place in ENERGIES else abs(step))
            for place, step in enumerate([*steps, 0])
            if step is not None
        )
        if narrowly:
            return error <= 0.1 * moved + 2e6
        return not self.nominal_capacity or error <= 0.2 * moved + MORE_THAN_FULL * 1e6 * self.nominal_capacity

    def go_on(self, base: Moment, now: Moment, gap: float, watch: CounterWatch, *, restored: bool) -> bool:
        """Whether the meter of the base can have got here in `gap` s, NaN where unknown.

        The clock that tells it may be wrong after a restart.
        """
        ran = now.ran_from(base)
        known = seconds_of(gap) if gap >= 0 else 0.0
        if gap <= LONGEST_INTERVAL / 6 and ran and base.is_running and now.is_running and ran <= known:
            known = min(known, ran * 1.1 + 2)
        if self.allow(base, now, known):
            return gap <= LONGEST_INTERVAL or self.explain(base, now, watch, narrowly=False)
        if gap > BOOT_TIME or (gap >= 0 and not restored) or (ran and ran <= known):
            return False
        # The clock does not tell how long it was; the meter's own may.
        seconds = min(ran * 1.25 + MARGIN, UNKNOWN_GAP) if ran and ran > 0 else UNKNOWN_GAP
        return self.allow(base, now, seconds) and self.explain(base, now, watch, narrowly=True)

    def agree(self, candidate: Moment, now: Moment, elapsed: float) -> bool:
        """Whether a second reading bears out one that was not believed."""
        seconds = max(elapsed * 1.25 if elapsed >= 0 else MARGIN, min(now.ran_from(candidate) or 0, MARGIN)) + 2
        fell = any(step is not None and step < 0 for step in now.steps_from(candidate))
        return not fell and self.allow(candidate, now, seconds, peak=1.25)


def dated(time: float | None) -> float:
    """Return a time, NaN where there is none, or none that has a date."""
    return time if time is not None and _FIRST <= time < _LAST else nan


def seconds_of(gap: float) -> float:
    """Return the most s that a gap can have been, by a clock that may be a little wrong; NaN is unknown."""
    return min(gap, LONGEST_GAP) * 1.25 + MARGIN if gap >= 0 else UNKNOWN_GAP


def is_plain(base: Moment, now: Moment, gap: float) -> bool:
    """Whether the first reading after a restart fits into the short gap that the clock tells, by its current.

    A computer without a clock starts with the time it stopped at, so hours may have gone by.
    """
    if not gap <= LONGEST_INTERVAL:
        return False
    flowed = max(abs(base.current), abs(now.current)) * (gap + 2) * 2e6 / 3600 + 20_000
    most = flowed * max(base.voltage, now.voltage, 1.0)
    return abs(now.remaining - base.remaining) <= flowed and all(
        step is None or 0 <= step <= (most if place in ENERGIES else flowed)
        for place, step in enumerate(now.steps_from(base))
    )


def cleared(before: Moment, after: Moment, seconds: float) -> Moment | None:
    """Return from where the counters go on if they were cleared in `seconds` or less, None where they were not.

    A meter clears all of them, and the run time with them. So they all fell; or the run time did, while one counts so
    much a second that it is past where it was already. Of that one only what is more than before is sure.
    """
    pairs = [(old, new) for old, new in zip(before.counts, after.counts, strict=True) if old and new is not None]
    began = after.run_time is not None and before.run_time is not None and after.run_time < before.run_time
    if not (pairs and all(2 * new < old for old, new in pairs)) and not (began and (after.run_time or 0) <= seconds):
        return None
    counts = [
        old if old is None or new is None else 0 if 2 * new < old else min(old, new)
        for old, new in zip(before.counts, after.counts, strict=True)
    ]
    return before._replace(run_time=None if before.run_time is None else 0, counts=tuple(counts))


def is_after(candidate: Moment, base: Moment, now: Moment, elapsed: float, gap: float) -> bool:
    """Whether the run time says that a reading goes on from a candidate whose recording has begun anew.

    With what was counted meanwhile it might go on from the base as well. `elapsed` is since the candidate, `gap` the
    base.
    """
    fell, ran, before = candidate.ran_from(base), now.ran_from(candidate), now.ran_from(base)
    if fell is None or ran is None or before is None:
        return False
    return fell < 0 and abs(ran - elapsed) <= 2 < abs(before - gap)
