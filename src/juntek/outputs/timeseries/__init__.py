"""Every reading to an engine of time series, as Influx line protocol; rule: importing this loads no library."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from juntek.outputs.timeseries.options import Options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from juntek.outputs import Context
    from juntek.update import Update

__all__ = ["ENTERED", "EXTRA", "LIBRARIES", "NEEDS", "SECTION", "Options", "open_sink"]

SECTION = "timeseries"
EXTRA = "timeseries"
LIBRARIES = ("httpx",)
ENTERED = "ready to send"
"""Whether anybody is at the far end is known with the first readings only."""
NEEDS = ("history",)
"""What a target has not got is sent from there."""


@asynccontextmanager
async def open_sink(options: Options, context: Context) -> AsyncIterator[Callable[[Update], Awaitable[None]]]:
    """Yield `handle(update)`, which never waits for the target: readings come out of the history.

    Raises ConfigurationError for what the owner must mend in the configuration or its files, and ModuleNotFoundError
    where the library of EXTRA is missing. A target that is away or refuses is told of in `context.troubles`.
    """
    from juntek.outputs.timeseries.session import serve  # noqa: PLC0415 - only whoever sends needs the library

    async with serve(options, context, f"{SECTION} {options.label}") as handle:
        yield handle
