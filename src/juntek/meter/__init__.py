"""Meters behind links: the loop, and the ways to read one meter; rule: asynchronous first, a plain way beside it."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from queue import Empty, Queue

from juntek.decode import Options
from juntek.errors import NoReplyError
from juntek.links import open_link
from juntek.meter.line import Line, Meter, MeterOptions, Mode
from juntek.reading import Identity, Reading, Settings
from juntek.update import Health, Update

__all__ = ["Line", "LiveMeter", "Meter", "MeterOptions", "Mode", "open_meter", "read"]

MOST_WAITING = 1000
"""Updates that wait for a slow reader; the oldest are dropped then, because the newest is what counts."""

ANSWER_TIMEOUT = 15.0
"""s in which a meter has to give its first reading, after listening for a display."""


class LiveMeter:
    """A meter that is being read; iterate over it for its readings, or over `updates()` for all that changes."""

    def __init__(self, timeout: float | None) -> None:
        self._waiting: deque[Update] = deque(maxlen=MOST_WAITING)
        self._news = asyncio.Event()
        self._ended = False
        self._timeout = timeout
        self._last: Update | None = None

    @property
    def identity(self) -> Identity | None:
        """Who the meter is, once it has said so."""
        return self._last.identity if self._last else None

    @property
    def settings(self) -> Settings | None:
        """How the meter is set, once it has said so."""
        return self._last.settings if self._last else None

    @property
    def health(self) -> Health:
        """How the link does."""
        return self._last.health if self._last else Health()

    def put(self, update: Update) -> None:
        """Take an update from the line."""
        self._last = update
        self._waiting.append(update)
        self._news.set()

    def end(self) -> None:
        """Let the iteration end after what waits."""
        self._ended = True
        self._news.set()

    async def updates(self) -> AsyncIterator[Update]:
        """Iterate over everything that changes, readings included, until the end of a replay."""
        while True:
            while self._waiting:
                yield self._waiting.popleft()
            if self._ended:
                return
            self._news.clear()
            await self._news.wait()

    async def __aiter__(self) -> AsyncIterator[Reading]:
        """Iterate over the readings. Raises NoReplyError after `timeout` seconds without one."""
        updates = self.updates()
        while True:
            try:
                async with asyncio.timeout(self._timeout):
                    reading = None
                    while reading is None:
                        reading = (await anext(updates)).reading
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise NoReplyError(self.health.error or self._silence()) from None
            yield reading

    def _silence(self) -> str:
        garbage = sum(self.health.garbage.values())
        if garbage:
            return (
                f"Nothing but noise in {self._timeout:g} s ({garbage} pieces); swap the wires A and B, "
                f"and check that the adapter is an RS485 one."
            )
        return (
            f"No answer in {self._timeout:g} s; check the meter's power, the wires A and B, and that its address "
            f"is the one asked for."
        )


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

    `interval` is in seconds, `nominal_capacity` in Ah (default: as the meter is set), `timeout` in seconds
    without a reading (None: wait for ever). Raises LinkError when the link cannot be opened to begin with.

        async with open_meter("/dev/ttyUSB0") as meter:
            async for reading in meter:
                print(reading.voltage, reading.state_of_charge)
    """
    options = Options(family=family, invert_current=invert_current, nominal_capacity=nominal_capacity)
    meter = LiveMeter(timeout)
    line = Line(
        url, [MeterOptions(name=url, address=address, mode=mode, interval=interval, options=options)], meter.put
    )
    task = asyncio.create_task(line.run(await open_link(url)))
    task.add_done_callback(lambda _: meter.end())
    try:
        yield meter
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


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

    The line is served in a thread, so that readings go on while the caller is busy.

        for reading in read("/dev/ttyUSB0"):
            print(reading.voltage, reading.state_of_charge)
    """
    results: Queue[Reading | BaseException | None] = Queue(MOST_WAITING)
    loop = asyncio.new_event_loop()

    async def work() -> None:
        async with open_meter(
            url,
            address,
            mode=mode,
            interval=interval,
            family=family,
            invert_current=invert_current,
            nominal_capacity=nominal_capacity,
            timeout=timeout,
        ) as meter:
            async for reading in meter:
                if results.full():  # a caller that is slow wants the newest, not a minute of the past
                    with suppress(Empty):
                        results.get_nowait()
                results.put(reading)

    task = loop.create_task(work())

    def serve() -> None:
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001 - handed over to the caller's thread
            results.put(error)
        else:
            results.put(None)
        finally:
            loop.close()

    thread = threading.Thread(target=serve, name="juntek", daemon=True)
    thread.start()
    try:
        while (result := results.get()) is not None:
            if isinstance(result, BaseException):
                raise result
            yield result
    finally:
        with suppress(RuntimeError):  # the loop has ended by itself
            loop.call_soon_threadsafe(task.cancel)
        thread.join()
