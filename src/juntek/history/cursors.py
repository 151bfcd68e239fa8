"""How far a time-series database elsewhere has the history; rule: the history is the queue, and this its bookmarks.

One row for each target and meter. What is on disk is a minute late, so that whoever begins there again sends once more
what the target may have lost.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from juntek.history import Database
from juntek.history.fields import times_of
from juntek.history.queries import Connections, HistoryReader

_NEWEST = "(SELECT time * 1000 + last_time FROM hour WHERE meter = meter.id ORDER BY time DESC LIMIT 1)"
_UPDATE = (
    "UPDATE cursor SET head = ?, past = ?, until = ?, since = ?, moves = ?"
    " WHERE target = ? AND meter = (SELECT id FROM meter WHERE name = ?) AND moves = ?"
)
_LOWER = (
    "UPDATE cursor SET past = CASE WHEN past < until THEN min(past, ?1) ELSE ?1 END,"
    " until = CASE WHEN past < until THEN max(until, ?2) ELSE ?2 END, moves = moves + 1 WHERE meter = ?3"
    " AND ?1 < (SELECT time * 1000 + last_time FROM hour WHERE meter = ?3 ORDER BY time DESC LIMIT 1)"
)


class Cursor(NamedTuple):
    """How far a target has the readings of a meter, ms since 1970.

    It has all up to and with `head`, but for the gap: what is after `past`, up to and with `until`; where `past` is not
    before `until` there is none. What is up to and with `since` was never meant for it. `moves` counts how often others
    than whoever sends have moved it.
    """

    head: int = 0
    past: int = 0
    until: int = 0
    since: int = 0
    moves: int = 0

    @property
    def has_gap(self) -> bool:
        """Whether something is missing behind the head."""
        return self.past < self.until

    def widen(self, past: int, until: int) -> Cursor:
        """Return it with a gap that holds this one too."""
        if past >= until:
            return self
        if self.has_gap:
            past, until = min(past, self.past), max(until, self.until)
        return self._replace(past=past, until=until)


class Cursors(HistoryReader):
    """The history for one target, and how far it has it. Raises DatabaseError."""

    def __init__(self, path: Path, target: str) -> None:
        """A target that was not known gets what comes from now on."""
        super().__init__(path)
        self._connections = Connections(path, changing=True)
        self._target = target
        self._saved: dict[str, Cursor] = {}
        self._database = Database(path, check=False, synchronous="NORMAL")
        try:
            with self._database.transaction() as connection:
                if connection.execute("INSERT OR IGNORE INTO cursor VALUES (?, 0, 0, 0, 0, 0, 0)", (target,)).rowcount:
                    connection.execute(
                        f"INSERT OR IGNORE INTO cursor SELECT ?, id, newest, 0, 0, newest, 0"  # noqa: S608 - our own
                        f" FROM (SELECT id, coalesce({_NEWEST}, 0) AS newest FROM meter)",
                        (target,),
                    )
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; no other thread may be at work."""
        super().close()
        self._database.close()

    def look(self) -> dict[str, tuple[Cursor, int]]:
        """Return the cursor on disk and the time of the newest reading (ms, 0 for none) of each meter.

        A meter that came later than the target has a cursor that stands before all its readings.
        """
        with self._connections.reading() as connection:
            rows = connection.execute(
                f"SELECT name, coalesce({_NEWEST}, 0), head, past, until, since, moves FROM meter"  # noqa: S608 - our own
                " LEFT JOIN cursor ON cursor.meter = meter.id AND target = ?",
                (self._target,),
            ).fetchall()
        if any(head is None for _, _, head, *_ in rows):
            with self._database.transaction() as connection:
                connection.execute(
                    "INSERT OR IGNORE INTO cursor SELECT ?, id, 0, 0, 0, 0, 0 FROM meter", (self._target,)
                )
        return {name: (Cursor() if row[0] is None else Cursor(*row), newest) for name, newest, *row in rows}

    def save(self, cursors: Mapping[str, Cursor]) -> None:
        """Keep what has changed, but for cursors that others have moved since they were looked at."""
        changed = [(name, cursor) for name, cursor in cursors.items() if self._saved.get(name) != cursor]
        if changed:
            with self._database.transaction() as connection:
                connection.executemany(
                    _UPDATE, [(*cursor, self._target, name, cursor.moves) for name, cursor in changed]
                )
            self._saved |= changed

    def send_again(self, meter: str, span: tuple[int, int] | None = None) -> None:
        """Have what is in a span (ms) sent, its end too, or else all that was never meant for the target."""
        self.look()  # there is a cursor now
        for oldest in times_of(self.read_after(meter, -1, 1)):
            with self._database.transaction() as connection:  # meanwhile nobody moves it
                cursor, _ = self.look()[meter]
                first, last = span or (oldest, cursor.since)
                moved = cursor.widen(first - 1, last)._replace(moves=cursor.moves + 1)
                moved = moved if span else moved._replace(since=0)
                connection.execute(_UPDATE, (*moved, self._target, meter, cursor.moves))

    def count_between(self, meter: str, past: int, until: int) -> int:
        """Return about how many readings there ever were after `past`, up to `until`."""
        with self._connections.reading() as connection:
            (count,) = connection.execute(
                "SELECT sum(count) FROM minute WHERE meter = (SELECT id FROM meter WHERE name = ?1)"
                " AND time BETWEEN ?2 / 1000 - 59 AND ?3 / 1000"
                " AND time * 1000 + first_time > ?2 AND time * 1000 + last_time <= ?3",
                (meter, past, until),
            ).fetchone()
        return count or 0


def lower_cursors(connection: sqlite3.Connection, meter: int, first: int, last: int) -> None:
    """Let every target get what is about to be written from `first` to `last` (ms), where a cursor is past it.

    So it is when the clock was set back: what is written then lies before what the target was sent.
    """
    connection.execute(_LOWER, (first - 1, last, meter))
