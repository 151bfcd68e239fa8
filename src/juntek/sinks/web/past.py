"""The history as the web asks for it; rule: it is read in a few threads, and a question too many is refused at once.

The gateway's loop never waits for the disk, and a page that asks too much does not make another one wait for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any, Final, Protocol, TypeVar

from juntek.errors import DatabaseError
from juntek.quantity import QUANTITIES
from juntek.sinks.web.answers import Refusal
from juntek.sinks.web.parameters import Calendar, Chart

T = TypeVar("T")

THREADS: Final = 2
MOST_WAITING: Final = 64
"""Questions that are asked at the same time; a page that opens asks about ten."""

NO_HISTORY = "No history is kept here; add [history] to the configuration."


class Column(Protocol):
    """One quantity of a series; each list is as long as the series' times, or empty."""

    minimum: Any
    average: Any
    maximum: Any
    last: Any


class Series(Protocol):
    """What a chart draws; `resolution` is s, 0 for the readings themselves."""

    resolution: Any
    time: Any
    columns: Any


class Reader(Protocol):
    """What is asked of a history; from any thread, by several at a time."""

    def meters(self) -> Sequence[str]:
        """Return the names of the meters that have a history."""
        ...

    def span(self, meter: str) -> tuple[float, float] | None:
        """Return the first and the last time, s since 1970."""
        ...

    def series(self, meter: str, quantities: Sequence[str], start: float, end: float, points: int) -> Any:  # noqa: ANN401
        """Return a Series."""
        ...

    def days(self, meter: str, start: date, end: date, by: Any) -> Sequence[Any]:  # noqa: ANN401
        """Return the days, months or years."""
        ...

    def readings(self, meter: str, start: float, end: float) -> Iterator[Any]:
        """Yield the readings themselves."""
        ...


class Past:
    """Asks a history. Every question may raise Refusal where there is none, where it fails or when too many wait."""

    def __init__(self, reader: Reader | None) -> None:
        self._reader = reader
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="juntek-web")
        self._asked = 0

    async def ask(self, question: Callable[[Reader], T]) -> T:
        """Return the answer to a question, put in a thread of its own."""
        if self._reader is None:
            raise Refusal(503, NO_HISTORY)
        if self._asked >= MOST_WAITING:
            raise Refusal(503, "The history is busy; try again in a moment.", {"retry-after": "2"})
        self._asked += 1
        work = asyncio.get_running_loop().run_in_executor(self._threads, question, self._reader)
        work.add_done_callback(self._finish)
        try:
            return await asyncio.shield(work)
        except DatabaseError as error:
            raise Refusal(503, str(error)) from error

    def _finish(self, work: asyncio.Future[T]) -> None:
        """Count a question as answered when its thread is free again, whether somebody still waits or not."""
        self._asked -= 1
        if not work.cancelled():
            work.exception()

    async def spans(self) -> dict[str, tuple[float, float] | None]:
        """Return the first and last time of every meter that has a history; nothing where there is none."""
        if self._reader is None:
            return {}
        return await self.ask(lambda reader: {name: reader.span(name) for name in reader.meters()})

    async def close(self) -> None:
        """Wait for what is being asked, and end the threads."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)


def make_chart(reader: Reader, meter: str, chart: Chart) -> dict[str, Any]:
    """Return a chart as the API shows it."""
    start, end = chart.range
    series = reader.series(meter, chart.quantities, start, end, chart.points)
    return {
        "meter": meter,
        "from": start,
        "to": end,
        "resolution": series.resolution,
        "time": list(series.time),
        "quantities": {
            key: _show_column(series.columns[key], QUANTITIES[key].digits + 1)
            for key in chart.quantities
            if key in series.columns
        },
    }


def make_days(reader: Reader, meter: str, calendar: Calendar) -> list[dict[str, Any]]:
    """Return days, months or years as the API shows them."""
    return [day.as_dict() for day in reader.days(meter, calendar.first, calendar.last, calendar.by)]


def _show_column(column: Column, digits: int) -> Mapping[str, list[float | None]]:
    """Return the parts that are there, with one digit more than is worth showing: averages have many more."""
    shown: dict[str, list[float | None]] = {}
    for part in ("minimum", "average", "maximum", "last"):
        values = getattr(column, part)
        if values:
            shown[part] = [None if value is None else round(value, digits) for value in values]
    return shown
