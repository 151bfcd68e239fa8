"""Decides who asks the meters; rule: while somebody else asks (a display), this side only listens.

It is told what passes on the line and writes requests; it reads nothing itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from juntek.errors import LinkLostError
from juntek.links import Link
from juntek.rs485.bus import Bus
from juntek.rs485.framing import Frame, Garbage, encode
from juntek.update import Mode as Activity

LISTEN_FIRST = 3.0
"""s of listening before the first request: displays ask at least once a second (docs/protocol.md, Who talks)."""

SILENCE = 5.0
"""s without another's request after which its display is taken for unplugged."""

REPLY_TIMEOUT = 1.0
"""s for a reply. The meters answer within 0.35 s; bridges over a network add to that."""

SETTINGS_INTERVAL = 30.0
IDENTITY_INTERVAL = 60.0
"""s between requests for an identity that did not come."""
RETRY_INTERVAL = 2.0
"""s after a damaged reply about identity or settings: without the settings there is no state of charge."""

LONGEST_REST = 5.0
"""s between polls of a meter that does not answer, so that it costs its neighbours little."""

FEW_MISSES = 3
"""Requests without an answer after which a meter is asked more seldom."""


@dataclass(slots=True)
class _Turn:
    """When a meter is to be asked for what, in the loop's time."""

    interval: float
    reading: float = 0.0
    settings: float = 0.0
    identity: float = 0.0
    misses: int = 0


class Poller:
    """Asks the meters of one link in turns, unless another master does.

    `intervals` are the seconds between polls, by address. `tell` is called with "listen", "poll" or "starting"
    whenever that changes.
    """

    def __init__(self, intervals: Mapping[int, float], link: Link, bus: Bus, mode: str, tell: Tell) -> None:
        self._turns = {address: _Turn(interval) for address, interval in intervals.items()}
        self._link = link
        self._bus = bus
        self._mode = mode
        self._tell = tell
        self._activity: Activity = "starting"
        self._loop = asyncio.get_running_loop()
        self._heard = self._loop.time()
        self._foreign: list[float] = []
        self._echo: bytes | None = None
        self._damaged = False
        self._awaited: tuple[str, int] | None = None
        self._reply: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Ask or be silent until cancelled, or until the link is lost: why, says whoever reads it."""
        if self._mode == "listen" or not self._link.can_write:
            self._set("listen")
            return
        with suppress(LinkLostError):
            if self._mode == "auto":
                self._set("starting")
                await self._wait_for_silence(LISTEN_FIRST)
            while True:
                self._set("poll")
                await self._poll()
                self._set("listen")
                await self._wait_for_silence(SILENCE)

    def hear(self, part: Frame | Garbage) -> None:
        """Take note of what passes on the line, as soon as it does: whether it is believed may take longer."""
        if isinstance(part, Garbage):
            self._hear_garbage(part)
        elif part.command[0] == "r":
            self._hear_reply(part)
        elif part.command[0] in "RW":
            self._hear_request(part)

    def _hear_request(self, frame: Frame) -> None:
        if frame.raw == self._echo:
            self._echo = None
        elif len(frame.fields) <= 1:  # longer ones are damaged replies
            now = self._loop.time()
            self._heard = now
            self._foreign = [*(at for at in self._foreign[-1:] if now - at < SILENCE), now]  # two are enough

    def _hear_reply(self, frame: Frame) -> None:
        if frame.address in self._turns:
            self._turns[frame.address].misses = 0
        if self._awaited == (frame.command, frame.address):
            self._end_waiting()
        elif self._activity != "poll":
            self._heard = self._loop.time()

    def _hear_garbage(self, garbage: Garbage) -> None:
        """A damaged reply is a reply, too: nothing better will come."""
        if self._awaited is not None and garbage.raw.startswith(b":" + self._awaited[0].encode("ascii")):
            self._turns[self._awaited[1]].misses = 0
            self._damaged = True
            self._end_waiting()

    def _set(self, activity: Activity) -> None:
        self._activity = activity
        self._tell(activity)

    def _end_waiting(self) -> None:
        self._awaited = None
        self._echo = None
        if self._reply is not None and not self._reply.done():
            self._reply.set_result(None)

    async def _wait_for_silence(self, patience: float) -> None:
        """Return when nobody else has been heard for `patience` seconds (SILENCE once somebody was)."""
        start = self._loop.time()
        while True:
            if self._heard > start and self._activity == "starting":
                self._set("listen")
            if self._heard > start:
                patience = SILENCE
            rest = max(self._heard, start) + patience - self._loop.time()
            if rest <= 0:
                self._foreign.clear()
                return
            await asyncio.sleep(min(rest, 0.5))

    async def _poll(self) -> None:
        """Ask whoever is due, until another master is heard twice (in mode `auto`)."""
        while self._mode == "poll" or len(self._foreign) < 2:
            address, turn = min(self._turns.items(), key=lambda item: item[1].reading)
            wait = turn.reading - self._loop.time()
            if wait > 0:
                await asyncio.sleep(min(wait, 0.5))
                continue
            await self._take_turn(address, turn)

    async def _take_turn(self, address: int, turn: _Turn) -> None:
        now = self._loop.time()
        interval = turn.interval if turn.misses < FEW_MISSES else max(turn.interval, LONGEST_REST)
        # Keep the beat; after a pause begin a new one.
        turn.reading = turn.reading + interval if turn.reading + interval > now else now + interval
        station = self._bus.stations.get(address)
        known = station is not None and station.identity is not None
        # Who and how first, so that the first reading is complete; a meter that is silent is asked for readings only.
        if not turn.misses and (station.doubts_identity if station and known else now >= turn.identity):
            damaged = await self._ask("00", address, turn)
            turn.identity = now + (RETRY_INTERVAL if damaged else IDENTITY_INTERVAL)
        if not turn.misses and (now >= turn.settings or (station is not None and station.doubts_settings)):
            damaged = await self._ask("51", address, turn)
            turn.settings = now + (RETRY_INTERVAL if damaged else SETTINGS_INTERVAL)
        await self._ask("50", address, turn)

    async def _ask(self, number: str, address: int, turn: _Turn) -> bool:
        """Ask and wait; return whether the reply came damaged."""
        self._damaged = False
        request = encode(f"R{number}", address, (1,))
        self._echo = request[:-2]
        self._awaited = (f"r{number}", address)
        self._reply = self._loop.create_future()
        self._bus.expect(address)
        turn.misses += 1  # until the reply comes
        await self._link.write(request)
        with suppress(TimeoutError):
            async with asyncio.timeout(REPLY_TIMEOUT):
                await self._reply
        self._awaited = self._echo = None
        return self._damaged


class Tell(Protocol):
    """Is told what the poller does now."""

    def __call__(self, activity: Activity, /) -> None:
        """Take note of it."""
