"""The web sink, served on a free port of this computer, with a past made by hand, and browsers that look at it."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import httpx

from juntek.history import Database
from juntek.history.recorder import Recorder
from juntek.listening import Limits
from juntek.outputs import Context
from juntek.outputs.web import WebOptions, open_sink
from outputs.updates import kg_reading
from servers.process import NO_TLS, free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from juntek.update import Update


def cheap_hash(password: str) -> str:
    """Hash a password as the product does, but at a cost that leaves the time to the tests."""
    salt = secrets.token_bytes(16)
    derived = hashlib.scrypt(password.encode(), salt=salt, n=2, r=1, p=1, dklen=32)
    return ":".join(("scrypt", "2", "1", "1", *(base64.urlsafe_b64encode(part).decode() for part in (salt, derived))))


PASSWORD = "kilowatt hour"  # noqa: S105 - it is the test's
HASH = cheap_hash(PASSWORD)
NOW = 1_700_000_000.0
ZONE = ZoneInfo("Europe/Berlin")
SOON = Limits(look_every=0.05)


class Clock:
    """Says what a test sets."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


async def events(answer: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    """Yield the name and the value of each event of /api/live."""
    name = ""
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


async def status_of_stream(browser: httpx.AsyncClient, **options: Any) -> int:  # noqa: ANN401 - those of the library
    async with browser.stream("GET", "/api/live", **options) as answer:
        return answer.status_code


def context(*meters: str, **changes: Any) -> Context:  # noqa: ANN401 - the fields of Context
    values: dict[str, Any] = {"time": lambda: NOW, "time_zone": ZONE} | changes
    return Context(version="1.2.3", gateway="pi", meters=meters or ("house", "boat"), **values)


@dataclass
class Served:
    port: int
    handle: Callable[[Update], Awaitable[None]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def browser(self, **options: Any) -> httpx.AsyncClient:  # noqa: ANN401 - those of the library
        options["headers"] = {"accept-encoding": "gzip"} | options.get("headers", {})
        return httpx.AsyncClient(base_url=self.url, timeout=60, trust_env=False, verify=NO_TLS, **options)


@asynccontextmanager
async def served(
    where: Context | None = None,
    host: str = "127.0.0.1",
    limits: Limits | None = None,
    **options: Any,  # noqa: ANN401
) -> AsyncIterator[Served]:
    port, where = free_port(), where or context()
    async with open_sink(WebOptions(listen=f"{host}:{port}", **options), where, limits or SOON) as handle:

        async def hear(update: Update) -> None:
            where.latest.take(update)  # as the gateway does
            await handle(update)

        yield Served(port, hear)


def write_past(path: Path, *, hours: float = 6.0, step: float = 10.0, meter: str = "house") -> None:
    """Write a history that ends at NOW: the voltage rises by 0.01 V a minute, and 60 W flow out."""
    count = int(hours * 3600 / step)
    first = NOW - (count - 1) * step
    readings = [
        kg_reading(
            time=first + index * step, voltage=round(12 + index * step / 6000, 2), current=-5.0, power=-60.0,
            discharged_energy=round(1000 + index * step / 60, 2), raw=b"",
        )
        for index in range(count)
    ]  # fmt: skip
    with Database(path) as database:
        recorder = Recorder(database)
        for start in range(0, count, 360):
            recorder.record({meter: readings[start : start + 360]})
