"""One target, what is heard now and what it is owed, side by side; rule: neither waits for the other.

What is heard goes out every interval. While the target is away nothing is held in memory: its accounts say what it is
owed, and a lane of its own sends that from the history, at a bounded rate, once the target is back.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from juntek.errors import ConfigurationError, DatabaseError
from juntek.history.deliveries import State
from juntek.outputs.timeseries.backlog import BATCH, Backlog
from juntek.outputs.timeseries.condition import Condition
from juntek.outputs.timeseries.keeper import Keeper
from juntek.outputs.timeseries.lines import lines_of_all, situation
from juntek.outputs.timeseries.live import Batches, Live
from juntek.outputs.timeseries.target import AllRefusedError, TargetError, open_target
from juntek.outputs.timeseries.witness import Witness

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from juntek.outputs import Context
    from juntek.outputs.timeseries.options import Options
    from juntek.outputs.timeseries.target import Target
    from juntek.update import Update

log = logging.getLogger(__name__)

SITUATION_EVERY = 15.0
"""s between two tellings of how meters and sinks do."""
LOOK_EVERY = 2.0
"""s between two looks at what is owed, where nothing was."""
GOODBYE = 3.0
"""s that the last batch may take when the gateway stops."""
LATE = 5.0
"""s without an answer after which the target is behind."""
MANY = 500
"""Readings beyond which lines are made in a thread, so that nothing else waits for them."""
MOST_HELD = 20_000
"""Readings that wait for the next batch, beyond which it goes early."""


@asynccontextmanager
async def serve(options: Options, context: Context, name: str) -> AsyncIterator[Callable[[Update], Awaitable[None]]]:
    """Do what `open_sink` promises; `name` is that of the sink."""
    if context.database is None:
        raise ConfigurationError("history.path is not known; give the path of the database file.")
    async with open_target(options, context.version) as target, open_target(options, context.version) as past:
        session = Session(options, context, name, target, past, context.database)
        try:
            async with asyncio.TaskGroup() as tasks:
                lanes = [
                    tasks.create_task(lane) for lane in (session.send_live(), session.keeper.run(), session.send_owed())
                ]
                try:
                    yield session.handle
                finally:
                    for lane in lanes:
                        lane.cancel()
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            await session.close()


class Session:
    """One target of the gateway."""

    def __init__(  # noqa: PLR0913, PLR0917 - what is known, and two ways to the target
        self, options: Options, context: Context, name: str, target: Target, past: Target, database: Path
    ) -> None:
        self._options = options
        self._context = context
        self._name = name
        self._target, self._past = target, past
        self._health = context.sinks[name]
        # The books go on where an earlier entry of this sink left them.
        self._live: Live = context.left.pop(name, None) or Live()
        self._condition = Condition(context, name, options.label, self._live.doubt)
        self._witness = Witness(target, context.site)
        self._updates: dict[str, Update] = {}
        self._full = asyncio.Event()
        self.keeper = Keeper(database, options.label, context.time, self._live, self._condition, self._health)
        self._backlog: Backlog | None = None

    async def handle(self, update: Update) -> None:
        """Take an update; never waits."""
        self._updates[update.meter] = update
        self._live.take(update)
        if self._live.waiting >= MOST_HELD:
            self._full.set()

    # What is heard now --------------------------------------------------------------------------------------

    async def send_live(self) -> None:
        """Send what was heard, every interval, and now and then how all does."""
        loop = asyncio.get_running_loop()
        due = situation_due = loop.time()
        way = self._condition.live
        while True:
            due = max(due + self._options.interval, loop.time())
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._full.wait()
            self._full.clear()
            if loop.time() >= way.retry and await self._witness.misses(loop.time()):
                self._condition.doubt()
            batches = self._live.cut()
            try:
                await self._send(batches)
                if loop.time() >= max(situation_due, way.retry):
                    situation_due = loop.time() + SITUATION_EVERY
                    await self._target.write(situation(self._context, self._updates.values(), self._context.time()))
                    self._went_well()
            except TargetError as error:
                self._past.distrust()
                self._condition.go_wrong(way, error)

    async def _send(self, batches: Batches) -> None:
        if not batches:
            return
        loop = asyncio.get_running_loop()
        if loop.time() < self._condition.live.retry:
            self._owe(batches)
            return
        doubts = self._live.doubts
        late = loop.call_later(LATE, self._tell_late, batches)
        try:
            refusals = await self._target.write(await self._make_lines(batches))
        except AllRefusedError:
            self._owe(batches)  # the other lane finds out which are wrong
            raise
        except TargetError as error:
            self._owe(batches, State.DOUBTFUL if error.uncertain else State.OWED)
            raise
        except BaseException:
            self._owe(batches, State.DOUBTFUL)
            raise
        finally:
            late.cancel()
        self._live.hand_over(batches, loop.time())
        self._witness.note(batches, loop.time())
        if self._live.doubts != doubts:
            self._live.doubt()  # these too
        self._went_well()
        if refusals:
            self._condition.tell_refused(len(refusals), refusals[-1].why)

    def _owe(self, batches: Batches, state: State = State.OWED) -> None:
        self._live.owe(batches, state)
        self._health.fall_behind(self._health.behind, self._live.owed_since)

    def _tell_late(self, batches: Batches) -> None:
        oldest = min(readings[0].time or 0.0 for readings in batches.values())
        self._health.fall_behind(self._health.behind, oldest)

    def _went_well(self) -> None:
        """The target has taken what was heard now."""
        if self._target.take_hang_up():
            self._condition.doubt()
        if self._backlog is not None:
            self._backlog.count()
        self._condition.go_well(self._condition.live)

    async def _make_lines(self, batches: Batches) -> list[bytes]:
        if sum(map(len, batches.values())) > MANY:
            return await asyncio.to_thread(lines_of_all, self._context.site, batches)
        return lines_of_all(self._context.site, batches)

    # What is owed -------------------------------------------------------------------------------------------

    async def send_owed(self) -> None:
        """Send from the history what the target is owed, at the rate of the configuration."""
        loop = asyncio.get_running_loop()
        limit = min(BATCH, max(round(self._options.rate), 1))
        store = await self.keeper.opened()
        self._backlog = backlog = Backlog(store, self._past, self._context.site, self._context.time)
        self._condition.wait_for_owed()
        while True:
            if (wait := self._condition.owed.retry - loop.time()) > 0:
                await asyncio.sleep(wait)
                continue  # it may have become longer
            began = loop.time()
            sent = await self._try_owed(backlog, limit)
            if sent is None:
                await asyncio.sleep(LOOK_EVERY)
            else:
                await asyncio.sleep(max(began + sent / self._options.rate - loop.time(), 0.0))

    async def _try_owed(self, backlog: Backlog, limit: int) -> int | None:
        condition = self._condition
        # While the accounts do not know that the target was gone, nothing of them is certain.
        if self._live.is_gone:
            return None
        doubts, unkept = self._live.doubts, self._live.owed_since
        try:
            if condition.is_silent and await self._past.answers():
                condition.hear()
                backlog.hide()
                return None
            sent = await backlog.send(limit)
            self._health.fall_behind(backlog.oldest, unkept, self._live.owed_since)
        except TargetError as error:
            self._health.fall_behind(backlog.oldest, self._health.behind)
            self._past.distrust()
            condition.go_wrong(condition.owed, error)
            return None
        except DatabaseError as error:
            self.keeper.fail(error)
            return None
        finally:
            if self._live.doubts != doubts:
                self._live.is_gone = True  # also for what was just sent
        if self._past.take_hang_up():
            condition.doubt()
        if backlog.oldest is not None:
            condition.fall_behind(backlog.oldest)
        if sent:
            condition.go_well(condition.owed)
        else:
            condition.end(condition.owed.name)
            if sent is None and backlog.oldest is None and unkept is None:
                condition.catch_up()
        condition.tell_denied(self._past.denial)
        condition.tell_refused(backlog.refused, backlog.complaint)
        condition.tell_lost(backlog.lost)
        backlog.refused = backlog.lost = 0
        return sent

    async def close(self) -> None:
        """Send what was heard last, or owe it, and keep the accounts."""
        try:
            with suppress(TargetError, TimeoutError):
                async with asyncio.timeout(GOODBYE):
                    await self._send(self._live.cut())
        finally:
            try:
                await self.keeper.keep()
            finally:
                self._live.rest()
                self._context.left[self._name] = self._live
                await self.keeper.close()
