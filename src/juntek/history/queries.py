"""What the history can be asked; rule: it only reads, from any thread, and an answer is never larger than asked for.

Threads wait for each other, and a database that is gone or damaged is one sentence. Times are s since 1970. A
rollup answers wherever it can; readings themselves are unpacked only for short ranges.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, tzinfo
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any, Self

from juntek.errors import ConfigurationError, RequestError
from juntek.extras import install_line
from juntek.files import system_zone
from juntek.history import AuditEntry, Database, is_current
from juntek.history.blocks import read_blocks
from juntek.history.database_file import FileInPlace, connect_to_read, explain
from juntek.history.days import By, Day, read_days
from juntek.history.fields import FIELDS, ROW_KEYS, SERIES_KEYS, Batch, rows_of
from juntek.history.series import Chart, Column, Series
from juntek.quantity import QUANTITIES
from juntek.reading import iso_time

__all__ = ["ROW_KEYS", "SERIES_KEYS", "Column", "Day", "HistoryReader", "Series"]

_END = 2**60
"""ms."""

CLOCK_TOLERANCE = 86_400.0
"""s that a reading may lie ahead of the clock; further ahead the clock was wrong when it was written."""

_SPAN = """SELECT
    (SELECT time + first_time / 1000.0 FROM hour WHERE meter = id AND time <= ?2 ORDER BY time LIMIT 1),
    (SELECT time + last_time / 1000.0 FROM hour WHERE meter = id AND time <= ?2 ORDER BY time DESC LIMIT 1)
