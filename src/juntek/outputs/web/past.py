"""The history as the web asks for it; rule: it is read in a few threads, and a question too many is refused at once.

The gateway's loop never waits for the disk, and a page that asks too much does not make another one wait for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from juntek.errors import DatabaseError, RequestError
from juntek.history.queries import Column, HistoryReader
from juntek.outputs.web.answers import Refusal
from juntek.outputs.web.parameters import Calendar, Chart

T = TypeVar("T")

THREADS: Final = 2
MOST_WAITING: Final = 64
"""Questions that are asked at the same time; a page that opens asks about ten."""

NO_HISTORY = "No history is kept here; add [history] to the configuration."


class Past:
    """Asks a history. Every question may raise Refusal where there is none, where it fails or when too many wait."""

    def __init__(self, reader: HistoryReader | None) -> None:
        self._reader = reader
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="juntek-web")
        self._asked = 0

    async def ask(self, question: Callable[[HistoryReader], T]) -> T:
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
        except RequestError as error:
            raise Refusal(400, str(error)) from error

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
        if self._reader is not None:
            self._reader.close()


def make_chart(reader: HistoryReader, meter: str, chart: Chart) -> dict[str, Any]:
    """Return a chart as the API shows it; an empty one for a meter that has no history yet."""
    start, end = chart.range
    answer = {"meter": meter, "from": start, "to": end, "resolution": 0.0, "time": [], "quantities": {}}
    if meter in reader.meters():
        series = reader.series(meter, chart.quantities, start, end, chart.points)
        columns = {key: _show_column(series.columns[key]) for key in chart.quantities}
        answer |= {"resolution": series.resolution, "time": series.time, "quantities": columns}
    return answer


def make_days(reader: HistoryReader, meter: str, calendar: Calendar) -> list[dict[str, Any]]:
    """Return days, months or years as the API shows them; none for a meter that has no history yet."""
    if meter not in reader.meters():
        return []
    return [day.as_dict() for day in reader.days(meter, calendar.first, calendar.last, calendar.by)]


def _show_column(column: Column) -> dict[str, list[float | None]]:
    """Return the parts that make sense for a quantity."""
    parts = ("minimum", "average", "maximum", "last", "increase")
    return {part: values for part in parts if (values := getattr(column, part))}
