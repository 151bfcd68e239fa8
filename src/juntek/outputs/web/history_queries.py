"""The history as the web asks for it; rule: it is read in a thread, which visitors have in turns.

The gateway's loop never waits for the disk, and who asks too much is refused and makes nobody else wait for it.
An export is sent while it is read, a query for each piece: nothing is held open in the database while a slow browser
takes what it got, and never more than a piece is in memory.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Final, TypeVar, cast

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from juntek.errors import DamagedFileError, DatabaseError
from juntek.history.queries import HistoryReader, csv_pieces, parquet_pieces
from juntek.outputs import DATABASE, Context
from juntek.outputs.web import api_types as types
from juntek.outputs.web.parameters import Format
from juntek.outputs.web.responses import NEVER_KEPT

log = logging.getLogger(__name__)

T = TypeVar("T")

MOST_WAITING: Final = 64
"""Queries of one visitor at the same time; a page that opens makes about ten."""
VISITOR: Final[ContextVar[str]] = ContextVar("visitor", default="")
"""Whose query it is, as `listening.visitors` tells them apart."""
PARQUET_TYPE: Final = "application/vnd.apache.parquet"
_KINDS = {"csv": (csv_pieces, "text/csv; charset=utf-8"), "parquet": (parquet_pieces, PARQUET_TYPE)}


class HistoryQueries:
    """Queries a history; raises HTTPException where there is none, where it fails, or when too many wait."""

    def __init__(self, context: Context) -> None:
        self._errors = context.errors
        path = context.database
        self._reader = HistoryReader(path, time_zone=context.time_zone, clock=context.time) if path else None
        # A second one is no faster, as Python runs one of them at a time, and takes 4 MB for pages of the database.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="juntek-web")
        self._asked: Counter[str] = Counter()
        self._turns: dict[str, asyncio.Lock] = {}
        """By visitor; only one query of each stands in the queue of the thread."""

    async def query(self, query: Callable[[HistoryReader], T]) -> T:
        """Return what `query(reader)` returns, called in a thread."""
        if self._reader is None:
            raise HTTPException(503, "No history is kept here; add [history] to the configuration.")
        visitor = VISITOR.get()
        if self._asked[visitor] >= MOST_WAITING:
            raise HTTPException(503, "The history is busy; try again in a moment.", {"retry-after": "2"})
        self._asked[visitor] += 1
        try:
            async with self._turns.setdefault(visitor, asyncio.Lock()):
                return await asyncio.get_running_loop().run_in_executor(self._thread, query, self._reader)
        except DamagedFileError as error:
            if DATABASE not in self._errors:
                self._errors[DATABASE] = str(error)  # all who show how the history does know of it
                log.warning("%s", error)
            raise
        finally:
            self._asked[visitor] -= 1
            if not self._asked[visitor]:
                del self._asked[visitor], self._turns[visitor]

    async def spans(self) -> dict[str, tuple[float, float] | None]:
        """Return the first and last time of every meter that has a history; none where that cannot be read.

        What is now is shown all the same; /api/health says what the history lacks.
        """
        try:
            return await self.query(lambda reader: {name: reader.span(name) for name in reader.meters()})
        except (HTTPException, DatabaseError):
            return {}

    async def close(self) -> None:
        """Wait for the query that runs, and end the thread."""
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)
        if self._reader is not None:
            self._reader.close()


def make_chart(  # noqa: PLR0913, PLR0917 - what a chart is
    reader: HistoryReader, meter: str, quantities: Sequence[str], start: float, end: float, points: int
) -> types.History:
    """Return a chart as the API shows it; an empty one for a meter that has no history yet."""
    answer: types.History = {
        "meter": meter, "from": start, "to": end, "resolution": 0.0, "time": [], "quantities": {},
    }  # fmt: skip
    if meter in reader.meters():
        series = reader.series(meter, quantities, start, end, points)
        answer["resolution"], answer["time"] = series.resolution, series.time
        answer["quantities"] = {key: _show_column(series.columns[key]) for key in quantities}
    return answer


def _show_column(column: object) -> types.Column:
    """Return the parts that make sense for a quantity."""
    parts = types.Column.__optional_keys__
    return cast("types.Column", {part: values for part in sorted(parts) if (values := getattr(column, part))})


async def stream_export(queries: HistoryQueries, meter: str, start: float, end: float, kind: Format) -> Response:
    """Return all readings as a file that is made while it is sent. Raises what keeps its beginning from being read."""
    make_pieces, media_type = _KINDS[kind]
    rows = await queries.query(
        lambda reader: reader.readings(meter, start, end) if meter in reader.meters() else iter(())
    )
    pieces = make_pieces(rows)
    begin = await queries.query(lambda _: next(pieces, b""))
    name = f"juntek-{re.sub('[^A-Za-z0-9_-]', '_', meter)}.{kind}"
    headers = NEVER_KEPT | {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_continue(queries, begin, pieces), headers=headers, media_type=media_type)


async def _continue(queries: HistoryQueries, begin: bytes, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    piece: bytes | None = begin
    while piece is not None:
        if piece:
            yield piece
        piece = await queries.query(lambda _: next(pieces, None))
