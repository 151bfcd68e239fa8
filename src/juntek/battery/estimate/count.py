"""What flowed since the last anchor, by the meter's count and its current; rule: plain numbers, and no judgement."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import hypot, isnan

from juntek.battery.estimate.belief import Look

STILL = 0.005
"""Ah that a meter has to count in a minute, unless it stands at its end."""

UNSEEN = 0.6
"""Part (one standard deviation) of what a meter may not have counted at its end in a gap."""

AROUND = 10.0
"""h in which a whole capacity may flow: in a shorter gap a meter has hardly been at an end far away."""

GAP_ERROR = 0.002
"""Part of the capacity by which a count over a gap is off."""

LARGEST = 1e6
"""Of A, Ah, h and V: more is of no battery."""


@dataclass(slots=True)
class Count:
    """The last reading, and what flowed since the last anchor."""

    voltage: float = 0.0
    current: float = 0.0
    remaining: float = 0.0
    """Ah; nan where the meter does not tell what is left."""
    waiting: float = 0.0
    """Ah that flowed since the meter's own count last moved, which some tell in large steps."""
    net: float = 0.0
    charged: float = 0.0
    """Ah that were counted, and Ah of them that flowed in."""
    hours: float = 0.0
    idle: float = 0.0
    """s in which a small current did not change."""
    lag: float = 0.0
    """A, smoothed as the inside of the electrodes follows."""
    average: float = 0.0
    """A, smoothed for the times to empty and full."""
    time: float | None = None
    typed: float | None = None
    """Ah that the meter is set to."""
    top: float = LARGEST
    """Ah at which the meter stops to count up."""
    ticked: float = 0.0
    """Ah that were left at the last look at that."""

    def find_top(self, hours: float) -> None:
        """Look whether the meter stands while something flows in, or goes on beyond what it is set to."""
        if self.remaining > self.top:
            self.top = max(self.typed or 0.0, self.remaining + STILL)
        elif self.remaining == self.ticked and self.average * hours > STILL:
            self.top = self.remaining
        self.ticked = self.remaining

    def over_gap(self, now: float, hours: float, look: Look, capacity: float) -> tuple[float, float]:
        """Return the Ah that flowed in a gap, after which the meter says so many, and their standard deviation.

        Where it does not say so, anything may have flowed. A meter that stands at its end, 0 or the top, counts no
        further, but the battery goes on to its own.
        """
        before, top = self.remaining, self.top
        highest = max(top, now)
        if isnan(now - before):
            return 0.0, capacity * min(hours / AROUND, 1.0)
        above, below = look.deficit - highest + before, capacity - look.deficit - before
        unseen = max(above, 0.0) / 2 if max(before, now) >= top else 0.0
        unsure, reach = look.error * capacity, hours * capacity / AROUND
        missed = UNSEEN * hypot(
            max(above + unsure, 0.0) * min(reach / max(2 * highest - before - now, STILL), 1.0) ** 2,
            max(below + unsure, 0.0) * min(reach / max(before + now, STILL), 1.0) ** 2,
        )
        return now - before + unseen, hypot(missed, GAP_ERROR * capacity)

    @property
    def is_possible(self) -> bool:
        """Whether there can be such a count: what is saved may have been changed by hand."""
        sizes = [abs(value or 0.0) for name, value in asdict(self).items() if name not in ("time", "top")]
        grown = min(self.charged, self.hours, self.typed or 0.0)
        return max(sizes) < LARGEST and grown >= 0 and 0 < self.top <= LARGEST
