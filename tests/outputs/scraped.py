"""The metrics sink on a free port of this computer, and what stands on its page."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
from prometheus_client import parser
from prometheus_client.openmetrics import parser as open_parser

from juntek.listening import Limits
from juntek.outputs import Context, SinkHealth
from juntek.outputs.metrics import MOST_CONNECTIONS, MetricsOptions, open_sink
from servers.engines import series_name
from servers.process import NO_TLS, free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from juntek.update import Update

NOW = 1_700_000_010.0
LIMITS = Limits(connections=MOST_CONNECTIONS)
OPEN_METRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"


def context(*meters: str, **changes: Any) -> Context:  # noqa: ANN401 - the fields of Context
    values: dict[str, Any] = {"time": lambda: NOW, "sinks": {"metrics": SinkHealth(connected=True)}} | changes
    return Context(version="1.2.3", gateway="pi", meters=meters or ("house", "boat"), **values)


@dataclass
class Scraped:
    port: int
    handle: Callable[[Update], Awaitable[None]]

    async def get(self, path: str = "/metrics", **headers: str) -> httpx.Response:
        url = f"http://127.0.0.1:{self.port}"
        async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False, verify=NO_TLS) as client:
            return await client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    async def page(self) -> dict[str, float]:
        return read(await self.get())


@asynccontextmanager
async def scraped(
    where: Context | None = None,
    limits: Limits | None = None,
    **options: Any,  # noqa: ANN401 - those of MetricsOptions
) -> AsyncIterator[Scraped]:
    port = free_port()
    where = where or context()
    async with open_sink(MetricsOptions(listen=f"127.0.0.1:{port}", **options), where, limits or LIMITS) as handle:

        async def hear(update: Update) -> None:
            where.latest.take(update)  # as the gateway does
            await handle(update)

        yield Scraped(port, hear)


def read(answer: httpx.Response) -> dict[str, float]:
    """Return all that stands on a page, by name and labels."""
    assert answer.status_code == 200
    samples = [sample for family in parse(answer.text) for sample in family.samples]
    return {series_name({"__name__": sample.name, **sample.labels}): sample.value for sample in samples}


def of_meter(page: dict[str, float], meter: str) -> dict[str, float]:
    return {name.partition("{")[0]: value for name, value in page.items() if f'meter="{meter}"' in name}


def parse(text: str) -> list[Any]:
    """Take a page apart by the rules of its format."""
    module: Any = open_parser if text.endswith("# EOF\n") else parser
    return list(module.text_string_to_metric_families(text))
