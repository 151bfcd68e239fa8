"""Hands one target what the history has and it has not; rule: what a cursor is past was taken, or is counted.

Nothing is held in memory but one request. What is new goes first; a gap is drained beside it, the oldest first. A
target may lose in a power cut of its own what it took last, so what is on disk is a minute late, and after whatever
goes wrong all begins there again. What is sent again is the same to the last digit: a database that tells rows by
series and time keeps it once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from math import inf
from pathlib import Path
from typing import Any, Final, Literal

from juntek.history.cursors import Cursor, Cursors
from juntek.history.fields import part_of, times_of
from juntek.outputs import Context, SinkHealth
from juntek.outputs.timeseries import RESPONSE_TIME, TimeseriesOptions
from juntek.outputs.timeseries.line_protocol import TargetError, explain_refusal, lines_of, lines_of_samples
from juntek.outputs.timeseries.target import Target, open_target

log = logging.getLogger(__name__)

BATCH: Final = 5_000
"""Readings in a request: two megabytes, a tenth of it compressed."""
SMALLEST_BATCH: Final = 100
"""Readings in a request to a target that does not respond to larger ones in time."""
WINDOW: Final = 45.0
"""s after which a target has on its disk what it took: VictoriaMetrics writes after 5, a file system after 35."""
FAR_BEHIND: Final = 180_000
"""ms: a head that begins further behind leaves a gap and goes on with what is new."""
SITUATION_EVERY: Final = 15.0
"""s between two tellings of how meters and sinks do."""
COUNTS_LOGGED_EVERY: Final = 3600.0
"""s between two sentences about readings that were refused, or are gone."""

Spans = dict[str, tuple[int, int]]
"""Of each meter: after when, and up to and with when, ms since 1970."""


class Session:
    """What the gateway does for one target."""

    def __init__(self, context: Context, delivery: Delivery) -> None:
        self.name = f"timeseries {delivery.options.label}"
        self._context, self._delivery, self._health = context, delivery, delivery.health
        self._logged = self._health.refused, self._health.lost
        self._is_behind = False
        self._counts_due = self._situation_due = 0.0
        delivery.limit = context.carry_over.pop(self.name, BATCH)

    async def run(self) -> None:
        """Send for ever. Raises TargetError and DatabaseError."""
        while True:
            wait = await self.send()
            await asyncio.sleep(wait)

    async def send(self) -> float:
        """Send what there is, and now and then how all do; return the s after which to look again."""
        now, health, delivery = asyncio.get_running_loop().time, self._health, self._delivery
        began = now()
        health.behind = health.behind or self._context.time()  # until everything was answered
        wait = await delivery.send()
        if began >= self._situation_due:
            self._situation_due = began + SITUATION_EVERY
            response = await delivery.target.write(lines_of_samples(self._context.samples(), self._context.time()))
            if not response.is_good:
                log.debug("%s: it does not take how the gateway does: %s", self.name, response.reason)
            wait = 0.0 if delivery.target.is_new else wait
        is_old = health.lag(self._context.time()) * 1000 > FAR_BEHIND  # the first readings of a meter are not
        if delivery.was_behind and is_old and not self._is_behind:
            self._is_behind = True
            log.info("%s: what it missed is sent now.", self.name)
        if wait == inf:
            health.behind = None
            if self._is_behind:
                self._is_behind = False
                log.info("%s: it has all that it missed.", self.name)
        if now() >= self._counts_due and self._logged != (health.refused, health.lost):
            self._counts_due = now() + COUNTS_LOGGED_EVERY
            self._log_counts()
        return max(min(wait, began + delivery.options.interval - now()), 0.0)

    def _log_counts(self) -> None:
        (refused, lost), health = self._logged, self._health
        self._logged = health.refused, health.lost
        if refused := health.refused - refused:
            reason = self._delivery.reason
            log.warning("%s: %d readings were refused (%s); all others are sent.", self.name, refused, reason)
        if lost := health.lost - lost:
            mend = "raise history.keep_raw_days above the longest time that it is away"
            words = "%s: %d readings can be sent no more, as the history has dropped them; %s."
            log.warning(words, self.name, lost, mend)


@asynccontextmanager
async def open_delivery(  # noqa: PLR0913 - from where, what and to whom
    options: TimeseriesOptions,
    database: Path,
    context: Context,
    *,
    ends: bool = False,
    response_time: float = RESPONSE_TIME,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Delivery]:
    """Yield the delivery of the history to a target. Raises ConfigurationError and DatabaseError."""
    thread, opened = ThreadPoolExecutor(1, thread_name_prefix="juntek-timeseries"), ExitStack()
    health = context.sinks.setdefault(f"timeseries {options.label}", SinkHealth())
    async with open_target(options, context.version, response_time=response_time) as target:
        try:
            history = await asyncio.get_running_loop().run_in_executor(
                thread, lambda: opened.enter_context(Cursors(database, options.label))
            )
            yield Delivery(options, target, context.site, health, history, thread, clock, ends)
        finally:
            await asyncio.to_thread(thread.shutdown)  # what was begun in the thread is waited for
            opened.close()


@dataclass
class Delivery:
    """The readings of a history on their way to one target, for one task; the `thread` reads them.

    `health` is kept up to date: what was refused and lost, and since when the target is behind. With `ends` all is
    sent once, so that a target that has taken something is not doubted when it refuses what is left. Raises
    DatabaseError, and TargetError, after which it is of no more use.
    """

    options: TimeseriesOptions
    target: Target
    site: str
    health: SinkHealth
    history: Cursors
    thread: Executor
    clock: Callable[[], float]
    ends: bool = False
    limit: int = field(default=BATCH, init=False)
    """Readings in a request at most: fewer after one that took too long, until the target has all."""
    sent: int = field(default=0, init=False)  # readings that the target has taken
    reason: str = field(default="", init=False)  # why the last one was refused, in the target's words
    was_behind: bool = field(default=False, init=False)  # whether there was a gap when it last began to send

    def __post_init__(self) -> None:
        self._newest: dict[str, int] = {}  # of each meter at the last look, ms since 1970
        self._past_due = self.clock()
        self._go_back()

    def _go_back(self) -> None:
        """Begin again where the cursors on disk are."""
        self.target.is_new = False
        self._cursors: dict[str, Cursor] = {}
        self._not_saved: dict[str, Cursor] = {}
        self._noted = self.clock()

    async def _run(self, function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401 - what it takes and returns
        return await asyncio.get_running_loop().run_in_executor(self.thread, function, *arguments)

    async def look(self) -> None:
        """See what is new, and what others have moved; keep how far everything was a window ago.

        Where a head begins far behind, go on with what is new; what lies between is sent beside it.
        """
        if self.target.is_new:  # it may have lost what it took last
            self._go_back()
        if self.clock() - self._noted >= WINDOW:
            await self._run(self.history.save, self._not_saved)
            self._not_saved, self._noted = dict(self._cursors), self.clock()
        found: dict[str, tuple[Cursor, int]] = await self._run(self.history.look)
        for meter, (saved, newest) in found.items():
            cursor = self._cursors.get(meter, saved)
            if cursor.moves != saved.moves:  # its head is ours, as nobody else moves that
                cursor = cursor.widen(saved.past, saved.until)._replace(since=saved.since, moves=saved.moves)
            if meter not in self._cursors and newest - cursor.head > FAR_BEHIND:
                cursor = cursor.widen(cursor.head, newest)._replace(head=newest)
            self._cursors[meter], self._newest[meter] = cursor, newest
        self.was_behind = self.has_gap

    async def send(self) -> float:
        """Send what is new and, no faster than its `rate`, what lies in gaps; return the s until there may be more.

        That is for ever where the target has all that there was.
        """
        await self.look()
        await self.send_new()
        if (begun := self.clock()) >= self._past_due:
            past = await self.send_past(min(BATCH, round(self.options.rate))) or 0
            self._past_due = begun + past / self.options.rate
        if self.target.is_new or any(cursor.head < self._newest[meter] for meter, cursor in self._cursors.items()):
            return 0.0
        if self.has_gap:
            return max(self._past_due - self.clock(), 0.0)
        self.limit = BATCH
        if self.ends:
            await self._run(self.history.save, self._cursors)  # in place of where they were a minute ago
        return inf

    @property
    def has_gap(self) -> bool:
        """Whether something is missing behind a head."""
        return any(cursor.has_gap for cursor in self._cursors.values())

    async def send_new(self) -> int:
        """Send what is after the heads, as far as it fits into one request; return how many readings that were."""
        new = {meter: (cursor.head, self._newest[meter]) for meter, cursor in self._cursors.items()}
        new = {meter: span for meter, span in new.items() if span[0] < span[1]}
        return await self._send("head", new, self.limit) if new else 0

    async def send_past(self, limit: int = BATCH) -> int | None:
        """Send the oldest of what lies in gaps; return how many readings that were, None where there are no gaps."""
        gaps = {meter: (cursor.past, cursor.until) for meter, cursor in self._cursors.items() if cursor.has_gap}
        if not gaps:
            return None
        meter = min(gaps, key=gaps.__getitem__)
        return await self._send("past", {meter: gaps[meter]}, min(limit, self.limit))

    async def _send(self, lane: Literal["head", "past"], spans: Spans, limit: int) -> int:
        """Send what is in spans, each after a time and up to another; return how many readings that were."""
        lines, reached, oldest, lost = await self._run(self._collect, lane, spans, limit)
        if oldest is not None and (lane == "past" or not self.has_gap):
            self.health.behind = oldest / 1000
        refused = await self._hand_over(lines)
        for meter, until in reached.items():
            self._cursors[meter] = self._cursors[meter]._replace(**{lane: until})
        self.sent += len(lines) - refused
        self.health.refused += refused
        self.health.lost += lost
        return len(lines)

    def _collect(
        self, lane: Literal["head", "past"], spans: Spans, limit: int
    ) -> tuple[list[bytes], dict[str, int], int | None, int]:
        """Return lines for a request, how far each meter is then, their first time, and how many are lost before."""
        lines: list[bytes] = []
        reached: dict[str, int] = {}
        firsts: list[int] = []
        lost = 0
        for meter, (after, until) in spans.items():
            if (room := limit - len(lines)) <= 0:
                break
            batch = self.history.read_after(meter, after, room)
            times = [time for time in times_of(batch) if time <= until]
            lines += lines_of(self.site, meter, part_of(batch, 0, len(times)))
            reached[meter] = times[-1] if len(times) == room else until
            firsts += times[:1]
            lost += self.history.count_between(meter, after, times[0] - 1 if times else until) if lane == "past" else 0
        return lines, reached, min(firsts, default=None), lost

    def _newest_line(self) -> list[bytes]:
        meter = max(self._newest, key=self._newest.__getitem__)
        return lines_of(self.site, meter, self.history.read_after(meter, self._newest[meter] - 1, 1))

    async def _hand_over(self, lines: Sequence[bytes], *, is_checked: bool = False) -> int:
        """Send lines, halved until the wrong ones stand alone; return how many were refused.

        Raises TargetError where the target is away, or refuses everything: the newest reading too, so that the target
        is wrong and not our lines.
        """
        if not lines:
            return 0
        try:
            response = await self.target.write(lines)
        except TargetError as error:
            if error.is_slow and len(lines) > SMALLEST_BATCH:  # with fewer it is not their number
                self.limit = max(len(lines) // 2, SMALLEST_BATCH)
            raise
        if response.is_good:
            return 0
        if not is_checked and response.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            is_checked = True
            newest: list[bytes] = [] if self.ends and self.sent else await self._run(self._newest_line)
            if newest and not (await self.target.write(newest)).is_good:
                raise explain_refusal(self.options, response.reason)
        if len(lines) == 1 or response.dropped >= len(lines):
            self.reason = response.reason
            return len(lines)
        middle = len(lines) // 2
        halves = lines[:middle], lines[middle:]
        return sum([await self._hand_over(half, is_checked=is_checked) for half in halves])
