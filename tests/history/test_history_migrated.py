"""A database that an earlier version wrote shows what that version showed, digit by digit.

`history-79cbc56.db.gz` was made by that commit: two simulated meters, a recording and then small live commits, with
gaps of hours and of days; the `.json.gz` beside it is what its HistoryReader answered in Europe/Berlin.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sqlite3
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from history.made import reading_at, rows_in
from juntek import history as database_module
from juntek.errors import DatabaseError
from juntek.history import Database
from juntek.history.queries import ROW_KEYS, SERIES_KEYS, HistoryReader
from juntek.history.recorder import Recorder

FIXTURES = Path(__file__).parent.parent / "fixtures"
TOLD: dict[str, Any] = json.loads(gzip.decompress((FIXTURES / "history-79cbc56.json.gz").read_bytes()))
METERS = sorted(TOLD["meters"])
BERLIN = ZoneInfo("Europe/Berlin")
NOW = 1_793_011_633.0
PARTS = ("minimum", "average", "maximum", "last", "increase")
THEN = ROW_KEYS.index("estimated") + 1
"""Columns that a reading had in that version; what came since stands after them."""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.db"
    path.write_bytes(gzip.decompress((FIXTURES / "history-79cbc56.db.gz").read_bytes()))
    return path


def reader_of(path: Path) -> HistoryReader:
    return HistoryReader(path, time_zone=BERLIN, clock=lambda: NOW)


@pytest.mark.parametrize("meter", METERS)
def test_charts_are_the_same(old: Path, meter: str) -> None:
    with reader_of(old) as reader:
        for chart in TOLD["meters"][meter]["charts"]:
            series = reader.series(meter, SERIES_KEYS, chart["span"][0], chart["span"][1], chart["points"])
            assert (series.resolution, series.time) == (chart["resolution"], chart["time"])
            for key, told in chart["columns"].items():
                assert {part: getattr(series.columns[key], part) for part in PARTS} == told, (key, chart["span"])


@pytest.mark.parametrize("meter", METERS)
def test_days_months_and_years_are_the_same(old: Path, meter: str) -> None:
    told = TOLD["meters"][meter]
    with reader_of(old) as reader:
        for by in ("day", "month", "year"):
            days = reader.days(meter, date(2026, 10, 1), date(2026, 11, 1), by)
            assert [day.as_dict() for day in days] == told["days"][by]
        part = reader.days(meter, date(2026, 10, 22), date(2026, 10, 24))
        assert [day.as_dict() for day in part] == told["part"]


@pytest.mark.parametrize("meter", METERS)
def test_readings_are_the_same(old: Path, meter: str) -> None:
    told = TOLD["meters"][meter]
    with reader_of(old) as reader:
        assert reader.count(meter) == told["count"]
        assert list(reader.span(meter) or ()) == told["span"]
        rows = json.dumps([row[:THEN] for row in reader.readings(meter, 0, 2**33)])
    assert hashlib.sha256(rows.encode()).hexdigest() == told["digest"]


def test_in_another_zone_nothing_is_lost(old: Path) -> None:
    sums = []
    for zone in (BERLIN, ZoneInfo("Asia/Kathmandu"), ZoneInfo("America/St_Johns")):
        with HistoryReader(old, time_zone=zone, clock=lambda: NOW) as reader:
            days = reader.days("house", date(2026, 10, 1), date(2026, 11, 1))
        sums.append((sum(day.count for day in days), round(sum(day.charged_energy for day in days), 2)))
        assert all(day.charged_energy >= 0 for day in days)
    assert len(set(sums)) == 1


def test_it_goes_on(old: Path) -> None:
    told = TOLD["meters"]["house"]
    more = [reading_at(tick, time=NOW + 10 * tick) for tick in range(720)]
    with Database(old) as database:
        recorder = Recorder(database)
        assert recorder.last_times() == {meter: TOLD["meters"][meter]["span"][1] for meter in METERS}
        assert set(database.load_ledgers()) == set(METERS)
        for start in range(0, len(more), 6):
            recorder.record({"house": more[start : start + 6]})
    rows = rows_in(old)
    assert (
        hashlib.sha256(json.dumps([list(row.values())[:THEN] for row in rows[: -len(more)]]).encode()).hexdigest()
        == (told["digest"])
    )
    assert [row["voltage"] for row in rows[-len(more) :]] == [reading.voltage for reading in more]


def test_it_is_migrated_as_a_whole_or_not_at_all(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = names_of_migrations(old)
    good = database_module.MIGRATIONS
    monkeypatch.setattr(database_module, "MIGRATIONS", {**good, "9999 bad": ("NONSENSE",)})
    with pytest.raises(DatabaseError):
        Database(old)
    assert names_of_migrations(old) == before
    monkeypatch.setattr(database_module, "MIGRATIONS", good)
    Database(old).close()
    assert names_of_migrations(old) == set(good)


def names_of_migrations(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    names = {name for (name,) in connection.execute("SELECT name FROM migration")}
    connection.close()
    return names
