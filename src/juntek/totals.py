"""Keeps the totals of all meters on disk; rule: what is published has been committed, so no kill can take it back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import Any

from juntek.database import Database
from juntek.derive.ledger import Ledger
from juntek.derive.sums import Totals
from juntek.errors import DatabaseError
from juntek.reading import Identity, Reading

log = logging.getLogger(__name__)

COMMIT_INTERVAL = 10.0
"""s between commits: each is one write to the SD card."""


class TotalsKeeper:
    """The ledgers of all meters, and the totals that may be published.

    `intervals` has the seconds between polls of each meter. While the disk refuses, totals go on from memory: right,
    but no longer safe from a kill; that is logged once, and once more when it is over.
    """

    def __init__(
        self, database: Database, intervals: Mapping[str, float], zone: tzinfo, time: Callable[[], float]
    ) -> None:
        self._database = database
        self._time = time
        self._ledgers: dict[str, Ledger] = {}
        self._published: dict[str, Totals] = {}
        self._trouble: str | None = None
        self._new = asyncio.Event()
        snapshots = database.load_ledgers()
        for meter, interval in intervals.items():
            longest = max(60.0, 3 * interval)
            if meter in snapshots:
                ledger = Ledger.restore(snapshots[meter], zone, longest_interval=longest)
                self._published[meter] = ledger.totals()
            else:
                ledger = Ledger(zone, longest_interval=longest)
            self._ledgers[meter] = ledger

    @property
    def trouble(self) -> str | None:
        """Why totals cannot be kept at present, as a sentence."""
        return self._trouble

    def add(self, meter: str, reading: Reading) -> Reading:
        """Count a reading; return it with the totals that are safe on disk, or None in their place before the first."""
        ledger = self._ledgers[meter]
        ledger.add(reading)
        totals = self._published.get(meter)
        if self._trouble is not None:
            totals = ledger.totals()
        elif totals is None:
            self._new.set()
            return reading._replace(
                discharged_capacity=None, charged_capacity=None, discharged_energy=None, charged_energy=None
            )
        return totals.put_on(reading)

    def identify(self, meter: str, identity: Identity) -> None:
        """Tell how much the meter can measure."""
        self._ledgers[meter].limit(identity.max_current)

    async def run(self) -> None:
        """Commit every COMMIT_INTERVAL, and a new meter's first totals at once, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(COMMIT_INTERVAL):
                    await self._new.wait()
            except TimeoutError:
                pass
            self._new.clear()
            await self.commit()

    async def commit(self) -> None:
        """Write all ledgers to disk; only then their totals are published."""
        snapshots: dict[str, dict[str, Any]] = {}
        totals: dict[str, Totals] = {}
        for meter, ledger in self._ledgers.items():
            snapshot = ledger.snapshot()
            if snapshot["last"] is not None:
                snapshots[meter] = snapshot
                totals[meter] = ledger.totals()
        if not snapshots:
            return
        try:
            await asyncio.to_thread(self._database.save_ledgers, snapshots, self._time())
        except DatabaseError as error:
            if self._trouble != str(error):
                log.warning("Totals cannot be kept at present: %s", error)
            self._trouble = str(error)
            return
        if self._trouble is not None:
            log.info("Totals are kept again.")
            self._trouble = None
        self._published.update(totals)
