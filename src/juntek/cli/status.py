"""The exit statuses; rule: this table is the only place that knows them."""

from __future__ import annotations

from juntek.errors import (
    ConfigurationError,
    DatabaseError,
    JuntekError,
    LinkError,
    NoReplyError,
    RequestError,
    UnknownLayoutError,
)

STATUSES = {
    0: "all is well, also when there was garbage on the line",
    1: "something unexpected: a bug",
    2: "wrong use: an option, an argument, an impossible value",
    3: "wrong configuration",
    4: "the link cannot be opened, or it was lost",
    5: "the meter does not answer, or in a way that no table explains",
    6: "the MQTT broker or another receiver refuses, or its library is missing",
    7: "the database of totals cannot be read or written",
}

_STATUS_OF = (
    (ConfigurationError, 3),
    (RequestError, 2),
    (LinkError, 4),
    (NoReplyError, 5),
    (UnknownLayoutError, 5),
    (DatabaseError, 7),
    (JuntekError, 6),  # what is left comes from the sinks, which are not known here
)


def status_of(error: JuntekError) -> int:
    """Return the exit status for an error that ended the program."""
    return next(status for kind, status in _STATUS_OF if isinstance(error, kind))


def list_statuses() -> str:
    """Return the table for the help text."""
    return "\n".join(f"  {status}  {meaning}" for status, meaning in STATUSES.items())
