"""The web sink, served on a free port of this computer, with a past made by hand, and browsers that look at it."""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import httpx

from juntek.sinks import Context
from juntek.sinks.web import Options, open_sink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from juntek.update import Update

PASSWORD = "kilowatt hour"  # noqa: S105 - it is the test's
NOW = 1_700_000_000.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def context(*meters: str, **changes: Any) -> Context:  # noqa: ANN401 - the fields of Context
    values: dict[str, Any] = {"time": lambda: NOW, "time_zone": ZoneInfo("Europe/Berlin")} | changes
    return Context(version="1.2.3", gateway="pi", meters=meters or ("house", "boat"), **values)


@dataclass
class Served:
    port: int
    handle: Callable[[Update], Awaitable[None]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def browser(self, **options: Any) -> httpx.AsyncClient:  # noqa: ANN401 - those of the library
        return httpx.AsyncClient(base_url=self.url, timeout=20, trust_env=False, **options)


@asynccontextmanager
async def served(where: Context | None = None, host: str = "127.0.0.1", **options: Any) -> AsyncIterator[Served]:  # noqa: ANN401
    port = free_port()
    async with open_sink(Options(listen=f"{host}:{port}", **options), where or context()) as handle:
        yield Served(port, handle)
