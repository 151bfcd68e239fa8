-- The tables, step by step; rule: what stands here is never changed; a table is changed by a further step.
--
-- Each step is frozen, as files that were made by it are out there. Only columns of further quantities come by
-- themselves (see `rollups`), in `minute`, `hour`, `meter` and `gap`. A line "step" begins a step, a semicolon at the
-- end of a line ends a statement. Times are ms since 1970; s in `ledger`, `battery_event` and rollups.
--
-- ledger         the totals of each meter, as JSON, and when they were committed
-- meter          the names, and where the totals of each stood at its last live reading
-- raw            blocks of readings, from `time` to `last`; none crosses an hour, and those of one meter never overlap
-- field          the number of each field in the blocks, for ever
-- minute, hour   rollups; days are made of them when they are asked for
-- gap            what the totals grew from `start` up to `until` and was counted at `finish`, to be shared out by days
-- cursor         to whom the readings are sent, and how far each has them; a row of meter 0 says that one is known
-- battery_event  when a battery was full, empty, or set by its voltage (%)
-- command        what was written to meters, when, by whom, and what became of it; values are JSON

-- step: 0001 ledgers
CREATE TABLE ledger (
    meter TEXT PRIMARY KEY NOT NULL,
    snapshot TEXT NOT NULL,
    time REAL NOT NULL
) WITHOUT ROWID;

