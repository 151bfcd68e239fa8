"""Meters behind links: the loop, and the ways to read one meter; rule: asynchronous first, a plain way beside it."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, TypeVar

from juntek.errors import LinkLostError
from juntek.exchange import Options
from juntek.links import Link, open_link
from juntek.meter.line import Line
from juntek.meter.state import Meter, MeterOptions, Mode, Timing
from juntek.reading import Identity, Reading, Settings
from juntek.update import Health, Outcome, Update

__all__ = ["Line", "LiveMeter", "Meter", "MeterOptions", "Mode", "Timing", "open_in_thread", "open_meter", "read"]

ANSWER_TIMEOUT = 15.0
"""s that a reading may be overdue; the first one has to wait until no display was heard."""

MOST_WAITING = 1000
"""Updates that wait for a slow reader; the oldest are dropped then, because the newest is what counts."""

Opened = TypeVar("Opened")


class LiveMeter(AsyncIterator[Reading]):
    """A meter that is being read; iterate over it for its readings, or over `updates()` for all that changes."""

    def __init__(self, url: str, options: MeterOptions, link: Link, timeout: float | None) -> None:
        self._link = link
        self._line = Line(url, [options], self._put, room=self._room)
        self._meter = self._line.meters[options.address]
        self._timeout = timeout + options.interval if timeout is not None and link.can_write else None
        self._waiting: asyncio.Queue[Update | None] = asyncio.Queue()
        """None is the end."""
        self._taken = asyncio.Event()

    @property
    def identity(self) -> Identity | None:
        """Who the meter is, once it has said so."""
        return self._meter.identity

    @property
    def settings(self) -> Settings | None:
        """How the meter is set, once it has said so."""
        return self._meter.settings

    @property
    def health(self) -> Health:
        """How the link does."""
        return self._meter.health

    @property
    def latest(self) -> Update:
        """All that is known of the meter now, with its latest reading."""
        return self._meter.update(self._meter.last_reading)

    @property
    def line(self) -> Line:
        """The line that serves it."""
        return self._line

    async def send(self, key: str, value: Any) -> Outcome:  # noqa: ANN401 - what the key takes
        """Set a setting of the meter, or make it act; return what became of it.

        Raises RequestError for what it has not or does not take, LinkError when the link is lost.
        """
        return await self._line.send(self._meter.options.address, key, value)

    async def run(self) -> None:
        """Serve the line until cancelled or until the end of a recording; the iteration ends then, too."""
        try:
            await self._line.run(self._link)
        finally:
            self._waiting.put_nowait(None)

    async def updates(self) -> AsyncIterator[Update]:
        """Iterate over everything that changes, readings included, until the end of a replay."""
        while (update := await self._take()) is not None:
            yield update

    async def __anext__(self) -> Reading:
        """Return the next reading.

        Raises NoReplyError, or UnknownLayoutError, when none has come in `timeout` seconds, LinkLostError when
        that is so because the link is down. The meter is still being read then: one may iterate on.
        """
        try:
            async with asyncio.timeout(self._timeout):
                while (update := await self._take()) is not None:
                    if update.reading is not None:
                        return update.reading
        except TimeoutError:
            if not self.health.connected:
                raise LinkLostError(self.health.error) from None
            raise self._meter.explain_silence(self._link.name) from None
        raise StopAsyncIteration

    def _put(self, update: Update) -> None:
        if self._link.can_write and self._waiting.qsize() >= MOST_WAITING:
            self._waiting.get_nowait()
        self._waiting.put_nowait(update)

    async def _room(self) -> None:
        """Let a recording wait for its reader."""
        while self._waiting.qsize() >= MOST_WAITING:
            self._taken.clear()
            await self._taken.wait()

    async def _take(self) -> Update | None:
        """Return the next update; None at the end."""
        update = await self._waiting.get()
        if update is None:
            self._waiting.put_nowait(None)  # for whoever asks again
        self._taken.set()
        return update


@asynccontextmanager
async def open_meter(  # noqa: PLR0913 - each is one thing an owner can say about a meter
    url: str,
    address: int = 1,
    *,
    mode: Mode = "auto",
    interval: float = 1.0,
    family: str | None = None,
    invert_current: bool = False,
    nominal_capacity: float | None = None,
    timeout: float | None = ANSWER_TIMEOUT,  # noqa: ASYNC109 - of each reading, not of this call
) -> AsyncIterator[LiveMeter]:
    """Read one meter for as long as the context lasts; a link that goes away comes back by itself.

    `interval` is in seconds, `nominal_capacity` in Ah (default: as the meter is set). A reading may be `timeout`
    seconds overdue (None: for ever; a recording is never overdue). Raises LinkError when the link cannot be opened
    to begin with.

        async with open_meter("/dev/ttyUSB0") as meter:
            async for reading in meter:
                print(reading.voltage, reading.state_of_charge)
    """
    decoding = Options(family=family, invert_current=invert_current, nominal_capacity=nominal_capacity)
    options = MeterOptions(name="meter", address=address, mode=mode, interval=interval, options=decoding)
    # Closed here as well as in the line, whose task may be cancelled before it runs.
    async with await open_link(url) as link:
        meter = LiveMeter(url, options, link, timeout)
        task = asyncio.create_task(meter.run())
        try:
            yield meter
        finally:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()  # raises what nobody foresaw


def read(  # noqa: PLR0913
    url: str,
    address: int = 1,
    *,
    mode: Mode = "auto",
    interval: float = 1.0,
    family: str | None = None,
    invert_current: bool = False,
    nominal_capacity: float | None = None,
    timeout: float | None = ANSWER_TIMEOUT,
) -> Iterator[Reading]:
    """Iterate over the readings of one meter without any asyncio; arguments and errors as for `open_meter`.

    The line is served in a thread, so that readings go on while the caller is busy. A caller that falls behind gets
    the newest ones, and of a recording all.

        for reading in read("/dev/ttyUSB0"):
            print(reading.voltage, reading.state_of_charge)
    """
    opening = open_meter(
        url,
        address,
        mode=mode,
        interval=interval,
        family=family,
        invert_current=invert_current,
        nominal_capacity=nominal_capacity,
        timeout=timeout,
    )
    with open_in_thread(opening) as (meter, run):
        while (reading := run(_next(meter))) is not None:
            yield reading


async def _next(meter: LiveMeter) -> Reading | None:
    return await anext(meter, None)


@contextmanager
def open_in_thread(
    opening: AbstractAsyncContextManager[Opened],
) -> Iterator[tuple[Opened, Callable[[Coroutine[Any, Any, Any]], Any]]]:
    """Enter a context on an event loop in a thread; yield what it gives, and what runs a coroutine on that loop."""
    runner = asyncio.Runner()
    loop = runner.get_loop()

    def serve() -> None:
        with runner:
            loop.run_forever()

    def run(work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - what the work returns
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    stack = AsyncExitStack()
    thread = threading.Thread(target=serve, name="juntek", daemon=True)
    thread.start()
    try:
        yield run(stack.enter_async_context(opening)), run
    finally:
        if not sys.is_finalizing():  # a program that ends while it iterates has frozen its other threads by then
            try:
                run(stack.aclose())
            finally:
                loop.call_soon_threadsafe(loop.stop)
                thread.join()
