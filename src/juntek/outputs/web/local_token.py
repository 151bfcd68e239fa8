"""The token with which the command line here asks the gateway; rule: for the gateway's own user, new each start."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from typing import Final

from juntek.files import write_private
from juntek.outputs.web.passwords import make_token

log = logging.getLogger(__name__)

WHO: Final = "x-juntek-user"
"""The header with the name of the user at the command line; believed of this token only."""


def token_path(database: Path) -> Path:
    """Return where the token of the gateway with this database is."""
    return database.with_suffix(".token")


def write_token(database: Path) -> str | None:
    """Make a token and write it; None where it cannot be written."""
    path, token = token_path(database), make_token()
    try:
        write_private(path, f"{token}\n")
    except OSError as error:
        log.warning("web: cannot write %s (%s), so juntek settings cannot ask this gateway.", path, error.strerror)
        return None
    return token


def remove_token(database: Path) -> None:
    """Remove it when the page ends."""
    with suppress(OSError):
        token_path(database).unlink(missing_ok=True)
