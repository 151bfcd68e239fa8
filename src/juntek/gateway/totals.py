"""Keeps the totals of all meters on disk; rule: what is published has been committed, so no kill can take it back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import tzinfo
from functools import partial
from typing import Any

from juntek.battery.ledger import Ledger, Notice
from juntek.battery.sums import Totals
from juntek.errors import DatabaseError
from juntek.gateway.batteries import Batteries
from juntek.history import Database
from juntek.reading import Identity, Reading

log = logging.getLogger(__name__)

COMMIT_INTERVAL = 10.0
"""s between commits: each is one write to the SD card."""

AT_ONCE = 50
"""Ledgers that are looked at before the lines have their turn again: a thousand at once would take 20 ms."""

_NOTICES: dict[Notice | None, str] = {
    "stuck": "The meter says the same again and again though a current flows, so nothing is counted; "
    "start the meter or its bridge again.",
    "replaced": "The counters are those of another meter, or were set; the totals go on from where they were.",
    "doubted": "The counters do not fit what is left in the battery, so the totals follow from the current; "
    "check the model and how the shunt is wired.",
    None: "The counters are right again.",
}


class TotalsKeeper:
    """The ledgers of all meters, and the totals that may be published.

    `intervals` has the seconds between polls of each meter. While the disk refuses, totals stand still: what flows is
    counted, and told once it is safe from a stop. Where it refuses from the start they are not known, and are tried
    for again. Either is logged once, and once more when it is over. A ledger that cannot be read is left as it is, and
    tried for again: its meter's totals alone are not known.
    """

    def __init__(
        self,
        open_database: Callable[[], Database],
        intervals: Mapping[str, float],
        zone: tzinfo,
        time: Callable[[], float],
        batteries: Batteries | None = None,
    ) -> None:
        self._open_database = open_database
        self._intervals = intervals
        self._zone = zone
        self._time = time
        self._batteries = batteries or Batteries({})
        self._database: Database | None = None
        self._ledgers: dict[str, Ledger] = {}
        self._identities: dict[str, Identity] = {}
        self._notices: dict[str, Notice | None] = {}
        self._published: dict[str, Totals] = {}
        self._saved: dict[str, dict[str, Any]] = {}
        """What is on disk. It is not written again: a card lasts longer, and who hears nothing takes nothing back."""
        self._unread: dict[str, str] = {}
        """Why the ledger of a meter could not be taken up."""
        self._trouble: str | None = None
        self._moved: str | None = None
        """What is said of a file that was deleted or replaced."""
        self._new = asyncio.Event()

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
        for meter in self._intervals.keys() - self._ledgers.keys():
            snapshot = snapshots.get(meter)
            make = Ledger if snapshot is None else partial(Ledger.restore, snapshot)
            try:
                ledger = make(self._zone, longest_interval=max(60.0, 3 * self._intervals[meter]))
            except DatabaseError as error:
                if self._unread.get(meter) != str(error):
                    log.warning("%s: %s", meter, error)
                self._unread[meter] = str(error)
                continue
            self._ledgers[meter] = ledger
            self._unread.pop(meter, None)
            if meter in self._identities:
                ledger.identify(self._identities[meter])
            self._batteries.restore(meter, snapshot)
            if snapshot is not None:
                self._published[meter] = ledger.totals()
                self._saved[meter] = self._snapshot(meter)

    def _snapshot(self, meter: str) -> dict[str, Any]:
        return {**self._ledgers[meter].snapshot(), **self._batteries.snapshot(meter)}

    def add(self, meter: str, reading: Reading) -> Reading:
        """Count a reading; return it with the totals that are safe on disk, or None in their place before the first."""
        ledger = self._ledgers.get(meter)
        totals = self._published.get(meter)
        if ledger is not None:
            ledger.add(reading)
        if totals is None:
            if ledger is not None:
                self._new.set()
            return reading._replace(
                discharged_capacity=None, charged_capacity=None, discharged_energy=None, charged_energy=None
            )
        return totals.put_on(reading)

    def identify(self, meter: str, identity: Identity) -> None:
        """Tell who the meter is: another one than before is a new start, and how much it can measure is known."""
        self._identities[meter] = identity
        self._batteries.identify(meter, identity)
        if meter in self._ledgers:
            self._ledgers[meter].identify(identity)

    def is_stuck(self, meter: str) -> bool:
        """Whether the meter says the same again and again though a current flows."""
        return meter in self._ledgers and self._ledgers[meter].notice == "stuck"

    def notice(self, meter: str) -> str | None:
        """Return what an owner should know of the meter's totals, as sentences, or None.

        What changes at the meter is logged.
        """
        ledger = self._ledgers.get(meter)
        notice = ledger.notice if ledger is not None else None
        if notice != self._notices.get(meter):
            self._notices[meter] = notice
            log.log(logging.WARNING if notice else logging.INFO, "%s: %s", meter, _NOTICES[notice])
        trouble = self._trouble or self._unread.get(meter)
        still = f"The totals stand still. {trouble}" if trouble else None
        return " ".join(filter(None, (still, self._moved, _NOTICES[notice] if notice else None))) or None

    async def run(self) -> None:
        """Commit every COMMIT_INTERVAL, and a new meter's first totals at once, until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(COMMIT_INTERVAL):
                    await self._new.wait()
            self._new.clear()
            if self._database is None:
                await self.open()
            else:
                await self.commit()

    async def close(self) -> None:
        """Commit for the last time and close the database."""
        if self._database is not None:
            await self.commit()
            self._database.close()
            self._database = None

    async def commit(self) -> None:
        """Write the ledgers that have changed to disk; only then their totals are published.

        Where the file was deleted or replaced, all of them go into the one that is at its path now.
        """
        try:
            await self._follow()
            if self._unread and self._database is not None:
                await self._take_up(self._database)
        except DatabaseError as error:
            self._note(str(error))
            return
        snapshots: dict[str, dict[str, Any]] = {}
        totals: dict[str, Totals] = {}
        for place, (meter, ledger) in enumerate(self._ledgers.items(), 1):
            snapshot = self._snapshot(meter)
            if snapshot["last"] is not None and snapshot != self._saved.get(meter):
                snapshots[meter] = snapshot
                totals[meter] = ledger.totals()
            if place % AT_ONCE == 0:
                await asyncio.sleep(0)
        if self._database is None or not snapshots:
            return
        try:
            events = [event for event in self._batteries.events if event.meter in snapshots]
            await asyncio.to_thread(self._database.save_ledgers, snapshots, self._time(), events)
            self._batteries.events = [event for event in self._batteries.events if event not in events]
        except DatabaseError as error:
            self._note(str(error))
            return
        self._note(None)
        self._saved.update(snapshots)
        self._published.update(totals)

    async def _follow(self) -> None:
        if self._database is not None and await asyncio.to_thread(self._database.follow):
            self._saved.clear()
            self._moved = (
                f"{self._database.path} was deleted, replaced or written over while the gateway ran: the totals went "
                "on into the file that is there now, the history before is not in it."
            )

    def _note(self, trouble: str | None) -> None:
        """Log what changed about the disk, once."""
        if trouble is not None and trouble != self._trouble:
            log.warning("Totals cannot be kept at present: %s", trouble)
        elif trouble is None and self._trouble is not None:
            log.info("Totals are kept again.")
        self._trouble = trouble
