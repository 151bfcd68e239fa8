"""Writes readings and their rollups; rule: one transaction holds both, and nothing is remembered between two of them.

So a kill at any moment leaves rollups that are what the readings say. A reading is refused where the minute it falls
into has readings before and after it, or goes over into the next at its pace: what is there is there, and nothing is
doubled. Totals are kept as they were told; the rollups hold how much they grew from one reading of a stream to the
next, so that streams whose totals began elsewhere stand side by side without a jump.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, compress, groupby, pairwise
from operator import sub
from typing import Any

from juntek.history import SAVE_LEDGER, Database
from juntek.history.blocks import keep_readings
from juntek.history.cursors import lower_cursors
from juntek.history.database_file import NEWEST_COMMIT
from juntek.history.fields import TOTALS, Batch, batch_of, part_of, read_columns, times_of
from juntek.history.rollups import UPSERTS, choose_new, fold, roll_up
from juntek.reading import Reading

SHORTEST_GAP, LONGEST_GAP = 300_000, 400 * 86_400_000
"""ms between readings whose increase is shared out where midnight lies within; a longer gap is a clock that was set."""
QUARTER = 900_000
"""ms; midnight is at a quarter of an hour everywhere."""

_INSERT_GAP = (
    f"INSERT OR REPLACE INTO gap (meter, finish, start, until, {', '.join(TOTALS)})"  # noqa: S608 - our own names
    f" VALUES (?, ?, ?, ?{', ?' * len(TOTALS)})"
)


@dataclass(slots=True)
class Stream:
    """Readings of one meter in the order in which they came, and where their totals stood last.

    `live` is what the gateway hears: it goes on where it was after a restart, and what a refused reading had counted
    comes with the next. In what is read from a file a refused reading takes its count along: it was counted before.
    """

    meter: str
    live: bool = True
    time: int | None = None
    totals: list[int | None] | None = None


class Recorder:
    """Writes the history of all meters into a database. Raises DatabaseError, and then nothing has been written."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def last_times(self) -> dict[str, float]:
        """Return when each meter had its last live reading, s since 1970."""
        with self._database.transaction() as connection:
            rows = connection.execute("SELECT name, time FROM meter WHERE time IS NOT NULL").fetchall()
        return {name: time / 1000 for name, time in rows}

    def record(self, batches: Mapping[str, Sequence[Reading]]) -> int:
        """Write what was heard live of each meter, in one commit; return how many were refused."""
        streams = [(Stream(meter), batch_of(readings)) for meter, readings in batches.items() if readings]
        return self.record_streams(streams)

    def record_streams(self, streams: Iterable[tuple[Stream, Batch]], *, keep_since: float = 0.0) -> int:
        """Write a batch of each stream in one commit; of readings before `keep_since` (s) only the rollups."""
        refused = 0
        with self._database.transaction() as connection:
            self._columns = read_columns(connection)  # the file may be another one than before
            for stream, batch in streams:
                meter, time, totals = _find_meter(connection, stream.meter)
                if stream.live:  # it goes on where it was
                    stream.time, stream.totals = time, totals
                for run in _runs(batch):
                    refused += self._record(connection, meter, stream, run, round(keep_since * 1000))
                if stream.live:
                    _close_stream(connection, meter, stream)
        return refused

    def go_on(self, stream: Stream) -> None:
        """Let a stream that is not live begin where the totals of its meter stood last."""
        with self._database.transaction() as connection:
            _, stream.time, stream.totals = _find_meter(connection, stream.meter)

    def conclude(self, stream: Stream, snapshot: dict[str, Any]) -> None:
        """Let the gateway go on where a stream ended, with the ledger of this snapshot; the rest of it stays."""
        if stream.time is None or snapshot["last"] is None:
            return
        with self._database.transaction() as connection:
            meter, time, _ = _find_meter(connection, stream.meter)
            if time is not None and time >= stream.time:
                return
            _close_stream(connection, meter, stream)
            row = connection.execute("SELECT snapshot FROM ledger WHERE meter = ?", (stream.meter,)).fetchone()
            before = json.loads(row[0]) if row is not None else {}
            text = json.dumps(before | snapshot, allow_nan=False)
            # A gateway that runs meanwhile must not take it for a commit of another.
            newest = connection.execute(NEWEST_COMMIT).fetchone()[0]
            connection.execute(SAVE_LEDGER, (stream.meter, text, newest))

    def drop_raw(self, before: float, limit: int) -> None:
        """Drop at most so many blocks that ended before `before` (s), the oldest first."""
        with self._database.transaction() as connection:
            connection.execute(
                "DELETE FROM raw WHERE (meter, time) IN"
                " (SELECT raw.meter, raw.time FROM meter JOIN raw ON raw.meter = meter.id"
                " WHERE raw.time < ?1 AND raw.last < ?1 LIMIT ?2)",
                (round(before * 1000), limit),
            )

    def drop_minutes(self, before: float, limit: int) -> None:
        """Drop the minutes of at most so many hours that ended before `before` (s).

        An hour has all of its minutes or none, so that whoever has hours and no minutes of them knows why.
        """
        with self._database.transaction() as connection:
            hours = connection.execute(
                "SELECT DISTINCT meter.id, minute.time / 3600 * 3600 FROM meter JOIN minute ON minute.meter = meter.id"
                " WHERE minute.time < ? LIMIT ?",
                (before // 3600 * 3600, limit),
            ).fetchall()
            connection.executemany("DELETE FROM minute WHERE meter = ?1 AND time >= ?2 AND time < ?2 + 3600", hours)

    def _record(self, connection: sqlite3.Connection, meter: int, stream: Stream, batch: Batch, keep_since: int) -> int:
        """Write one run of times that only grow; return how many readings were refused."""
        accepted = choose_new(connection, meter, times_of(batch))
        growth = _grow(stream, batch, accepted)
        before, refused = stream.time, 0
        if not stream.live:
            stream.time = times_of(batch)[-1]
        if accepted is not None:
            refused = len(accepted) - sum(accepted)
            batch = {key: list(compress(column, accepted)) for key, column in batch.items()}
        times = times_of(batch)
        if not times:
            return refused
        if stream.live:
            stream.time = times[-1]
            lower_cursors(connection, meter, times[0], times[-1])
        _roll_up(connection, meter, batch, growth)
        _keep_gaps(connection, meter, batch, growth, before)
        keep_readings(connection, meter, batch, keep_since, self._columns)
        return refused


def _roll_up(connection: sqlite3.Connection, meter: int, batch: Batch, growth: list[list[int]]) -> None:
    minutes = roll_up(batch, growth).items()
    hours = groupby(minutes, lambda minute: minute[0] // 3600 * 3600)
    hourly = [(hour, fold([rollup for _, rollup in group])) for hour, group in hours]
    for level, rollups in (("minute", minutes), ("hour", hourly)):
        connection.executemany(UPSERTS[level], [(meter, time, *rollup) for time, rollup in rollups])


def _keep_gaps(
    connection: sqlite3.Connection, meter: int, batch: Batch, growth: list[list[int]], before: int | None
) -> None:
    """Keep what the totals grew where no reading was for a while; `before` is when the stream had its last one, ms."""
    times = times_of(batch)
    pairs = enumerate(pairwise([times[0] if before is None else before, *times]))
    gaps = [(place, start, end) for place, (start, end) in pairs if SHORTEST_GAP < end - start <= LONGEST_GAP]
    rows = [
        (meter, end, start, end, *(grown[place + 1] - grown[place] for grown in growth))
        for place, start, end in gaps
        if start // QUARTER != end // QUARTER
    ]
    connection.executemany(_INSERT_GAP, rows)


def _find_meter(connection: sqlite3.Connection, name: str) -> tuple[int, int | None, list[int | None] | None]:
    """Return the number of the meter, made if it has none, and when its totals stood where at its last live reading."""
    query = f"SELECT id, time, {', '.join(TOTALS)} FROM meter WHERE name = ?"  # noqa: S608 - our own names
    row = connection.execute(query, (name,)).fetchone()
    if row is None:
        return connection.execute("INSERT INTO meter (name) VALUES (?)", (name,)).lastrowid or 0, None, None
    meter, time, *totals = row
    return meter, time, totals


def _close_stream(connection: sqlite3.Connection, meter: int, stream: Stream) -> None:
    assignments = ", ".join(f"{key} = ?" for key in TOTALS)
    connection.execute(
        f"UPDATE meter SET time = ?, {assignments} WHERE id = ?",  # noqa: S608 - our own names
        (stream.time, *(stream.totals or [None] * len(TOTALS)), meter),
    )


def _runs(batch: Batch) -> list[Batch]:
    """Return the batch in pieces whose times only grow: the clock may have stepped back."""
    times = times_of(batch)
    cuts = [place for place, (a, b) in enumerate(pairwise(times), 1) if b <= a]
    return [part_of(batch, start, end) for start, end in pairwise((0, *cuts, len(times)))]


def _grow(stream: Stream, batch: Batch, accepted: list[bool] | None) -> list[list[int]]:
    """Return how much each total has grown before the batch (0) and at each accepted reading; move the stream on.

    Totals never step back: what comes a second time has counted nothing, and what ends below where it stood has begun
    anew.
    """
    is_later = stream.time is not None and times_of(batch)[0] > stream.time
    growth, after = [], list[int | None]()
    for key, before in zip(TOTALS, stream.totals or [None] * len(TOTALS), strict=True):
        known = [value for value in batch[key] if value is not None]
        has_begun = bool(known) and (before is None or (is_later and known[-1] < before))
        start = known[0] if has_begun else before or 0
        whole = [start, *(start if value is None else value for value in batch[key])]
        if whole != sorted(whole):
            whole = list(accumulate(whole, max))
        last = whole[-1]
        if accepted is not None and stream.live:
            whole = [start, *compress(whole[1:], accepted)]
            last = whole[-1]
        elif accepted is not None:
            whole = list(accumulate(compress(map(sub, whole[1:], whole), accepted), initial=start))
        growth.append([value - start for value in whole])
        after.append(last if known or before is not None else None)
    stream.totals = after
    return growth
