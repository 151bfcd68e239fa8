"""The tables of the history; rule: a table is changed only by a further named migration.

- `meter`: the names, and where the totals of each stood at its last live reading.
- `raw`: blocks of readings; none crosses an hour, and those of one meter never overlap.
- `minute`, `hour`, `day`: rollups, kept for ever.
- `note`: single facts, such as whose midnight begins a day.
- `cursor`: to whom the readings are sent, and how far each has them.
"""

from __future__ import annotations

from juntek.history.rollups import LEVELS, schema

HISTORY = (
    """CREATE TABLE meter (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        time INTEGER,
        discharged_capacity INTEGER,
        charged_capacity INTEGER,
        discharged_energy INTEGER,
        charged_energy INTEGER
    )""",
    """CREATE TABLE raw (
        meter INTEGER NOT NULL,
        time INTEGER NOT NULL,
        last INTEGER NOT NULL,
        count INTEGER NOT NULL,
        block BLOB NOT NULL,
        PRIMARY KEY (meter, time)
    ) WITHOUT ROWID""",
    *(schema(level) for level in LEVELS),
    "CREATE TABLE note (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID",
)
"""`time` and `last` of `raw` are ms since 1970, of the first and the last reading of the block."""

DELIVERIES = (
    "CREATE TABLE target (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, since INTEGER)",
    """CREATE TABLE delivered (
        target INTEGER NOT NULL,
        meter INTEGER NOT NULL,
        since INTEGER NOT NULL,
        settled INTEGER NOT NULL,
        until INTEGER NOT NULL,
        PRIMARY KEY (target, meter)
    ) WITHOUT ROWID""",
    """CREATE TABLE owed (
        id INTEGER PRIMARY KEY,
        target INTEGER NOT NULL,
        meter INTEGER NOT NULL,
        start INTEGER NOT NULL,
        last INTEGER NOT NULL,
        state INTEGER NOT NULL,
        sent REAL
    )""",
    # One for what is to be sent next, one for what a new range may touch, one for what is settled.
    "CREATE INDEX owed_by_start ON owed (target, start) WHERE state < 2",
    "CREATE INDEX owed_by_meter ON owed (target, meter, last)",
    "CREATE INDEX owed_by_sent ON owed (target, sent) WHERE state = 2",
)
"""`since`, `settled`, `until`, `start` and `last` are ms since 1970, all included, `sent` s."""

CURSORS = (
    """CREATE TABLE cursor (
        target TEXT NOT NULL,
        meter INTEGER NOT NULL,
        head INTEGER NOT NULL,
        past INTEGER NOT NULL,
        until INTEGER NOT NULL,
        since INTEGER NOT NULL,
        moves INTEGER NOT NULL,
        PRIMARY KEY (target, meter)
    ) WITHOUT ROWID""",
    "INSERT INTO cursor SELECT name, 0, 0, 0, 0, 0, 0 FROM target WHERE since IS NOT NULL",
    """INSERT INTO cursor
        SELECT target.name, delivered.meter, delivered.settled,
            coalesce((SELECT min(start) - 1 FROM owed
                WHERE owed.target = delivered.target AND owed.meter = delivered.meter), 0),
            coalesce((SELECT max(last) FROM owed
                WHERE owed.target = delivered.target AND owed.meter = delivered.meter), 0),
            delivered.since, 0
        FROM delivered JOIN target ON target.id = delivered.target""",
    "DROP TABLE owed",
    "DROP TABLE delivered",
    "DROP TABLE target",
)
"""In place of the three tables before, whose state it takes over; all of it ms since 1970.

A row of meter 0 says that a target is known.
"""
