"""What the meter shows while nothing flows, as a charger holds a full battery; rule: what moves is no zero."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot

from juntek.battery.estimate.chemistry import read_curve
from juntek.battery.estimate.pack import Moment, Pack

RESOLUTION, STEADY = 0.0101, 0.11
"""V and A by which what is held may move: a step of what a meter shows."""

WAVERS = 0.0003
"""Part of the voltage by which a charger wavers; what is further below its voltage is left alone, or loaded."""

ZERO_TIME = 300.0
"""s after which what is held is first looked at; what flows into a full battery has faded away by then."""

ZERO_ERROR = 0.012
"""A that flow all the same: into the electronics of the battery, or through its cells."""

STEP_ERROR = 0.035
"""A by which a current is off that is shown in steps of 0.1 A, and stays on one."""

EXACT = 0.003
"""A, and tenths of it, that are no difference."""


@dataclass(slots=True)
class ZeroDetection:
    """Finds what the meter shows while nothing flows: a charger holds a voltage where the curve is steep.

    What flows then fades away; if it did not, the voltage would move. A span is looked at when it is twice as long as
    at the last look: its second half is the zero, and how far that is from its first half is an error.
    """

    voltage: float = 0.0
    current: float = 0.0
    since: float = 0.0
    until: float = 0.0
    counted: float = 0.0
    shown: float = 0.0
    first: float | None = None
    """Ah that were counted in the first half."""
    is_rounded: bool = True

    def _begin(self, at: Moment) -> None:
        self.voltage, self.current, self.since, self.until = at.voltage, at.current, at.time, at.time + ZERO_TIME
        self.counted = self.shown = 0.0
        self.first, self.is_rounded = None, _is_rounded(at.current)

    def look(self, pack: Pack, at: Moment, highest: float) -> tuple[float, float] | None:
        """Return the zero and its error (A) where it is seen now; `highest` (V) is what the charger went up to."""
        voltage, current, time = at.voltage, at.current, at.time
        is_steady = abs(voltage - self.voltage) < RESOLUTION and abs(current - self.current) < STEADY
        is_left = pack.charged <= voltage < highest - RESOLUTION - WAVERS * highest
        if is_left or not is_steady:
            self._begin(at)
            return None
        self.counted += at.flow
        self.shown += current * at.seconds / 3600
        if current != self.current:
            self.is_rounded &= _is_rounded(current)
        if time < self.until:
            return None
        half, first, seconds = (time - self.since) / 7200, self.first, time - self.since
        self.first, self.until = self.counted, time + seconds
        if first is None:
            return None
        zero = (self.counted - first) / half
        is_stepped = self.is_rounded and abs(self.counted - self.shown) <= EXACT * 2 * half
        error = hypot(ZERO_ERROR, zero - first / half, STEP_ERROR if is_stepped else 0.0)
        if voltage < pack.charged:
            ends = [(voltage + way * RESOLUTION) / pack.cells for way in (-1, 1)]
            low, high = (read_curve(pack.chemistry.high, end)[0] for end in ends)
            error = hypot(error, (high - low) / 2 * at.capacity / half)
        return zero, error


def _is_rounded(current: float) -> bool:
    return abs(current * 10 - round(current * 10)) < EXACT
