"""A history as a file, sent while it is read; rule: never more of it in memory than a piece.

Pieces are read in a question each: nothing is held open in the database while a slow browser takes what it got.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from juntek.errors import ConfigurationError
from juntek.history.exporting import csv_pieces, parquet_pieces
from juntek.history.queries import HistoryReader
from juntek.outputs.web.answers import Refusal
from juntek.outputs.web.parameters import LATEST, Export
from juntek.outputs.web.past import Past

PARQUET_TYPE = "application/vnd.apache.parquet"
_KINDS = {"csv": (csv_pieces, "text/csv; charset=utf-8"), "parquet": (parquet_pieces, PARQUET_TYPE)}


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file that is being made."""

    name: str
    media_type: str
    pieces: AsyncIterator[bytes]


async def open_export(past: Past, meter: str, export: Export) -> ExportFile:
    """Begin to make a file. Raises Refusal, also where its beginning cannot be read."""
    make_pieces, media_type = _KINDS[export.format]
    pieces = make_pieces(await past.ask(lambda reader: _find_rows(reader, meter, export)))
    try:
        begin = await past.ask(lambda _: next(pieces, b""))
    except ConfigurationError:
        raise Refusal(
            501, "Parquet needs a library on the gateway: pip install 'juntek[parquet]'; or ask for format=csv."
        ) from None
    name = re.sub("[^A-Za-z0-9_-]", "_", meter)
    return ExportFile(f"juntek-{name}.{export.format}", media_type, _go_on(past, begin, pieces))


async def _go_on(past: Past, begin: bytes, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    piece: bytes | None = begin
    while piece is not None:
        if piece:
            yield piece
        piece = await past.ask(lambda _: next(pieces, None))


def _find_rows(reader: HistoryReader, meter: str, export: Export) -> Iterator[tuple[Any, ...]]:
    if meter not in reader.meters():
        return iter(())
    start = 0.0 if export.start is None else export.start
    return reader.readings(meter, start, LATEST if export.end is None else export.end)
