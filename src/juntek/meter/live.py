"""One meter as an iterator of its readings; rule: a slow reader of a wire gets the newest, one of a recording all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Self

from juntek.errors import LinkLostError
from juntek.links import Link
from juntek.meter.line import Line
from juntek.meter.state import MeterOptions
from juntek.reading import Identity, Reading, Settings
from juntek.update import Health, Outcome, Update

MOST_WAITING = 1000
"""Updates that wait for a slow reader; the oldest are dropped then, because the newest is what counts."""


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

    def __aiter__(self) -> Self:
        return self

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
