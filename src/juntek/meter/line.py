"""Joins a link to the core: listens or polls, reconnects, and tells what changed; rule: the only loop that does.

One `Line` serves one link and all meters on it. It never gives up: what goes wrong is told in the meters' health.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any

from juntek.backoff import Backoff, end_if_cancelled
from juntek.errors import LinkError, LinkLostError, RequestError
from juntek.exchange import Chunk, Language
from juntek.links import Link, open_link
from juntek.meter.poller import Poller
from juntek.meter.state import Meter, MeterOptions, Mode, Timing
from juntek.meter.writer import identify, write
from juntek.names import hide_secrets
from juntek.reading import Identity, Reading, Settings
from juntek.rs485.bus import Bus
from juntek.rs485.framing import Garbage
from juntek.update import Mode as Activity
from juntek.update import Outcome, Update

__all__ = ["TIMING", "Line", "Meter", "MeterOptions", "Mode", "Timing"]

TIMING = Timing()

RS485: Language = partial(Bus, in_order=False)

LEAST_CAUTION = 0.125
"""The share of the usual listening that is left when a link is always lost before anything was read."""


class Line:
    """A link and the meters on it.

    `handle` is called with every update, `tap` with every chunk of bytes. `room` is awaited before each chunk of a
    recording, which can wait for a slow reader; a wire cannot. `gather` is the seconds for which the bytes of a line
    that is listened to may be gathered; readings and their times are late by up to that. `timing` is TIMING, unless
    another one is given.
    """

    def __init__(  # noqa: PLR0913 - two doors and two manners, all by name
        self,
        url: str,
        meters: list[MeterOptions],
        handle: Callable[[Update], None],
        *,
        tap: Callable[[Chunk], None] | None = None,
        room: Callable[[], Awaitable[None]] | None = None,
        gather: float = 0.0,
        language: Language = RS485,
        timing: Timing | None = None,
    ) -> None:
        if len({options.address for options in meters}) < len(meters):
            raise RequestError(f"Two meters on {hide_secrets(url)} have the same address; give each its own.")
        if len({options.mode for options in meters}) > 1:
            raise RequestError(f"The meters on {hide_secrets(url)} share one line; give them the same mode.")
        self.url = url
        self._timing = timing or TIMING
        self._garbage: Counter[str] = Counter()
        self.meters = {each.address: Meter(each, self._garbage, self._timing.patience) for each in meters}
        self._mode = meters[0].mode
        self._handle = handle
        self._tap = tap
        self._room = room
        self._gather = gather
        self._ahead: float | None = None
        """s by which the computer's clock is ahead of the loop's, which nobody sets; None for a recording."""
        self._language = language
        self._poller: Poller | None = None
        self._reconnects = -1
        self._backoff = Backoff(self._timing.shortest_wait, self._timing.longest_wait)
        self._silence: float | None = 0.0
        """s without a byte at the last look; None where there was one since then."""
        self._has_stalled = False
        self._stalls = 0
        """How often the link was opened anew since the last byte, as it brought nothing."""
        self._caution = 1.0
        """The share of the usual time for which a line is listened to before anybody is asked."""

    async def run(self, link: Link | None = None) -> None:
        """Serve the link until cancelled, or until the end of a replay. A `link` that is open already is used first."""
        reopen: Callable[[], Awaitable[Link]] = partial(open_link, self.url)
        while True:
            end_if_cancelled()
            try:
                link = link or await reopen()
            except LinkError as error:
                self._tell_down(error)
                await self._rest()
                continue
            async with link:
                end_if_cancelled()
                reopen = link.reopen
                self._tell_up()
                loss = await self._serve(link)
            if loss is None:
                link = None
                continue
            if not any(meter.available or meter.health.mode == "listen" for meter in self.meters.values()):
                # It may be one that is closed every few seconds: so much was too long.
                self._caution = max(self._caution / 2, LEAST_CAUTION)
            self._tell_down(loss, closed=not link.can_write)
            if not link.can_write:
                return
            link = None
            await self._rest()

    async def _rest(self) -> None:
        end_if_cancelled()
        # Many links that are lost together are not opened together, nor are their meters asked together then.
        await asyncio.sleep(self._backoff.wait())

    async def _serve(self, link: Link) -> LinkLostError | None:
        """Read, poll and watch until the link is lost; return how, None where it brought nothing and was closed."""
        decoder = self._language({address: meter.options.options for address, meter in self.meters.items()})
        for address, meter in self.meters.items():
            meter.health.out_of_range = decoder.out_of_range(address)
            meter.begin()
        self._silence, self._has_stalled = 0.0, False
        intervals = {address: meter.options.interval for address, meter in self.meters.items()}
        tell = partial(self._tell_activity, link)
        poller = self._poller = Poller(intervals, link, decoder, self._mode, tell, self._timing, self._caution)
        async with asyncio.TaskGroup() as tasks:
            helpers = [tasks.create_task(poller.run()), tasks.create_task(self._watch(link, poller))]
            # Caught in here: a group would wrap what is raised, and could lose a cancellation that comes with it.
            try:
                await self._read(link, poller)
            except Exception as error:  # noqa: BLE001 - raised again below
                failure = error
            finally:  # before the helpers end, whose turn on the line another would take
                self._poller = None
                poller.close()
            for helper in helpers:
                helper.cancel()
        if not isinstance(failure, LinkLostError):
            raise failure
        return None if self._has_stalled else failure

    async def send(self, address: int, key: str, value: Any) -> Outcome:  # noqa: ANN401 - what the key takes
        """Set a setting, or act (`clear_totals`, `output`), when the line is free; then ask whether it was obeyed.

        Raises RequestError for what the meter has not or cannot take, and where nothing may be written, and LinkError
        when the link is down or is lost.
        """
        self.check(address, key, value)
        await self.identify(address)
        poller, meter = self._writable(address), self.meters[address]  # the link may be another one now
        command = poller.decoder.command(address, key, value)  # again: now the limits are those of the meter
        async with poller.turn():
            answer = await write(poller, address, command, partial(meter.has_obeyed, command))
        return "unknown" if answer is None else "obeyed" if answer else "refused"

    async def identify(self, address: int) -> None:
        """Ask a meter who it is where it has not said so: many a display never asks that.

        Raises LinkError when the link is down or is lost, RequestError where nothing may be written.
        """
        poller, meter = self._writable(address), self.meters[address]
        if meter.identity is None:
            async with poller.turn():
                await identify(poller, address, lambda: meter.identity is not None)

    def check(self, address: int, key: str, value: Any) -> None:  # noqa: ANN401 - what the key takes
        """Raise what `send` would raise before anything is written."""
        self._writable(address).decoder.command(address, key, value)

    def _writable(self, address: int) -> Poller:
        meter, poller = self.meters[address], self._poller
        if self._mode == "listen":
            raise RequestError(f"{meter.options.name} is only listened to; change its mode from listen to auto.")
        if poller is None or poller.mode == "listen":
            why = "is not open yet; try again" if poller is None else "is a recording, which takes no commands"
            raise LinkLostError(meter.health.error or f"{hide_secrets(self.url)} {why}.")
        return poller

    async def _read(self, link: Link, poller: Poller) -> None:
        decoder, loop, time = poller.decoder, asyncio.get_running_loop(), None
        while True:
            if self._room is not None and not link.can_write:
                await self._room()
            try:
                chunk = await link.read()
            except LinkLostError:
                self._take(decoder.finish(time), loop.time())
                raise
            self._backoff.reset()
            self._stalls, self._silence = 0, None
            time, now = chunk.time, loop.time()
            if time is not None and link.can_write:
                self._ahead = time - now
            if self._tap is not None:
                self._tap(chunk)
            self._take(decoder.feed(chunk.data, time, poller.hear), now)

    def _take(self, events: Sequence[object], now: float) -> None:
        for event in events:
            if isinstance(event, Reading):
                meter = self.meters[event.address]
                self._handle(meter.update(meter.hear(event, self._moment(event.time, now), now)))
            elif isinstance(event, Garbage):
                self._garbage[event.reason] += 1
            elif isinstance(event, Identity | Settings):
                meter = self.meters[event.address]
                if meter.learn(event, self._moment(event.time, now)):
                    self._handle(meter.update())

    def _moment(self, time: float | None, now: float) -> float | None:
        """Return when what is told by `now` came, by the loop's clock: the other may have been set in between."""
        return None if time is None or self._ahead is None else min(time - self._ahead, now)

    async def _watch(self, link: Link, poller: Poller) -> None:
        """Notice meters that have fallen silent, until the link has brought nothing for too long, and close it then."""
        timing, told, is_busy = self._timing, self._stalls, True
        patience = max(meter.patience for meter in self.meters.values())
        while True:
            await asyncio.sleep(timing.watch)
            # However long that took: where this program stood still, what came meanwhile is still to be read.
            self._silence = 0.0 if self._silence is None else self._silence + timing.watch
            longest = max(min(patience * 2**self._stalls, timing.longest_silence), link.least_silence, patience)
            was_busy, is_busy = is_busy, not link.can_write or poller.is_busy
            # One command may follow the other at once.
            is_stalled = self._silence >= longest and not (is_busy or was_busy)
            self._stalls += is_stalled
            for meter in self.meters.values():
                if meter.is_silent_after(timing.watch) and (meter.health.error is None or told != self._stalls):
                    self._tell_silence(meter, link.name, poller.stranger)
            told = self._stalls
            if is_stalled:
                self._has_stalled = True
                await link.close()  # whoever reads it is told that it is lost
                return

    def _tell_silence(self, meter: Meter, link: str, stranger: int | None) -> None:
        meter.available = False
        others = any(other.available for other in self.meters.values())
        reason = str(meter.explain_silence(link, line_is_good=others, asked=stranger))
        if self._stalls:
            reason += " Nothing at all comes over this link, so it is opened again now and then."
        self._tell([meter], error=reason)

    def _tell_activity(self, link: Link, activity: Activity) -> None:
        # Whoever asks waits for the answer; a line that others keep busy is looked at now and then.
        link.gather = self._gather if activity == "listen" else 0.0
        if activity == "listen":
            self._caution = 1.0
        self._tell(self.meters.values(), mode=activity)

    def _tell_up(self) -> None:
        self._reconnects += 1
        errors = {} if self._stalls else {"error": None}
        self._tell(self.meters.values(), connected=True, mode="starting", reconnects=self._reconnects, **errors)

    def _tell_down(self, error: LinkError, *, closed: bool = False) -> None:
        for meter in self.meters.values():
            meter.available = False
        mode = "closed" if closed else "starting"
        self._tell(self.meters.values(), connected=False, mode=mode, error=str(error))

    def _tell(self, meters: Iterable[Meter], **health: Any) -> None:  # noqa: ANN401 - the fields of `Health`
        """Change how the link does, and tell of each meter for which that is news."""
        for meter in meters:
            before = [getattr(meter.health, key) for key in health]
            for key, value in health.items():
                setattr(meter.health, key, value)
            if before != list(health.values()):
                self._handle(meter.update())
