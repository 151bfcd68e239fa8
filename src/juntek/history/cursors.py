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
from juntek.history.queries import HistoryReader

_NEWEST = "(SELECT time * 1000 + last_time FROM hour WHERE meter = {} ORDER BY time DESC LIMIT 1)"
_LOOK = (
    f"SELECT name, coalesce({_NEWEST.format('id')}, 0), head, past, until, since, moves FROM meter"  # noqa: S608 - our own
    " LEFT JOIN cursor ON cursor.meter = id AND target = ?"
)
_ADD = "INSERT OR IGNORE INTO cursor SELECT ?, id, {0}, 0, 0, {0}, 0 FROM meter"
_OF_TARGET = "AND target = :target AND meter = (SELECT id FROM meter WHERE name = :meter)"
_WIDEN = (
    "UPDATE cursor SET past = CASE WHEN past < until THEN min(past, :past) ELSE :past END,"
    " until = CASE WHEN past < until THEN max(until, {until}) ELSE {until} END, since = {since}, moves = moves + 1"
    " WHERE :past < {until}"
)
_SAVE = (
    "UPDATE cursor SET head = ?, past = ?, until = ?, since = ?, moves = ?"
    " WHERE target = ? AND meter = (SELECT id FROM meter WHERE name = ?) AND moves = ?"
)
_COUNT = (
    "SELECT coalesce(sum(count), 0) FROM minute WHERE meter = (SELECT id FROM meter WHERE name = ?1)"
    " AND time BETWEEN ?2 / 1000 - 59 AND ?3 / 1000 AND time * 1000 + first_time > ?2 AND time * 1000 + last_time <= ?3"
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

    _is_changing = True

    def __init__(self, path: Path, target: str) -> None:
        """A target that was not known gets what comes from now on."""
        super().__init__(path)
        self._target = target
        self._saved: dict[str, Cursor] = {}
        self._database = Database(path, check=False, synchronous="NORMAL")
        try:
            with self._database.transaction() as connection:
                if connection.execute("INSERT OR IGNORE INTO cursor VALUES (?, 0, 0, 0, 0, 0, 0)", (target,)).rowcount:
                    connection.execute(_ADD.format(f"coalesce({_NEWEST.format('id')}, 0)"), (target,))
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
        with self._reading() as connection:
            rows = connection.execute(_LOOK, (self._target,)).fetchall()
        if any(head is None for _, _, head, *_ in rows):
            with self._database.transaction() as connection:
                connection.execute(_ADD.format(0), (self._target,))
        return {name: (Cursor(*(number or 0 for number in row)), newest) for name, newest, *row in rows}

    def save(self, cursors: Mapping[str, Cursor]) -> None:
        """Keep what has changed, but for cursors that others have moved since they were looked at."""
        changed = [(name, cursor) for name, cursor in cursors.items() if self._saved.get(name) != cursor]
        if changed:
            with self._database.transaction() as connection:
                connection.executemany(_SAVE, [(*cursor, self._target, name, cursor.moves) for name, cursor in changed])
            self._saved |= changed

    def send_again(self, meter: str, span: tuple[int, int] | None = None) -> None:
        """Have what is in a span (ms) sent, its end too, or else all that was never meant for the target."""
        row = {"target": self._target, "meter": meter, "until": span and span[1]}
        widen = _WIDEN.format(until=":until", since="since") if span else _WIDEN.format(until="since", since="0")
        for oldest in times_of(self.read_after(meter, -1, 1)):
            row["past"] = (span[0] if span else oldest) - 1
            with self._database.transaction() as connection:
                connection.execute(_ADD.format(0), (self._target,))
                connection.execute(f"{widen} {_OF_TARGET}", row)

    def count_between(self, meter: str, past: int, until: int) -> int:
        """Return about how many readings there ever were after `past`, up to `until`."""
        with self._reading() as connection:
            count: int = connection.execute(_COUNT, (meter, past, until)).fetchone()[0]
        return count


def lower_cursors(connection: sqlite3.Connection, meter: int, first: int, last: int) -> None:
    """Let every target get what is about to be written from `first` to `last` (ms), where a cursor is past it.

    So it is when the clock was set back: what is written then lies before what the target was sent.
    """
    widen = f"{_WIDEN.format(until=':until', since='since')} AND meter = :meter AND :past < {_NEWEST.format(':meter')}"
    connection.execute(widen, {"past": first - 1, "until": last, "meter": meter})
