"""What of the history a target elsewhere has, and what it is still owed; rule: the history is the queue.

For each target and meter there is one time up to which every reading was handed over or is owed. What is owed stands
as ranges of time beside it; the readings themselves stay where they are, in the blocks of the history.

A target may lose, in a power cut of its own, what it took in the last moments. So a range that was sent is remembered
for SETTLE seconds: when the target goes away before that, or we do, it is in doubt and looked at once more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from juntek.history import Database
from juntek.history.connections import Connections
from juntek.history.owed import Piece, Range, State, read_piece
from juntek.history.raw import HOUR

__all__ = ["SETTLE", "Deliveries", "Piece", "Range", "Reach", "State"]

SETTLE = 60.0
"""s after which a target has on its disk what it took: VictoriaMetrics writes after 5, a file system after 30."""

ON_THE_WAY = 5_000
"""Readings that may be under way out of the history at a time."""

_MOST_ROWS = 64
_DAY = 86_400_000
_NEWEST = "(SELECT raw.last FROM raw WHERE raw.meter = owed.meter ORDER BY raw.time DESC LIMIT 1)"
_WRITTEN = f"""CASE
    WHEN delivered.until IS NULL OR owed.start > delivered.until THEN min(owed.last, {_NEWEST})
    WHEN coalesce(meter.time, {_NEWEST}) <= delivered.until + {_DAY}
        THEN min(owed.last, coalesce(meter.time, {_NEWEST}))
    END"""
"""Up to where the history has all of a range that it will ever have; before its start, or NULL, where it has nothing.