-- step: 0002 history
CREATE TABLE meter (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    time INTEGER,
    discharged_capacity INTEGER,
    charged_capacity INTEGER,
    discharged_energy INTEGER,
    charged_energy INTEGER
);
CREATE TABLE raw (
    meter INTEGER NOT NULL,
    time INTEGER NOT NULL,
    last INTEGER NOT NULL,
    count INTEGER NOT NULL,
    block BLOB NOT NULL,
    PRIMARY KEY (meter, time)
) WITHOUT ROWID;
CREATE TABLE minute (
    meter INTEGER NOT NULL, time INTEGER NOT NULL, count INTEGER, first_time INTEGER, last_time
    INTEGER, voltage_minimum INTEGER, voltage_maximum INTEGER, voltage_sum INTEGER, voltage_last
    INTEGER, current_minimum INTEGER, current_maximum INTEGER, current_sum INTEGER, current_last
    INTEGER, power_minimum INTEGER, power_maximum INTEGER, power_sum INTEGER, power_last INTEGER,
    remaining_capacity_minimum INTEGER, remaining_capacity_maximum INTEGER, remaining_capacity_sum
    INTEGER, remaining_capacity_last INTEGER, temperature_count INTEGER, temperature_minimum INTEGER,
    temperature_maximum INTEGER, temperature_sum INTEGER, temperature_last INTEGER,
    internal_resistance_count INTEGER, internal_resistance_minimum INTEGER,
    internal_resistance_maximum INTEGER, internal_resistance_sum INTEGER, internal_resistance_last
    INTEGER, discharged_capacity_last INTEGER, discharged_capacity_increase INTEGER,
    charged_capacity_last INTEGER, charged_capacity_increase INTEGER, discharged_energy_last INTEGER,
    discharged_energy_increase INTEGER, charged_energy_last INTEGER, charged_energy_increase INTEGER,
    nominal_capacity_last INTEGER, PRIMARY KEY (meter, time)
) WITHOUT ROWID;
CREATE TABLE hour (
    meter INTEGER NOT NULL, time INTEGER NOT NULL, count INTEGER, first_time INTEGER, last_time
    INTEGER, voltage_minimum INTEGER, voltage_maximum INTEGER, voltage_sum INTEGER, voltage_last
    INTEGER, current_minimum INTEGER, current_maximum INTEGER, current_sum INTEGER, current_last
    INTEGER, power_minimum INTEGER, power_maximum INTEGER, power_sum INTEGER, power_last INTEGER,
    remaining_capacity_minimum INTEGER, remaining_capacity_maximum INTEGER, remaining_capacity_sum
    INTEGER, remaining_capacity_last INTEGER, temperature_count INTEGER, temperature_minimum INTEGER,
    temperature_maximum INTEGER, temperature_sum INTEGER, temperature_last INTEGER,
    internal_resistance_count INTEGER, internal_resistance_minimum INTEGER,
    internal_resistance_maximum INTEGER, internal_resistance_sum INTEGER, internal_resistance_last
    INTEGER, discharged_capacity_last INTEGER, discharged_capacity_increase INTEGER,
    charged_capacity_last INTEGER, charged_capacity_increase INTEGER, discharged_energy_last INTEGER,
    discharged_energy_increase INTEGER, charged_energy_last INTEGER, charged_energy_increase INTEGER,
    nominal_capacity_last INTEGER, PRIMARY KEY (meter, time)
) WITHOUT ROWID;
CREATE TABLE day (
    meter INTEGER NOT NULL, time INTEGER NOT NULL, count INTEGER, first_time INTEGER, last_time
    INTEGER, voltage_minimum INTEGER, voltage_maximum INTEGER, voltage_sum INTEGER, voltage_last
    INTEGER, current_minimum INTEGER, current_maximum INTEGER, current_sum INTEGER, current_last
    INTEGER, power_minimum INTEGER, power_maximum INTEGER, power_sum INTEGER, power_last INTEGER,
    remaining_capacity_minimum INTEGER, remaining_capacity_maximum INTEGER, remaining_capacity_sum
    INTEGER, remaining_capacity_last INTEGER, temperature_count INTEGER, temperature_minimum INTEGER,
    temperature_maximum INTEGER, temperature_sum INTEGER, temperature_last INTEGER,
    internal_resistance_count INTEGER, internal_resistance_minimum INTEGER,
    internal_resistance_maximum INTEGER, internal_resistance_sum INTEGER, internal_resistance_last
    INTEGER, discharged_capacity_last INTEGER, discharged_capacity_increase INTEGER,
    charged_capacity_last INTEGER, charged_capacity_increase INTEGER, discharged_energy_last INTEGER,
    discharged_energy_increase INTEGER, charged_energy_last INTEGER, charged_energy_increase INTEGER,
    nominal_capacity_last INTEGER, PRIMARY KEY (meter, time)
) WITHOUT ROWID;
CREATE TABLE note (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;

-- step: 0003 deliveries
-- One index for what is to be sent next, one for what a new range may touch, one for what is settled.
CREATE TABLE target (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, since INTEGER);
CREATE TABLE delivered (
    target INTEGER NOT NULL,
    meter INTEGER NOT NULL,
    since INTEGER NOT NULL,
    settled INTEGER NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (target, meter)
) WITHOUT ROWID;
CREATE TABLE owed (
    id INTEGER PRIMARY KEY,
    target INTEGER NOT NULL,
    meter INTEGER NOT NULL,
    start INTEGER NOT NULL,
    last INTEGER NOT NULL,
    state INTEGER NOT NULL,
    sent REAL
);
CREATE INDEX owed_by_start ON owed (target, start) WHERE state < 2;
CREATE INDEX owed_by_meter ON owed (target, meter, last);
CREATE INDEX owed_by_sent ON owed (target, sent) WHERE state = 2;

-- step: 0004 cursors
-- In place of the three tables before, whose state it takes over.
CREATE TABLE cursor (
    target TEXT NOT NULL,
    meter INTEGER NOT NULL,
    head INTEGER NOT NULL,
    past INTEGER NOT NULL,
    until INTEGER NOT NULL,
    since INTEGER NOT NULL,
    moves INTEGER NOT NULL,
    PRIMARY KEY (target, meter)
) WITHOUT ROWID;
INSERT INTO cursor SELECT name, 0, 0, 0, 0, 0, 0 FROM target WHERE since IS NOT NULL;
INSERT INTO cursor
    SELECT target.name, delivered.meter, delivered.settled,
        coalesce((SELECT min(start) - 1 FROM owed
            WHERE owed.target = delivered.target AND owed.meter = delivered.meter), 0),
        coalesce((SELECT max(last) FROM owed
            WHERE owed.target = delivered.target AND owed.meter = delivered.meter), 0),
        delivered.since, 0
    FROM delivered JOIN target ON target.id = delivered.target;
DROP TABLE owed;
DROP TABLE delivered;
DROP TABLE target;

-- step: 0005 columns
CREATE TABLE field (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE);
INSERT INTO field (id, key) VALUES (0, 'time'), (1, 'voltage'), (2, 'current'), (3, 'power'),
    (4, 'remaining_capacity'), (5, 'temperature'), (6, 'internal_resistance'), (7, 'discharged_capacity'),
    (8, 'charged_capacity'), (9, 'discharged_energy'), (10, 'charged_energy'), (11, 'nominal_capacity'),
    (12, 'run_time'), (13, 'output_code'), (14, 'direction'), (15, 'estimated');

-- step: 0006 days
-- Days were written for one time zone. What each held that was counted later becomes a gap from it to the next one.
CREATE TABLE gap (
    meter INTEGER NOT NULL,
    finish INTEGER NOT NULL,
    start INTEGER NOT NULL,
    until INTEGER NOT NULL,
    discharged_capacity INTEGER,
    charged_capacity INTEGER,
    discharged_energy INTEGER,
    charged_energy INTEGER,
    PRIMARY KEY (meter, finish, start)
) WITHOUT ROWID;
INSERT INTO gap
    WITH span AS (
        SELECT meter, time, lead(time) OVER one AS next, count, lead(count) OVER one AS next_count,
            discharged_capacity_increase AS a, charged_capacity_increase AS b,
            discharged_energy_increase AS c, charged_energy_increase AS d
        FROM day WINDOW one AS (PARTITION BY meter ORDER BY time)
    ), counted AS (
        SELECT span.*, sum(discharged_capacity_increase) AS e, sum(charged_capacity_increase) AS f,
            sum(discharged_energy_increase) AS g, sum(charged_energy_increase) AS h
        FROM span LEFT JOIN hour ON hour.meter = span.meter AND hour.time >= span.time AND hour.time < next
        WHERE span.time % 3600 = 0 AND next % 3600 = 0 GROUP BY span.meter, span.time
        UNION ALL
        SELECT span.*, sum(discharged_capacity_increase), sum(charged_capacity_increase),
            sum(discharged_energy_increase), sum(charged_energy_increase)
        FROM span LEFT JOIN minute ON minute.meter = span.meter AND minute.time >= span.time AND minute.time < next
        WHERE NOT (span.time % 3600 = 0 AND next % 3600 = 0) GROUP BY span.meter, span.time
    ), moved AS (
        SELECT meter, next, next_count, time, count,
            sum(a - coalesce(e, 0)) OVER one AS a, sum(b - coalesce(f, 0)) OVER one AS b,
            sum(c - coalesce(g, 0)) OVER one AS c, sum(d - coalesce(h, 0)) OVER one AS d
        FROM counted WINDOW one AS (PARTITION BY meter ORDER BY time)
    )
    SELECT meter,
        CASE WHEN next_count = 0 THEN next * 1000
            ELSE (SELECT minute.time * 1000 + first_time FROM minute
                WHERE minute.meter = moved.meter AND minute.time >= next ORDER BY minute.time LIMIT 1) END,
        time * 1000, next * 1000, a, b, c, d
    FROM moved WHERE count = 0 OR a != 0 OR b != 0 OR c != 0 OR d != 0;
DROP TABLE day;
DROP TABLE note;

-- step: 0007 battery
CREATE TABLE battery_event (
    meter TEXT NOT NULL,
    time REAL NOT NULL,
    event TEXT NOT NULL,
    state_of_charge REAL NOT NULL,
    PRIMARY KEY (meter, time, event)
) WITHOUT ROWID;

-- step: 0008 commands
CREATE TABLE command (
    id INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    meter TEXT NOT NULL,
    who TEXT NOT NULL,
    key TEXT NOT NULL,
    old TEXT NOT NULL,
    new TEXT NOT NULL,
    outcome TEXT NOT NULL
);
CREATE INDEX command_by_meter ON command (meter, id);
