"""When a reading was: judged once, where it comes in; rule: no clock is read here, times are arguments.

A computer's clock may never have been set (one without a battery boots in 1970), and it may be set while we run.

- A time before 2024 or after 2099 is none: the clock is not trusted yet. This package is younger, and no meter older.
- Of several readings with the same time, or while a clock is set back by up to SMALL_STEP, each has a time of its own:
  1 ms after the one before.
- A clock that is set back further had been wrong: what it tells now is right, so times begin again earlier, at once.

So the times of a meter grow strictly, in whole ms, or are None, except where a wrong clock was set back. How long it
was since the reading before is told by a clock that nobody sets.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

CLOCK_SET = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
CLOCK_END = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
"""s since 1970 between which the clock of a computer is believed."""

SMALL_STEP = 1.0
"""s by which a clock may be set back without having been wrong."""

LONGEST_LEAD = 60.0
"""s that told times may be ahead, of a clock that is set back a little again and again."""


class Clock:
    """Judges the times of one meter's readings."""

    __slots__ = ("_came", "_moment", "_told")

    def __init__(self) -> None:
        self._came = -math.inf
        self._told = -math.inf  # in ms, as the history keeps it
        self._moment: float | None = None

    def judge(self, time: float | None, moment: float | None) -> tuple[float | None, float | None]:
        """Return the time to tell, and the s since the reading before, None for the first.

        `moment` is s of a clock that is never set; None for a recording, whose own times are all there is of both.
        """
        before = self._moment
        if moment is None:
            moment = time
            elapsed = None if before is None or time is None or time < before else time - before
        else:
            moment = moment if before is None else max(moment, before)  # where it is told late
            elapsed = None if before is None else moment - before
            if time is not None and not CLOCK_SET <= time < CLOCK_END:
                time = None
        self._moment = moment
        return None if time is None else self._tell_apart(time), elapsed

    def _tell_apart(self, time: float) -> float:
        told = round(1000 * time)
        was_wrong = time < self._came - SMALL_STEP or told < self._told - 1000 * LONGEST_LEAD
        self._came = time
        if told > self._told or was_wrong:
            self._told = told
            return time
        self._told += 1
        return self._told / 1000
