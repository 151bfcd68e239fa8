"""A database that an earlier version wrote shows what that version showed, digit by digit.

`history-79cbc56.db.gz` was made by that commit: two simulated meters, a recording and then small live commits, with
gaps of hours and of days; the `.json.gz` beside it is what its HistoryReader answered in Europe/Berlin.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from history.made import execute, reading_at, record, rows_in
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


def digest(rows: Iterable[Sequence[Any]]) -> str:
    return hashlib.sha256(json.dumps([row[:THEN] for row in rows]).encode()).hexdigest()


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
        assert digest(reader.readings(meter, 0, 2**33)) == told["digest"]


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
        assert Recorder(database).last_times() == {meter: TOLD["meters"][meter]["span"][1] for meter in METERS}
        assert set(database.load_ledgers()) == set(METERS)
    record(old, *(more[start : start + 6] for start in range(0, len(more), 6)))
    rows = rows_in(old)
    assert digest(list(row.values()) for row in rows[: -len(more)]) == told["digest"]
    assert [row["voltage"] for row in rows[-len(more) :]] == [reading.voltage for reading in more]


def test_it_is_migrated_as_a_whole_or_not_at_all(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables, names = "SELECT name FROM sqlite_master ORDER BY name", "SELECT name FROM migration ORDER BY name"
    before = execute(old, tables), execute(old, names)
    good = database_module.MIGRATIONS
    monkeypatch.setattr(database_module, "MIGRATIONS", {**good, "9999 bad": ("CREATE TABLE half (x)", "NONSENSE")})
    with pytest.raises(DatabaseError):
        Database(old)
    assert (execute(old, tables), execute(old, names)) == before
    monkeypatch.setattr(database_module, "MIGRATIONS", good)
    Database(old).close()
    assert execute(old, names) == [(name,) for name in good]
