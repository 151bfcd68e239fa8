"""The composition root: meters, totals and one supervised queue per output; rule: joins what others do, and no more."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from functools import partial
from typing import Any

from juntek import __version__
from juntek.config import Configuration
from juntek.errors import ConfigurationError
from juntek.files import hold, lock_of, system_zone
from juntek.gateway.commands import Commands
from juntek.gateway.notifier import Notifier, write_status
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


class Gateway:
    """All meters of a configuration, read for ever, and handed to all its outputs."""

    def __init__(self, configuration: Configuration) -> None:
        meters, database = configuration.meters, configuration.database
        zone = configuration.time_zone or system_zone()
        machine, found = socket.gethostname(), find_outputs()
        outputs = [
            (found[section], options, name)
            for section, configured in configuration.sinks.items()
            for name, options in found[section].names(configured).items()
        ]
        pages = (output.page(options, machine) for output, options, _ in outputs)
        context = self.context = Context(
            version=__version__,
            gateway=machine,
            page=next(filter(None, pages), None),
            meters=tuple(meter.options.name for meter in meters),
            site=configuration.site,
            database=database,
            time_zone=zone,
            send=self.send,
            sections=tuple(configuration.sinks),
            batteries=frozenset(meter.options.name for meter in meters if meter.battery is not None),
        )
        self.supervisors = [Supervisor(output, options, context, name) for output, options, name in outputs]
        gather = min([LONGEST_GATHER, *(supervisor.max_latency for supervisor in self.supervisors)])
        self._lines = [Line(link, own, self._take, gather=gather) for link, own in configuration.links().items()]
        places = {known.options.name: (line, address) for line in self._lines for address, known in line.meters.items()}
        self.commands = Commands(places, context.latest.get, database)
        self.totals = TotalsKeeper(lambda: Database(database, check=False), meters, zone)
        self._inspection = Inspection(database, partial(context.errors.__setitem__, DATABASE))
        self._tasks = asyncio.TaskGroup()

    async def run(self) -> None:
        """Serve until cancelled; the last totals are committed then."""
        notifier = Notifier(os.environ, partial(write_status, self.context))
        await self.totals.open()
        self._inspection.start()
        try:
            async with self._tasks as tasks:
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
        """Hand an update to every output, with totals on its reading."""
        account = self.totals.accounts[update.meter]
        update = account.take(update)
        if account.battery is not None and account.battery.order is not None:
            self._tasks.create_task(self._tell_meter(update.meter, account.battery.order))  # nothing waits for that
            account.battery.order = None
        self.context.latest.take(update)
        for supervisor in self.supervisors:
            supervisor.offer(update)

    async def _tell_meter(self, meter: str, percent: int) -> None:
        try:
            await self.send(meter, "state_of_charge", percent, who="state of charge")
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not cost anybody a reading
            log.warning("%s: its state of charge could not be set to %d %%: %s", meter, percent, error)


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
