"""The SQLite file in which totals and history live; rule: what was committed survives a kill and a power cut.

Write-ahead log, one transaction a call, and each commit is on the disk before the call returns. Opening a file brings
it to the present schema, in one transaction too.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Literal, NamedTuple, Self

from juntek.errors import ConfigurationError, DatabaseError
from juntek.history.database_file import (
    NEWEST_COMMIT,
    FileInPlace,
    Kept,
    connect,
    damaged,
    explain,
    make_file,
    set_apart,
)
from juntek.history.rollups import missing_columns
from juntek.reading import iso_time

log = logging.getLogger(__name__)

APPLICATION = 0x4A554E54
"""The application id in the file's header, "JUNT": nobody else's database is written to."""


def _read_schema() -> dict[str, tuple[str, ...]]:
    text = Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")
    steps = [step.partition("\n") for step in text.split("\n-- step: ")[1:]]
    return {name: tuple(filter(str.strip, statements.split(";\n"))) for name, _, statements in steps}


MIGRATIONS = _read_schema()
"""Name and statements of each step from an empty file to the present schema, in order."""


SAVE_LEDGER = "INSERT OR REPLACE INTO ledger (meter, snapshot, time) VALUES (?, ?, ?)"

MOST_COMMANDS = 10_000
"""Commands that are kept; older ones go."""


class AuditEntry(NamedTuple):
    """One command to a meter. `time` is s since 1970; `old` and `new` are values, `who` is who sent it, in words."""

    time: float
    meter: str
    who: str
    key: str
    old: Any
    new: Any
    outcome: str = "unknown"

    def as_dict(self) -> dict[str, Any]:
        """Return the public keys and values, ready for JSON; `time` is ISO 8601 with offset."""
        return {**self._asdict(), "time": iso_time(self.time)}


class Database:
    """An open database file. It may be used from any thread, by one at a time; calls wait for each other.

    Every method raises DatabaseError with a sentence for the owner when the disk is full or cannot be written, or the
    file is damaged. What was committed before is still there then, and the next call tries again. Where the file was
    deleted, replaced or written over meanwhile, a transaction goes into the one that is at its path now, made if there
    is none.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, check: bool = True, synchronous: Literal["FULL", "NORMAL"] = "FULL"
    ) -> None:
        """Open the file, made if it is not there, and bring it to the present schema.

        With `check` all of it is read to see whether it is whole: once a start is enough. With `synchronous` NORMAL
        a power cut may take the last commits back, whole, and no commit waits for the disk.

        Raises ConfigurationError where the path cannot be, DatabaseError where the file cannot be used.
        """
        self.path = Path(path)
        self._lock = Lock()
        self._synchronous = synchronous
        self._open(check=check)

    def _open(self, *, check: bool) -> None:
        make_file(self.path)
        with explain(self.path):
            connection = connect(self.path)
            try:
                self._prepare(connection, check=check)
            except BaseException:
                connection.close()
                raise
        self._connection, self._file = connection, FileInPlace(self.path)
        self._kept: Kept | None = None

    def follow(self) -> bool:
        """Open the file that is at the path now, where ours is there no more; return whether that was so."""
        with self._lock:
            return self._follow()

    def _follow(self) -> bool:
        if self._file.is_there():
            if self._kept is None or self._kept.is_ours():
                return False
            set_apart(self.path)
        self._file.sweep()
        before = self._connection
        try:
            self._open(check=False)
        except ConfigurationError as error:
            raise DatabaseError(str(error)) from error
        before.close()  # of a file that is gone SQLite leaves everything alone that is at its path
        log.warning(
            "%s was deleted, replaced or written over; what comes from now on is kept in the file that is there now.",
            self.path,
        )
        return True

    def save_ledgers(
        self,
        snapshots: dict[str, dict[str, Any]],
        time: float,
        events: Sequence[tuple[str, float, str, float]] = (),
    ) -> None:
        """Keep the snapshot of each meter's ledger, by the meter's name, in one commit. `time` is s since 1970.

        The times of commits grow, though a clock is set back, so that they tell them apart. `events` of batteries have
        the meter, the time, what it was, and the state of charge (%).
        """
        texts = [(meter, json.dumps(snapshot, allow_nan=False)) for meter, snapshot in snapshots.items()]
        with self.transaction() as connection:
            time = max(time, connection.execute(NEWEST_COMMIT).fetchone()[0] + 0.001)
            connection.executemany(SAVE_LEDGER, [(*text, time) for text in texts])
            if events:
                connection.executemany("INSERT OR REPLACE INTO battery_event VALUES (?, ?, ?, ?)", events)
        with self._lock, explain(self.path):
            self._kept = self._kept or Kept(self.path, self._connection)
            self._kept.add(time)

    def load_ledgers(self, *, strict: bool = True) -> dict[str, dict[str, Any]]:
        """Return the snapshots by meter. One that is damaged raises DatabaseError; where not `strict`, it is empty."""
        with self._lock, explain(self.path):
            rows = self._connection.execute("SELECT meter, snapshot FROM ledger").fetchall()
        ledgers: dict[str, dict[str, Any]] = {}
        for meter, snapshot in rows:
            try:
                ledgers[meter] = {**json.loads(snapshot)}  # what is no object is a TypeError
            except (TypeError, ValueError, RecursionError) as error:
                if strict:
                    raise damaged(self.path) from error
                ledgers[meter] = {}
        return ledgers

    def begin_command(self, entry: AuditEntry) -> int:
        """Keep a command that is about to be sent, so that a kill leaves it "unknown"; return its number."""
        time, meter, who, key, old, new, outcome = entry
        with self.transaction() as connection:
            row = (round(time * 1000), meter, who, key, json.dumps(old), json.dumps(new), outcome)
            number = connection.execute("INSERT INTO command VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", row).lastrowid or 0
            connection.execute("DELETE FROM command WHERE id <= ?", (number - MOST_COMMANDS,))
        return number

    def finish_command(self, number: int, outcome: str) -> None:
        """Keep what became of a command."""
        with self.transaction() as connection:
            connection.execute("UPDATE command SET outcome = ? WHERE id = ?", (outcome, number))

    def back_up(self, path: str | os.PathLike[str]) -> None:
        """Write all that is committed into a new file. Raises ConfigurationError where that cannot be made."""
        target = Path(path)
        if target.exists():
            raise ConfigurationError(
                f"{target} is there already: give the backup another name, or move that file away."
            )
        make_file(target)
        with self._lock, explain(target), closing(sqlite3.connect(target)) as copy:
            self._connection.backup(copy, pages=-1)
            copy.execute("PRAGMA journal_mode = DELETE")

    def close(self) -> None:
        """Close the file; everything committed is in it."""
        with self._lock, explain(self.path):
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prepare(self, connection: sqlite3.Connection, *, check: bool) -> None:
        owner = connection.execute("PRAGMA application_id").fetchone()[0]
        empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if owner != APPLICATION and not empty:
            raise DatabaseError(
                f"{self.path} is the database of another program: give another path, or move that file away."
            )
        if check and connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise damaged(self.path)
        connection.execute("PRAGMA journal_mode = WAL")
        # Totals are published only after their commit, so the commit has to be on the disk.
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        with _all_or_nothing(connection):
            _migrate(connection, self.path, empty=empty)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing of what is executed within."""
        with self._lock, explain(self.path):
            self._follow()
            with _all_or_nothing(self._connection):
                yield self._connection


@contextmanager
def _all_or_nothing(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _migrate(connection: sqlite3.Connection, path: Path, *, empty: bool) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY NOT NULL)")
    if empty:
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
    done = _read_migrations(connection)
    if unknown := done - MIGRATIONS.keys():
        raise DatabaseError(
            f"{path} was written by a newer version of juntek ({max(unknown)}): install that version "
            "again, or give another path."
        )
    for name, statements in MIGRATIONS.items():
        if name not in done:
            for statement in statements:
                connection.execute(statement)
            connection.execute("INSERT INTO migration (name) VALUES (?)", (name,))
    for statement in missing_columns(connection):
        connection.execute(statement)


def _read_migrations(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM migration")}


def is_current(connection: sqlite3.Connection) -> bool:
    """Return whether a database has the present schema, or a newer one."""
    return MIGRATIONS.keys() <= _read_migrations(connection) and not missing_columns(connection)
