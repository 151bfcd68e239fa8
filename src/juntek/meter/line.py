"""Joins a link to the core: listens or polls, reconnects, and tells what changed; rule: the only loop that does.

One `Line` serves one link and all meters on it. It never gives up: what goes wrong is told in the meters' health.
"""

from __future__ import annotations

import asyncio
import time as clock
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from juntek.bus import Bus, Event, Station
from juntek.capture import Chunk
from juntek.decode import Options
from juntek.errors import LinkError, LinkLostError, RequestError
from juntek.links import Link, open_link
from juntek.meter.poller import Poller
from juntek.reading import Identity, Reading, Settings
from juntek.update import Health, Update
from juntek.update import Mode as Activity
from juntek.wire import Frame, Garbage

Mode = Literal["auto", "listen", "poll"]

SHORTEST_WAIT, LONGEST_WAIT = 1.0, 15.0
"""s between attempts to open a link; it doubles from the first to the second."""

PATIENCE = 10.0
"""s without a believed reading after which a meter counts as silent, or four polls if that is longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterOptions:
    """One meter on a link. `interval` is the seconds between polls of its readings."""

    name: str
    address: int = 1
    mode: Mode = "auto"
    interval: float = 1.0
    options: Options = field(default_factory=Options)

    def __post_init__(self) -> None:
        if not 1 <= self.address <= 99:
            raise RequestError(f"A meter's address is 1 to 99, not {self.address}; look for P01 at its display.")


class Meter:
    """What is known of one meter on a line."""

    __slots__ = ("available", "health", "heard", "identity", "options", "settings")

    def __init__(self, options: MeterOptions, garbage: Counter[str]) -> None:
        self.options = options
        self.identity: Identity | None = None
        self.settings: Settings | None = None
        self.available = False
        self.heard: float | None = None
        self.health = Health(garbage=garbage)

    @property
    def interval(self) -> float:
        """Seconds between polls."""
        return self.options.interval

    def has_identity(self) -> bool:
        """Whether the meter has said who it is."""
        return self.identity is not None

    @property
    def patience(self) -> float:
        """Seconds without a reading after which the meter counts as silent."""
        return max(PATIENCE, 4 * self.options.interval)

    def update(self, reading: Reading | None = None) -> Update:
        """Return what is known now."""
        return Update(self.options.name, self.available, reading, self.identity, self.settings, self.health)


class Line:
    """A link and the meters on it. `handle` is called with every update, `tap` with every chunk of bytes."""

    def __init__(
        self,
        url: str,
        meters: list[MeterOptions],
        handle: Callable[[Update], None],
        *,
        tap: Callable[[Chunk], None] | None = None,
        opener: Callable[[str], Awaitable[Link]] = open_link,
    ) -> None:
        if len({options.address for options in meters}) < len(meters):
            raise RequestError(f"Two meters on {url} have the same address; give each its own.")
        if len({options.mode for options in meters}) > 1:
            raise RequestError(f"The meters on {url} share one line; give them the same mode.")
        self.url = url
        self._garbage: Counter[str] = Counter()
        self.meters = {options.address: Meter(options, self._garbage) for options in meters}
        self._handle = handle
        self._tap = tap
        self._open = opener
        self._opened_before = False

    async def run(self, link: Link | None = None) -> None:
        """Serve the link until cancelled, or until the end of a replay. A `link` that is open already is used first."""
        wait = SHORTEST_WAIT
        while True:
            try:
                link = link or await self._open(self.url)
            except LinkError as error:
                self._tell_down(error)
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)
                continue
            wait = SHORTEST_WAIT
            async with link:
                self._tell_up()
                loss = await self._serve(link)
            self._tell_down(loss, closed=not link.can_write)
            if not link.can_write:
                return
            link = None
            await asyncio.sleep(wait)

    async def _serve(self, link: Link) -> LinkLostError:
        """Read, poll and watch until the link is lost; return how."""
        bus = Bus({address: meter.options.options for address, meter in self.meters.items()})
        mode = next(iter(self.meters.values())).options.mode
        poller = Poller(self.meters, link, bus, mode, self._tell_activity)
        lost: list[LinkLostError] = []
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(poller.run())
                tasks.create_task(self._watch(link.name))
                await self._read(link, bus, poller)
        except* LinkLostError as losses:
            lost.extend(error for error in losses.exceptions if isinstance(error, LinkLostError))
        return lost[0]

    async def _read(self, link: Link, bus: Bus, poller: Poller) -> None:
        while True:
            try:
                chunk = await link.read()
            except LinkLostError:
                self._take(bus.finish(clock.time()), bus, poller)
                raise
            if self._tap is not None:
                self._tap(chunk)
            self._take(bus.feed(chunk.data, clock.time() if chunk.time is None else chunk.time), bus, poller)

    def _take(self, events: list[Event], bus: Bus, poller: Poller) -> None:
        for event in events:
            if isinstance(event, Reading):
                self._take_reading(event)
                poller.hear_reply(b"r50", event.address)
            elif isinstance(event, Frame):
                poller.hear_request(event)
            elif isinstance(event, Garbage):
                self._garbage[event.reason] += 1
                poller.hear_garbage(event)
            else:
                self._take_description(event, bus.stations[event.address])
                poller.hear_reply(event.raw[1:4], event.address)

    def _take_reading(self, reading: Reading) -> None:
        meter = self.meters[reading.address]
        meter.health.frames += 1
        meter.health.last_frame = reading.time
        meter.heard = asyncio.get_running_loop().time()
        if not meter.available:
            meter.available = True
            meter.health.error = None
        self._handle(meter.update(reading))

    def _take_description(self, event: Identity | Settings, station: Station) -> None:
        meter = self.meters[event.address]
        meter.health.frames += 1
        meter.health.last_frame = event.time
        # The same thing said again is not news, and keeps its object, so that nobody tells it on.
        changed = False
        if _differs(meter.identity, station.identity):
            meter.identity, changed = station.identity, True
        if _differs(meter.settings, station.settings):
            meter.settings, changed = station.settings, True
        if changed:
            self._handle(meter.update())

    async def _watch(self, name: str) -> None:
        """Notice meters that have fallen silent."""
        loop = asyncio.get_running_loop()
        opened = loop.time()
        while True:
            await asyncio.sleep(1.0)
            for meter in self.meters.values():
                silence = loop.time() - max(meter.heard or 0.0, opened)
                if silence < meter.patience or meter.health.error is not None:
                    continue
                meter.available = False
                meter.health.error = (
                    f"No answer from address {meter.options.address} on {name}; check the meter's power, "
                    f"the wires A and B, and its address at the display."
                )
                self._handle(meter.update())

    def _tell_activity(self, activity: Activity) -> None:
        for meter in self.meters.values():
            if meter.health.mode != activity:
                meter.health.mode = activity
                self._handle(meter.update())

    def _tell_up(self) -> None:
        for meter in self.meters.values():
            meter.health.connected = True
            meter.health.mode = "starting"
            meter.health.error = None
            meter.health.reconnects += self._opened_before
            self._handle(meter.update())
        self._opened_before = True

    def _tell_down(self, error: LinkError, *, closed: bool = False) -> None:
        for meter in self.meters.values():
            if meter.health.error == str(error) and not meter.health.connected:
                continue
            meter.available = False
            meter.health.connected = False
            meter.health.mode = "closed" if closed else "starting"
            meter.health.error = str(error)
            self._handle(meter.update())


def _differs(before: Identity | Settings | None, after: Identity | Settings | None) -> bool:
    return (before.raw if before else None) != (after.raw if after else None)
