"""A gateway or a push that sends one target what it has not got; rule: the history is the queue, and nobody waits.

Both can be stopped at any moment and go on where they were, and only one of them sends to a target.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from juntek.backoff import LONGEST_WAIT, SHORTEST_WAIT, Backoff
from juntek.errors import ConfigurationError, JuntekError
from juntek.files import hold, lock_of
from juntek.history.cursors import Cursor, Cursors
from juntek.history.fields import times_of
from juntek.outputs import SinkHealth, run_beside
from juntek.outputs.timeseries.delivery import BATCH, open_delivery
from juntek.outputs.timeseries.line_protocol import lines_of_samples
from juntek.outputs.timeseries.target import RESPONSE_TIME, open_target
from juntek.outputs.timeseries.target_responses import TargetError
from juntek.samples import samples_of_gateway, samples_of_link, samples_of_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from juntek.outputs import Context, Handle
    from juntek.outputs.timeseries import TimeseriesOptions
    from juntek.outputs.timeseries.delivery import Delivery
    from juntek.samples import Sample
    from juntek.update import Update

log = logging.getLogger(__name__)

SITUATION_EVERY: Final = 15.0
"""s between two tellings of how meters and sinks do."""
COUNTS_LOGGED_EVERY: Final = 3600.0
"""s between two sentences about readings that were refused, or are gone."""


@asynccontextmanager
async def serve(
    options: TimeseriesOptions,
    context: Context,
    backoff: Backoff | None = None,
    response_time: float = RESPONSE_TIME,
) -> AsyncIterator[Handle]:
    """Do what `open_sink` promises; `response_time` is the s that a target may take."""
    name = f"timeseries {options.label}"
    if context.database is None:
        raise ConfigurationError("history.path is not known; give the path of the database file.")
    with hold(lock_of(context.database, options.label)) as is_alone:
        if not is_alone:
            raise JuntekError(f"Another juntek sends {options.label} what it has not got; let it end.")
        async with (
            open_target(options, context.version, response_time=response_time) as target,
            open_delivery(options, context.database, target, context.site, context.sinks[name]) as delivery,
            run_beside(Session(context, name, delivery, backoff or Backoff(SHORTEST_WAIT, LONGEST_WAIT)).run()),
        ):
            yield _leave_to_history


async def _leave_to_history(_: Update) -> None:
    """Take an update; its reading comes by way of the history, and all else is in `context.latest`."""


@dataclass(slots=True)
class Tally:
    """Something that is counted, and told of now and then."""

    told: int = 0
    due: float = 0.0

    def news(self, count: int, now: float) -> int:
        """Return how many more to speak of now; 0 for none yet."""
        if count <= self.told or now < self.due:
            return 0
        more, self.told, self.due = count - self.told, count, now + COUNTS_LOGGED_EVERY
        return more


class Session:
    """What the gateway does for one target; `name` is that of the sink."""

    def __init__(self, context: Context, name: str, delivery: Delivery, backoff: Backoff) -> None:
        self._context, self._name, self._delivery, self._backoff = context, name, delivery, backoff
        self._health = delivery.health
        self._refused, self._lost = Tally(self._health.refused), Tally(self._health.lost)
        self._is_catching_up = False
        self._cause = ""
        """Why nothing is taken at present, as the log has it."""
        self._situation_due = self._past_due = 0.0

    async def run(self) -> None:
        """Send for ever. Raises DatabaseError where the history cannot be read or the cursors cannot be kept."""
        while True:
            try:
                wait = await self._send()
            except TargetError as error:
                wait = self._fail(error)
            await asyncio.sleep(wait)

    async def _send(self) -> float:
        """Send what there is; return the s after which to look again."""
        now = asyncio.get_running_loop().time
        began, delivery, options = now(), self._delivery, self._delivery.options
        self._health.behind = self._health.behind or self._context.time()  # until everything was answered
        await delivery.look()
        is_behind = delivery.progress.has_gap
        is_answered = await delivery.send_new() > 0
        if now() >= self._past_due:
            begun = now()
            past = await delivery.send_past(min(BATCH, round(options.rate))) or 0
            is_answered |= past > 0
            self._past_due = begun + past / options.rate
        if now() >= self._situation_due:
            await self._send_situation()
            self._situation_due = now() + SITUATION_EVERY
            is_answered = True
        if delivery.is_done:
            self._health.behind = None
        if is_answered:
            self._succeed()
        self._log_past(is_behind=is_behind)
        self._log_counts(now())
        next_look = began + (0.0 if delivery.has_new else options.interval)
        return max(min(next_look, self._past_due if delivery.progress.has_gap else next_look) - now(), 0.0)

    async def _send_situation(self) -> None:
        """Send how each meter is set and how it does, and how the gateway and its sinks do."""
        context, now = self._context, self._context.time()
        samples: list[Sample] = []
        for update in context.updates():
            samples += samples_of_link(context.site, update, is_up=update.available)
            if update.available:
                samples += samples_of_settings(context.site, update, update.reading)
        samples += samples_of_gateway(context.site, context.gateway, context.version, context.sinks, now)
        response = await self._delivery.target.write(lines_of_samples(samples, now))
        if not response.is_good:
            log.debug("%s: it does not take how the gateway does: %s", self._name, response.reason)
        if self._delivery.target.take_new_connection():
            self._delivery.progress.go_back()

    def _fail(self, error: TargetError) -> float:
        """Say once that nothing is taken, and why; return the s after which to try again."""
        self._delivery.progress.go_back()
        self._context.errors[self._name] = f"{error} Nothing is lost: it is sent later."
        self._health.failures += not self._cause
        self._health.connected = False
        cause = str(error).partition("(")[0]  # what the target says of it may differ each time
        if cause != self._cause:
            self._cause = cause
            log.warning("%s: %s", self._name, self._context.errors[self._name])
        return max(error.wait or 0.0, self._backoff.wait())

    def _succeed(self) -> None:
        """The target has answered."""
        self._backoff.reset()
        self._health.connected = True
        self._cause = ""
        if self._context.errors.pop(self._name, None) is not None:
            self._is_catching_up = True
            log.info("%s: it takes readings again; what it missed is sent now.", self._name)

    def _log_past(self, *, is_behind: bool) -> None:
        if is_behind and not self._is_catching_up:
            self._is_catching_up = True
            log.info("%s: what it missed is sent now.", self._name)
        if self._is_catching_up and self._delivery.is_done:
            self._is_catching_up = False
            log.info("%s: it has all that it missed.", self._name)

    def _log_counts(self, now: float) -> None:
        if count := self._refused.news(self._health.refused, now):
            reason = self._delivery.reason
            log.warning("%s: %d readings were refused (%s); all others are sent.", self._name, count, reason)
        if count := self._lost.news(self._health.lost, now):
            log.warning(
                "%s: %d readings can be sent no more, as the history has dropped them; raise history.keep_raw_days "
                "above the longest time that it is away.",
                self._name,
                count,
            )


async def push(  # noqa: PLR0913 - from where, what and to whom
    options: TimeseriesOptions,
    database: Path,
    site: str,
    version: str,
    *,
    meters: Sequence[str],
    again: tuple[int, int] | None = None,
    tell: Callable[[int, int], None] = lambda _done, _of: None,
) -> tuple[int, Delivery | None]:
    """Send what the target was never sent of these meters, or whatever it has, those `again` between two times (ms).

    Return about how many readings there were to send, and the delivery that has ended: none where a running gateway
    sends them, as it has this target already. `tell` hears how many are done, and about of how many. Raises
    DatabaseError, ConfigurationError, and TargetError where the target is away or takes nothing: what was sent a minute
    before need not be sent again. Raises JuntekError where another push is sending.
    """
    with ExitStack() as stack:
        is_alone = stack.enter_context(hold(lock_of(database, options.label)))
        if not is_alone and stack.enter_context(hold(lock_of(database))):
            raise JuntekError(f"Another push to {options.label} is running; let it end, then run this again.")
        total = _set_back(database, options.label, meters, again)
        if not is_alone:
            return total, None
        async with (
            open_target(options, version) as target,
            open_delivery(options, database, target, site, SinkHealth(), ends=True) as delivery,
        ):
            await _send_all(delivery, options.rate, total, tell)
        return total, delivery


def _set_back(database: Path, label: str, meters: Sequence[str], again: tuple[int, int] | None) -> int:
    """Set the cursors back; return about how many readings there are to send then."""
    with Cursors(database, label) as history:
        for meter in meters:
            for oldest in times_of(history.read_after(meter, -1, 1)):
                history.change(meter, partial(_widen, oldest, again))
        gaps = {meter: cursor for meter, (cursor, _) in history.look().items() if cursor.has_gap}
        return sum(history.count_between(meter, cursor.past, cursor.until) for meter, cursor in gaps.items())


def _widen(oldest: int, again: tuple[int, int] | None, cursor: Cursor) -> Cursor:
    if again is not None:
        return cursor.widen(again[0] - 1, again[1])
    return cursor.widen(oldest - 1, cursor.since)._replace(since=0)


async def _send_all(delivery: Delivery, rate: float, total: int, tell: Callable[[int, int], None]) -> None:
    loop = asyncio.get_running_loop()
    began, done = loop.time(), 0
    while True:
        await delivery.look()
        count = await delivery.send_past(min(BATCH, round(rate)))
        new = 0 if count else await delivery.send_new()
        if count is None and not new:
            break
        done += (count or 0) + new
        tell(done, max(total, done))
        await asyncio.sleep(max(began + done / rate - loop.time(), 0.0))
    await delivery.keep()
