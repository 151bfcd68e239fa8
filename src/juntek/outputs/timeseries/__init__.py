"""Every reading to a time-series database, as Influx line protocol; rule: importing this loads no library."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from juntek.outputs import Context, Handle, Output
from juntek.outputs.timeseries.timeseries_options import TimeseriesOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["OUTPUT", "TimeseriesOptions", "open_sink"]

SECTION = "timeseries"


@asynccontextmanager
async def open_sink(options: TimeseriesOptions, context: Context) -> AsyncIterator[Handle]:
    """Yield `handle(update)`, which never waits for the target: readings come out of the history.

    Raises ConfigurationError for what the owner must mend in the configuration or its files, and ModuleNotFoundError
    where the library is missing. A target that is away or refuses is told of in `context.errors`.
    """
    from juntek.outputs.timeseries.session import serve  # noqa: PLC0415 - only whoever sends needs the library

    async with serve(options, context, f"{SECTION} {options.label}") as handle:
        yield handle


OUTPUT = Output(
    section=SECTION,
    options=TimeseriesOptions,
    open=open_sink,
    about="Every reading to a time-series database, for Grafana; one [[timeseries]] for each.",
    requires=("httpx",),
    extra="timeseries",
    depends_on=("history",),  # what a target has not got is sent from there
    ready="ready to send",  # whether anybody is at the far end is known with the first readings only
    max_latency=lambda options: options.interval / 10,
    label=lambda options: options.label,
)
