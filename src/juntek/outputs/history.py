"""Keeps every reading in the database; rule: few commits for all meters, and what fails is told and tried again.

A clean stop writes what is held. A kill loses the readings of one commit interval and no energy: what they had
counted is in the totals of the next. While the database cannot be written the sink is away like any other; what it
held is written first when it is back.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from math import ceil
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Annotated

from juntek.errors import ConfigurationError, DatabaseError
from juntek.history import Database
from juntek.history.recorder import Recorder
from juntek.option import Option, check_options
from juntek.outputs import Context, Handle, Output, run_beside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from juntek.reading import Reading
    from juntek.update import Update

__all__ = ["OUTPUT", "HistoryOptions", "open_sink"]

log = logging.getLogger(__name__)

SECTION = "history"

MOST_HELD, MOST_OF_A_METER = 20_000, 100
"""Readings that are held between two commits, of few meters and of each of many; beyond that a commit comes early."""
METERS_A_COMMIT = 100
"""Meters whose readings are written in one commit. One of a thousand would hold the others up who write here, the
totals and the accounts of targets, for a second."""
HOURS_DROPPED = 8
"""Of readings, and of minutes, after one commit, so that no commit takes long; of many meters, twice as many as become
too old from one commit to the next."""
HOUR, DAY = 3600.0, 86_400.0
EVEN = 4000.0
"""s between two readings that are no jump of the clock, as meters are read at least once an hour. Nothing is dropped
before it has gone evenly for an hour, so that a moment in a false future does not cost the past."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryOptions:
    """What is kept, and where; raises ConfigurationError where a value cannot be right."""

    path: Annotated[
        Path | None, Option("for totals too; default: ~/.local/state/juntek/juntek.db", example="juntek.db")
    ] = None
    keep_raw_days: Annotated[
        float, Option("after which single readings are dropped", unit="days", low=1, high=36_500, written=True)
    ] = 30.0
    keep_minutes_days: Annotated[
        float,
        Option("after which minutes are dropped; hours and days stay; 0 = never", unit="days", low=0, high=36_500),
    ] = 730.0
    commit_interval: Annotated[
        float, Option("between two writes to the disk: what a power cut may cost", unit="s", low=0.1, high=3600)
    ] = 10.0

    def __post_init__(self) -> None:
        check_options(SECTION, self)


@asynccontextmanager
async def open_sink(options: HistoryOptions, context: Context) -> AsyncIterator[Handle]:
    """Open the database and yield `handle(update)`; leaving writes what is held.

    Raises DatabaseError when the disk is full or cannot be written, also while the body only waits.
    """
    path = options.path or context.database
    if path is None:
        raise ConfigurationError("history.path is not known; give the path of the database file.")
    # The gateway has checked the file when it started.
    database = await asyncio.to_thread(Database, path, check=False, synchronous="NORMAL")
    keeper = _Keeper(options, context, database)
    try:
        await keeper.open()
        try:
            async with run_beside(keeper.run()):
                yield keeper.handle
        finally:
            if not keeper.failed:
                await keeper.commit()
    finally:
        await asyncio.to_thread(keeper.close)


class _Keeper:
    """Holds readings until the next commit; what could not be written is left to the next entry."""

    def __init__(self, options: HistoryOptions, context: Context, database: Database) -> None:
        self.failed = False
        self._options = options
        self._context = context
        self._database = database
        self._recorder = Recorder(database)
        self._last_times: dict[str, float] = {}
        self._even_since: dict[str, float] = {}
        self._timeless: set[str] = set()
        """Meters whose readings have no time at present."""
        self._held: deque[tuple[str, Reading]] = context.carry_over.setdefault(SECTION, deque())
        self._most = max(MOST_HELD, MOST_OF_A_METER * len(context.meters))
        self._full = asyncio.Event()
        self._turn = Lock()
        """Held by who writes. A commit that was begun goes on when the gateway stops; the last one waits for it."""

    async def open(self) -> None:
        self._last_times = await asyncio.to_thread(self._recorder.last_times)
        self._last_times |= {meter: reading.time or 0.0 for meter, reading in self._held}
        await self.commit()

    async def handle(self, update: Update) -> None:
        """Hold the reading of an update; one that was handed over before is not held again."""
        reading, meter = update.reading, update.meter
        if reading is None:
            return
        self._tell(meter, is_timeless=reading.time is None)
        last = self._last_times.get(meter)
        if reading.time is None or reading.time == last:
            return
        if last is None or meter not in self._even_since or not 0 < reading.time - last < EVEN:
            self._even_since[meter] = reading.time
        self._last_times[meter] = reading.time
        self._held.append((meter, reading))
        if len(self._held) >= self._most:
            self._full.set()

    async def run(self) -> None:
        """Commit every interval until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._options.commit_interval):
                    await self._full.wait()
            await self.commit()

    async def commit(self) -> None:
        """Write what is held, then drop a little of what is old."""
        self._full.clear()
        try:
            await asyncio.to_thread(self._write)
        except DatabaseError:
            self.failed = True
            raise

    def close(self) -> None:
        """Close the database when nobody writes any more."""
        with self._turn:
            self._database.close()

    def _write(self) -> None:
        with self._turn:
            held: defaultdict[str, list[Reading]] = defaultdict(list)
            for meter, reading in [self._held.popleft() for _ in range(len(self._held))]:
                held[meter].append(reading)
            if not held:
                return
            try:
                while held:
                    part = dict(islice(held.items(), METERS_A_COMMIT))
                    self._recorder.record(part)
                    for meter in part:
                        del held[meter]
            finally:  # what is left is written when the disk is back
                self._held.extendleft([(meter, one) for meter in held for one in held[meter]][::-1])
            self._drop()

    def _drop(self) -> None:
        """Drop a little of what is old."""
        steady = [
            last for meter, since in list(self._even_since.items()) if (last := self._last_times[meter]) - since >= HOUR
        ]
        if not steady:
            return
        options, now = self._options, min(steady)
        limit = max(HOURS_DROPPED, ceil(2 * len(steady) * options.commit_interval / HOUR))
        self._recorder.drop_raw(now - options.keep_raw_days * DAY, limit)
        if options.keep_minutes_days:
            self._recorder.drop_minutes(now - max(options.keep_minutes_days, options.keep_raw_days) * DAY, limit)

    def _tell(self, meter: str, *, is_timeless: bool) -> None:
        """Say once why readings are not kept, and to whoever looks, for as long as it is so."""
        if is_timeless == (meter in self._timeless):
            return
        self._timeless ^= {meter}
        self._context.errors.pop(SECTION, None)
        if self._timeless:
            meters = ", ".join(sorted(self._timeless))
            self._context.errors[SECTION] = (
                f"Readings of {meters} are not kept at present, because the clock was not set; set the clock of this "
                "computer."
            )
        if is_timeless:
            log.warning("history: %s", self._context.errors[SECTION])
        else:
            log.info("history: readings of %s are kept again.", meter)


OUTPUT = Output(
    section=SECTION,
    options=HistoryOptions,
    open=open_sink,
    about="Every reading is kept for a month, its minutes for two years, hours and days for ever.",
    ready="ready",
    max_latency=lambda _: 0.1,
)