That is its last live commit. One that is a day beyond all that was heard was before the clock stepped back, and what
was heard since is not written. A range beyond all that was heard is from before such a step too.
"""


class Reach(NamedTuple):
    """How far the readings of a meter were handed over or are owed, ms since 1970.

    `since` is the first, `until` the last; up to `settled` the target does not lose them any more.
    """

    since: int
    settled: int
    until: int


class Deliveries:
    """The accounts of one target, which is known by its label, in a database that is closed with them.

    Each method is one commit or one look, from any thread, and raises DatabaseError.
    """

    def __init__(self, database: Database, target: str) -> None:
        self._database = database
        self._connections = Connections(database.path, changing=True)
        try:
            with database.transaction() as connection:
                connection.execute("INSERT OR IGNORE INTO target (name) VALUES (?)", (target,))
                (self._target,) = connection.execute("SELECT id FROM target WHERE name = ?", (target,)).fetchone()
        except BaseException:
            database.close()
            raise

    def close(self) -> None:
        """Close the files, the database too; no other thread may be at work."""
        self._connections.close()
        self._database.close()

    # What was handed over -----------------------------------------------------------------------------------

    def resume(self, now: float) -> dict[str, int]:
        """Return up to where the readings of each meter were handed over or are owed, ms since 1970.

        The last of them are in doubt, as nobody knows how the last run ended, and what the history has beyond is owed;
        of a meter that came later than the target all is. What was refused as a whole is owed again. `now` (s since
        1970) is when a new target came.
        """
        # What was on its way out of the history was the oldest; older ones may have been written since.
        self.settle(self.look(2 * ON_THE_WAY, (State.OWED,)), now, State.DOUBTFUL)
        with self._database.transaction() as connection:
            self._doubt(connection)
            connection.execute(
                "UPDATE owed SET state = ? WHERE target = ? AND state = ?",
                (State.DOUBTFUL, self._target, State.REFUSED),
            )
            connection.execute(
                "UPDATE target SET since = coalesce(since, ?) WHERE id = ?", (round(now * 1000), self._target)
            )
            rows = connection.execute(
                "SELECT meter.name, meter.time, coalesce(delivered.since, target.since), settled, until,"
                " (SELECT last FROM raw WHERE raw.meter = meter.id ORDER BY raw.time DESC LIMIT 1)"
                " FROM meter JOIN target"
                " LEFT JOIN delivered ON delivered.target = target.id AND delivered.meter = meter.id"
                " WHERE target.id = ? AND (until IS NOT NULL OR meter.time >= target.since)",
                (self._target,),
            ).fetchall()
            reached: dict[str, Reach] = {}
            for meter, committed, since, settled, until, newest in rows:
                last = max(until or since, committed or since)
                # From the last commit on: a clock that starts in the past may go over it again.
                sure = since if until is None else min(settled + 1, until if committed is None else committed)
                if newest is not None and newest >= sure:
                    self._owe(connection, Range(meter, max(since, sure), last, State.DOUBTFUL))
                reached[meter] = Reach(since, last, last)
            self._reach(connection, reached)
        return {meter: reach.until for meter, reach in reached.items()}

    def note(self, reached: Mapping[str, Reach], owed: Iterable[Range], now: float, *, gone: bool) -> None:
        """Keep how far the readings of each meter were handed over, but for the ranges that are owed.

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
        """Owe what the history has from before the target was first told of these meters.

        It may have that from elsewhere, or under another name, and is asked for it.
        """
        with self._database.transaction() as connection:
            for name in meters:
                meter = _number(connection, name)
                found = connection.execute(
                    "SELECT since FROM delivered WHERE target = ? AND meter = ?", (self._target, meter)
                ).fetchone()
                oldest, newest = connection.execute(
                    "SELECT min(time), max(last) FROM raw WHERE meter = ?", (meter,)
                ).fetchone()
                last = newest if found is None else found[0] - 1
                if last is None or last < 0:
                    continue
                if oldest is not None:
                    self._owe(connection, Range(name, oldest, last, State.DOUBTFUL))
                connection.execute(
                    "INSERT INTO delivered (target, meter, since, settled, until) VALUES (?, ?, 0, ?, ?)"
                    " ON CONFLICT (target, meter) DO UPDATE SET since = 0",
                    (self._target, meter, last, last),
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
        pieces: list[Piece] = []
        count = 0
        # Terms that the indexes are for.
        which = f"state IN ({', '.join(str(int(state)) for state in states)})"
        if State.REFUSED not in states:
            which += " AND state < 2"
        with self._connections.reading() as connection:
            rows = connection.execute(
                f"SELECT owed.id, meter.id, meter.name, start, state, {_WRITTEN} AS written"  # noqa: S608 - our own
                " FROM owed JOIN meter ON meter.id = owed.meter"
                " LEFT JOIN delivered ON delivered.target = owed.target AND delivered.meter = owed.meter"
                f" WHERE owed.target = ? AND {which} AND written >= start"
                f" ORDER BY start LIMIT {_MOST_ROWS}",
                (self._target,),
            ).fetchall()
            for row, meter, name, start, state, written in rows:
                if count >= limit:
                    break
                part = Range(name, start, written, State(state))
                pieces.append(read_piece(connection, row, meter, part, limit - count))
                count += pieces[-1].size
        return pieces

    def look_at_newest(self) -> Piece | None:
        """Return the newest reading that is owed; None where there is none."""
        with self._connections.reading() as connection:
            row = connection.execute(
                "SELECT owed.id, meter.id, meter.name, raw.last FROM owed JOIN meter ON meter.id = owed.meter"
                " JOIN raw ON raw.meter = owed.meter AND raw.last BETWEEN owed.start AND owed.last"
                " WHERE owed.target = ? AND state < 2 ORDER BY raw.last DESC LIMIT 1",
                (self._target,),
            ).fetchone()
            if row is None:
                return None
            owed, meter, name, last = row
            return read_piece(connection, owed, meter, Range(name, last, last), 1)

    def find_oldest(self) -> float | None:
        """Return from when on something is owed, s since 1970, whether the history has it yet or not."""
        with self._connections.reading() as connection:
            (start,) = connection.execute(
                "SELECT min(start) FROM owed WHERE target = ? AND state < 2", (self._target,)
            ).fetchone()
        return None if start is None else start / 1000

    def settle(self, pieces: Iterable[Piece], now: float, state: State = State.SENT) -> None:
        """Keep what became of these pieces at `now` (s since 1970): sent, refused as a whole, or nobody knows."""
        with self._database.transaction() as connection:
            for piece in pieces:
                part = piece.range
                connection.execute("UPDATE owed SET start = ? WHERE id = ?", (part.last + 1, piece.row))
                connection.execute("DELETE FROM owed WHERE id = ? AND start > last", (piece.row,))
                if piece.batches or (piece.lost and state is not State.SENT):
                    connection.execute(
                        "INSERT INTO owed (target, meter, start, last, state, sent) VALUES (?, ?, ?, ?, ?, ?)",
                        (self._target, _number(connection, part.meter), part.start, part.last, state, now),
                    )
            self._settle(connection, now)

    def count(self) -> int:
        """Return about how many readings are owed."""
        with self._connections.reading() as connection:
            (count,) = connection.execute(
                "SELECT sum(count) FROM owed JOIN raw ON raw.meter = owed.meter AND raw.time > owed.start - ?"
                " AND raw.time <= owed.last AND raw.last >= owed.start WHERE target = ? AND state != ?",
                (HOUR, self._target, State.SENT),
            ).fetchone()
        return count or 0

    # Within a transaction -----------------------------------------------------------------------------------

    def _doubt(self, connection: sqlite3.Connection) -> None:
        connection.execute(
            "UPDATE owed SET state = ?, sent = NULL WHERE target = ? AND state = 2", (State.DOUBTFUL, self._target)
        )

    def _settle(self, connection: sqlite3.Connection, now: float) -> None:
        # Sent in the future: the clock has stepped back.
        connection.execute(
            "UPDATE owed SET sent = ?1 WHERE target = ?2 AND state = 2 AND sent > ?1", (now, self._target)
        )
        connection.execute("DELETE FROM owed WHERE target = ? AND state = 2 AND sent < ?", (self._target, now - SETTLE))

    def _reach(self, connection: sqlite3.Connection, reached: Mapping[str, Reach]) -> None:
        connection.executemany(
            "INSERT INTO delivered (target, meter, since, settled, until) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (target, meter) DO UPDATE SET settled = excluded.settled, until = excluded.until",
            [(self._target, _number(connection, meter), *reach) for meter, reach in reached.items()],
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
