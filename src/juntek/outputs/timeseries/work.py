"""Work in a thread; rule: what was begun is waited for, also when the gateway stops meanwhile."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


async def finish(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Return what `function` does in a thread. Cancelled, it raises CancelledError when that has come to its end."""
    work = asyncio.ensure_future(asyncio.to_thread(function, *arguments, **named))
    stopped: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait((work,))
        except asyncio.CancelledError as error:
            stopped = error
    if stopped is not None:
        work.exception()  # nobody else looks at it
        raise stopped
    return work.result()
