"""Readings as the bytes of a file, piece by piece; rule: no more than a piece of them is in memory.

Parquet is written by pyarrow, the reference library of the format: smaller ones want pandas besides.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from juntek.errors import ConfigurationError, install_line
from juntek.history.rows import ROW_KEYS
from juntek.quantity import QUANTITIES
from juntek.reading import iso_time

CSV_ROWS = 2000
PARQUET_ROWS = 100_000
"""Readings in a piece; in Parquet it is a row group."""
_WORDS = ("direction", "output_state", "estimated")


def csv_pieces(rows: Iterator[tuple[Any, ...]]) -> Iterator[bytes]:
    """Yield a table with a line of headings; times are ISO 8601 in UTC. `rows` are of ROW_KEYS."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(ROW_KEYS)
    while True:
        some = list(islice(rows, CSV_ROWS))
        writer.writerows((iso_time(row[0]), *row[1:]) for row in some)
        yield text.getvalue().encode()
        if not some:
            return
        text.seek(0)
        text.truncate()


def parquet_pieces(rows: Iterator[tuple[Any, ...]]) -> Iterator[bytes]:
    """Yield a Parquet file: times are milliseconds in UTC, units stand in the columns' metadata.

    Raises ConfigurationError where its library is missing.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        from pyarrow import parquet  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"Parquet needs a library that is not installed; install it with: {install_line('parquet')}, "
            "or take --format csv."
        ) from error
    schema = pa.schema([_field(pa, key) for key in ROW_KEYS])
    sink = io.BytesIO()
    with parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        while some := list(islice(rows, PARQUET_ROWS)):
            columns = [list(column) for column in zip(*some, strict=True)]
            columns[0] = [round(time * 1000) for time in columns[0]]
            writer.write_table(pa.table(columns, schema=schema))
            yield from _taken(sink)
    yield from _taken(sink)


def _taken(sink: io.BytesIO) -> Iterable[bytes]:
    """Give what was written, and let the writer go on behind it."""
    data = sink.getvalue()
    if data:
        sink.seek(0)
        sink.truncate()
        yield data


def _field(arrow: Any, key: str) -> Any:  # noqa: ANN401 - a module, and a field of its
    if key == "time":
        return arrow.field(key, arrow.timestamp("ms", tz="UTC"), nullable=False)
    if key in _WORDS:
        return arrow.field(key, arrow.string())
    quantity = QUANTITIES[key]
    kind = arrow.int64() if quantity.per_unit == 1 else arrow.float64()
    return arrow.field(key, kind, metadata={"unit": quantity.unit, "label": quantity.label})
