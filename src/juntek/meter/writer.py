"""How a command is written, and what becomes of it; rule: the line is its own for so long (`Poller.turn`).

Whether one was obeyed is asked afterwards: an acknowledgement says that it came, and not what was made of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import cycle, islice

from juntek.errors import RequestError
from juntek.exchange import Command, Query
from juntek.meter.poller import Poller

ASK_AGAIN = 2
"""How often a meter is asked again about a command, since a change is believed when it is told twice."""

TRIES = 3
"""How often a command is written at most."""

MOST_QUESTIONS = 18
"""Until a meter has said who it is: it may be one of many replies that are damaged."""


async def write(line: Poller, address: int, command: Command, obeyed: Callable[[float], bool | None]) -> bool | None:
    """Write and ask, until it was obeyed or nothing helps; return what became of it, None where nothing tells.

    `obeyed` judges by what the meter has said since a moment of the loop's clock.
    """
    if command.moves_to is not None:
        return await _move(line, address, command, command.moves_to)
    answer: bool | None = None
    for _ in range(1 if command.once else TRIES):
        await line.exchange(None, address, command.line)
        await asyncio.sleep(command.settle)
        if command.query is None:
            return None
        since = asyncio.get_running_loop().time()
        # What surprises is believed when it is said again, and may wait for a reading before it that is in doubt.
        for question in (*dict.fromkeys((command.query, "reading")),) * (1 + ASK_AGAIN):
            await line.ask(question, address)
            answer = obeyed(since)
            if answer:
                return True
    return answer


async def _move(line: Poller, address: int, command: Command, free: int) -> bool | None:
    """Give a meter the address that is `free`, as is asked before; it has obeyed when it answers there."""
    if free == address:
        return True
    if await _answers(line, free):
        raise RequestError(f"Another meter has the address {free}; choose one that is free.")
    for _ in range(TRIES):
        await line.exchange(None, address, command.line)
        if await _answers(line, free):
            return True
    return False if await _answers(line, address) else None


async def identify(line: Poller, address: int, is_known: Callable[[], bool]) -> None:
    """Ask a meter who it is until that is known; a reading decides what may wait before it."""
    questions: cycle[Query] = cycle(("identity", "reading"))
    for question in islice(questions, MOST_QUESTIONS):
        await line.ask(question, address)
        if is_known():
            return


async def _answers(line: Poller, address: int) -> bool:
    """Whether a meter answers at an address; one reply of a few is enough."""
    for _ in range(TRIES):
        if await line.ask("reading", address) == "whole":
            return True
    return False
