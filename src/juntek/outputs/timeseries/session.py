"""A gateway or a push that sends one target what it has not got; rule: the history is the queue, and nobody waits.

Both can be stopped at any moment and go on where they were, and only one of them sends to a target.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack, asynccontextmanager
from math import inf
from typing import TYPE_CHECKING, Final

from juntek.errors import ConfigurationError, JuntekError
from juntek.files import hold, lock_of
from juntek.history.cursors import Cursors
from juntek.metric import samples_of_gateway, samples_of_link, samples_of_settings
from juntek.outputs import SinkHealth, run_beside, take_nothing
from juntek.outputs.timeseries.delivery import BATCH, FAR_BEHIND, open_delivery
from juntek.outputs.timeseries.line_protocol import lines_of_samples
from juntek.outputs.timeseries.target import RESPONSE_TIME, open_target
from juntek.outputs.timeseries.target_responses import TargetError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from juntek.metric import Sample
    from juntek.outputs import Context, Handle
    from juntek.outputs.timeseries import TimeseriesOptions
    from juntek.outputs.timeseries.delivery import Delivery

log = logging.getLogger(__name__)

SITUATION_EVERY: Final = 15.0
"""s between two tellings of how meters and sinks do."""
COUNTS_LOGGED_EVERY: Final = 3600.0
"""s between two sentences about readings that were refused, or are gone."""


@asynccontextmanager
async def serve(
    options: TimeseriesOptions, context: Context, response_time: float = RESPONSE_TIME
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
        ):
            delivery.limit = context.carry_over.pop(name, BATCH)
            session = Session(context, name, delivery)
            try:
                wait = await session.send()  # one that takes nothing is not entered
                async with run_beside(session.run(wait)):
                    yield take_nothing
            except TargetError as error:
                context.carry_over[name] = delivery.limit
                raise TargetError(f"{error} Nothing is lost: it is sent later.", wait=error.wait) from error


class Session:
    """What the gateway does for one target; `name` is that of the sink."""

    def __init__(self, context: Context, name: str, delivery: Delivery) -> None:
        self._context, self._name, self._delivery = context, name, delivery
        self._health = delivery.health
        self._logged = self._health.refused, self._health.lost
        self._is_behind = False
        self._counts_due = self._situation_due = 0.0

    async def run(self, wait: float) -> None:
        """Send for ever, first in `wait` s. Raises TargetError and DatabaseError."""
        while True:
            await asyncio.sleep(wait)
            wait = await self.send()

    async def send(self) -> float:
        """Send what there is; return the s after which to look again."""
        now, delivery = asyncio.get_running_loop().time, self._delivery
        began = now()
        self._health.behind = self._health.behind or self._context.time()  # until everything was answered
        wait = await delivery.send()
        if now() >= self._situation_due:
            await self._send_situation()
            self._situation_due = now() + SITUATION_EVERY
            wait = 0.0 if delivery.take_restart() else wait
        self._log_past(has_all=wait == inf)
        if wait == inf:
            self._health.behind = None
        self._log_counts(now())
        return max(min(wait, began + delivery.options.interval - now()), 0.0)

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

    def _log_past(self, *, has_all: bool) -> None:
        is_old = self._health.lag(self._context.time()) * 1000 > FAR_BEHIND  # the first readings of a meter are not
        if self._delivery.was_behind and is_old and not self._is_behind:
            self._is_behind = True
            log.info("%s: what it missed is sent now.", self._name)
        if self._is_behind and has_all:
            self._is_behind = False
            log.info("%s: it has all that it missed.", self._name)

    def _log_counts(self, now: float) -> None:
        """Say how many readings cannot be sent: at once, then now and then."""
        counts = self._health.refused, self._health.lost
        if now < self._counts_due or counts == self._logged:
            return
        refused, lost = (count - logged for count, logged in zip(counts, self._logged, strict=True))
        self._logged, self._counts_due = counts, now + COUNTS_LOGGED_EVERY
        if refused:
            reason = self._delivery.reason
            log.warning("%s: %d readings were refused (%s); all others are sent.", self._name, refused, reason)
        if lost:
            log.warning(
                "%s: %d readings can be sent no more, as the history has dropped them; raise history.keep_raw_days "
                "above the longest time that it is away.",
                self._name,
                lost,
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
            while (wait := await delivery.send()) < inf:
                done = delivery.sent + delivery.health.refused
                tell(done, max(total, done))
                await asyncio.sleep(wait)
            await delivery.keep()
        return total, delivery


def _set_back(database: Path, label: str, meters: Sequence[str], again: tuple[int, int] | None) -> int:
    """Set the cursors back; return about how many readings there are to send then."""
    with Cursors(database, label) as history:
        for meter in meters:
            history.send_again(meter, again)
        gaps = {meter: cursor for meter, (cursor, _) in history.look().items() if cursor.has_gap}
        return sum(history.count_between(meter, cursor.past, cursor.until) for meter, cursor in gaps.items())
