"""The history into a target, all at once; rule: it can be stopped and run again at any moment."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, NamedTuple

from juntek.errors import JuntekError
from juntek.history import Database
from juntek.history.cursors import Cursor, Cursors
from juntek.history.fields import times_of
from juntek.history.queries import HistoryReader
from juntek.lock import hold, lock_of
from juntek.outputs import SinkHealth
from juntek.outputs.timeseries.delivery import BATCH, Delivery
from juntek.outputs.timeseries.target import open_target

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from juntek.outputs.timeseries.timeseries_options import TimeseriesOptions


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
