"""The file of a database as the system sees it; rule: what is wrong with it is one sentence for the owner."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from juntek.errors import ConfigurationError, DamagedFileError, DatabaseError
from juntek.files import refuse_links_of_others

STEADY = 1.0
"""s after which a file that another program wrote is taken to be complete."""
BUSY_WAIT = 5.0
"""s for which whoever holds the file is waited for."""
MOST_LOOKS = 300
"""How often it is looked at for that: one that is written to for ever must not hold the totals up for ever."""

NEWEST_COMMIT = "SELECT coalesce(max(time + 0.0), 0.0) FROM ledger"

_MENDS = {
    "SQLITE_FULL": "the disk is full; make room on it",
    "SQLITE_READONLY": "it cannot be written; check that it is there, who owns it and that the disk is not read-only",
    "SQLITE_CANTOPEN": "it cannot be opened; check who owns it and its directory",
    "SQLITE_PERM": "it cannot be opened; check who owns it and its directory",
    "SQLITE_BUSY": "another program holds it; stop the other gateway",
    "SQLITE_IOERR": "the disk fails or is full; check the disk and its cable",
}


def connect(path: Path, how: str = "mode=rw") -> sqlite3.Connection:
    """Open a file that is there, for one thread at a time; whoever holds it is waited for BUSY_WAIT."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}", BUSY_WAIT, isolation_level=None, check_same_thread=False, uri=True
    )


def connect_to_read(path: Path, *, is_changing: bool) -> sqlite3.Connection:
    """Open a file that has a history, as `connect` does; one that is not `is_changing` also on a read-only disk."""
    refuse_links_of_others(path)
    require_database(path)
    try:
        return _connect_to_read(path, "mode=ro")
    except sqlite3.OperationalError as error:
        # On such a disk there can be no file for the locks, and then nobody writes either.
        name = getattr(error, "sqlite_errorname", "")
        if is_changing or not name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
            raise
        return _connect_to_read(path, "immutable=1")


def _connect_to_read(path: Path, how: str) -> sqlite3.Connection:
    connection = connect(path, how)
    try:
        connection.execute("PRAGMA cache_size = -4000")
        found = connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'raw'").fetchone()
    except BaseException:
        connection.close()
        raise
    if found is None:
        connection.close()
        raise DatabaseError(f"{path} has no history yet: start the gateway with a [history] section.")
    return connection


def make_file(path: Path) -> None:
    """Make the directory and an empty file that only its owner may read, if they are not there."""
    refuse_links_of_others(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            real = Path(os.path.realpath(path))  # unlike `resolve` it leaves links in a circle to the system
            made = os.open(real, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
            # What root makes in the folder of another is the other's: the service writes what root has imported.
            folder = real.parent.stat()
            with suppress(AttributeError, PermissionError):
                os.fchown(made, folder.st_uid, folder.st_gid)
            os.close(made)
    except PermissionError as error:
        raise ConfigurationError(
            f"{path} cannot be made: give a path in a directory that this user may write to."
        ) from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be made ({error.strerror}): give another path.") from error
    if not path.is_file():
        raise ConfigurationError(f"{path} is not a file: give the path of a database file.")


def require_database(path: Path) -> Path:
    """Return the path, where there is a file. Raises DatabaseError."""
    if not path.is_file():
        raise DatabaseError(
            f"There is no database {path}: give the path of one, start the gateway, or put sudo before the command to "
            "see that of the service."
        )
    return path


@contextmanager
def explain(path: Path) -> Iterator[None]:
    """Turn what SQLite says of a file into a DatabaseError with a sentence for the owner."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            raise damaged(path) from error
        mend = next((mend for start, mend in _MENDS.items() if name.startswith(start)), f"SQLite says: {error}")
        raise DatabaseError(f"{path} cannot be used: {mend}.") from error


def damaged(path: Path) -> DamagedFileError:
    """Return the error of a file that is damaged."""
    return DamagedFileError(
        f"{path} is damaged or not a database: stop the gateway and run juntek history repair, or put back a backup."
    )


class FileInPlace:
    """Whether a file that is open is still the one at its path: it may be deleted or replaced meanwhile."""

    def __init__(self, path: Path) -> None:
        self._parts = {
            part: self._identify(part)
            for part in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm")))
        }
        self._path = path

    @staticmethod
    def _identify(path: Path) -> tuple[int, int] | None:
        try:
            found = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found.st_dev, found.st_ino

    def is_there(self) -> bool:
        """Return whether it is still there, as far as can be told."""
        try:
            return self._identify(self._path) == self._parts[self._path]
        except OSError:
            return True  # what fails is said by who reads or writes it

    def sweep(self) -> None:
        """Remove what SQLite had beside a file that is no more; another file at its path would be damaged by it."""
        for part, identity in self._parts.items():
            with suppress(OSError):
                if part != self._path and identity is not None and self._identify(part) == identity:
                    part.unlink()


class Kept:
    """Whether a file still holds the totals that were written: a copy over it leaves it at its path.

    The file itself, without the log beside it, has the totals of one of the commits since it was looked at last. It is
    looked at where something wrote to it, as SQLite does now and then.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        with suppress(sqlite3.Error):
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        self._state = self._look()
        self._commits = [when for when in (self._read(),) if when is not None]
        """When, in their order, what is in the file may have been committed."""

    def add(self, when: float) -> None:
        """Take the time of a commit, which is later than that of all before."""
        self._commits.append(when)

    def is_ours(self) -> bool:
        """Return whether the file is what was written; where it is not, only when nobody writes to it any more."""
        before = self._state
        for _ in range(MOST_LOOKS):
            state = self._look()
            if state == self._state:
                return True
            if (newest := self._read()) in self._commits:
                self._state, self._commits = state, self._commits[self._commits.index(newest) :]
                return True
            if state == before:  # what was read at first may have been half of a write
                return False
            before = state
            time.sleep(STEADY)
        return False

    def _look(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:  # it goes just now, which is told at the next look
            return None
        return found.st_mtime_ns, found.st_size

    def _read(self) -> float | None:
        """Return when the newest totals in the file itself were committed, None for no database of ours."""
        try:  # opened in another way, closing it would take SQLite's locks away
            with closing(connect(self._path, "immutable=1")) as connection:
                newest: float = connection.execute(NEWEST_COMMIT).fetchone()[0]
        except sqlite3.Error:
            return None
        return newest


def set_apart(path: Path) -> None:
    """Put a copy in the place of a file, so that whoever has it open, as it was before, does not write into it."""
    copy = path.with_name(f"{path.name}.copy")
    try:
        copy.unlink(missing_ok=True)
        shutil.copy2(path, copy)
        with suppress(PermissionError):
            os.chown(copy, path.stat().st_uid, path.stat().st_gid)
        with copy.open("rb+") as file:
            os.fsync(file.fileno())
        copy.replace(path)
    except OSError as error:
        raise DatabaseError(
            f"{path} was written over while the gateway ran, and cannot be used ({error.strerror}): make room on the "
            "disk, or start the gateway again."
        ) from error
