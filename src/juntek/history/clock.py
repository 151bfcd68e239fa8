"""Whether the time of a live reading can be believed; rule: a clock that jumps costs points of a curve, never a total.

- A clock that was never set (a computer without one boots in 1970) tells no time: nothing is kept until it is set.
- A clock that stepped back by up to a day goes over time that is written already: nothing is kept until it has passed
  that.
- A clock that stepped back further had been wrong before: what it tells now is kept.
- A clock that jumped forward was wrong before, or nobody listened: what it tells now is kept.

What a reading that is not kept had counted comes with the next that is. Nothing old is dropped before a clock has
gone evenly for STEADY seconds, so that a moment in a false future does not cost the past.
"""

from __future__ import annotations

from collections import Counter

from juntek.clock import CLOCK_SET

LARGEST_STEP_BACK = 86_400.0
"""s; a clock that stepped back further was wrong before."""
STEADY = 3600.0
"""s that a clock has to go evenly before anything is dropped by it."""
EVEN = 4000.0
"""s between two readings that are no jump: meters are read at least once an hour."""


class Clock:
    """The times of one meter's readings. `last` is that of the last one kept, s since 1970.

    Before `earliest` (s) a clock is taken for one that was never set.
    """

    __slots__ = ("_earliest", "_since", "last", "refused")

    def __init__(self, last: float | None = None, *, earliest: float = CLOCK_SET) -> None:
        self._earliest = earliest
        self.last = last
        self.refused: Counter[str] = Counter()
        """How many readings were not kept, by why."""
        self._since: float | None = None

    def admit(self, time: float | None) -> bool:
        """Return whether a reading of this time is to be kept; None is one of a clock that is not trusted."""
        last = self.last
        if time is None or time < self._earliest:
            self.refused["the clock was not set"] += 1
            return False
        if last is not None and last - LARGEST_STEP_BACK <= time <= last:
            self.refused["the clock had stepped back"] += 1
            return False
        if last is None or self._since is None or not 0 < time - last < EVEN:
            self._since = time
        self.last = time
        return True

    @property
    def is_steady(self) -> bool:
        """Whether the clock has gone evenly for long enough to drop what is old by it."""
        return self.last is not None and self._since is not None and self.last - self._since >= STEADY
