"""One target, what is heard now and what it is owed, side by side; rule: neither waits for the other.

What is heard goes out every interval. While the target is away nothing is held in memory: its accounts say what it is
owed, and a lane of its own sends that from the history, at a bounded rate, once the target is back.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack, asynccontextmanager, suppress
from itertools import chain
from typing import TYPE_CHECKING

from juntek.database import Database
from juntek.database.deliveries import Deliveries, State
from juntek.database.fields import batch_of
from juntek.database.lock import hold
from juntek.errors import ConfigurationError, DatabaseError
from juntek.homeassistant import slug
from juntek.sinks.timeseries.backlog import BATCH, Backlog
from juntek.sinks.timeseries.lines import head_of, labels_of, lines_of, situation
from juntek.sinks.timeseries.live import Batches, Live
from juntek.sinks.timeseries.target import AllRefusedError, TargetError, open_target

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from juntek.sinks import Context
    from juntek.sinks.timeseries.options import Options
    from juntek.sinks.timeseries.target import Target
    from juntek.update import Update

log = logging.getLogger(__name__)

KEEP_EVERY = 10.0
"""s between two commits of the accounts, as the history has them."""
SITUATION_EVERY = 15.0
"""s between two tellings of how meters and sinks do."""
LOOK_EVERY = 2.0
"""s between two looks at what is owed, where nothing was."""
SETTLING = 5.0
"""s after which a target shows what it was sent before it went away: VictoriaMetrics takes one."""
SHORTEST_WAIT, LONGEST_WAIT = 1.0, 30.0
"""s between two tries at a target that is away; it doubles from the first to the second."""
REFUSED_TOLD_EVERY = 60.0
"""s between two sentences about readings that were refused."""
GOODBYE = 3.0
"""s that the last batch may take when the gateway stops."""
MANY = 500
"""Readings beyond which lines are made in a thread, so that nothing else waits for them."""


@asynccontextmanager
async def serve(options: Options, context: Context, name: str) -> AsyncIterator[Callable[[Update], Awaitable[None]]]:
    """Do what `open_sink` promises; `name` is that of the sink."""
    if context.database is None:
        raise ConfigurationError("history.path is not known; give the path of the database file.")
    async with open_target(options, context.version) as target, open_target(options, context.version) as past:
        session = Session(options, context, name, target, past, context.database)
        try:
            async with asyncio.TaskGroup() as tasks:
                lanes = [tasks.create_task(lane) for lane in (session.send_live(), session.keep(), session.send_owed())]
                try:
                    yield session.handle
                finally:
                    for lane in lanes:
                        lane.cancel()
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            await session.close()


def lock_of(database: Path, options: Options) -> Path:
    """Return the file whose lock is held by whoever sends what this target is owed."""
    return database.with_name(f"{database.name}.{slug(options.label)}.lock")


class Session:
    """One target of the gateway."""

    def __init__(  # noqa: PLR0913, PLR0917 - what is known, and two ways to the target
        self, options: Options, context: Context, name: str, target: Target, past: Target, database: Path
    ) -> None:
        self._options = options
        self._context = context
        self._name = name
        self._target, self._past = target, past
        self._path = database
        self._health = context.sinks[name]
        self._live = Live()
        self._updates: dict[str, Update] = {}
        self._stack = ExitStack()
        self._store: Deliveries | None = None
        self._backlog: Backlog | None = None
        self._opened = asyncio.Event()
        self._gone = False
        """The target went away, which the accounts on disk do not know yet."""
        self._failing = False
        self._wait = SHORTEST_WAIT
        self._retry = self._retry_owed = 0.0
        """When the target may be tried again, on the clock of the loop."""
        self._refused = 0
        self._refused_due = 0.0
        self._keeping_fails = False

    async def handle(self, update: Update) -> None:
        """Take an update; never waits."""
        self._updates[update.meter] = update
        self._live.take(update)

    # What is heard now --------------------------------------------------------------------------------------

    async def send_live(self) -> None:
        """Send what was heard, every interval, and now and then how all does."""
        loop = asyncio.get_running_loop()
        due = situation_due = loop.time()
        while True:
            due = max(due + self._options.interval, loop.time())
            await asyncio.sleep(due - loop.time())
            batches = self._live.cut()
            try:
                await self._send(batches)
                if loop.time() >= situation_due and loop.time() >= self._retry:
                    situation_due = loop.time() + SITUATION_EVERY
                    await self._target.write(situation(self._context, self._updates.values(), self._context.time()))
                    self._went_well()
            except TargetError as error:
                self._went_away(error)

    async def _send(self, batches: Batches) -> None:
        if not batches:
            return
        if asyncio.get_running_loop().time() < self._retry:
            self._live.owe(batches)
            return
        try:
            refusals = await self._target.write(await self._make_lines(batches))
        except AllRefusedError:
            self._live.owe(batches)  # the other lane finds out which are wrong
            raise
        except TargetError as error:
            self._live.owe(batches, State.DOUBTFUL if error.uncertain else State.OWED)
            raise
        except BaseException:
            self._live.owe(batches, State.DOUBTFUL)
            raise
        self._live.hand_over(batches)
        self._went_well()
        if refusals:
            self._tell_refused(len(refusals), refusals[-1].why)

    async def _make_lines(self, batches: Batches) -> list[bytes]:
        if sum(map(len, batches.values())) > MANY:
            return await asyncio.to_thread(self._lines, batches)
        return self._lines(batches)

    def _lines(self, batches: Batches) -> list[bytes]:
        heads: list[str] = []
        for meter, readings in batches.items():
            heads += [head_of(labels_of(self._context.site, meter))] * len(readings)
        return lines_of(heads, batch_of(list(chain.from_iterable(batches.values()))))

    # What is owed -------------------------------------------------------------------------------------------

    async def send_owed(self) -> None:
        """Send from the history what the target is owed, at the rate of the configuration."""
        loop = asyncio.get_running_loop()
        limit = min(BATCH, max(round(self._options.rate), 1))
        while True:
            await self._opened.wait()
            await asyncio.sleep(max(self._retry, self._retry_owed) - loop.time())
            began = loop.time()
            sent = await self._try_owed(limit)
            if sent is None:
                await asyncio.sleep(LOOK_EVERY)
            else:
                await asyncio.sleep(max(began + sent / self._options.rate - loop.time(), 0.0))

    async def _try_owed(self, limit: int) -> int | None:
        backlog = self._backlog
        # While the accounts do not know that the target was gone, nothing of them is certain.
        if backlog is None or self._gone:
            return None
        try:
            sent = await backlog.send(limit)
        except TargetError as error:
            self._went_away(error)
            return None
        except DatabaseError as error:
            self._keep_failed(error)
            return None
        finally:
            self._health.behind = backlog.oldest
        if sent:
            self._went_well()
        if backlog.refused:
            self._tell_refused(backlog.refused, backlog.complaint)
            backlog.refused = 0
        return sent

    # The accounts -------------------------------------------------------------------------------------------

    async def keep(self) -> None:
        """Keep the accounts on disk; while that fails what is heard is sent all the same."""
        while True:
            await self._keep()
            await asyncio.sleep(KEEP_EVERY)

    async def close(self) -> None:
        """Send what was heard last, or owe it, and keep the accounts."""
        batches = self._live.cut()
        with suppress(TargetError, TimeoutError):
            async with asyncio.timeout(GOODBYE):
                await self._send(batches)
        await self._keep()
        await asyncio.to_thread(self._stack.close)

    async def _keep(self) -> None:
        gone, self._gone = self._gone, False
        accounts = self._live.collect()
        try:
            if self._store is None:
                await self._open_store()
            if self._store is None:
                self._live.give_back(accounts)
                self._gone = self._gone or gone
                return
            if accounts.reached or accounts.owed or gone:
                await asyncio.to_thread(self._store.note, *accounts, self._context.time(), gone=gone)
        except DatabaseError as error:
            self._live.give_back(accounts)
            self._gone = self._gone or gone
            self._keep_failed(error)
            return
        if self._keeping_fails:
            self._keeping_fails = False
            self._context.troubles.pop(self._name, None)

    def _keep_failed(self, error: DatabaseError) -> None:
        self._keeping_fails = True
        self._tell(f"What {self._options.label} is owed cannot be kept at present: {error}")

    async def _open_store(self) -> None:
        """Open the accounts, unless another process sends what the target is owed."""
        with ExitStack() as stack:
            if not stack.enter_context(hold(lock_of(self._path, self._options))):
                return
            store = await asyncio.to_thread(self._open_deliveries)
            stack.callback(store.close)
            backlog = Backlog(store, self._past, self._context.site, self._context.time)
            self._live.resume(await asyncio.to_thread(store.resume, self._context.time()))
            await backlog.begin()
            self._stack = stack.pop_all()
        self._store, self._backlog = store, backlog
        self._retry_owed = asyncio.get_running_loop().time() + SETTLING
        self._opened.set()

    def _open_deliveries(self) -> Deliveries:
        return Deliveries(Database(self._path, check=False, synchronous="NORMAL"), self._options.label)

    # How the target does ------------------------------------------------------------------------------------

    def _went_well(self) -> None:
        if self._target.take_hang_up() or self._past.take_hang_up():
            self._doubt()
        if self._backlog is not None:
            self._backlog.count()
        if not self._failing:
            return
        self._failing, self._wait = False, SHORTEST_WAIT
        self._health.connected = True
        self._context.troubles.pop(self._name, None)
        log.info("%s: it takes readings again; what it missed is sent now.", self._name)

    def _went_away(self, error: TargetError) -> None:
        if not self._failing:
            self._health.failures += 1
            if not isinstance(error, AllRefusedError):
                self._doubt()
        self._failing = True
        self._health.connected = False
        self._retry = asyncio.get_running_loop().time() + max(error.wait or 0.0, self._wait)
        self._wait = min(2 * self._wait, LONGEST_WAIT)
        self._tell(f"{error} Nothing is lost: it is sent later.")

    def _doubt(self) -> None:
        """The target was gone: it may have lost what it took last."""
        self._live.doubt()
        self._gone = True
        self._retry_owed = asyncio.get_running_loop().time() + SETTLING

    def _tell_refused(self, count: int, why: str) -> None:
        self._health.refused += count
        self._refused += count
        now = asyncio.get_running_loop().time()
        if now >= self._refused_due:
            log.warning("%s: %d readings were refused (%s); all others are sent.", self._name, self._refused, why)
            self._refused, self._refused_due = 0, now + REFUSED_TOLD_EVERY

    def _tell(self, sentence: str) -> None:
        if self._context.troubles.get(self._name) != sentence:
            self._context.troubles[self._name] = sentence
            log.warning("%s: %s", self._name, sentence)
