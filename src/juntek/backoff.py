"""Whether and when to make the next attempt; rule: the same for links and outputs, and no two of them together."""

from __future__ import annotations

import asyncio
import random
from typing import Any

LEAST_SHARE = 0.5
"""Of a wait: all that a server has lost at once do not come back at once."""


class Backoff:
    """Seconds to wait between attempts: they double from `shortest` to `longest` until one succeeds."""

    def __init__(self, shortest: float = 1.0, longest: float = 30.0) -> None:
        self.longest = longest
        self._shortest = shortest
        self.next = shortest
        """Seconds of the next wait, at most."""

    def wait(self) -> float:
        """Return the seconds to wait now, LEAST_SHARE to all of them, and wait longer the next time."""
        wait, self.next = self.next, min(2 * self.next, self.longest)
        return wait * random.uniform(LEAST_SHARE, 1.0)  # noqa: S311 - no secret

    def reset(self) -> None:
        """Begin again with the shortest wait, as an attempt succeeded."""
        self.next = self._shortest


def is_cancelled(task: asyncio.Task[Any] | None = None) -> bool:
    """Whether whoever asks was cancelled, and has not ended: a library may lose that, or fail while it heeds it.

    Who asks at each reading gives its own `task`, as finding it takes longer than the answer.
    """
    task = task or asyncio.current_task()
    return task is not None and task.cancelling() > 0


def end_if_cancelled(task: asyncio.Task[Any] | None = None) -> None:
    """Raise a cancellation that was lost, as asyncio.wait_for of Python 3.11 may lose one."""
    if is_cancelled(task):
        raise asyncio.CancelledError
