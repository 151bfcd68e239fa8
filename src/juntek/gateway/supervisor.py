"""Runs one sink: enters it, drains its queue, and enters again after a failure; rule: the same for every sink.

Each sink has a bounded queue of its own, so one that is slow or away costs the others nothing.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from types import ModuleType
from typing import Any

from juntek.errors import JuntekError, install_line
from juntek.outputs import Context, SinkHealth
from juntek.update import Update

log = logging.getLogger(__name__)

MOST_WAITING = 2000
MOST_OF_A_METER = 20
"""Updates that wait for one sink, of few meters and of each of many; the oldest are dropped then and counted."""

MOST_STRIKES = 3
"""Unforeseen failures over one meter's update after which it is not told again."""

SHORTEST_WAIT, LONGEST_WAIT = 1.0, 30.0
"""s between attempts to enter a sink; it doubles from the first to the second."""


class Supervisor:
    """One sink module with its options; `offer` hands it an update, `run` serves it until cancelled."""

    def __init__(
        self,
        sink: ModuleType,
        options: Any,  # noqa: ANN401 - the sink's own type
        context: Context,
        name: str = "",
    ) -> None:
        self.name: str = name or sink.SECTION
        self.health = context.sinks[self.name] = SinkHealth()
        self.patience: float = getattr(options, "patience", 0.0)
        """s that a reading may come late."""
        self._sink = sink
        self._options = options
        self._context = context
        self._queue = self.health.queue
        self._most_waiting = max(MOST_WAITING, MOST_OF_A_METER * len(context.meters))
        self._lost_before = 0
        self._news = asyncio.Event()
        self._latest: dict[str, Update] = {}
        self._handled = ""
        self._strikes: Counter[str] = Counter()

    def offer(self, update: Update) -> None:
        """Queue an update; never waits."""
        if len(self._queue) >= self._most_waiting:
            self._queue.popleft()
            self.health.lost += 1
        self._queue.append(update)
        self._news.set()

    async def run(self) -> None:
        """Serve the sink for ever. Raises JuntekError when its library is missing: no waiting mends that."""
        wait = SHORTEST_WAIT
        told = ""
        while True:
            entered = asyncio.get_running_loop().time()
            try:
                await self._serve()
            except ModuleNotFoundError as error:
                raise JuntekError(
                    f"[{self.name}] needs a library that is not installed ({error.name}); install it with: "
                    f"{install_line(self._sink.EXTRA)}"
                ) from error
            except Exception as error:  # whatever it is, it must not cost another sink a reading
                sentence = str(error)
                if not isinstance(error, JuntekError):
                    sentence = f"Something unexpected happened ({type(error).__name__}: {error}); please report this."
                    self._blame(self._handled)
                self.health.connected = False
                self.health.failures += 1
                self._context.troubles[self.name] = sentence
                if asyncio.get_running_loop().time() - entered > LONGEST_WAIT:
                    wait, told = SHORTEST_WAIT, ""
                if sentence != told:
                    log.warning("%s: %s Trying again.", self.name, sentence)
                    log.debug("%s: where it came from:", self.name, exc_info=error)
                    told = sentence
            # All gateways that a broker has lost at once do not come back at once.
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            wait = min(2 * wait, LONGEST_WAIT)

    def _blame(self, meter: str) -> None:
        """Tell an update no more that comes with one unforeseen failure after the other: it would block the sink."""
        self._strikes[meter] += 1
        if self._strikes[meter] >= MOST_STRIKES:
            self._latest.pop(meter, None)
            self._strikes[meter] = 0

    async def _serve(self) -> None:
        async with self._sink.open_sink(self._options, self._context) as handle:
            log.info("%s: %s.", self.name, getattr(self._sink, "ENTERED", "connected"))
            if lost := self.health.lost - self._lost_before:
                log.warning("%s: %d updates were lost while it was away.", self.name, lost)
                self._lost_before += lost
            self.health.connected = True
            self._context.troubles.pop(self.name, None)
            # What was told before the sink failed is told again: it knows only what it has heard since.
            for update in list(self._latest.values()):
                self._handled = update.meter
                await handle(update)
            queue, news = self._queue, self._news
            while True:
                while queue:
                    update = queue.popleft()
                    self._handled = update.meter
                    self._latest[update.meter] = update
                    await handle(update)
                news.clear()
                await news.wait()
