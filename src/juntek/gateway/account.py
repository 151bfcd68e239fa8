"""What the gateway keeps of one meter: its clock, totals and battery, and what the log knows; rule: no I/O but the log.

Totals are published once they are safe on disk, so no kill can take them back.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from datetime import tzinfo
from math import inf
from typing import Any

from juntek.battery.ledger import Ledger, Notice
from juntek.battery.sums import Totals
from juntek.clock import Clock
from juntek.config import MeterKeys
from juntek.errors import DatabaseError
from juntek.gateway.batteries import BatteryEvent, WatchedBattery
from juntek.gateway.notifier import describe
from juntek.reading import Identity, Reading
from juntek.update import Health, Update

log = logging.getLogger(__name__)

MOST_TOLD, LOG_TIME = 20, 3600.0
"""Changes at a meter's link that the log tells, and in how many s."""

_DOING = {"listen": "listening", "poll": "polling"}

_NOTICES: dict[Notice | None, str] = {
    "stuck": "The meter says the same again and again though a current flows, so nothing is counted; "
    "start the meter or its bridge again.",
    "replaced": "The counters are those of another meter, or were set; the totals go on from where they were.",
    "doubted": "The counters do not fit what is left in the battery, so the totals follow from the current; "
    "check the model and how the shunt is wired.",
    None: "The counters are right again.",
}


@dataclass(slots=True)
class Disk:
    """What all accounts share: how the disk does, and what waits to be written."""

    trouble: str | None = None
    """Why nothing can be kept at present."""
    moved: str | None = None
    """What is said of a file that was deleted or replaced."""
    events: list[BatteryEvent] = field(default_factory=list)
    is_awaited: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while a meter has no totals, as none of it were written yet."""


class Account:
    """One meter of a gateway; `published` are the totals that are on disk."""

    def __init__(self, configured: MeterKeys, zone: tzinfo, disk: Disk) -> None:
        self.meter = configured.options.name
        battery = configured.battery
        self.battery = None if battery is None else WatchedBattery(self.meter, battery, disk.events)
        self._longest_interval = max(60.0, 3 * configured.options.interval)
        self.ledger = Ledger(zone, longest_interval=self._longest_interval)
        self.is_taken_up = False
        """Whether the ledger goes on from what is on disk; until then its totals are not known."""
        self.unread: str | None = None
        """Why it could not be taken up."""
        self.published: Totals | None = None
        self.changes, self.saved = 0, 0
        """Readings that the ledger took, and those of them on disk. They are not written again, also where a link comes
        and goes: a card lasts longer, and who hears nothing takes nothing back."""
        self._zone = zone
        self._disk = disk
        self._clock = Clock()
        self._identity: Identity | None = None
        self._notice: Notice | None = None
        self._last_logged: str | None = None
        self._logged, self._log_began = 0, -inf
        """How many changes of the link were to be logged, and since when."""
        self._is_introduced = False

    def take(self, update: Update) -> Update:
        """Return an update as it is published; what changed at the meter is logged."""
        reading = update.reading
        if reading is not None:
            reading = self.add(reading)
            update = Update(update.meter, update.available, reading, update.identity, update.settings, update.health)
            update.health.notice = self.notice()
            if not self._is_introduced and update.identity is not None:
                self._is_introduced = True
                log.info("%s: %s", self.meter, describe(update.identity, reading))
        else:
            if update.identity is not None:
                self._identify(update.identity)
            if update.settings is not None and self.battery is not None:
                self.battery.hear(update.settings)
        self._log(update.health)
        return update

    def add(self, reading: Reading) -> Reading:
        """Count a reading; return it with the totals that are on disk, and with what is believed of the battery."""
        if reading.time is None and reading.elapsed is None:  # a recording without times is played now
            reading = reading.at(*self._clock.judge(time.time(), time.monotonic()))
        self.ledger.add(reading)
        self.changes += 1
        if self.published is None and self.is_taken_up and self._disk.trouble is None:
            self._disk.is_awaited.set()
        reading = (self.published or _UNKNOWN).put_on(reading)
        return reading if self.battery is None else self.battery.add(reading, is_stuck=self.ledger.notice == "stuck")

    def _identify(self, identity: Identity) -> None:
        """Take who the meter is: another one than before is a new start, and how much it can measure is known."""
        self._identity = identity
        self.ledger.identify(identity)
        if self.battery is not None:
            self.battery.identify(identity)

    def notice(self) -> str | None:
        """Return what an owner should know of the meter's totals, as sentences, or None.

        What changes at the meter is logged.
        """
        notice = self.ledger.notice
        if notice != self._notice:
            self._notice = notice
            log.log(logging.WARNING if notice else logging.INFO, "%s: %s", self.meter, _NOTICES[notice])
        trouble, moved = self._disk.trouble or self.unread, self._disk.moved
        if not (trouble or moved or notice):
            return None
        still = f"The totals stand still. {trouble}" if trouble else None
        return " ".join(filter(None, (still, moved, _NOTICES[notice] if notice else None)))

    def _log(self, health: Health) -> None:
        """Say what changed at the link, once; one that is lost every few seconds must not fill the log."""
        text = health.error or _DOING.get(health.mode)
        if not text or text == self._last_logged:
            return
        self._last_logged = text
        now = time.monotonic()
        if now - self._log_began > LOG_TIME:
            self._logged, self._log_began = 0, now
        self._logged += 1
        if self._logged <= MOST_TOLD:
            log.log(logging.WARNING if health.error else logging.INFO, "%s: %s", self.meter, text)
        if self._logged == MOST_TOLD:
            log.warning("%s: its link comes and goes; for an hour no more is said of that.", self.meter)

    def take_up(self, snapshot: dict[str, Any] | None) -> None:
        """Go on from where the ledger stood; one that cannot be read is left as it is, and tried for again."""
        if snapshot is not None:
            try:
                self.ledger = Ledger.restore(snapshot, self._zone, longest_interval=self._longest_interval)
            except DatabaseError as error:
                if self.unread != str(error):
                    log.warning("%s: %s", self.meter, error)
                self.unread = str(error)
                return
            if self._identity is not None:
                self.ledger.identify(self._identity)
            if self.battery is not None:
                self.battery.restore(snapshot)
            self.published = self.ledger.totals()
        self.is_taken_up, self.unread = True, None

    def snapshot(self) -> dict[str, Any]:
        """Return what is to be written."""
        return {**self.ledger.snapshot(), **(self.battery.snapshot() if self.battery is not None else {})}


_UNKNOWN = Totals(*[None] * 6)  # type: ignore[arg-type]  # none is known
