"""A gateway or a push that sends one target what it has not got; rule: the history is the queue, and nobody waits.

Both can be stopped at any moment and go on where they were, and only one of them sends to a target.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from juntek.backoff import LONGEST_WAIT, SHORTEST_WAIT, Backoff
from juntek.errors import ConfigurationError, JuntekError
from juntek.history import Database
from juntek.history.cursors import Cursor, Cursors
from juntek.history.fields import times_of
from juntek.history.queries import HistoryReader
from juntek.lock import hold, lock_of
from juntek.outputs import SinkHealth, run_beside
from juntek.outputs.timeseries.delivery import BATCH, Delivery
from juntek.outputs.timeseries.line_protocol import lines_of_samples
from juntek.outputs.timeseries.target import RESPONSE_TIME, open_target
from juntek.outputs.timeseries.target_responses import TargetError
from juntek.samples import samples_of_gateway, samples_of_link, samples_of_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from juntek.outputs import Context, Handle
    from juntek.outputs.timeseries.target import Target
    from juntek.outputs.timeseries.timeseries_options import TimeseriesOptions
    from juntek.samples import Sample
    from juntek.update import Update

log = logging.getLogger(__name__)

SITUATION_EVERY: Final = 15.0
"""s between two tellings of how meters and sinks do."""
REFUSED_LOGGED_EVERY, LOST_LOGGED_EVERY = 60.0, 86_400.0
"""s between two sentences about readings that were refused, or are gone."""
LOGGED_BEYOND = 300.0
"""s: what is missing since longer is told of; what is less is over at once."""


@asynccontextmanager
async def serve(
    options: TimeseriesOptions,
    context: Context,
    name: str,
    backoff: Backoff | None = None,
    response_time: float = RESPONSE_TIME,
) -> AsyncIterator[Handle]:
    """Do what `open_sink` promises; `name` is that of the sink, `response_time` the s that a target may take."""
    if context.database is None:
        raise ConfigurationError("history.path is not known; give the path of the database file.")
    health = context.sinks[name]
    with hold(lock_of(context.database, options.label)) as is_alone:
        if not is_alone:
            raise JuntekError(f"Another juntek sends {options.label} what it has not got; let it end.")
        async with (
            open_target(options, context.version, response_time=response_time) as target,
            Delivery(options, context.database, target, context.site, health) as delivery,
        ):
            session = Session(
                options, context, name, health, target, delivery, backoff or Backoff(SHORTEST_WAIT, LONGEST_WAIT),
                Tally(REFUSED_LOGGED_EVERY, health.refused), Tally(LOST_LOGGED_EVERY, health.lost),
            )  # fmt: skip
            async with run_beside(session.run()):
                yield _leave_to_history


async def _leave_to_history(_: Update) -> None:
    """Take an update; its reading comes by way of the history, and all else is in `context.latest`."""


@dataclass(slots=True)
class Tally:
    """Something that is counted, and told of now and then."""

    every: float
    told: int = 0
    due: float = 0.0

    def news(self, count: int, now: float) -> int:
        """Return how many more to speak of now; 0 for none yet."""
        if count <= self.told or now < self.due:
            return 0
        more, self.told, self.due = count - self.told, count, now + self.every
        return more


@dataclass(slots=True)
class Session:
    """What the gateway does for one target; `name` is that of the sink."""

    options: TimeseriesOptions
    context: Context
    name: str
    health: SinkHealth
    target: Target
    delivery: Delivery
    backoff: Backoff
    refused: Tally
    lost: Tally
    is_catching_up: bool = False
    logged: str = ""
    """The last cause of a failure that the log has."""
    situation_due: float = 0.0
    past_due: float = 0.0

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
        began, delivery = now(), self.delivery
        delivery.wait_since(self.context.time())
        await delivery.look()
        has_sent = await delivery.send_new() > 0
        if now() >= self.past_due:
            rate, begun = self.options.rate, now()
            past = await delivery.send_past(min(BATCH, round(rate)))
            has_sent |= bool(past)
            self.past_due = begun + (past or 0) / rate
            self._note_past(is_over=past is None and not delivery.has_new)
        if now() >= self.situation_due:
            await self._send_situation()
            self.situation_due = now() + SITUATION_EVERY
            has_sent = True
        delivery.wait_since(None)
        if has_sent:
            self._succeed()
        self._log_counts(now())
        next_look = began + (0.0 if delivery.has_new else self.options.interval)
        is_draining = any(cursor.has_gap for cursor in delivery.progress.now.values())
        return max(min(next_look, self.past_due if is_draining else next_look) - now(), 0.0)

    async def _send_situation(self) -> None:
        """Send how each meter is set and how it does, and how the gateway and its sinks do."""
        context, now = self.context, self.context.time()
        samples: list[Sample] = []
        for update in context.updates():
            samples += samples_of_link(context.site, update, is_up=update.available)
            if update.available:
                samples += samples_of_settings(context.site, update, update.reading)
        samples += samples_of_gateway(context.site, context.gateway, context.version, context.sinks, now)
        response = await self.target.write(lines_of_samples(samples, now))
        if not response.is_good:
            log.debug("%s: it does not take how the gateway does: %s", self.name, response.reason)
        if self.target.take_new_connection():
            self.delivery.progress.go_back()

    def _fail(self, error: TargetError) -> float:
        """Say once that nothing is taken, and why; return the s after which to try again."""
        self.delivery.progress.go_back()
        trouble = f"{error} Nothing is lost: it is sent later."
        cause = str(error).partition("(")[0]  # what the target says of it may differ each time
        if self.health.connected or self.name not in self.context.errors:
            self.health.failures += 1
            self.logged = ""
        if cause != self.logged:
            self.logged = cause
            log.warning("%s: %s", self.name, trouble)
        self.health.connected = False
        self.context.errors[self.name] = trouble
        return max(error.wait or 0.0, self.backoff.wait())

    def _succeed(self) -> None:
        """The target has taken something."""
        self.backoff.reset()
        self.health.connected = True
        if self.context.errors.pop(self.name, None) is not None:
            self.is_catching_up = True
            log.info("%s: it takes readings again; what it missed is sent now.", self.name)

    def _note_past(self, *, is_over: bool) -> None:
        behind = self.health.behind
        if is_over and self.is_catching_up:
            self.is_catching_up = False
            log.info("%s: it has all that it missed.", self.name)
        elif behind is not None and not self.is_catching_up and self.context.time() - behind > LOGGED_BEYOND:
            self.is_catching_up = True
            start = datetime.fromtimestamp(behind, self.context.time_zone)
            log.info("%s: it gets what it missed since %s now.", self.name, f"{start:%Y-%m-%d %H:%M}")

    def _log_counts(self, now: float) -> None:
        if count := self.refused.news(self.health.refused, now):
            reason = self.delivery.reason
            log.warning("%s: %d readings were refused (%s); all others are sent.", self.name, count, reason)
        if count := self.lost.news(self.health.lost, now):
            log.warning(
                "%s: %d readings can be sent no more, as the history has dropped them; raise history.keep_raw_days "
                "above the longest time that %s is away.",
                self.name,
                count,
                self.options.label,
            )


class Pushed(NamedTuple):
    """What became of it. `left_to_gateway`: readings that a running gateway sends, as it has this target already."""

    sent: int = 0
    refused: int = 0
    lost: int = 0
    """Readings that the history has no more."""
    reason: str = ""
    left_to_gateway: int | None = None


async def push(  # noqa: PLR0913 - from where, what and to whom
    options: TimeseriesOptions,
    database: Path,
    site: str,
    version: str,
    *,
    meters: Sequence[str],
    again: tuple[int, int] | None = None,
    tell: Callable[[int, int], None] = lambda _done, _of: None,
) -> Pushed:
    """Send what the target was never sent of these meters, or whatever it has, those `again` between two times (ms).

    `tell` hears how many readings are done, and about of how many. Raises DatabaseError, ConfigurationError, and
    TargetError where the target is away or takes nothing: what was sent a minute before need not be sent again. Raises
    JuntekError where another push is sending.
    """
    with ExitStack() as stack:
        is_alone = stack.enter_context(hold(lock_of(database, options.label)))
        if not is_alone and stack.enter_context(hold(lock_of(database))):
            raise JuntekError(f"Another push to {options.label} is running; let it end, then run this again.")
        total = _move_cursors(database, options.label, meters, again)
        if not is_alone:
            return Pushed(left_to_gateway=total)
        health = SinkHealth()
        async with (
            open_target(options, version) as target,
            Delivery(options, database, target, site, health, ends=True) as delivery,
        ):
            await _send_all(delivery, options.rate, total, tell)
        return Pushed(delivery.sent, health.refused, health.lost, delivery.reason)


def _move_cursors(database: Path, label: str, meters: Sequence[str], again: tuple[int, int] | None) -> int:
    """Set the cursors back; return about how many readings there are to send then."""
    with closing(Cursors(Database(database, check=False, synchronous="NORMAL"), label)) as store:
        with HistoryReader(database) as reader:
            oldest = {meter: times_of(reader.read_after(meter, -1, 1)) for meter in meters}

        def set_back(cursor: Cursor) -> Cursor:
            if again is not None:
                return cursor.widen(again[0] - 1, again[1])
            return cursor.widen(times[0] - 1, cursor.since)._replace(since=0)

        for meter, times in oldest.items():
            if times:
                store.change(meter, set_back)
        found = store.look().items()
        return sum(store.count(meter, cursor.past, cursor.until) for meter, (cursor, _) in found if cursor.has_gap)


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
