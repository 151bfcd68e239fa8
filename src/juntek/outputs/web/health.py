"""How every sink of the gateway does, as the API shows it; rule: a clock looks at it, and no reading has to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from juntek.outputs import Context

LOOK_EVERY: Final = 1.0
"""s between two looks, and so the longest until a page hears that a sink went away or came back."""
TELL_EVERY: Final = 5.0
"""s between two events about counts and lags that change."""
LATE: Final = 10
"""s of lag below which no page is told of it: between two batches there is always some."""


def show_sinks(context: Context) -> dict[str, dict[str, Any]]:
    """Return how each sink does, by its name."""
    now = context.time()
    return {
        name: {
            "connected": sink.connected,
            "waiting": sink.waiting,
            "lag": round(sink.lag(now)),
            "failures": sink.failures,
            "lost": sink.lost,
            "refused": sink.refused,
            "error": context.troubles.get(name),
        }
        for name, sink in context.sinks.items()
    }


class News:
    """What there is to tell of the sinks and of the history since it was told last; `clock` never steps."""

    def __init__(self, context: Context, clock: Callable[[], float]) -> None:
        self._context = context
        self._clock = clock
        self._states, self._counts = self._look()
        self._told = clock()

    def take(self) -> bool:
        """Return whether there is something to tell, which counts as told then."""
        states, counts = self._look()
        if states == self._states and (counts == self._counts or self._clock() - self._told < TELL_EVERY):
            return False
        self._states, self._counts, self._told = states, counts, self._clock()
        return True

    def _look(self) -> tuple[Any, Any]:
        """Return what is told at once, and what may wait."""
        sinks = show_sinks(self._context)
        states = {name: (sink["connected"], sink["error"]) for name, sink in sinks.items()}
        counts = {
            name: (sink["failures"], sink["lost"], sink["refused"], sink["lag"] if sink["lag"] >= LATE else 0)
            for name, sink in sinks.items()
        }
        return (states, self._context.look_at_history()), counts
