"""Keeps the totals of all meters on disk; rule: what is published has been committed, so no kill can take it back."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import tzinfo

from juntek.config import MeterKeys
from juntek.errors import DatabaseError
from juntek.gateway.account import Account, Disk
from juntek.history import Database

log = logging.getLogger(__name__)

COMMIT_INTERVAL = 10.0
"""s between commits: each is one write to the SD card."""

AT_ONCE = 50
"""Ledgers that are looked at before the lines have their turn again: a thousand at once would take 20 ms."""


class TotalsKeeper:
    """The accounts of all meters, by name, and the database that they are kept in; `clock` is in s since 1970.

    While the disk refuses, totals stand still: what flows is counted, and told once it is safe from a stop. Where it
    refuses from the start they are not known, and are tried for again. Either is logged once, and once more when it is
    over. A ledger that cannot be read costs no other meter its totals.
    """

    def __init__(
        self,
        open_database: Callable[[], Database],
        meters: Iterable[MeterKeys],
        zone: tzinfo,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._disk = Disk()
        self.accounts = {meter.options.name: Account(meter, zone, self._disk) for meter in meters}
        self._open_database = open_database
        self._clock = clock
        self._database: Database | None = None

    async def open(self) -> None:
        """Open the database and take the ledgers up where they stood; raises ConfigurationError for a wrong path."""
        try:
            database = await asyncio.to_thread(self._open_database)
            try:
                await self._take_up(database)
            except BaseException:
                database.close()
                raise
        except DatabaseError as error:
            self._note(str(error))
            return
        self._database = database
        self._note(None)

    async def _take_up(self, database: Database) -> None:
        """Take up the ledgers that are not yet, each for itself."""
        snapshots = await asyncio.to_thread(database.load_ledgers, strict=False)
        for meter, account in self.accounts.items():
            if not account.is_taken_up:
                account.take_up(snapshots.get(meter))

    async def run(self) -> None:
        """Commit every COMMIT_INTERVAL, and a new meter's first totals at once, until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(COMMIT_INTERVAL):
                    await self._disk.is_awaited.wait()
            self._disk.is_awaited.clear()
            await (self.commit() if self._database is not None else self.open())

    async def close(self) -> None:
        """Commit for the last time and close the database."""
        if self._database is not None:
            await self.commit()
            self._database.close()
            self._database = None

    async def commit(self) -> None:
        """Write the ledgers that have changed to disk; only then their totals are published."""
        if self._database is None:
            return
        try:
            await self._follow(self._database)
            await self._write(self._database)
        except DatabaseError as error:
            self._note(str(error))

    async def _follow(self, database: Database) -> None:
        """Where the file was deleted or replaced, all ledgers go into the one that is at its path now."""
        if await asyncio.to_thread(database.follow):
            for account in self.accounts.values():
                account.saved = -1
            self._disk.moved = (
                f"{database.path} was deleted, replaced or written over while the gateway ran: the totals went "
                "on into the file that is there now, the history before is not in it."
            )
        if not all(account.is_taken_up for account in self.accounts.values()):
            await self._take_up(database)

    async def _write(self, database: Database) -> None:
        snapshots, written = {}, []
        for place, (meter, account) in enumerate(self.accounts.items(), 1):
            if account.is_taken_up and account.ledger.has_begun and account.changes != account.saved:
                snapshots[meter] = account.snapshot()
                written.append((account, account.changes, account.ledger.totals()))
            if place % AT_ONCE == 0:
                await asyncio.sleep(0)
        if not snapshots:
            return
        events = [event for event in self._disk.events if event.meter in snapshots]
        await asyncio.to_thread(database.save_ledgers, snapshots, self._clock(), events)
        self._disk.events[:] = [event for event in self._disk.events if event not in events]
        self._note(None)
        for account, changes, totals in written:
            account.saved, account.published = changes, totals

    def _note(self, trouble: str | None) -> None:
        """Log what changed about the disk, once."""
        before, self._disk.trouble = self._disk.trouble, trouble
        if trouble is not None and trouble != before:
            log.warning("Totals cannot be kept at present: %s", trouble)
        elif trouble is None and before is not None:
            log.info("Totals are kept again.")
