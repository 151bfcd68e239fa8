"""The composition root: meters, totals and one supervised queue per output; rule: joins what others do, and no more."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from functools import partial
from typing import Any

from juntek import __version__
from juntek.clock import Clock
from juntek.config import Configuration
from juntek.errors import ConfigurationError, JuntekError
from juntek.files import hold, lock_of, system_zone
from juntek.gateway.batteries import Batteries
from juntek.gateway.commands import Commands
from juntek.gateway.notifier import Notifier, describe, write_status
from juntek.gateway.supervisor import Supervisor
from juntek.gateway.totals import TotalsKeeper
from juntek.history import Database
from juntek.history.inspection import Inspection
from juntek.meter.line import Line
from juntek.outputs import DATABASE, Context, find_outputs
from juntek.update import Outcome, Update

log = logging.getLogger(__name__)

LONGEST_GATHER = 0.1
"""s for which the bytes of a busy line are gathered while the processor sleeps; less where an output cannot wait."""

APART, TOGETHER = 0.001, 10
"""s between the first openings of two links, and how many are opened at once: so the meters of a thousand are asked
evenly over the second, and yet the processor wakes up for some of them at a time."""

MOST_TOLD, LOG_TIME = 20, 3600.0
"""Changes at a meter's link that the log tells, and in how many s."""

_DOING = {"listen": "listening", "poll": "polling"}


