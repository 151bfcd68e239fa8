"""A target of every mood, which keeps what it is sent, twice where it comes twice, and a gateway in a hurry."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path

from history.made import START, readings
from juntek.history import Database
from juntek.history.deliveries import Deliveries
from juntek.history.recorder import Recorder
from juntek.outputs import timeseries
from outputs.delivering import Gateway, wait_until
from outputs.line_server import GOOD, LineServer, Reply, Request, serve_lines


class Moody:
    """Answers as it is told to; at its path nobody asks what it holds, so what is in doubt is sent again."""

    def __init__(self) -> None:
        self.judge: Callable[[Request], Reply] = lambda _: GOOD

    def __call__(self, request: Request) -> Reply:
        return self.judge(request)


@asynccontextmanager
async def moody_server() -> AsyncIterator[tuple[Moody, LineServer, str]]:
    mood = Moody()
    async with serve_lines(mood) as server:
        yield mood, server, f"{server.url}/lines"


def ticks_of(lines: list[bytes]) -> Counter[int]:
    """How often the reading of each tick of `house` is there."""
    found = (re.fullmatch(rb"juntek,site=home,meter=house voltage_volts=.* (\d+)000000\n", line) for line in lines)
    return Counter(int(int(match[1]) / 1000 - START) for match in found if match)


def once(first: int, last: int) -> Counter[int]:
    return Counter(range(first, last + 1))


async def arrive(server: LineServer, wanted: Counter[int]) -> None:
    """Wait until all is there, and some time more for what comes twice."""
    await wait_until(lambda: not wanted - ticks_of(server.taken), f"{len(wanted)} readings arrive")
    await asyncio.sleep(1)


def write_history(path: Path, count: int) -> None:
    with Database(path, check=False, synchronous="NORMAL") as database:
        Recorder(database, UTC).record({"house": readings(1, count)})


def owe_all(path: Path, url: str) -> None:
    """The target has been known since before the readings, and got none of them."""
    store = Deliveries(Database(path), timeseries.Options(url=url).label)
    store.resume(START)
    store.close()


@asynccontextmanager
async def running(path: Path, url: str, *, tick: int = 0) -> AsyncIterator[Gateway]:
    gateway = Gateway(path, [timeseries.Options(url=url, interval=0.1, rate=100_000)])
    gateway.tick = tick
    async with gateway.running():
        yield gateway
