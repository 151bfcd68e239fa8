"""Whether a database file can be read throughout, and what can be saved of one that cannot; rule: both go the same way.

They read each table from one end to the other, a little at a time, so that nobody who writes meanwhile waits for them.
What SQLite calls damaged is narrowed down to the rows that cannot be read.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from juntek.errors import ConfigurationError, DamagedFileError, DatabaseError
from juntek.files import refuse_links_of_others
from juntek.history import Database
from juntek.history.database_file import connect, explain
from juntek.history.rollups import PARTS, UPSERTS

log = logging.getLogger(__name__)

AT_ONCE = 500
"""Rows that are read in one go."""
SEEN_EVERY = 30 * 86_400
"""s after which a file is looked through again though every stop was clean."""
BY_TIME = {"raw": 60_000, "minute": 60, "hour": 3600}
"""Tables by meter and time, and how exactly the end of what cannot be read is looked for, in their times."""
_LAST = {"raw": 2**33 * 1000, "minute": 2**33, "hour": 2**33}


class Loss(NamedTuple):
    """Rows of a table that cannot be read; for a table by time of which meter, and from when to when, s since 1970."""

    table: str
    meter: int | None = None
    start: float = 0.0
    end: float = 0.0


Row = tuple[Any, ...]


class Walk:
    """Reads the rows of a file that may be damaged; `losses` has what could not be read so far."""

    def __init__(self, path: Path, pause: Callable[[float], None] | None = None) -> None:
        """With a `pause` it only looks: that is called after each few rows with the s that they took.

        Raises DatabaseError.
        """
        self.path = path
        self.losses: list[Loss] = []
        self._pause = pause
        with explain(path):
            self.connection = connect(path, "mode=ro")
            self.connection.execute("PRAGMA writable_schema = ON")  # else a file that lost its end is not opened
            query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            self.tables = [name for (name,) in self.connection.execute(query)]

    def rows(self, table: str) -> Iterator[list[Row]]:
        """Yield all rows of a table that can be read, a few at a time."""
        if table not in BY_TIME:
            yield from self._from_both_ends(table)
            return
        for meter in self._meters(table):
            yield from self._of_meter(table, meter)

    def _meters(self, table: str) -> list[int]:
        with suppress(sqlite3.DatabaseError):
            return [number for (number,) in self.connection.execute("SELECT id FROM meter ORDER BY id")]
        self.losses.append(Loss("meter"))
        found = [-1]
        with suppress(sqlite3.DatabaseError):
            query = f"SELECT min(meter) FROM {table} WHERE meter BETWEEN ? + 1 AND 1e9"  # noqa: S608 - our own names
            # What is damaged may be out of order, and lead in a circle.
            while (number := self.connection.execute(query, found[-1:]).fetchone()[0] or 0) > found[-1]:
                found.append(number)
        return found[1:]

    def _of_meter(self, table: str, meter: int) -> Iterator[list[Row]]:
        after, until = -1, _LAST[table]
        while after < until:
            rows, is_damaged = self._read(table, meter, after, AT_ONCE)
            if rows:
                yield rows
                after = rows[-1][1]
            elif not is_damaged:
                return
            if is_damaged:
                beyond = self._find_end(table, meter, after, until)
                self._lose(table, meter, after, beyond)
                after = beyond

    def _read(self, table: str, meter: int, after: int, limit: int) -> tuple[list[Row], bool]:
        """Return the next rows after a time, and whether what follows cannot be read."""
        # A page of rollups is read with the first number in it, a block with all of it only.
        columns = "*" if table == "raw" or self._pause is None else "meter, time"
        query = f"SELECT {columns} FROM {table} WHERE meter = ? AND time BETWEEN ? AND ? ORDER BY time LIMIT ?"  # noqa: S608 - our own
        rows: list[Row] = []
        began = time.monotonic()
        try:
            for row in self.connection.execute(query, (meter, after + 1, _LAST[table], limit)):
                if row[1] <= (rows[-1][1] if rows else after):
                    return rows, True  # out of order
                rows.append(row)
        except sqlite3.DatabaseError as error:
            if "locked" in str(error):
                raise
            if limit > 1:  # the library looks a row ahead, so the last good one was not told
                rows += self._read(table, meter, rows[-1][1] if rows else after, 1)[0]
            return rows, True
        finally:
            if self._pause is not None:
                self._pause(time.monotonic() - began)
        return rows, False

    def _find_end(self, table: str, meter: int, after: int, until: int) -> int:
        """Return after which time rows can be read again, nearly."""
        bad, step = after, BY_TIME[table]
        while (good := after + step) < until and self._read(table, meter, good, 1)[1]:
            bad, step = good, 2 * step
        times = range(bad, min(good, until), BY_TIME[table])
        place = bisect_left(times, 1, key=lambda when: not self._read(table, meter, when, 1)[1])
        return times[place] if place < len(times) else min(good, until)

    def _lose(self, table: str, meter: int, after: int, until: int) -> None:
        unit = 1000 if table == "raw" else 1
        last = self.losses[-1] if self.losses else Loss("")
        start, end = after / unit, until / unit
        if (last.table, last.meter) == (table, meter) and start <= last.end:
            self.losses[-1] = last._replace(end=end)
        else:
            self.losses.append(Loss(table, meter, start, end))

    def _from_both_ends(self, table: str) -> Iterator[list[Row]]:
        """Yield the rows of a small table up to those that cannot be read, and from there on."""
        columns = self.connection.execute(f"PRAGMA table_info({table})").fetchall()
        order = [name for _, name, *_, place in sorted(columns, key=lambda row: row[5]) if place] or ["rowid"]
        for way in ("ASC", "DESC"):
            query = f"SELECT * FROM {table} ORDER BY {', '.join(f'{key} {way}' for key in order)}"  # noqa: S608
            try:
                for row in self.connection.execute(query):
                    yield [row]
            except sqlite3.DatabaseError:
                if way == "ASC":
                    self.losses.append(Loss(table))
            else:
                return


def find_damage(path: Path, pause: Callable[[float], None] = lambda _seconds: None) -> str | None:
    """Read all of a file; return what is wrong with it as a sentence, None for nothing."""
    walk = Walk(path, pause)
    with closing(walk.connection), explain(path):
        for table in walk.tables:
            for _ in walk.rows(table):
                pass
    if not walk.losses:
        return None
    tables = ", ".join(dict.fromkeys(loss.table for loss in walk.losses))
    return (
        f"{path} is damaged ({tables}): totals go on, some of the past cannot be shown; stop the gateway and run "
        "juntek history repair."
    )


class Inspection(threading.Thread):
    """Looks a file through beside the gateway, after an unclean stop and now and then; `tell` hears what is wrong.

    It is made before anybody else opens the file. It takes a quarter of the time that it could. (With a lower priority
    in the system it would be put to sleep while it holds Python's lock, and the whole gateway with it.)
    """

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        super().__init__(name="juntek-inspection", daemon=True)
        self._path = path
        self._tell = tell
        self._stopped = threading.Event()
        beside = path.with_name(f"{path.name}-wal")  # a clean stop leaves none
        self._was_killed = beside.exists() and beside.stat().st_size > 0

    def stop(self) -> None:
        """Let it end soon; nobody has to wait for it."""
        self._stopped.set()

    def run(self) -> None:
        """Look it through, where that is due; blocks."""
        with suppress(DatabaseError, sqlite3.Error, _StoppedError):  # what fails is told by who writes
            if not self._is_due():
                return
            damage = find_damage(self._path, self._pause)
            self._seen(0 if damage else int(time.time() / 86_400))
            if damage:
                log.warning("%s", damage)
                self._tell(damage)

    def _pause(self, seconds: float) -> None:
        if self._stopped.wait(3 * seconds):
            raise _StoppedError

    def _is_due(self) -> bool:
        with closing(connect(self._path, "mode=ro")) as connection:
            (day,) = connection.execute("PRAGMA user_version").fetchone()
        return self._was_killed or not 0 <= time.time() - day * 86_400 <= SEEN_EVERY

    def _seen(self, day: int) -> None:
        """Keep in the head of the file on which day (since 1970) it was found whole."""
        with closing(connect(self._path)) as connection:
            connection.execute(f"PRAGMA user_version = {day}")


class _StoppedError(Exception):
    """The gateway stops."""


@dataclass(slots=True)
class Repaired:
    """What was saved, in rows by table, and what was lost."""

    rows: dict[str, int] = field(default_factory=dict)
    losses: list[Loss] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    """Of the meters, by their numbers."""


def repair(path: Path, target: Path) -> Repaired:
    """Save what can be read of a file into another, which must not be there.

    Hours that cannot be read are made of their minutes again. Raises DatabaseError where nothing can be read at all,
    ConfigurationError where the other file cannot be made.
    """
    if target.exists():
        raise ConfigurationError(f"{target} is there already: give another name, or move that file away.")
    refuse_links_of_others(path)
    try:
        walk = Walk(path)
    except DamagedFileError:
        raise DatabaseError(
            f"Nothing can be read of {path}: put back a backup, or move it away and a new one is begun."
        ) from None
    result = Repaired()
    with closing(walk.connection), Database(target, check=False) as new:
        for table in walk.tables:
            if table != "migration":
                result.rows[table] = _copy(walk, table, new)
        with new.transaction() as connection:
            known = "SELECT meter FROM hour UNION SELECT meter FROM minute UNION SELECT meter FROM raw"
            connection.execute(
                f"INSERT OR IGNORE INTO meter (id, name) SELECT meter, 'meter ' || meter FROM ({known})"  # noqa: S608 - our own
            )
            result.names = dict(connection.execute("SELECT id, name FROM meter"))
            _make_hours(connection)
    Database(target, check=False).close()  # columns of further quantities come by that
    result.losses = list(dict.fromkeys(walk.losses))
    return result


def _copy(walk: Walk, table: str, new: Database) -> int:
    """Copy a table as far as it can be read; return how many rows, 0 for one that is of another version."""
    with new.transaction() as connection:
        there = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
        names = [name for _, name, *_ in walk.connection.execute(f"PRAGMA table_info({table})")]
        if not there:
            return 0
        for name in names:
            if name not in there:
                connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} INTEGER")
        before = connection.total_changes
        statement = f"INSERT OR REPLACE INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608
        with explain(walk.path):
            for rows in walk.rows(table):
                connection.executemany(statement, rows)
        return connection.total_changes - before


def _make_hours(connection: sqlite3.Connection) -> None:
    """Make the hours that are missing of their minutes."""
    names = ", ".join([*PARTS][3:])
    minutes = connection.execute(
        "SELECT meter, time / 3600 * 3600, count, time * 1000 + first_time, time * 1000 + last_time,"  # noqa: S608 - our own
        f" {names} FROM minute WHERE NOT EXISTS (SELECT 1 FROM hour WHERE hour.meter = minute.meter"
        " AND hour.time = minute.time / 3600 * 3600) ORDER BY meter, time"
    ).fetchall()
    connection.executemany(UPSERTS["hour"], minutes)
