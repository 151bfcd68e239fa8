"""The columns that a database has for the fields of `fields`; rule: one that is there keeps its number and its name.

Every field has a number in the blocks, and an instant or a total its columns in the rollups. The fields of today's
quantities are added when a file is opened, so a further quantity, also of another package, is kept from then on.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from juntek.history.fields import FIELDS, FIRST_FIELDS, PLACES, TOTALS
from juntek.history.rollups import LEVELS, PARTS

Columns = Mapping[int, int]
"""The place in a batch of each field, by its number in the blocks."""

FIRST_COLUMNS: Columns = {number: PLACES[key] for number, key in enumerate(FIRST_FIELDS)}
"""Those of fields that every database has."""


def read_columns(connection: sqlite3.Connection) -> Columns:
    """Return the columns of a database; what only another version or package knows is left out."""
    rows = connection.execute("SELECT id, key FROM field")
    return {number: PLACES[key] for number, key in rows if key in PLACES}


def are_complete(connection: sqlite3.Connection) -> bool:
    """Return whether the database has a column for every field."""
    return len(read_columns(connection)) == len(FIELDS) and {part.name for part in PARTS} <= _names(
        connection, "minute"
    )


def add_columns(connection: sqlite3.Connection) -> None:
    """Add what is missing for the fields of today."""
    if are_complete(connection):
        return
    connection.executemany("INSERT OR IGNORE INTO field (key) VALUES (?)", [(field.key,) for field in FIELDS])
    wanted = {level: [part.name for part in PARTS] for level in LEVELS}
    for table, names in (wanted | {"meter": list(TOTALS), "gap": list(TOTALS)}).items():
        there = _names(connection, table)
        for name in names:
            if name not in there:
                connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} INTEGER")


def _names(connection: sqlite3.Connection, table: str) -> set[str]:
    return {name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")}