FROM meter WHERE name = ?1"""

CSV_ROWS, PARQUET_ROWS = 2000, 100_000
"""Readings in a piece of a file; in Parquet it is a row group."""


class HistoryReader:
    """The history in a database file, which a gateway may be writing to; each answer is as of one moment.

    `path` is the file, `time_zone` is whose midnight begins a day.
    Raises DatabaseError where there is no history or it cannot be read, RequestError for a meter, a quantity or a
    range that cannot be.
    """

    _is_changing = False
    """Whether the file is written to for sure: then it is never taken for one on a disk that is read-only."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        time_zone: tzinfo | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """The file is opened when it is first asked. Without a `time_zone` days are those of this computer."""
        self.path = Path(path)
        self.time_zone = time_zone or system_zone()
        self._clock = clock
        self._lock = Lock()
        self._opened: tuple[sqlite3.Connection, FileInPlace] | None = None

    def meters(self) -> list[str]:
        """Return the names of all meters that have a history, sorted."""
        with self._reading() as connection:
            return [name for (name,) in connection.execute("SELECT name FROM meter ORDER BY name")]

    def span(self, meter: str) -> tuple[float, float] | None:
        """Return the times of the first and the last reading; None where there is none.

        Readings that a wrong clock put further into the future than CLOCK_TOLERANCE do not count.
        """
        with self._reading() as connection:
            ends = connection.execute(_SPAN, (meter, int(self._clock() + CLOCK_TOLERANCE))).fetchone()
        return None if ends is None or ends[0] is None else ends

    def series(self, meter: str, quantities: Sequence[str], start: float, end: float, points: int) -> Series:
        """Return the quantities from `start` up to, not including, `end`, in at most `points` points.

        The points are readings where there are no more than that many, else equal stretches of time. `quantities`
        are of SERIES_KEYS.
        """
        if unknown := [key for key in quantities if key not in SERIES_KEYS]:
            raise RequestError(f"There is no history of {unknown[0]}; choose from {', '.join(SERIES_KEYS)}.")
        if not start < end:
            raise RequestError("The range ends before it begins; give an end after its start.")
        if points < 1:
            raise RequestError(f"{points} points make no chart; ask for 1 or more.")
        with self._reading() as connection:
            number = self._number(connection, meter)
            return Chart(connection, number, quantities, start, end, self.time_zone).read(points)

    def days(self, meter: str, start_date: date, end_date: date, by: By = "day") -> list[Day]:
        """Return what each local day, month or year was, from the first date up to and with the last."""
        if by not in ("day", "month", "year"):
            raise RequestError(f'Days can be told by "day", "month" or "year", not by "{by}".')
        with self._reading() as connection:
            return read_days(connection, self._number(connection, meter), start_date, end_date, by, self.time_zone)

    def readings(self, meter: str, start: float, end: float) -> Iterator[tuple[Any, ...]]:
        """Yield the readings that are still kept, from `start` up to, not including, `end`, as rows of ROW_KEYS.

        They are read hour by hour, so that any number of them takes little memory and holds nothing up.
        """
        first, last = round(start * 1000), round(end * 1000)
        while True:
            with self._reading() as connection:
                blocks = list(read_blocks(connection, self._number(connection, meter), first, last, limit=8))
            if not blocks:
                return
            for until, batch in blocks:
                yield from rows_of(batch)
                first = until + 1

    def read_after(self, meter: str, time_ms: int, limit: int) -> Batch:
        """Return the first `limit` readings that are kept after `time_ms` (ms since 1970), in the order of time."""
        whole: Batch = {key: [] for key in FIELDS}
        with self._reading() as connection:
            for _, batch in read_blocks(connection, self._number(connection, meter), time_ms + 1, _END):
                for key, column in whole.items():
                    column.extend(batch[key][: limit - len(column)])
                if len(whole["time"]) >= limit:
                    break
        return whole

    def battery_events(self, meter: str, start: float, end: float) -> list[tuple[float, str, float]]:
        """Return when a battery was found to be what, from `start` up to, not including, `end`: s, word, percent."""
        with self._reading() as connection:
            return connection.execute(
                "SELECT time, event, state_of_charge FROM battery_event WHERE meter = ? AND time >= ? AND time < ?"
                " ORDER BY time",
                (meter, start, end),
            ).fetchall()

    def commands(self, *, meter: str | None = None, limit: int = 100) -> list[AuditEntry]:
        """Return what was written to a meter, or to all, the newest first."""
        query = (
            "SELECT time / 1000.0, meter, who, key, old, new, outcome FROM command"
            " WHERE ?1 IS NULL OR meter = ?1 ORDER BY id DESC LIMIT ?2"
        )
        with self._reading() as connection:
            entries = [AuditEntry(*row) for row in connection.execute(query, (meter, limit))]
        return [entry._replace(old=json.loads(entry.old), new=json.loads(entry.new)) for entry in entries]

    def count(self, meter: str) -> int:
        """Return how many readings there ever were."""
        with self._reading() as connection:
            row = connection.execute(
                "SELECT sum(count) FROM hour WHERE meter = ?", (self._number(connection, meter),)
            ).fetchone()
        return row[0] or 0

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._opened is not None:
                self._opened[0].close()
                self._opened = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @staticmethod
    def _number(connection: Any, meter: str) -> int:  # noqa: ANN401
        row = connection.execute("SELECT id FROM meter WHERE name = ?", (meter,)).fetchone()
        if row is None:
            raise RequestError(f'There is no history of a meter "{meter}".')
        return int(row[0])

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection, within which everything is as of one moment."""
        with self._lock, explain(self.path):
            connection = self._connect()
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    def _connect(self) -> sqlite3.Connection:
        if self._opened is not None:
            connection, file = self._opened
            if file.is_there():
                return connection
            file.sweep()
            self._opened = None
            connection.close()
        connection = connect_to_read(self.path, is_changing=self._is_changing)
        if not is_current(connection):
            connection.close()
            # Whoever opens it for writing brings it to the present schema.
            Database(self.path, check=False).close()
            connection = connect_to_read(self.path, is_changing=self._is_changing)
        self._opened = connection, FileInPlace(self.path)
        return connection


# As the bytes of a file: no more than a piece of it is in memory ----------------------------------------------


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

    It is written by pyarrow, the reference library of the format: smaller ones want pandas besides.
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
            yield _taken(sink)
    yield _taken(sink)


def _taken(sink: io.BytesIO) -> bytes:
    """Give what was written, and let the writer go on behind it."""
    data = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return data


def _field(arrow: Any, key: str) -> Any:  # noqa: ANN401 - a module, and a field of its
    if key == "time":
        return arrow.field(key, arrow.timestamp("ms", tz="UTC"), nullable=False)
    quantity = QUANTITIES.get(key)
    if quantity is None or not quantity.per_unit:
        return arrow.field(key, arrow.string())
    kind = arrow.int64() if quantity.per_unit == 1 else arrow.float64()
    return arrow.field(key, kind, metadata={"unit": quantity.unit, "label": quantity.label})
