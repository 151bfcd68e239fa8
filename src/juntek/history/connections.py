"""Connections that only read; rule: one for each thread, and a database that is gone or damaged is one sentence."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from juntek.errors import DatabaseError
from juntek.files import refuse_links_of_others
from juntek.history import Database, is_current
from juntek.history.database_file import FileInPlace, connect, explain


class Connections:
    """Gives each thread a connection to the file, made when it first asks.

    Where the file is `changing` it is never taken for one on a disk that is read-only.
    """

    def __init__(self, path: Path, *, changing: bool = False) -> None:
        self.path = path
        self._changing = changing
        self._lock = threading.Lock()
        self._all: list[sqlite3.Connection] = []
        self._local = threading.local()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield this thread's connection, within which everything is as of one moment."""
        with explain(self.path):
            connection = self._connection()
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close all connections; no thread may be reading."""
        with self._lock:
            for connection in self._all:
                connection.close()
            self._all.clear()
            self._local = threading.local()

    def _connection(self) -> sqlite3.Connection:
        opened: tuple[sqlite3.Connection, FileInPlace] | None = getattr(self._local, "opened", None)
        if opened is not None:
            connection, file = opened
            if file.is_there():
                return connection
            file.sweep()
            with self._lock:
                self._all.remove(connection)
            del self._local.opened
            connection.close()
        connection = self._open()
        with self._lock:
            self._all.append(connection)
        self._local.opened = connection, FileInPlace(self.path)
        return connection

    def _open(self) -> sqlite3.Connection:
        refuse_links_of_others(self.path)
        if not self.path.is_file():
            raise DatabaseError(
                f"There is no database {self.path}: give the path of one, start the gateway, or put sudo before the "
                "command to see that of the service."
            )
        connection = self._open_as_it_is()
        if not is_current(connection):
            connection.close()
            # Whoever opens it for writing brings it to the present schema.
            Database(self.path, check=False).close()
            connection = self._open_as_it_is()
        return connection

    def _open_as_it_is(self) -> sqlite3.Connection:
        try:
            return self._try("mode=ro")
        except sqlite3.OperationalError as error:
            # On a disk that is read-only there can be no file for the locks, and then nobody writes either.
            name = getattr(error, "sqlite_errorname", "")
            if self._changing or not name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
                raise
            return self._try("immutable=1")

    def _try(self, how: str) -> sqlite3.Connection:
        connection = connect(self.path, how)
        try:
            connection.execute("PRAGMA cache_size = -4000")
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        except BaseException:
            connection.close()
            raise
        if "raw" not in tables:
            connection.close()
            raise DatabaseError(f"{self.path} has no history yet: start the gateway with a [history] section.")
        return connection
