"""Keeps others from doing the same at the same time; rule: the lock goes with the process, however it ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote


def lock_of(database: Path, label: str = "") -> Path:
    """Return the file whose lock is held by the gateway; with `label` by whoever sends to this target."""
    return database.with_name(f"{database.name}.{quote(label, safe='')}.lock" if label else f"{database.name}.lock")


@contextmanager
def hold(path: Path) -> Iterator[bool]:
    """Hold the lock of this file, made where it is not there, and yield True; False where another process has it.

    Where there are no such locks, or no file can be made, nobody is kept off.
    """
    with ExitStack() as stack:
        free = True
        with suppress(ImportError, OSError):
            import fcntl  # noqa: PLC0415 - not on every system

            path.parent.mkdir(parents=True, exist_ok=True)
            # For reading: it may have been made by another user, such as root.
            lock = os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
            stack.callback(os.close, lock)
            with suppress(OSError):
                os.fchmod(lock, 0o644)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                free = False
        yield free
