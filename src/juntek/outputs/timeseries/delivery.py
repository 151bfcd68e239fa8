"""Hands one target what the history has and it has not; rule: what a cursor is past was taken, or is counted.

Nothing is held in memory but one request. What is new goes first; a gap is drained beside it, the oldest first.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from juntek.history.cursors import Cursors
from juntek.history.fields import part_of, times_of
from juntek.outputs.timeseries.line_protocol import lines_of
from juntek.outputs.timeseries.target_responses import TargetError, explain_refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path

    from juntek.history.cursors import Cursor
    from juntek.outputs import SinkHealth
    from juntek.outputs.timeseries import TimeseriesOptions
    from juntek.outputs.timeseries.target import Target

BATCH: Final = 5_000
"""Readings in a request: two megabytes, a tenth of it compressed."""
SMALLEST_BATCH: Final = 100
"""Readings in a request to a target that does not respond to larger ones in time."""
GROWS_AFTER: Final = 600.0
"""s without such a one after which a larger one is tried: too large a one costs half a minute, and a minute again."""
WINDOW: Final = 60.0
"""s after which a target has on its disk what it took: VictoriaMetrics writes after 5, a file system after 30."""
STEPS: Final = 3
"""Into so many parts the window is divided."""
FAR_BEHIND: Final = 180_000
"""ms: a head that is further behind after trouble leaves a gap and goes on with what is new."""

Lane = Literal["head", "past"]
"""What of a cursor moves on: the head with what is new, or the past in a gap."""
Spans = dict[str, tuple[int, int]]
"""Of each meter: after when, and up to and with when, ms since 1970."""


class Progress:
    """The cursors of one target by meter: where they stand `now`, and at least WINDOW seconds ago (`settled`).

    A target may lose in a power cut of its own what it took last, so they can go back to there, and only that is kept
    on disk. What is sent again is the same to the last digit: a database that tells rows by series and time keeps it
    once.
    """

    def __init__(self) -> None:
        self.now: dict[str, Cursor] = {}
        self._then: deque[dict[str, Cursor]] = deque([{}], maxlen=STEPS + 1)
        self._is_back = True

    @property
    def settled(self) -> dict[str, Cursor]:
        """Where they stood at least WINDOW seconds ago, or when we began."""
        return self._then[0]

    @property
    def has_gap(self) -> bool:
        """Whether something is missing behind a head."""
        return any(cursor.has_gap for cursor in self.now.values())

    def tick(self) -> None:
        """A STEPSth of the window has gone by."""
        self._then.append(dict(self.now))

    def go_back(self) -> None:
        """The target may have lost what it took last."""
        self._is_back = True
        self.now = dict(self.settled)
        self._then = deque([dict(self.settled)], maxlen=STEPS + 1)

    def merge(self, on_disk: Mapping[str, Cursor], newest: Mapping[str, int]) -> None:
        """Take over what others have moved: a new meter, or a gap that the recorder or a push has widened.

        Where a head has gone far back, go on with what is new; what lies between is sent beside it.
        """
        for meter, cursor in on_disk.items():
            if meter in self.now and self.now[meter].moves == cursor.moves:
                continue
            for cursors in (self.now, *self._then):  # whose heads are ours, as nobody else moves them
                mine = cursors.get(meter, cursor).widen(cursor.past, cursor.until)
                cursors[meter] = mine._replace(since=cursor.since, moves=cursor.moves)
        for meter, cursor in self.now.items() if self._is_back else ():
            if (last := newest.get(meter, 0)) - cursor.head > FAR_BEHIND:
                self.now[meter] = cursor.widen(cursor.head, last)._replace(head=last)
        self._is_back = False


class Collected(NamedTuple):
    """Lines for one request, and up to when they are of each meter, ms since 1970."""

    lines: list[bytes]
    reached: dict[str, int]
    oldest: int | None
    """The time of the oldest reading, ms since 1970."""
    lost: int
    """About how many readings before these the history has dropped."""


@asynccontextmanager
async def open_delivery(  # noqa: PLR0913 - from where, what and to whom
    options: TimeseriesOptions,
    database: Path,
    target: Target,
    site: str,
    health: SinkHealth,
    *,
    ends: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Delivery]:
    """Yield the delivery of the history in a database. Raises DatabaseError."""
    thread, opened = ThreadPoolExecutor(1, thread_name_prefix="juntek-timeseries"), ExitStack()
    try:
        history = await asyncio.get_running_loop().run_in_executor(
            thread, lambda: opened.enter_context(Cursors(database, options.label))
        )
        yield Delivery(options, target, site, health, history, thread, clock, ends)
    finally:
        await asyncio.to_thread(thread.shutdown)  # what was begun in the thread is waited for
        opened.close()


@dataclass
class Delivery:
    """The readings of a history on their way to one target, for one task; the `thread` reads them.

    `health` is kept up to date: what was refused and lost, and since when the target is behind. With `ends` all is
    sent once, so that a target that has taken something is not doubted when it refuses what is left. Raises
    DatabaseError.
    """

    options: TimeseriesOptions
    target: Target
    site: str
    health: SinkHealth
    history: Cursors
    thread: Executor
    clock: Callable[[], float]
    ends: bool = False
    progress: Progress = field(default_factory=Progress, init=False)
    sent: int = field(default=0, init=False)
    """Readings that the target has taken."""
    reason: str = field(default="", init=False)
    """Why the last one was refused, in the target's words."""
    _newest: dict[str, int] = field(default_factory=dict, init=False)
    _limit: int = field(default=BATCH, init=False)

    def __post_init__(self) -> None:
        self._ticked = self._limited = self.clock()

    async def _run(self, function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401 - what it takes and returns
        return await asyncio.get_running_loop().run_in_executor(self.thread, function, *arguments)

    async def look(self) -> None:
        """See what is new, and keep how far everything was a minute ago."""
        if self.clock() - self._ticked >= WINDOW / STEPS:
            self._ticked = self.clock()
            self.progress.tick()
        await self._run(self.history.save, dict(self.progress.settled))
        found: dict[str, tuple[Cursor, int]] = await self._run(self.history.look)
        self._newest = {meter: newest for meter, (_, newest) in found.items()}
        self.progress.merge({meter: cursor for meter, (cursor, _) in found.items()}, self._newest)

    async def keep(self) -> None:
        """Keep where the cursors are now, in place of where they were a minute ago."""
        await self._run(self.history.save, dict(self.progress.now))

    @property
    def has_new(self) -> bool:
        """Whether more of what was new at the last look is to be sent."""
        return bool(self._new_spans())

    @property
    def is_done(self) -> bool:
        """Whether the target has all that there was at the last look."""
        return not self.has_new and not self.progress.has_gap

    def _new_spans(self) -> Spans:
        spans = {meter: (cursor.head, self._newest.get(meter, 0)) for meter, cursor in self.progress.now.items()}
        return {meter: span for meter, span in spans.items() if span[0] < span[1]}

    async def send_new(self) -> int:
        """Send what is after the heads, as far as it fits into one request; return how many readings that were."""
        spans = self._new_spans()
        return await self._send("head", spans, self._limit) if spans else 0

    async def send_past(self, limit: int = BATCH) -> int | None:
        """Send the oldest of what lies in gaps; return how many readings that were, None where there are no gaps."""
        gaps = {meter: (cursor.past, cursor.until) for meter, cursor in self.progress.now.items() if cursor.has_gap}
        if not gaps:
            return None
        meter = min(gaps, key=gaps.__getitem__)
        return await self._send("past", {meter: gaps[meter]}, min(limit, self._limit))

    async def _send(self, lane: Lane, spans: Spans, limit: int) -> int:
        collected: Collected = await self._run(self._collect, lane, spans, limit)
        if collected.oldest is not None and (lane == "past" or not self.progress.has_gap):
            self.health.behind = collected.oldest / 1000
        try:
            await self._hand_over(collected.lines)
        except BaseException:
            self.progress.go_back()
            raise
        if self.target.take_new_connection():
            self.progress.go_back()
        else:
            now = self.progress.now
            now |= {meter: now[meter]._replace(**{lane: time}) for meter, time in collected.reached.items()}
            self.health.lost += collected.lost
            if self.is_done:
                self.health.behind = None
        return len(collected.lines)

    # Out of the history, in the thread ----------------------------------------------------------------------

    def _collect(self, lane: Lane, spans: Spans, limit: int) -> Collected:
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
            if lane == "past":
                lost += self.history.count_between(meter, after, times[0] - 1 if times else until)
        return Collected(lines, reached, min(firsts, default=None), lost)

    def _newest_line(self) -> list[bytes]:
        meter = max(self._newest, key=self._newest.__getitem__)
        return lines_of(self.site, meter, self.history.read_after(meter, self._newest[meter] - 1, 1))

    # To the target ------------------------------------------------------------------------------------------

    async def _hand_over(self, lines: Sequence[bytes], *, is_checked: bool = False) -> None:
        """Send lines, and count those that are refused: halved, until the wrong ones stand alone.

        Raises TargetError where the target is away, or refuses everything: the newest reading too, so that the target
        is wrong and not our lines.
        """
        if not lines:
            return
        try:
            response = await self.target.write(lines)
        except TargetError as error:
            if error.is_slow and len(lines) > SMALLEST_BATCH:  # with fewer it is not their number
                self._limit, self._limited = max(len(lines) // 2, SMALLEST_BATCH), self.clock()
            raise
        if self._limit < BATCH and self.clock() - self._limited > GROWS_AFTER:
            self._limit, self._limited = min(2 * self._limit, BATCH), self.clock()
        if response.is_good:
            self.sent += len(lines)
            return
        if not is_checked and response.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            if not (self.ends and self.sent):
                newest: list[bytes] = await self._run(self._newest_line)
                if not (await self.target.write(newest)).is_good:
                    raise explain_refusal(self.options, response.reason)
            is_checked = True
        if len(lines) == 1 or response.dropped >= len(lines):
            self.health.refused += len(lines)
            self.reason = response.reason
            return
        middle = len(lines) // 2
        await self._hand_over(lines[:middle], is_checked=is_checked)
        await self._hand_over(lines[middle:], is_checked=is_checked)
