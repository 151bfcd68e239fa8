"""Readings as the bytes of a file, piece by piece; rule: no more than a piece of them is in memory.

Parquet is written by pyarrow, the reference library of the format: smaller ones want pandas besides.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from juntek.errors import ConfigurationError
from juntek.extras import install_line
from juntek.history.fields import (
    CHARGE,
    PLACES,
    QUANTITY_KEYS,
    SCALES,
    Batch,
    Column,
    estimated_keys,
    states_of_charge,
)  # fmt: skip
from juntek.quantity import BATTERY_KEYS, DIRECTIONS, QUANTITIES
from juntek.reading import iso_time
from juntek.rs485.family import OUTPUT_STATE_OF_CODE

_PLAIN_KEYS = tuple(key for key in QUANTITY_KEYS if key not in (CHARGE, *BATTERY_KEYS))
_BATTERY_KEYS = tuple(key for key in QUANTITY_KEYS if key in BATTERY_KEYS and key != CHARGE)
ROW_KEYS = (
    "time", *_PLAIN_KEYS[:4], CHARGE, *_PLAIN_KEYS[4:], "direction", "output_state", "estimated", *_BATTERY_KEYS,
)  # fmt: skip
"""Keys of a row; `time` is s since 1970, `estimated` the keys of totals with an estimated part, with spaces between.
What only a watched battery has stands last."""

CSV_ROWS = 2000
PARQUET_ROWS = 100_000
"""Readings in a piece; in Parquet it is a row group."""
_WORDS = ("direction", "output_state", "estimated")


def rows_of(batch: Batch) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a batch."""
    columns: dict[str, list[Any]] = {
        key: _scaled(batch[PLACES[key]], SCALES[key]) for key in ("time", *_PLAIN_KEYS, *_BATTERY_KEYS)
    }
    columns[CHARGE] = states_of_charge(CHARGE, batch)
    columns["direction"] = [DIRECTIONS[number or 0] for number in batch[PLACES["direction"]]]
    columns["output_state"] = [OUTPUT_STATE_OF_CODE.get(code or 0, "unknown") for code in batch[PLACES["output_code"]]]
    columns["estimated"] = [" ".join(estimated_keys(mask or 0)) for mask in batch[PLACES["estimated"]]]
    yield from zip(*(columns[key] for key in ROW_KEYS), strict=True)


def _scaled(column: Column, scale: int) -> list[Any]:
    if scale == 1:
        return column
    return [None if value is None else value / scale for value in column]


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
            "or ask for CSV."
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
