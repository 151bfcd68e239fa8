"""Readings made by hand, and what the rollups of readings have to be, worked out without the code that is tested."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from datetime import tzinfo
from pathlib import Path
from textwrap import dedent
from typing import Any

from juntek.calendar import LocalDays
from juntek.history import Database
from juntek.history.days import read_day_rollups
from juntek.history.queries import ROW_KEYS, HistoryReader
from juntek.history.recorder import Recorder
from juntek.history.rollups import PARTS
from juntek.reading import Reading

START = 1_790_000_000.0
"""2026-09-21 14:13:20 UTC."""
TOTALS = ("discharged_capacity", "charged_capacity", "discharged_energy", "charged_energy")
SCALES = {"voltage": 100, "current": 100, "power": 100, "remaining_capacity": 1000, "temperature": 10,
          "internal_resistance": 100, "discharged_capacity": 1000, "charged_capacity": 1000, "discharged_energy": 100,
          "charged_energy": 100}  # fmt: skip


def reading_at(tick: int, *, time: float | None = None, **changes: Any) -> Reading:  # noqa: ANN401
    """The reading of a tick of 1 s is always the same: a load that goes up and down, totals that only grow."""
    dice = random.Random(tick)
    current = round(30 * ((tick // 90) % 5 - 2) + dice.uniform(-1, 1), 2)
    voltage = round(52 + current / 100 + dice.uniform(-0.02, 0.02), 2)
    made = Reading(
        START + tick + dice.randrange(40) / 1000 if time is None else time, 1, "KG-F", voltage, current,
        round(voltage * current, 2), round(150 + (tick % 4000) / 100, 3), round(1 + tick % 7 / 100, 2),
        round(tick * 0.004, 3), round(tick * 0.003, 3), round(tick * 0.21, 2), round(tick * 0.16, 2), None, None,
        tick, float(18 + tick // 3600), 0, "on", "charging" if current > 0 else "discharging", None, 280.0, tick, b"",
    )  # fmt: skip
    return made._replace(**changes)


def readings(first: int, count: int, **changes: Any) -> list[Reading]:  # noqa: ANN401
    return [reading_at(tick, **changes) for tick in range(first, first + count)]


def record(path: Path, *batches: list[Reading], meter: str = "house") -> int:
    """Write each batch in a commit of its own; return how many readings were refused."""
    with Database(path, check=False, synchronous="NORMAL") as database:
        return sum(Recorder(database).record({meter: batch}) for batch in batches)


def run(code: str, path: Path, *wrapper: str, package: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own, with the path as its argument, and this package before all others."""
    places = os.pathsep.join([*([str(package)] if package else []), *sys.path])
    done = subprocess.run(
        [*wrapper, sys.executable, "-c", dedent(code), str(path)],
        capture_output=True, check=False, env=os.environ | {"PYTHONPATH": places}, timeout=200, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def execute(path: Path, *statements: str) -> list[Any]:
    """Execute statements behind the back of everybody; return the rows of the last."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return [connection.execute(statement).fetchall() for statement in statements][-1]


def rows_in(path: Path, meter: str = "house") -> list[dict[str, Any]]:
    """All readings that are kept, in the order in which they are told."""
    with HistoryReader(path, clock=lambda: START) as reader:
        return [dict(zip(ROW_KEYS, row, strict=True)) for row in reader.readings(meter, 0, 2.0**33)]


def rollups_in(path: Path, level: str) -> dict[int, dict[str, Any]]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return {row["time"]: dict(row) for row in connection.execute(f"SELECT * FROM {level} ORDER BY time")}  # noqa: S608


def worked_out(rows: list[dict[str, Any]], start_of: Callable[[float], int]) -> dict[int, dict[str, Any]]:
    """What one level of rollups says of the readings, in whole numbers; increases from reading to reading."""
    buckets: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    before: dict[str, Any] | None = None
    for row in rows:
        numbers: dict[str, Any] = {
            key: None if row[key] is None else round(row[key] * scale) for key, scale in SCALES.items()
        }
        numbers["time"] = round(row["time"] * 1000)
        for key in TOTALS:
            numbers[f"{key} step"] = numbers[key] - before[key] if before is not None else 0
        buckets[start_of(row["time"])].append(numbers)
        before = numbers
    return {start: _told(start, inside) for start, inside in buckets.items()}


def _told(start: int, inside: list[dict[str, Any]]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "count": len(inside),
        "first_time": inside[0]["time"] - start * 1000,
        "last_time": inside[-1]["time"] - start * 1000,
    }
    for key in SCALES:
        values = [numbers[key] for numbers in inside if numbers[key] is not None]
        told[f"{key}_last"] = values[-1] if values else None
        if key in TOTALS:
            told[f"{key}_increase"] = sum(numbers[f"{key} step"] for numbers in inside)
        else:
            told[f"{key}_minimum"], told[f"{key}_maximum"] = min(values, default=None), max(values, default=None)
            told[f"{key}_sum"] = sum(values)
    return told


def days_in(path: Path, zone: tzinfo, meter: str = "house") -> dict[int, dict[str, Any]]:
    """All local days, with every part of a rollup."""
    with closing(sqlite3.connect(path)) as connection:
        (number,) = connection.execute("SELECT id FROM meter WHERE name = ?", (meter,)).fetchone()
        days = read_day_rollups(connection, [*PARTS], number, 0, 2.0**33, zone)
    return {time: dict(zip(PARTS, day, strict=True)) for time, day in days}


def assert_rollups_are_right(path: Path, zone: tzinfo) -> None:
    """Compare every rollup with what the readings say; of days, what is not a time within."""
    rows = rows_in(path)
    for level, start_of in (
        ("minute", lambda time: int(time // 60) * 60),
        ("hour", lambda time: int(time // 3600) * 3600),
        ("day", LocalDays(zone).start_of),
    ):
        kept = days_in(path, zone) if level == "day" else rollups_in(path, level)
        true = worked_out(rows, start_of)
        assert kept.keys() == true.keys()
        for time, told in true.items():
            keys = [key for key in told if level != "day" or not key.endswith("_time")]
            assert {key: kept[time][key] for key in keys} == {key: told[key] for key in keys}, (level, time)
