"""Keeps others from doing the same at the same time; rule: the lock goes with the process, however it ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from juntek.errors import ConfigurationError


def lock_of(database: Path, label: str = "") -> Path:
    """Return the file whose lock is held by the gateway; with `label` by whoever sends to this target."""
    return database.with_name(f"{database.name}.{quote(label, safe='')}.lock" if label else f"{database.name}.lock")


@contextmanager
def hold(path: Path) -> Iterator[bool]:
    """Hold the lock of this file, made where it is not there, and yield True; False where another process has it.

    Where there are no such locks, or no file can be made, nobody is kept off. Raises ConfigurationError for a link.
    """
    if path.is_symlink():
        raise ConfigurationError(f"{path} is a link, which a lock is never kept in: remove it.")
    with ExitStack() as stack:
        free = True
        with suppress(ImportError, OSError):
            import fcntl  # noqa: PLC0415 - not on every system

            path.parent.mkdir(parents=True, exist_ok=True)
            lock = _open(path)
            stack.callback(os.close, lock)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                free = False
        yield free


def _open(path: Path) -> int:
    """Open it for reading, as another user, such as root, may have made it; a link in its place is not followed."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    except FileExistsError:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    os.fchmod(lock, 0o644)  # every user's, whatever the mask of the one who made it
    return lock
