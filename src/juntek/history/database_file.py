"""The file of a database as the system sees it; rule: what is wrong with it is one sentence for the owner."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from juntek.errors import ConfigurationError, DamagedFileError, DatabaseError
from juntek.files import refuse_links_of_others

_MENDS = {
    "SQLITE_FULL": "the disk is full; make room on it",
    "SQLITE_READONLY": "it cannot be written; check that it is there, who owns it and that the disk is not read-only",
    "SQLITE_CANTOPEN": "it cannot be opened; check who owns it and its directory",
    "SQLITE_PERM": "it cannot be opened; check who owns it and its directory",
    "SQLITE_BUSY": "another program holds it; stop the other gateway",
    "SQLITE_IOERR": "the disk fails or is full; check the disk and its cable",
}


def make_file(path: Path) -> None:
    """Make the directory and an empty file that only its owner may read, if they are not there.

    What root makes in the folder of another is the other's, as the service has to write what root has imported.
    """
    refuse_links_of_others(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            real = Path(os.path.realpath(path))  # unlike `resolve` it leaves links in a circle to the system
            made = os.open(real, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
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
