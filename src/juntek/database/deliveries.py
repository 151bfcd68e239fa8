"""What of the history a target elsewhere has, and what it is still owed; rule: the history is the queue.

For each target and meter there is one time up to which every reading was handed over or is owed. What is owed stands
as ranges of time beside it; the readings themselves stay where they are, in the blocks of the history.

A target may lose, in a power cut of its own, what it took in the last moments. So a range that was sent is remembered
for SETTLE seconds: when the target goes away before that, or we do, it is in doubt and looked at once more.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple

from juntek.database import Database
from juntek.database.blocks import unpack
from juntek.database.connections import Connections
from juntek.database.fields import Batch, part_of, times_of
from juntek.database.raw import HOUR

SETTLE = 60.0
"""s after which a target has on its disk what it took: VictoriaMetrics writes after 5, a file system after 30."""

_MOST_BLOCKS = 8
_MOST_ROWS = 64
_NEWEST = "(SELECT raw.last FROM raw WHERE raw.meter = owed.meter ORDER BY raw.time DESC LIMIT 1)"


class State(IntEnum):
    """What is known of a range: not sent; perhaps sent; sent and not settled; sent, and nothing of it was taken."""

    OWED = 0
    DOUBTFUL = 1
    SENT = 2
    REFUSED = 3


class Range(NamedTuple):
    """Readings of a meter from `start` up to and with `last`, ms since 1970."""

    meter: str
    start: int
    last: int
    state: State = State.OWED


class Piece(NamedTuple):
    """A part of what is owed: all readings that the history has in its range, in the order of time."""

    row: int
    range: Range
    batches: tuple[Batch, ...]

    @property
    def size(self) -> int:
        """Number of readings."""
        return sum(len(times_of(batch)) for batch in self.batches)


class Deliveries:
    """The accounts of one target, which is known by its label.

    Each method is one commit or one look, from any thread, and raises DatabaseError.
    """

    def __init__(self, database: Database, target: str) -> None:
        self._database = database
        self._connections = Connections(database.path)
        with database.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO target (name) VALUES (?)", (target,))
            (self._target,) = connection.execute("SELECT id FROM target WHERE name = ?", (target,)).fetchone()

    def close(self) -> None:
        """Close the files, the database too; no other thread may be at work."""
        self._connections.close()
        self._database.close()

    # What was handed over -----------------------------------------------------------------------------------

    def resume(self, now: float) -> dict[str, int]:
        """Return up to where the readings of each meter were handed over or are owed, ms since 1970.

        The last of them are in doubt, as nobody knows how the last run ended, and what the history has beyond is owed;
        of a meter that came later than the target all is. `now` (s since 1970) is when a new target came.
        """
        with self._database.transaction() as connection:
            self._doubt(connection)
            connection.execute(
                "UPDATE target SET since = coalesce(since, ?) WHERE id = ?", (round(now * 1000), self._target)
            )
            rows = connection.execute(
                "SELECT meter.name, meter.time, coalesce(delivered.since, target.since), until FROM meter JOIN target"
                " LEFT JOIN delivered ON delivered.target = target.id AND delivered.meter = meter.id"
                " WHERE target.id = ? AND (until IS NOT NULL OR meter.time >= target.since)",
                (self._target,),
            ).fetchall()
            reached: dict[str, tuple[int, int]] = {}
            for meter, committed, since, until in rows:
                start = since if until is None else max(since, until - round(SETTLE * 1000))
                reached[meter] = (since, max(until or since, committed or since))
                self._owe(connection, Range(meter, start, reached[meter][1], State.DOUBTFUL))
            self._reach(connection, reached)
        return {meter: until for meter, (_, until) in reached.items()}

    def note(self, reached: Mapping[str, tuple[int, int]], owed: Iterable[Range], now: float, *, gone: bool) -> None:
        """Keep from when and up to when the readings of each meter were handed over, but for the ranges that are owed.

        Where the target has been `gone` since, it may have lost what was sent last. `now` is s since 1970: what was
        sent SETTLE seconds before is settled.
        """
        with self._database.transaction() as connection:
            if gone:
                self._doubt(connection)
            for part in owed:
                self._owe(connection, part)
            self._reach(connection, reached)
            self._settle(connection, now)

    # What is owed -------------------------------------------------------------------------------------------

    def owe_past(self, meters: Sequence[str]) -> None:
        """Owe what the history has from before the target was first told of these meters."""
        with self._database.transaction() as connection:
            for name in meters:
                meter = _number(connection, name)
                found = connection.execute(
                    "SELECT since, until FROM delivered WHERE target = ? AND meter = ?", (self._target, meter)
                ).fetchone()
                (newest,) = connection.execute("SELECT max(last) FROM raw WHERE meter = ?", (meter,)).fetchone()
                last = newest if found is None else found[0] - 1
                if last is None or last < 0:
                    continue
                self._owe(connection, Range(name, 0, last))
                connection.execute(
                    "INSERT INTO delivered (target, meter, since, until) VALUES (?, ?, 0, ?)"
                    " ON CONFLICT (target, meter) DO UPDATE SET since = 0",
                    (self._target, meter, last),
                )

    def owe_again(self, parts: Iterable[Range]) -> None:
        """Owe these ranges, which may have been sent before."""
        with self._database.transaction() as connection:
            self._doubt(connection)
            for part in parts:
                self._owe(connection, part._replace(state=State.DOUBTFUL))

    def look(self, limit: int, states: Sequence[State] = (State.OWED, State.DOUBTFUL)) -> list[Piece]:
        """Return what to send next, the oldest first: `limit` readings at most.

        A range is taken as far as the history has been written; a piece may have no reading.
        """
        with self._connections.reading() as connection:
            rows = connection.execute(
                "SELECT owed.id, meter.id, meter.name, start, owed.last, state, "  # noqa: S608 - our own names
                f"{_NEWEST} AS newest FROM owed JOIN meter ON meter.id = owed.meter"
                f" WHERE target = ? AND state IN ({', '.join('?' * len(states))}) AND newest >= start"
                f" ORDER BY start LIMIT {_MOST_ROWS}",
                (self._target, *states),
            ).fetchall()
        pieces: list[Piece] = []
        count = 0
        for row, meter, name, start, last, state, newest in rows:
            if count >= limit:
                break
            part = Range(name, start, min(last, newest), State(state))
            piece = self._read(row, meter, part, limit - count)
            pieces.append(piece)
            count += piece.size
        return pieces

    def settle(self, pieces: Iterable[Piece], now: float, state: State = State.SENT) -> None:
        """Keep what became of these pieces at `now` (s since 1970): sent, refused as a whole, or nobody knows."""
        with self._database.transaction() as connection:
            for piece in pieces:
                part = piece.range
                connection.execute("UPDATE owed SET start = ? WHERE id = ?", (part.last + 1, piece.row))
                connection.execute("DELETE FROM owed WHERE id = ? AND start > last", (piece.row,))
                if piece.batches:
                    connection.execute(
                        "INSERT INTO owed (target, meter, start, last, state, sent) VALUES (?, ?, ?, ?, ?, ?)",
                        (self._target, _number(connection, part.meter), part.start, part.last, state, now),
                    )
            self._settle(connection, now)

    def oldest(self) -> float | None:
        """Return when the oldest reading was received that is owed and can be sent, s since 1970; None for none."""
        pieces = self.look(1)
        return next((times_of(batch)[0] / 1000 for piece in pieces for batch in piece.batches), None)

    def count(self) -> int:
        """Return about how many readings are owed."""
        with self._connections.reading() as connection:
            (count,) = connection.execute(
                "SELECT sum(count) FROM owed JOIN raw ON raw.meter = owed.meter AND raw.time > owed.start - ?"
                " AND raw.time <= owed.last WHERE target = ? AND state != ?",
                (HOUR, self._target, State.SENT),
            ).fetchone()
        return count or 0

    def _read(self, row: int, meter: int, part: Range, limit: int) -> Piece:
        """Return what the history has of a range, at most `limit` readings of it."""
        with self._connections.reading() as connection:
            # No block crosses an hour.
            blocks = connection.execute(
                "SELECT time, last, count, block FROM raw WHERE meter = ? AND time > ? AND time <= ? AND last >= ?"
                " ORDER BY time LIMIT ?",
                (meter, part.start - HOUR, part.last, part.start, _MOST_BLOCKS),
            ).fetchall()
        batches: list[Batch] = []
        count, end = 0, part.last
        for place, (_, last, size, block) in enumerate(blocks, 1):
            batch = unpack(block, size)
            times = times_of(batch)
            first, stop = bisect_left(times, part.start), bisect_right(times, part.last)
            after = min(stop, first + max(limit - count, 1))
            if first < after:
                batches.append(part_of(batch, first, after))
                count += after - first
            if after < stop:
                end = times[after - 1]
                break
            if place == _MOST_BLOCKS or (count >= limit and place < len(blocks)):
                end = min(last, part.last)
                break
        return Piece(row, part._replace(last=end), tuple(batches))

    # Within a transaction -----------------------------------------------------------------------------------

    def _doubt(self, connection: sqlite3.Connection) -> None:
        connection.execute(
            "UPDATE owed SET state = ?, sent = NULL WHERE target = ? AND state = ?",
            (State.DOUBTFUL, self._target, State.SENT),
        )

    def _settle(self, connection: sqlite3.Connection, now: float) -> None:
        connection.execute(
            "DELETE FROM owed WHERE target = ? AND state = ? AND sent < ?", (self._target, State.SENT, now - SETTLE)
        )

    def _reach(self, connection: sqlite3.Connection, reached: Mapping[str, tuple[int, int]]) -> None:
        connection.executemany(
            "INSERT INTO delivered (target, meter, since, until) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (target, meter) DO UPDATE SET until = excluded.until",
            [(self._target, _number(connection, meter), since, until) for meter, (since, until) in reached.items()],
        )

    def _owe(self, connection: sqlite3.Connection, part: Range) -> None:
        """Owe what of a range is not owed already, so that nothing is sent twice."""
        meter = _number(connection, part.meter)
        taken = connection.execute(
            "SELECT start, last FROM owed WHERE target = ? AND meter = ? AND state != ? AND last >= ? AND start <= ?"
            " ORDER BY start",
            (self._target, meter, State.SENT, part.start, part.last),
        ).fetchall()
        for start, last in _free(part.start, part.last, taken):
            longer = connection.execute(
                "UPDATE owed SET last = ? WHERE target = ? AND meter = ? AND state = ? AND last = ?",
                (last, self._target, meter, part.state, start - 1),
            )
            if not longer.rowcount:
                connection.execute(
                    "INSERT INTO owed (target, meter, start, last, state) VALUES (?, ?, ?, ?, ?)",
                    (self._target, meter, start, last, part.state),
                )


def _number(connection: sqlite3.Connection, name: str) -> int:
    """Return the number of a meter, made if it has none."""
    connection.execute("INSERT OR IGNORE INTO meter (name) VALUES (?)", (name,))
    row = connection.execute("SELECT id FROM meter WHERE name = ?", (name,)).fetchone()
    return int(row[0])


def _free(start: int, last: int, taken: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield what of a range is outside of the taken ones, which are in order."""
    for first, end in taken:
        if start < first:
            yield start, first - 1
        start = max(start, end + 1)
    if start <= last:
        yield start, last
