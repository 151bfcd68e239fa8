"""The page and its API over HTTP; rule: importing this loads no library."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from juntek.listening.visitors import Limits
from juntek.outputs import Context, Handle, Output
from juntek.outputs.web.web_options import WebOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["OUTPUT", "WebOptions", "open_sink"]


@asynccontextmanager
async def open_sink(
    options: WebOptions,
    context: Context,
    limits: Limits = Limits(),  # noqa: B008 - it cannot change
) -> AsyncIterator[Handle]:
    """Serve the page at `options.listen` and yield `handle(update)`; leaving closes every connection.

    Raises ConfigurationError for what the owner must mend in the configuration or its files, ListenError where the
    address cannot be listened at. Raises ModuleNotFoundError where the library is missing.
    """
    from juntek.outputs.web.app import serve  # noqa: PLC0415 - only whoever serves a page needs the library

    async with serve(options, context, limits) as handle:
        yield handle


OUTPUT = Output(
    section="web",
    options=WebOptions,
    open=open_sink,
    about="A page with the battery now and its past, and an API for scripts: http://127.0.0.1:8140",
    requires=("starlette", "uvicorn"),
    extra="web",
    max_latency=lambda _: 0.1,
    page=WebOptions.page,
)
