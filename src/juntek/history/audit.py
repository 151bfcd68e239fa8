"""What was written to meters; rule: a command stands here before it is sent, and what became of it afterwards.

So a kill in the middle leaves it with the outcome "unknown". No secret can be written to a meter, so none is in it.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

from juntek.history import Database
from juntek.reading import iso_time

MOST_ROWS = 10_000
"""Commands that are kept; older ones go."""


class Entry(NamedTuple):
    """One command. `time` is s since 1970; `old` and `new` are values, `who` is who sent it, in words."""

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


def begin(path: Path, entry: Entry) -> int:
    """Keep a command that is about to be sent; return its number. Raises DatabaseError."""
    with Database(path, check=False) as database, database.transaction() as connection:
        time, meter, who, key, old, new, outcome = entry
        number = connection.execute(
            "INSERT INTO command (time, meter, who, key, old, new, outcome) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (round(time * 1000), meter, who, key, json.dumps(old), json.dumps(new), outcome),
        ).lastrowid
        assert number is not None  # noqa: S101 - it was inserted
        connection.execute("DELETE FROM command WHERE id <= ?", (number - MOST_ROWS,))
        return number


def finish(path: Path, number: int, outcome: str) -> None:
    """Keep what became of a command. Raises DatabaseError."""
    with Database(path, check=False) as database, database.transaction() as connection:
        connection.execute("UPDATE command SET outcome = ? WHERE id = ?", (outcome, number))


def read_audit(connection: sqlite3.Connection, meter: str | None, limit: int) -> list[Entry]:
    """Return the newest commands first, of one meter or of all."""
    rows = connection.execute(
        "SELECT time, meter, who, key, old, new, outcome FROM command"
        " WHERE ?1 IS NULL OR meter = ?1 ORDER BY id DESC LIMIT ?2",
        (meter, limit),
    ).fetchall()
    return [
        Entry(time / 1000, name, who, key, json.loads(old), json.loads(new), outcome)
        for time, name, who, key, old, new, outcome in rows
    ]
