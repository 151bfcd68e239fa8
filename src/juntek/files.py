"""Why a file cannot be read, and what mends that; rule: one wording for every file."""

from __future__ import annotations

from pathlib import Path

from juntek.errors import ConfigurationError


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


def read_bytes(path: Path, name: str) -> bytes:
    """Return what is in the file that a key `name` gives; raises ConfigurationError, which names both."""
    try:
        return path.expanduser().read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{name} {path} {explain_unreadable(error)}") from None
