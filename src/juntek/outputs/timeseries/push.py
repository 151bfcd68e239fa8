"""The history into a target, all at once; rule: it can be stopped and run again at any moment, nothing is doubled."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from juntek.errors import JuntekError
from juntek.history import Database
from juntek.history.deliveries import Deliveries, Range
from juntek.history.lock import hold, lock_of
from juntek.outputs.timeseries.backlog import Backlog
from juntek.outputs.timeseries.target import AllRefusedError, open_target

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from pathlib import Path

    from juntek.outputs.timeseries.options import Options


SHOWN_AFTER = 2.0
"""s after which a target shows what it was sent, by a push just before this one too: VictoriaMetrics takes one."""


@dataclass(slots=True)
class Pushed:
    """What became of it. `left_to_gateway`: readings that a running gateway sends, as it has this target already."""

    sent: int = 0
    held: int = 0
    """Readings that the target had."""
    refused: int = 0
    lost: int = 0
    """Readings that the history has no more."""
    complaint: str = ""
    left_to_gateway: int | None = None


async def push(  # noqa: PLR0913 - from where, what and to whom
    options: Options,
    database: Path,
    site: str,
    version: str,
    *,
    meters: Sequence[str],
    again: Iterable[Range] = (),
    tell: Callable[[int, int], None] = lambda _done, _of: None,
) -> Pushed:
    """Send what the target has not got of these meters, and the ranges of `again` whatever it has.

    `tell` hears how many readings are done, and about of how many. Raises DatabaseError, ConfigurationError, and
    TargetError where the target is away or takes nothing: what was sent until then need not be sent again. Raises
    JuntekError where another push is sending.
    """
    again = list(again)
    result = Pushed()
    with ExitStack() as stack:
        alone = stack.enter_context(hold(lock_of(database, options.label)))
        if not alone and stack.enter_context(hold(lock_of(database))):
            raise JuntekError(f"Another push to {options.label} is running; let it end, then run this again.")
        store = Deliveries(Database(database, check=False, synchronous="NORMAL"), options.label)
        stack.callback(store.close)
        if alone:
            store.resume(time.time())
        if again:
            store.owe_again(again)
        else:
            store.owe_past(meters)
        if not alone:
            result.left_to_gateway = store.count()
            return result
        async with open_target(options, version) as target:
            await asyncio.sleep(SHOWN_AFTER)
            backlog = Backlog(store, target, site, time.time)
            await _send_all(backlog, options.rate, store.count(), result, tell)
    return result


async def _send_all(
    backlog: Backlog, rate: float, total: int, result: Pushed, tell: Callable[[int, int], None]
) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    done = 0
    for send in (_patient(backlog), backlog.send_refused):
        while (looked_at := await send()) is not None:
            done += looked_at
            tell(done, max(total, done))
            await asyncio.sleep(max(began + done / rate - loop.time(), 0.0))
        if backlog.refusal is not None and not backlog.sent:
            raise backlog.refusal
    result.sent, result.refused, result.complaint = backlog.sent, backlog.refused, backlog.complaint
    result.lost, result.held = backlog.lost, backlog.held


def _patient(backlog: Backlog) -> Callable[[], Awaitable[int | None]]:
    """Send what is owed, though much of it is refused at first, such as what is too old for the target."""

    async def send() -> int | None:
        try:
            return await backlog.send()
        except AllRefusedError:
            if not await backlog.try_newest():
                raise
            return await backlog.send()

    return send
