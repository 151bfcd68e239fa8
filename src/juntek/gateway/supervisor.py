"""Runs one output: enters it, drains its queue, and enters again after a failure; rule: the same for every output.

Each output has a bounded queue of its own, so one that is slow or away costs the others nothing.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from juntek.backoff import Backoff, end_if_cancelled, is_cancelled
from juntek.errors import JuntekError
from juntek.extras import install_line
from juntek.outputs import Context, FarEndError, Handle, Output, SinkHealth
from juntek.update import Update

log = logging.getLogger(__name__)

MOST_WAITING = 2000
MOST_OF_A_METER = 20
"""Updates that wait for one output, of few meters and of each of many; the oldest are dropped then and counted."""

MOST_FAILURES = 3
"""Unforeseen failures over one update after which it is not handed over again."""


class Supervisor:
    """One output with its options; `offer` hands it an update, `run` serves it until cancelled."""

    def __init__(
        self,
        output: Output[Any],
        options: Any,  # noqa: ANN401 - the output's own type
        context: Context,
        name: str = "",
        backoff: Backoff | None = None,
    ) -> None:
        self.name: str = name or output.section
        self.health = context.sinks[self.name] = SinkHealth()
        self.max_latency = output.max_latency(options)
        """s that a reading may come late."""
        self._output = output
        self._options = options
        self._context = context
        self._queue = self.health.queue
        self._backoff = backoff or Backoff()
        self._last_logged = ""
        self._most_waiting = max(MOST_WAITING, MOST_OF_A_METER * len(context.meters))
        self._lost_before = 0
        self._offered = asyncio.Event()
        self._handled: Update | None = None
        self._suspects: dict[str, tuple[Update, int]] = {}
        """The update of each meter with which it last failed as nobody foresaw, and how often."""

    def offer(self, update: Update) -> None:
        """Queue an update; never waits."""
        if not self._output.has_queue:
            return
        if len(self._queue) >= self._most_waiting:
            self._queue.popleft()
            self.health.lost += 1
        self._queue.append(update)
        self._offered.set()

    async def run(self) -> None:
        """Serve the output for ever. Raises JuntekError when its library is missing: no waiting mends that."""
        while True:
            entered, least = asyncio.get_running_loop().time(), 0.0
            try:
                await self._serve()
            except ModuleNotFoundError as error:
                raise JuntekError(
                    f"[{self.name}] needs a library that is not installed ({error.name}); install it with: "
                    f"{install_line(self._output.extra)}"
                ) from error
            except Exception as error:  # whatever it is, it must not cost another output a reading
                least = error.wait if isinstance(error, FarEndError) else 0.0  # s
                if is_cancelled():
                    # It failed while it was stopped, such as at its last commit: nobody would stop it once more.
                    log.warning("%s: %s", self.name, error)
                    raise asyncio.CancelledError from error
                if asyncio.get_running_loop().time() - entered > self._backoff.longest:
                    self._backoff.reset()
                    self._last_logged = ""
                self._take_failure(error)
            await asyncio.sleep(max(self._backoff.wait(), least))

    def _take_failure(self, error: Exception) -> None:
        """Say once what failed, to the log and to whoever looks."""
        sentence = str(error)
        if not isinstance(error, JuntekError):
            sentence = f"Something unexpected happened ({type(error).__name__}: {error}); please report this."
            if (update := self._handled) is not None:
                suspect, failures = self._suspects.get(update.meter, (update, 0))
                self._suspects[update.meter] = update, failures + 1 if suspect is update else 1
        self.health.connected = False
        self.health.failures += 1
        self._context.errors[self.name] = sentence
        cause = sentence.partition("(")[0]  # what the far end says of it may differ each time
        if cause != self._last_logged:
            log.warning("%s: %s Trying again.", self.name, sentence)
            log.debug("%s: where it came from:", self.name, exc_info=error)
            self._last_logged = cause

    async def _serve(self) -> None:
        task = asyncio.current_task()
        async with self._output.open(self._options, self._context) as handle:
            log.info("%s: %s.", self.name, self._output.ready)
            if lost := self.health.lost - self._lost_before:
                log.warning("%s: %d updates were lost while it was away.", self.name, lost)
                self._lost_before += lost
            self.health.connected = True
            self._context.errors.pop(self.name, None)
            # It knows only what it has heard since it was entered, so the latest of every meter is handed over again.
            waiting = {update.meter for update in self._queue}
            for meter, update in list(self._context.latest.items()) if self._output.has_queue else ():
                if meter not in waiting:
                    await self._hand_over(handle, update, task)
            while True:
                while self._queue:
                    await self._hand_over(handle, self._queue.popleft(), task)
                self._offered.clear()
                await self._offered.wait()

    async def _hand_over(self, handle: Handle, update: Update, task: asyncio.Task[Any] | None) -> None:
        suspect, failures = self._suspects.get(update.meter, (None, 0))
        if suspect is update and failures >= MOST_FAILURES:  # it would block all
            return
        self._handled = update
        try:
            await handle(update)
        except BaseException:
            self._queue.appendleft(update)  # it is the first when the output is entered again
            raise
        end_if_cancelled(task)
