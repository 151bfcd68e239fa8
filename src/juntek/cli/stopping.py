"""How commands end, and with which status; rule: to be stopped is a good end, with status 0."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from juntek.errors import (
    ConfigurationError,
    DatabaseError,
    JuntekError,
    LinkError,
    NoReplyError,
    RequestError,
    UnknownLayoutError,
)

STATUSES = {
    0: "all is well, also when something on the line was rejected",
    1: "something unexpected: a bug",
    2: "wrong use: an option, an argument, an impossible value",
    3: "wrong configuration",
    4: "the link cannot be opened, or it was lost",
    5: "the meter does not answer or obey, or in a way that no table explains",
    6: "the MQTT broker or another receiver refuses, or its library is missing",
    7: "the database of totals cannot be read or written",
}

_STATUS_OF = (
    (ConfigurationError, 3),
    (RequestError, 2),
    (LinkError, 4),
    (NoReplyError, 5),
    (UnknownLayoutError, 5),
    (DatabaseError, 7),
    (JuntekError, 6),  # what is left comes from the sinks, which are not known here
)


def status_of(error: JuntekError) -> int:
    """Return the exit status for an error that ended the program."""
    return next(status for kind, status in _STATUS_OF if isinstance(error, kind))


def list_statuses() -> str:
    """Return the table for the help text."""
    return "\n".join(f"  {status}  {meaning}" for status, meaning in STATUSES.items())


def run_until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Run until the work ends by itself or SIGINT or SIGTERM comes, which cancels it."""
    asyncio.run(_supervise(work))


async def _supervise(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    with suppress(asyncio.CancelledError):
        await task


@contextmanager
def quiet_pipe() -> Iterator[None]:
    """End with status 0 and without a word when whoever reads our output has seen enough, as `head` has."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes stdout once more at its end; let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
