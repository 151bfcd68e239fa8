"""How commands end that run until they are stopped; rule: to be stopped is a good end, with status 0."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import typer


def run_until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Run until the work ends by itself or SIGINT or SIGTERM comes, which cancels it."""
    asyncio.run(_supervise(work))


async def _supervise(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows raises KeyboardInterrupt instead
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
        raise typer.Exit(0) from None
