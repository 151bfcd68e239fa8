"""A target of every mood, and a history that it has not got."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from math import inf
from pathlib import Path
from time import monotonic

from history.made import START, readings
from juntek.history import Database
from juntek.history.cursors import Cursors
from juntek.history.recorder import Recorder
from juntek.outputs import Context
from juntek.outputs.timeseries import HIGHEST_RATE, RESPONSE_TIME, TimeseriesOptions
from juntek.outputs.timeseries.delivery import BATCH, Delivery, open_delivery
from outputs.delivering import wait_until
from outputs.line_server import GOOD, LineServer, Reply, Request, serve_lines

REFUSAL = Reply(400, b'{"error":"field type conflict"}')


class Moody:
    """Answers as it is told to."""

    def __init__(self) -> None:
        self.judge: Callable[[Request], Reply] = lambda _: GOOD

    def __call__(self, request: Request) -> Reply:
        return self.judge(request)


@asynccontextmanager
async def moody_server() -> AsyncIterator[tuple[Moody, LineServer, str]]:
    mood = Moody()
    async with serve_lines(mood) as server:
        yield mood, server, f"{server.url}/write"


@asynccontextmanager
async def moody_server_without(path: Path, count: int) -> AsyncIterator[tuple[Moody, LineServer, str]]:
    """A target that is known, and has nothing yet of a history of so many readings."""
    async with moody_server() as (mood, server, url):
        introduce(path, url)
        write_history(path, 1, count)
        yield mood, server, url


def tick_of(line: bytes) -> int | None:
    """The tick of a reading of `house`; None for what is none."""
    found = re.fullmatch(rb"juntek,site=home,meter=house voltage_volts=.* (\d+)000000\n", line)
    return int(int(found[1]) / 1000 - START) if found else None


def ticks_of(lines: Iterable[bytes]) -> Counter[int]:
    """How often the reading of each tick of `house` is there."""
    return Counter(tick for tick in map(tick_of, lines) if tick is not None)


async def arrive(server: LineServer, *ticks: int) -> None:
    """Wait until the readings of these ticks are there."""
    await wait_until(lambda: not set(ticks) - set(ticks_of(server.taken)), f"{len(ticks)} readings arrive")


def write_history(path: Path, first: int, count: int) -> None:
    with Database(path, check=False, synchronous="NORMAL") as database:
        Recorder(database).record({"house": readings(first, count)})


def introduce(path: Path, url: str) -> None:
    """The target is known from now on, and gets all that comes."""
    with Cursors(path, TimeseriesOptions(url=url).label):
        pass


@asynccontextmanager
async def delivering(
    path: Path,
    url: str,
    response_time: float = RESPONSE_TIME,
    clock: Callable[[], float] = monotonic,
    limit: int = BATCH,
) -> AsyncIterator[Delivery]:
    options = TimeseriesOptions(url=url, rate=HIGHEST_RATE)
    context = Context(version="1", gateway="pi", meters=("house",))
    async with open_delivery(options, path, context, response_time=response_time, clock=clock) as delivery:
        delivery.limit = limit
        yield delivery


async def send_all(delivery: Delivery) -> None:
    while await delivery.send() != inf:
        pass


async def deliver(path: Path, url: str) -> Delivery:
    """Send all, and return the delivery as it is then."""
    async with delivering(path, url) as delivery:
        await send_all(delivery)
    return delivery
