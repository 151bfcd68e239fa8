"""Keeps the accounts of one target on disk; rule: while that fails what is heard is sent all the same."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from juntek.errors import ConfigurationError, DatabaseError
from juntek.history import Database
from juntek.history.deliveries import Deliveries
from juntek.history.lock import hold, lock_of
from juntek.outputs.timeseries.condition import ACCOUNTS
from juntek.outputs.timeseries.work import finish

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from juntek.outputs import SinkHealth
    from juntek.outputs.timeseries.condition import Condition
    from juntek.outputs.timeseries.live import Live

KEEP_EVERY = 10.0
"""s between two commits of the accounts while something is owed."""
REACH_EVERY: Final = 60.0
"""s between two commits while all goes well: what was handed over since can be asked for after a kill."""


class Keeper:
    """The accounts of the target with this label in a database."""

    def __init__(  # noqa: PLR0913, PLR0917 - whose accounts, where they are, and who has to know
        self,
        database: Path,
        label: str,
        time: Callable[[], float],
        live: Live,
        condition: Condition,
        health: SinkHealth,
    ) -> None:
        self._opened: asyncio.Future[Deliveries] = asyncio.get_running_loop().create_future()
        self._database = database
        self._label = label
        self._time = time
        self._live = live
        self._condition = condition
        self._health = health
        self._stack = ExitStack()
        self._reach_due = 0.0

    async def opened(self) -> Deliveries:
        """Wait until the accounts are there, and return them."""
        return await asyncio.shield(self._opened)  # who is stopped here leaves it to be opened at the end

    async def run(self) -> None:
        """Keep what has changed, again and again."""
        loop = asyncio.get_running_loop()
        while True:
            if not self._opened.done() or self._live.is_owing or loop.time() >= self._reach_due:
                await self.keep()
            await asyncio.sleep(KEEP_EVERY)

    async def keep(self) -> None:
        """Keep what has changed."""
        try:
            store = self._opened.result() if self._opened.done() else await self._open()
            if store is None:
                return
            await self._note(store)
        except (DatabaseError, ConfigurationError) as error:
            self.fail(error)
            return
        self._reach_due = asyncio.get_running_loop().time() + REACH_EVERY
        self._condition.end(ACCOUNTS)

    async def close(self) -> None:
        """Close the accounts, and let others send."""
        await finish(self._stack.close)

    def fail(self, error: DatabaseError | ConfigurationError) -> None:
        """Say that nothing can be kept."""
        self._condition.tell(ACCOUNTS, f"What {self._label} is owed cannot be kept at present: {error}")

    async def _note(self, store: Deliveries) -> None:
        accounts = self._live.collect()
        is_kept = False

        def note() -> None:
            nonlocal is_kept
            store.note(accounts.reached, accounts.owed, self._time(), gone=accounts.gone)
            is_kept = True

        if not any(accounts):
            return
        try:
            await finish(note)
        finally:
            if not is_kept:
                self._live.give_back(accounts)

    async def _open(self) -> Deliveries | None:
        """Open the accounts; None where another process sends what the target is owed."""
        with ExitStack() as stack:
            if not stack.enter_context(hold(lock_of(self._database, self._label))):
                self._condition.tell(ACCOUNTS, f"Another juntek sends {self._label} what it is owed; let it end.")
                return None

            def open_deliveries() -> tuple[Deliveries, dict[str, int], float | None]:
                database = Database(self._database, check=False, synchronous="NORMAL")
                store = Deliveries(database, self._label)
                stack.callback(store.close)
                return store, store.resume(self._time()), store.find_oldest()

            store, reached, oldest = await finish(open_deliveries)
            self._live.resume(reached)
            self._health.fall_behind(self._health.behind, oldest)
            self._stack = stack.pop_all()
        self._opened.set_result(store)
        return store
