"""The page and its API over HTTP; rule: importing this loads no library."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from juntek.outputs.web.web_options import Options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from juntek.outputs import Context
    from juntek.update import Update

__all__ = ["EXTRA", "LIBRARIES", "SECTION", "Options", "open_sink"]

SECTION = "web"
EXTRA = "web"
LIBRARIES = ("starlette", "uvicorn")


@asynccontextmanager
async def open_sink(options: Options, context: Context) -> AsyncIterator[Callable[[Update], Awaitable[None]]]:
    """Serve the page at `options.listen` and yield `handle(update)`; leaving closes every connection.

    Raises ConfigurationError for what the owner must mend in the configuration or its files, ListenError where the
    address cannot be listened at. Raises ModuleNotFoundError where the library of EXTRA is missing.
    """
    from juntek.outputs.web.app import serve  # noqa: PLC0415 - only whoever serves a page needs the library

    async with serve(options, context) as handle:
        yield handle
