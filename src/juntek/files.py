"""Whether a file may be used, why it cannot be read or written, who holds it, what zone is set; rule: one wording.

Root obeys only what is root's: a configuration or a link that another user made could lead it to that user's ends. A
lock keeps others from doing the same at the same time, and goes with its process, however that ends.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from urllib.parse import quote

from juntek.errors import ConfigurationError, JuntekError


def explain_unreadable(error: OSError) -> str:
    """Return why, as the end of a sentence that begins with the name of the file."""
    match error:
        case FileNotFoundError():
            return "does not exist; write it or correct the path."
        case PermissionError():
            return "may not be read; give this user the right to read it."
        case IsADirectoryError():
            return "is a folder; name the file in it."
        case _:
            return f"cannot be read ({error.strerror}); correct the path."


@contextmanager
def explain_unwritable(path: Path, kind: type[JuntekError] = ConfigurationError) -> Iterator[None]:
    """Raise an error of this kind with what to do where the body cannot write the file."""
    try:
        yield
    except OSError as error:
        raise kind(f"{path} cannot be written ({error.strerror}); name a file in a folder of yours.") from None


def at_home(path: str | Path) -> Path:
    """Return a path with its ~ as the folder of that user; as it is where there is no such user."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - that of pathlib raises RuntimeError


def read_bytes(path: Path, name: str) -> bytes:
    """Return what is in the file that a key `name` gives; raises ConfigurationError, which names both."""
    try:
        return at_home(path).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{name} {path} {explain_unreadable(error)}") from None


def read_secret(key: str, given: str | None, path: Path | None) -> str:
    """Return a secret as it was given for a key, or the first line of the file that `<key>_file` gives.

    Raises ConfigurationError, which names the key and the file, where there is none.
    """
    name, secret = key, given or ""
    if given is None and path is not None:
        text = read_bytes(path, f"{key}_file").decode(errors="replace")
        name, secret = f"{key}_file {path}", next(iter(text.splitlines()), "")
    if not secret or "\ufffd" in secret:
        raise ConfigurationError(f"{name} holds no {key.rpartition('.')[2]}; write it there as one line of text.")
    return secret


def refuse_links_of_others(path: Path) -> None:
    """Raise ConfigurationError where root would follow a link that another user made, or for a home that is not there.

    A folder with such a name, as ~nobody, would be made instead.
    """
    path = at_home(path)
    if len(path.parts) > 1 and path.parts[0].startswith("~"):
        raise ConfigurationError(f"{path} is in the folder of a user who is not here; give the whole path.")
    if not _is_root():
        return
    absolute = path.absolute()
    for part in (absolute, *absolute.parents):
        if part.is_symlink() and part.lstat().st_uid != 0:
            raise ConfigurationError(
                f"{part} is a link that another user made, and root follows none: give the path it leads to, or remove "
                "it."
            )


def refuse_orders_of_others(path: Path) -> None:
    """Raise ConfigurationError where root would obey a file that another user has written, or may write."""
    if not _is_root():
        return
    refuse_links_of_others(path)
    try:
        state = path.stat()
    except OSError:
        return  # said better by whoever reads it
    if state.st_uid != 0 or state.st_mode & stat.S_IWOTH:
        raise ConfigurationError(
            f"{path} can be changed by users other than root, so root does not obey it: make it root's with: chown "
            f"root {path} && chmod o-w {path}, or name another file with --config."
        )


def write_private(path: Path, text: str) -> None:
    """Write a file for this user only, in one step over what was there. Raises OSError."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)


def is_open_to_all(path: Path) -> bool:
    """Whether every user of this computer may read the file."""
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def system_zone() -> tzinfo:
    """Return the zone of this computer, with its summer time where the system tells its name."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - few need a zone, and all need files

    with suppress(OSError, IndexError, ValueError, ZoneInfoNotFoundError):
        name = os.environ.get("TZ", "").lstrip(":") or os.readlink("/etc/localtime").split("zoneinfo/")[1]  # noqa: PTH115
        return ZoneInfo(name)
    return datetime.now(UTC).astimezone().tzinfo or UTC


# Locks -------------------------------------------------------------------------------------------------------


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
            lock = _open_lock(path)
            stack.callback(os.close, lock)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                free = False
        yield free


def _open_lock(path: Path) -> int:
    """Open it for reading, as another user, such as root, may have made it; a link in its place is not followed."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    except FileExistsError:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    os.fchmod(lock, 0o644)  # every user's, whatever the mask of the one who made it
    return lock
