"""Whether a target still has what it took; rule: asks only where the connection does not tell.

An engine that is killed and back between two requests has lost what it took last. Where these are seconds apart its end
is seen from the connection; where they are further apart we have ended that ourselves, and ask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from juntek.sinks.timeseries.lines import labels_of

if TYPE_CHECKING:
    from juntek.sinks.timeseries.live import Batches
    from juntek.sinks.timeseries.target import Target


class Witness:
    """What one target took last."""

    def __init__(self, target: Target, site: str) -> None:
        self._target = target
        self._site = site
        self._last: tuple[str, int] | None = None
        self._is_shown = False
        """Whether it has ever said that it has it: one that gives it other names never does."""

    def note(self, batches: Batches) -> None:
        """The target has taken these."""
        meter, readings = next(iter(batches.items()))
        self._last = meter, round(1000 * (readings[-1].time or 0.0))

    async def misses(self) -> bool:
        """Return whether the target has lost what it took last. To be asked before it is given more."""
        if self._last is None:
            return False
        meter, time = self._last
        has = await self._target.has(labels_of(self._site, meter), time)
        if has is None:
            return False
        before, self._is_shown = self._is_shown, has
        return before and not has