class Gateway:
    """All meters of a configuration, read for ever, and handed to all its outputs."""

    def __init__(self, configuration: Configuration) -> None:
        names = tuple(meter.options.name for meter in configuration.meters)
        zone = configuration.time_zone or system_zone()
        batteries = {meter.options.name: meter.battery for meter in configuration.meters if meter.battery is not None}
        self._batteries = Batteries(batteries)
        self._orders: set[asyncio.Task[None]] = set()
        context = self.context = Context(
            version=__version__,
            gateway=socket.gethostname(),
            page=_page_of(configuration),
            meters=names,
            site=configuration.site,
            database=configuration.database,
            time_zone=zone,
            send=self.send,
            sections=tuple(configuration.sinks),
            batteries=frozenset(batteries),
        )
        self._latest = context.latest
        found = find_outputs()
        self.supervisors = [
            Supervisor(found[section], options, context, name)
            for section, configured in configuration.sinks.items()
            for name, options in found[section].names(configured).items()
        ]
        gather = min([LONGEST_GATHER, *(supervisor.max_latency for supervisor in self.supervisors)])
        self._lines = [Line(link, meters, self._take, gather=gather) for link, meters in configuration.links().items()]
        places = {known.options.name: (line, address) for line in self._lines for address, known in line.meters.items()}
        self.commands = Commands(places, self._latest.get, configuration.database, time.time)
        intervals = {meter.options.name: meter.options.interval for meter in configuration.meters}
        self.totals = TotalsKeeper(
            lambda: Database(configuration.database, check=False), intervals, zone, time.time, self._batteries
        )
        self._inspection = Inspection(configuration.database, partial(context.errors.__setitem__, DATABASE))
        self._clocks = {name: Clock() for name in names}
        self._last_logged: dict[str, str] = {}
        self._told: dict[str, tuple[float, int]] = {}
        """Since when, and how many changes of each meter were to be told."""
        self._strangers = set(names)
        """Meters of which the log has not said yet that they work."""

    async def run(self) -> None:
        """Serve until cancelled; the last totals are committed then."""
        notifier = Notifier(os.environ, lambda: write_status(self.context.meters, self._latest, self.context.sinks))
        await self.totals.open()
        self._inspection.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                for supervisor in self.supervisors:
                    tasks.create_task(supervisor.run())
                for place, line in enumerate(self._lines):
                    tasks.create_task(_run_later(line, place // TOGETHER * TOGETHER * APART))
                tasks.create_task(self.totals.run())
                tasks.create_task(notifier.run())
        finally:
            notifier.notify("STOPPING=1")
            self._inspection.stop()
            await self.totals.close()

    async def send(self, meter: str, key: str, value: Any, *, who: str = "juntek") -> Outcome:  # noqa: ANN401
        """Do what `Commands.send` does."""
        return await self.commands.send(meter, key, value, who=who)

    def _take(self, update: Update) -> None:
        """Put totals on a reading and hand it to every output."""
        reading = update.reading
        if reading is not None:
            if reading.time is None and reading.elapsed is None:  # a recording without times is played now
                now, elapsed = self._clocks[update.meter].judge(time.time(), time.monotonic())
                reading = reading.at(now, elapsed)
            reading = self.totals.add(update.meter, reading)
            reading = self._batteries.add(update.meter, reading, is_stuck=self.totals.is_stuck(update.meter))
            update = Update(update.meter, update.available, reading, update.identity, update.settings, update.health)
            self._tell_meters()
            update.health.notice = self.totals.notice(update.meter)
            if update.meter in self._strangers and update.identity is not None:
                self._strangers.remove(update.meter)
                log.info("%s: %s", update.meter, describe(update.identity, update.reading or reading))
        else:
            if update.identity is not None:
                self.totals.identify(update.meter, update.identity)
            if update.settings is not None:
                self._batteries.hear(update.meter, update.settings)
        self._log(update)
        self._latest.take(update)
        for supervisor in self.supervisors:
            supervisor.offer(update)

    def _tell_meters(self) -> None:
        """Send the percentages that meters are to be told; nothing waits for that."""
        while self._batteries.orders:
            task = asyncio.get_running_loop().create_task(self._tell_meter(*self._batteries.orders.pop(0)))
            self._orders.add(task)
            task.add_done_callback(self._orders.discard)

    async def _tell_meter(self, meter: str, percent: int) -> None:
        try:
            await self.send(meter, "state_of_charge", percent, who="state of charge")
        except JuntekError as error:
            log.warning("%s: its state of charge could not be set to %d %%: %s", meter, percent, error)

    def _log(self, update: Update) -> None:
        """Say what changed at a meter, once."""
        health = update.health
        text = health.error or _DOING.get(health.mode)
        if text and self._last_logged.get(update.meter) != text:
            self._last_logged[update.meter] = text
            left = self._left_to_log(update.meter)
            if left:
                log.log(logging.WARNING if health.error else logging.INFO, "%s: %s", update.meter, text)
            if left == 1:
                log.warning("%s: its link comes and goes; for an hour no more is said of that.", update.meter)

    def _left_to_log(self, meter: str) -> int:
        """Return how many changes of a meter the log may still tell, this one included.

        A link that is lost every few seconds must not fill it.
        """
        now = time.monotonic()
        began, count = self._told.get(meter, (now, 0))
        if now - began > LOG_TIME:
            began, count = now, 0
        self._told[meter] = began, count + 1
        return max(MOST_TOLD - count, 0)


def _page_of(configuration: Configuration) -> str | None:
    found, machine = find_outputs(), socket.gethostname()
    pages = (
        found[section].page(options, machine)
        for section, configured in configuration.sinks.items()
        for options in found[section].names(configured).values()
    )
    return next(filter(None, pages), None)


async def _run_later(line: Line, wait: float) -> None:
    await asyncio.sleep(wait)
    await line.run()


async def run_gateway(configuration: Configuration) -> None:
    """Run the gateway until cancelled.

    Raises ConfigurationError when the path of the database cannot be or another gateway uses it, and JuntekError when
    the library of an output is missing.
    """
    database = configuration.database
    # The lock is on a file beside it: one on the database itself would be lost whenever SQLite closes the file.
    with hold(lock_of(database)) as is_alone:
        if not is_alone:  # the totals of one would be set against those of the other
            raise ConfigurationError(
                f"Another gateway already uses {database}; stop it, or give this one its own file: history.path."
            )
        gateway = Gateway(configuration)
        try:
            await gateway.run()
        except* Exception as group:  # noqa: BLE001 - only to unwrap what the task group wraps
            raise _first(group) from None


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
