"""A page for Prometheus and what reads its format; rule: importing this loads no library."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from juntek.listening.address import Address, parse_address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from juntek.outputs import Context
    from juntek.update import Update

__all__ = ["EXTRA", "LIBRARIES", "SECTION", "Options", "open_sink"]

SECTION = "metrics"
EXTRA = "metrics"
LIBRARIES = ("prometheus_client", "uvicorn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Where the page is, at /metrics; raises ConfigurationError where a value cannot be right.

    `listen`: IP address and port; `localhost` is 127.0.0.1. Whoever reaches it may look: the format knows no password.
    """

    listen: str = "127.0.0.1:9485"

    def __post_init__(self) -> None:
        _ = self.address

    @property
    def patience(self) -> float:
        """Seconds that a reading may come late; who looks comes every few seconds at most."""
        return 1.0

    @property
    def address(self) -> Address:
        """Where to listen; raises ConfigurationError for what is no address."""
        return parse_address(self.listen, "metrics.listen", 9485)


@asynccontextmanager
async def open_sink(options: Options, context: Context) -> AsyncIterator[Callable[[Update], Awaitable[None]]]:
    """Serve the page at `options.listen` and yield `handle(update)`; leaving closes every connection.

    Raises ListenError where the address cannot be listened at, ModuleNotFoundError where a library of EXTRA is missing.
    """
    from juntek.outputs.metrics.page import serve  # noqa: PLC0415 - only whoever serves the page needs the library

    async with serve(options.address, context) as handle:
        yield handle
