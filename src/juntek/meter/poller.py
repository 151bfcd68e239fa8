"""Decides who asks the meters; rule: a meter that somebody else asks (a display) is only listened to.

It is told what passes on the line and writes requests; it reads nothing itself. A command takes its turn between two
requests of this side, or right behind a reply to somebody else's; so does a meter that the display leaves out.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from math import inf
from operator import attrgetter
from typing import Literal

from juntek.errors import LinkLostError
from juntek.exchange import Decoder, Heard, Query
from juntek.links import Link
from juntek.meter.state import Mode, Timing
from juntek.update import Mode as Activity

Answer = Literal["whole", "damaged", "none"]

_LOST = "The link was lost before the command was done."

FEW_MISSES = 3
"""Requests without an answer after which a meter is asked more seldom."""

LOOK = 0.5
"""s after which it is decided again who asks."""


@dataclass(slots=True)
class _Turn:
    """When a meter is to be asked for what, in the loop's time."""

    address: int
    interval: float
    others: float
    """When somebody else asked it last, or was answered."""
    reading: float = 0.0
    settings: float = 0.0
    identity: float = 0.0
    misses: int = 0
    unanswered: Counter[Query] = field(default_factory=Counter)
    """Requests of a kind in a row that nothing came to."""


class Poller:
    """Asks the meters of one link in turns, unless another master does; in mode `listen`, or on a recording, nobody.

    `intervals` are the seconds between polls, by address. `tell` is called with "listen" or "poll" whenever that
    changes. `caution` is the share of the usual time for which the line is listened to before the first request.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - one line and its manners
        self,
        intervals: Mapping[int, float],
        link: Link,
        decoder: Decoder,
        mode: Mode,
        tell: Callable[[Activity], None],
        timing: Timing,
        caution: float = 1.0,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        now = self._loop.time()
        self._turns = {address: _Turn(address, interval, now) for address, interval in intervals.items()}
        self._link = link
        self.decoder = decoder
        self.mode = mode if link.can_write else "listen"
        self._tell = tell
        self._activity: Activity = "starting"
        self._timing = timing
        self._quiet_at = now + timing.listen_first * caution
        """When nobody else will have been heard for so long that this side asks (in mode `auto`)."""
        self._foreign = deque((-inf, -inf), maxlen=2)
        """When somebody else asked."""
        self.stranger: int | None = None
        """The address of none of ours that somebody else asked last."""
        self._echo: bytes | None = None
        self._awaited: tuple[Query | None, int] | None = None
        self._reply: asyncio.Future[Answer] | None = None
        self._is_closed = False
        self._line = asyncio.Lock()
        self._errands = 0
        self._gap = asyncio.Event()
        """Somebody else's request has just been answered, so that the line is free for a moment."""

    async def run(self) -> None:
        """Ask or be silent until cancelled, or until the link is lost: why, says whoever reads it."""
        if self.mode == "listen":
            self._set("listen")
            return
        with suppress(LinkLostError):
            while True:
                self._decide_who_asks()
                await self._ask_next()

    @property
    def is_busy(self) -> bool:
        """Whether anybody waits for `turn`, or has it."""
        return self._errands > 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Have the line for oneself once it is free, first come first served."""
        self._errands += 1
        try:
            async with self._line:
                while not await self._has_gap(self._timing.silence):
                    pass
                yield
        finally:
            self._errands -= 1

    def close(self) -> None:
        """Wake whoever has the line, or waits for it: the link is lost or left, and nothing is written any more."""
        self._is_closed = True
        self._activity = "poll"
        self._gap.set()
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(LinkLostError(_LOST))
            self._reply.exception()  # whose request is still being written hears it from the link

    def hear(self, heard: Heard) -> None:
        """Take note of what passes on the line, as soon as it does: whether it is believed may take longer."""
        self._gap.clear()
        if heard.kind == "request":
            self._hear_request(heard)
        elif self._awaited == (heard.query, heard.address):
            self._end_waiting("whole", self._awaited[1])
        elif heard.kind == "damaged":
            if self._awaited is not None and heard.query == self._awaited[0]:  # a reply, too: nothing better will come
                self._end_waiting("damaged", self._awaited[1])
        else:
            if turn := self._turns.get(heard.address or 0):
                turn.misses = 0
            if self._activity != "poll":
                self._hear_others(heard.address)
                self._gap.set()

    def _hear_request(self, heard: Heard) -> None:
        if heard.raw == self._echo:
            self._echo = None
            return
        self._foreign.append(self._loop.time())
        self._hear_others(heard.address)
        if heard.address not in self._turns:
            self.stranger = heard.address

    def _hear_others(self, address: int | None) -> None:
        """Take note of what passes between others."""
        now = self._loop.time()
        self._quiet_at = now + self._timing.silence
        if self._activity == "starting" and self.mode == "auto":
            self._set("listen")
        if turn := self._turns.get(address or 0):
            turn.others = now

    def _end_waiting(self, answer: Answer, address: int) -> None:
        self._awaited = self._echo = None
        if address in self._turns:
            self._turns[address].misses = 0
        if self._reply is not None and not self._reply.done():
            self._reply.set_result(answer)

    def _set(self, activity: Activity) -> None:
        self._activity = activity
        if activity == "poll":
            self._gap.set()
        self._tell(activity)

    def _decide_who_asks(self) -> None:
        """Ask where nobody else was heard for long enough, until another master is heard twice."""
        now = self._loop.time()
        if self._activity != "poll":
            if self.mode == "poll" or now >= self._quiet_at:
                self._foreign.extend((-inf, -inf))
                self._set("poll")
        elif self.mode != "poll" and self._foreign[0] > self._foreign[1] - self._timing.silence:
            self._quiet_at = now + self._timing.silence
            for turn in self._turns.values():
                turn.others = now
            self._set("listen")

    async def _ask_next(self) -> None:
        """Ask a meter that is due and that nobody else asks, where the line is free for it; or wait for a while."""
        now, polls = self._loop.time(), self._activity == "poll"
        wait = LOOK if polls else min(self._quiet_at - now, LOOK)
        lately = now if polls else now - self._timing.silence
        ours = (turn for turn in self._turns.values() if turn.others <= lately)
        turn = min(ours, key=attrgetter("reading"), default=None)
        if not polls:
            self._gap.clear()  # one that lasts for a while is soon over
        if turn is None or turn.reading > now or (self._line.locked() and not polls):
            await asyncio.sleep(wait if turn is None or turn.reading <= now else min(wait, turn.reading - now))
        elif await self._has_gap(wait):
            async with self._line:
                await self._take_turn(turn)

    async def _has_gap(self, patience: float) -> bool:
        """Wait until the line is free for a moment: at once where nobody else asks."""
        if self._activity == "poll":
            return True
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._gap.wait()
        return self._gap.is_set()

    async def _take_turn(self, turn: _Turn) -> None:
        address, now = turn.address, self._loop.time()
        interval = turn.interval if turn.misses < FEW_MISSES else max(turn.interval, self._timing.rest)
        # Keep the beat; after a pause begin a new one.
        turn.reading = turn.reading + interval if turn.reading + interval > now else now + interval
        wants = self.decoder.wants(address)
        # Who and how first, so that the first reading is complete; a meter that is silent is asked for readings only.
        if not turn.misses and ("identity" in wants or (not self.decoder.knows(address) and now >= turn.identity)):
            turn.identity = now + await self._ask_seldom("identity", turn, self._timing.identity)
        if not turn.misses and ("settings" in wants or now >= turn.settings):
            turn.settings = now + await self._ask_seldom("settings", turn, self._timing.settings)
        await self.ask("reading", address)

    async def _ask_seldom(self, query: Query, turn: _Turn, usual: float) -> float:
        """Ask, and return the seconds until it is asked again; soon where noise may have taken the reply."""
        answer = await self.ask(query, turn.address)
        turn.unanswered[query] = turn.unanswered[query] + 1 if answer == "none" else 0
        is_lost = answer == "damaged" or 0 < turn.unanswered[query] < FEW_MISSES
        return self._timing.retry if is_lost else usual

    async def ask(self, query: Query, address: int) -> Answer:
        """Ask when the line is free, and wait; return how the reply came."""
        await self._has_gap(self._timing.silence)
        if address in self._turns:
            self._turns[address].misses += 1  # until the reply comes
        return await self.exchange(query, address, self.decoder.ask(query, address))

    async def exchange(self, query: Query | None, address: int, line: bytes) -> Answer:
        """Write a request, or a command, now, and wait; return how the reply came."""
        if self._is_closed:
            raise LinkLostError(_LOST)
        self._gap.clear()
        self._echo = line.rstrip()
        self._awaited = (query, address)
        self._reply = self._loop.create_future()
        try:
            await self._link.write(line)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._timing.reply):
                    return await self._reply
        finally:
            self._awaited = self._echo = self._reply = None
        return "none"
