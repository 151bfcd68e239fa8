"""Meters behind links: the loop, and the ways to read one meter; rule: asynchronous first, a plain way beside it."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

from juntek.exchange import Options
from juntek.links import open_link
from juntek.meter.line import Line
from juntek.meter.live import LiveMeter
from juntek.meter.state import Meter, MeterOptions, Mode, Timing
from juntek.reading import Reading

__all__ = ["Line", "LiveMeter", "Meter", "MeterOptions", "Mode", "Timing", "loop_in_thread", "open_meter", "read"]

ANSWER_TIMEOUT = 15.0
"""s that a reading may be overdue; the first one has to wait until no display was heard."""

Result = TypeVar("Result")


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
    with loop_in_thread() as run:
        meter = run(opening.__aenter__())
        try:
            while (reading := run(_next(meter))) is not None:
                yield reading
        finally:
            if not sys.is_finalizing():
                run(opening.__aexit__(None, None, None))


async def _next(meter: LiveMeter) -> Reading | None:
    return await anext(meter, None)


@contextmanager
def loop_in_thread() -> Iterator[Callable[[Coroutine[Any, Any, Result]], Result]]:
    """Run an event loop in a thread; what is yielded runs a coroutine there and returns its result here."""
    runner = asyncio.Runner()
    loop = runner.get_loop()

    def serve() -> None:
        with runner:
            loop.run_forever()

    def run(work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    thread = threading.Thread(target=serve, name="juntek", daemon=True)
    thread.start()
    try:
        yield run
    finally:
        if not sys.is_finalizing():  # a program that ends while it iterates has frozen its other threads by then
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
