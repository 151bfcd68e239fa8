"""Whether a target still has what it took; rule: asks for little, now and then, and never in the way.

An engine that is killed and back between two requests has lost what it took last, and answers as if nothing had been.
Mostly its connection tells. It does not where a proxy keeps that, or where we ended it ourselves as it was idle.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from juntek.metric import READING_METRICS
from juntek.outputs.timeseries.complaints import TargetError
from juntek.outputs.timeseries.lines import labels_of

if TYPE_CHECKING:
    from juntek.outputs.timeseries.live import Batches
    from juntek.outputs.timeseries.target import Target

ASK_EVERY: Final = 30.0
"""s between two questions; what was sent stays in doubt for longer than this."""
SHOWN_AFTER: Final = 5.0
"""s after which an engine shows what it took."""
GLANCE_TIME: Final = 5.0
"""s that an answer may take, as others wait for it."""
MOST_MISSES: Final = 3
"""Answers in a row without all that was sent, beyond which that is its way."""
_MOST: Final = 1000
_FIELD: Final = READING_METRICS[0].field


class Witness:
    """What one target took lately of one meter; one stands for all. `now` is s of a clock that only goes forward."""

    def __init__(self, target: Target, site: str) -> None:
        self._target = target
        self._site = site
        self._meter = ""
        self._taken: deque[tuple[float, int]] = deque(maxlen=_MOST)
        """When it was taken, and its time in ms since 1970."""
        self._due = 0.0
        self._misses = 0
        """How often in a row it had not all: one that thins out, or gives other names, never has."""

    def note(self, batches: Batches, now: float) -> None:
        """The target has taken these."""
        if not self._taken:
            self._meter = next(iter(batches))
        for reading in batches.get(self._meter, ()):
            self._taken.append((now, round(1000 * (reading.time or 0.0))))

    async def misses(self, now: float) -> bool:
        """Return whether the target has lost something of what it took. To be asked before it is given more."""
        if now < self._due:
            return False
        times = {time for taken, time in self._taken if taken <= now - SHOWN_AFTER}
        if not times:
            return False
        self._due = now + ASK_EVERY
        try:
            async with asyncio.timeout(GLANCE_TIME):
                labels = labels_of(self._site, self._meter)
                held = await self._target.find_held(labels, min(times), max(times), field=_FIELD, flush=False)
        except (TargetError, TimeoutError):
            return False  # it is asked for these again
        while self._taken and self._taken[0][1] in times:
            self._taken.popleft()
        if held is None:
            return False
        self._misses = 0 if times <= held.get(_FIELD, set()) else self._misses + 1
        return 0 < self._misses <= MOST_MISSES
