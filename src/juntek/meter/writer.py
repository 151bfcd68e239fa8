"""Commands that wait for their turn on a line, and what becomes of them; rule: the poller says when it is their turn.

Whether one was obeyed is asked afterwards: an acknowledgement says that it came, and not what was made of it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from juntek.errors import LinkLostError, RequestError
from juntek.exchange import Command, Query

ASK_AGAIN = 2
"""How often a meter is asked again about a command, since a change is believed when it is told twice."""

TRIES = 3
"""How often a command is written at most."""

Answer = Literal["whole", "damaged", "none"]


class Asks(Protocol):
    """Who exchanges lines with the meters."""

    async def ask(self, query: Query, address: int) -> Answer:
        """Ask when the line is free, and wait; return how the reply came."""

    async def exchange(self, query: Query | None, address: int, line: bytes) -> Answer:
        """Write a request, or a command, now, and wait; return how the reply came."""


@dataclass(slots=True)
class _Job:
    """A command; `obeyed` tells whether it was, by what the meter has said since then, by the loop's clock."""

    address: int
    command: Command
    obeyed: Callable[[float], bool | None]
    outcome: asyncio.Future[bool | None]
    begun: bool = False


class Writer:
    """The commands of one line, first come first served; `wanted` is set when there is a new one."""

    def __init__(self, line: Asks) -> None:
        self.wanted = asyncio.Event()
        self._line = line
        self._jobs: deque[_Job] = deque()

    def __bool__(self) -> bool:
        return bool(self._jobs)

    async def send(self, address: int, command: Command, obeyed: Callable[[float], bool | None]) -> bool | None:
        """Write a command when the line is free; return what `obeyed` says once the meter was asked, None: unknown."""
        outcome: asyncio.Future[bool | None] = asyncio.get_running_loop().create_future()
        self._jobs.append(_Job(address, command, obeyed, outcome))
        self.wanted.set()
        return await outcome

    def close(self) -> None:
        """Give up what waits for its turn, or for what becomes of it: the link is lost."""
        for job in self._jobs:
            when = "while the command was written" if job.begun else "before the command had its turn"
            if not job.outcome.done():
                job.outcome.set_exception(LinkLostError(f"The link was lost {when}."))
        self._jobs.clear()

    async def do_next(self) -> None:
        """Write a command and find out what has become of it; whoever has gone wants nothing written any more."""
        job = self._jobs[0]
        obeyed: bool | None = None
        refusal: RequestError | None = None
        if not job.outcome.done():
            job.begun = True
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
        query = job.command.query
        for _ in range(1 if job.command.once else TRIES):
            if job.command.line:
                await self._line.exchange(None, job.address, job.command.line)
            await asyncio.sleep(job.command.settle)
            if query is None:
                return None
            since = asyncio.get_running_loop().time()
            # What surprises is believed when it is said again, and may wait for a reading before it that is in doubt.
            for question in (*dict.fromkeys((query, "reading")),) * (1 + ASK_AGAIN):
                await self._line.ask(question, job.address)
                obeyed = job.obeyed(since)
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
            await self._line.exchange(None, job.address, job.command.line)
            if await self._answers(address):
                return True
        return False if await self._answers(job.address) else None

    async def _answers(self, address: int) -> bool:
        """Whether a meter answers at an address; one reply of a few is enough."""
        for _ in range(TRIES):
            if await self._line.ask("reading", address) == "whole":
                return True
        return False
