"""A history as a file, sent while it is read; rule: never more of it in memory than a piece.

Pieces are read in a question each: nothing is held open in the database while a slow browser takes what it got.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from juntek.database.history import ROW_KEYS, HistoryReader
from juntek.reading import iso_time
from juntek.sinks.web.answers import Refusal
from juntek.sinks.web.parameters import LATEST, Export
from juntek.sinks.web.past import Past

ROWS: Final = 2000
"""Readings in a piece: some 300 kB."""
TIME_PLACE: Final = ROW_KEYS.index("time")


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file that is being made."""

    name: str
    media_type: str
    pieces: AsyncIterator[bytes]


async def open_export(past: Past, meter: str, export: Export) -> ExportFile:
    """Begin to make a file. Raises Refusal, also where its beginning cannot be read."""
    if export.format == "parquet":
        raise Refusal(501, "Parquet comes from the command line: juntek history export; ask for csv here.")
    rows = await past.ask(lambda reader: _find_rows(reader, meter, export))
    begin = await past.ask(lambda _: _write([ROW_KEYS]) + _write(_shown(rows)))
    return ExportFile(_file_name(meter, "csv"), "text/csv; charset=utf-8", _pieces(past, begin, rows))


async def _pieces(past: Past, begin: bytes, rows: Iterator[tuple[Any, ...]]) -> AsyncIterator[bytes]:
    piece = begin
    while piece:
        yield piece
        piece = await past.ask(lambda _: _write(_shown(rows)))


def _find_rows(reader: HistoryReader, meter: str, export: Export) -> Iterator[tuple[Any, ...]]:
    if meter not in reader.meters():
        return iter(())
    start = 0.0 if export.start is None else export.start
    return reader.readings(meter, start, LATEST if export.end is None else export.end)


def _shown(rows: Iterator[tuple[Any, ...]]) -> Iterable[tuple[Any, ...]]:
    """Return the next rows with their times as they are written."""
    for row in islice(rows, ROWS):
        yield (*row[:TIME_PLACE], iso_time(row[TIME_PLACE]), *row[TIME_PLACE + 1 :])


def _write(rows: Iterable[tuple[Any, ...]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _file_name(meter: str, ending: str) -> str:
    return f"juntek-{re.sub('[^A-Za-z0-9_-]', '_', meter)}.{ending}"
