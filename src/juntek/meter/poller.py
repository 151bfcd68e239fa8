"""Decides who asks the meters; rule: whom somebody else asks (a display), this side only listens to.

It is told what passes on the line and writes requests; it reads nothing itself. A meter that a display leaves out is
asked right behind a reply to the display. A command takes its turn between two
requests of this side, or right behind a reply to somebody else's, and is asked about afterwards.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from juntek.errors import LinkLostError, RequestError
from juntek.exchange import Command, Heard, Query
from juntek.links import Link
from juntek.meter.language import Decoder, Language
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

ASK_AGAIN = 2
"""How often a meter is asked again about a command, since a change is believed when it is told twice."""

TRIES = 3
"""How often a command is written at most."""

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


@dataclass(slots=True)
class _Job:
    """A command that waits for its turn; `obeyed` tells after a question whether it was."""

    address: int
    command: Command
    obeyed: Callable[[], bool | None]
    outcome: asyncio.Future[bool | None]


class Poller:
    """Asks the meters of one link in turns, unless another master does.

    `intervals` are the seconds between polls, by address. `tell` is called with "listen", "poll" or "starting"
    whenever that changes.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - one line and its manners
        self,
        intervals: Mapping[int, float],
        link: Link,
        language: Language[Any],
        decoder: Decoder[Any],
        mode: str,
        tell: Tell,
    ) -> None:
        self._turns = {address: _Turn(interval) for address, interval in intervals.items()}
        self._link = link
        self._language = language
        self._decoder = decoder
        self._mode = mode
        self._tell = tell
        self._activity: Activity = "starting"
        self._loop = asyncio.get_running_loop()
        self._heard = self._loop.time()
        self._foreign: list[float] = []
        self._served: dict[int | None, float] = {}
        """When somebody else asked an address, or was answered by it."""
        self._echo: bytes | None = None
        self._damaged = False
        self._awaited: tuple[Query | None, int] | None = None
        self._reply: asyncio.Future[None] | None = None
        self._jobs: deque[_Job] = deque()
        self._wanted = asyncio.Event()
        """A command waits for its turn."""
        self._gap = asyncio.Event()
        """Somebody else's request has just been answered, so that the line is free for a moment."""

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

    async def send(self, address: int, command: Command, obeyed: Callable[[], bool | None]) -> bool | None:
        """Write a command when the line is free; return what `obeyed` says once the meter was asked, None: unknown."""
        outcome: asyncio.Future[bool | None] = self._loop.create_future()
        self._jobs.append(_Job(address, command, obeyed, outcome))
        self._wanted.set()
        return await outcome

    def close(self) -> None:
        """Give up what waits for its turn: the link is lost."""
        for job in self._jobs:
            if not job.outcome.done():
                job.outcome.set_exception(LinkLostError("The link was lost before the command had its turn."))
        self._jobs.clear()

    def hear(self, heard: Heard) -> None:
        """Take note of what passes on the line, as soon as it does: whether it is believed may take longer."""
        self._gap.clear()
        if heard.kind == "request":
            self._hear_request(heard)
        elif heard.kind == "damaged":
            self._hear_damaged(heard)
        else:
            self._hear_reply(heard)

    def _hear_request(self, heard: Heard) -> None:
        if heard.raw == self._echo:
            self._echo = None
        else:
            now = self._loop.time()
            self._heard = self._served[heard.address] = now
            self._foreign = [*(at for at in self._foreign[-1:] if now - at < SILENCE), now]  # two are enough

    def _hear_reply(self, heard: Heard) -> None:
        if heard.address in self._turns:
            self._turns[heard.address].misses = 0
        if self._awaited == (heard.query, heard.address):
            self._end_waiting()
        elif self._activity != "poll":
            self._heard = self._served[heard.address] = self._loop.time()
            self._gap.set()

    def _hear_damaged(self, heard: Heard) -> None:
        """A damaged reply is a reply, too: nothing better will come."""
        if self._awaited is not None and heard.query == self._awaited[0]:
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
            if self._jobs:
                if await self._has_gap(min(rest, 0.5)):
                    await self._do(self._jobs[0])
            elif (address := self._find_left_out(start)) is not None:
                await self._take_turn(address, self._turns[address])
            else:
                await self._rest(min(rest, 0.5))

    def _find_left_out(self, start: float) -> int | None:
        """Return the address of a meter that is due and that nobody asks, listened to since `start`."""
        now = self._loop.time()
        if self._activity != "listen":
            return None
        due = (
            (turn.reading, address)
            for address, turn in self._turns.items()
            if turn.reading <= now and max(self._served.get(address, start), start) + SILENCE <= now
        )
        return min(due, default=(0.0, None))[1]

    async def _rest(self, seconds: float) -> None:
        """Wait so long, or until there is a command to write."""
        self._wanted.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wanted.wait()

    async def _has_gap(self, patience: float) -> bool:
        """Wait until the line is free for a moment: at once where nobody else asks."""
        if self._activity == "poll":
            return True
        self._gap.clear()  # one of before may be over
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._gap.wait()
        return self._gap.is_set()

    async def _do(self, job: _Job) -> None:
        """Write a command and find out what has become of it; whoever has gone wants nothing written any more."""
        obeyed: bool | None = None
        refusal: RequestError | None = None
        if not job.outcome.done():
            try:
                obeyed = await (self._write(job) if job.command.moves_to is None else self._move(job))
            except RequestError as error:
                refusal = error
        self._jobs.popleft()  # only now: one whose link is lost meanwhile is given up by `close`
        if job.outcome.done():
            return
        if refusal is not None:
            job.outcome.set_exception(refusal)
        else:
            job.outcome.set_result(obeyed)

    async def _write(self, job: _Job) -> bool | None:
        """Write and ask, until it was obeyed or nothing helps."""
        obeyed: bool | None = None
        turn, query = self._turns[job.address], job.command.query
        for _ in range(1 if job.command.once else TRIES):
            if job.command.line:
                await self._exchange(None, job.address, job.command.line)
            await asyncio.sleep(job.command.settle)
            if query is None:
                return None
            # What surprises is believed when it is said again, and may wait for a reading before it that is in doubt.
            for question in (*dict.fromkeys((query, "reading")),) * (1 + ASK_AGAIN):
                await self._ask(question, job.address, turn)
                obeyed = job.obeyed()
                if obeyed:
                    return True
        return obeyed

    async def _move(self, job: _Job) -> bool | None:
        """Give a meter another address, unless somebody answers there; it has obeyed when it answers there."""
        address = job.command.moves_to
        assert address is not None  # noqa: S101 - only then it moves
        if address == job.address:
            return True
        if await self._answers(address):
            raise RequestError(f"Another meter has the address {address}; choose one that is free.")
        for _ in range(TRIES):
            await self._exchange(None, job.address, job.command.line)
            if await self._answers(address):
                return True
        return False if await self._answers(job.address) else None

    async def _answers(self, address: int) -> bool:
        """Whether a meter answers at an address; one reply of a few is enough."""
        for _ in range(TRIES):
            await self._has_gap(SILENCE)
            damaged = await self._exchange("reading", address, self._language.ask("reading", address))
            if self._reply is not None and not self._reply.cancelled() and not damaged:
                return True
        return False

    async def _poll(self) -> None:
        """Ask whoever is due, until another master is heard twice (in mode `auto`)."""
        while self._mode == "poll" or len(self._foreign) < 2:
            if self._jobs:
                await self._do(self._jobs[0])
                continue
            address, turn = min(self._turns.items(), key=lambda item: item[1].reading)
            wait = turn.reading - self._loop.time()
            if wait > 0:
                await self._rest(min(wait, 0.5))
                continue
            await self._take_turn(address, turn)

    async def _take_turn(self, address: int, turn: _Turn) -> None:
        now = self._loop.time()
        interval = turn.interval if turn.misses < FEW_MISSES else max(turn.interval, LONGEST_REST)
        # Keep the beat; after a pause begin a new one.
        turn.reading = turn.reading + interval if turn.reading + interval > now else now + interval
        wants = self._decoder.wants(address)
        # Who and how first, so that the first reading is complete; a meter that is silent is asked for readings only.
        if not turn.misses and ("identity" in wants or (not self._decoder.knows(address) and now >= turn.identity)):
            damaged = await self._ask("identity", address, turn)
            turn.identity = now + (RETRY_INTERVAL if damaged else IDENTITY_INTERVAL)
        if not turn.misses and ("settings" in wants or now >= turn.settings):
            damaged = await self._ask("settings", address, turn)
            turn.settings = now + (RETRY_INTERVAL if damaged else SETTINGS_INTERVAL)
        await self._ask("reading", address, turn)

    async def _ask(self, query: Query, address: int, turn: _Turn) -> bool:
        """Ask when the line is free, and wait; return whether the reply came damaged."""
        await self._has_gap(SILENCE)
        turn.misses += 1  # until the reply comes
        self._decoder.expect(address)
        return await self._exchange(query, address, self._language.ask(query, address))

    async def _exchange(self, query: Query | None, address: int, line: bytes) -> bool:
        """Write a request, or a command, and wait for the reply; return whether it came damaged."""
        self._damaged = False
        self._echo = line.rstrip()
        self._awaited = (query, address)
        self._reply = self._loop.create_future()
        await self._link.write(line)
        with suppress(TimeoutError):
            async with asyncio.timeout(REPLY_TIMEOUT):
                await self._reply
        self._awaited = self._echo = None
        return self._damaged


class Tell(Protocol):
    """Is told what the poller does now."""

    def __call__(self, activity: Activity, /) -> None:
        """Take note of it."""
