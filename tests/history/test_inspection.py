"""A database with a damaged page: it is found beside the gateway, and what can be read is saved."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from history.made import START, execute, reading_at, readings, record, rollups_in, rows_in
from juntek.errors import ConfigurationError, DamagedFileError, DatabaseError
from juntek.history import Database
from juntek.history.inspection import Inspection, find_damage, repair
from juntek.history.queries import HistoryReader

PAGE = 4096
UTC_ZONE = ZoneInfo("UTC")
LEDGERS = {"house": {"version": 1, "sums": [1, 2, 3, 4]}, "van": {"version": 1, "sums": [5, 6, 7, 8]}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day of two meters, a reading every 20 s."""
    path = tmp_path_factory.mktemp("whole") / "history.db"
    for meter in ("house", "van"):
        record(path, [reading_at(tick) for tick in range(0, 86_400, 20)], meter=meter)
    with Database(path) as database:
        database.save_ledgers(LEDGERS, START)
    return path


@pytest.fixture
def path(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(whole, tmp_path / "history.db"))


def pages_of(path: Path, table: str) -> list[int]:
    """The leaves of a table, by their numbers."""
    ((root,),) = execute(path, f"SELECT rootpage FROM sqlite_master WHERE name = '{table}'")  # noqa: S608
    data, leaves, waiting = path.read_bytes(), [], [root]
    while waiting:
        number = waiting.pop(0)
        page = data[(number - 1) * PAGE : number * PAGE]
        if page[0] in (10, 13):
            leaves.append(number)
            continue
        count = int.from_bytes(page[3:5], "big")
        cells = [int.from_bytes(page[12 + 2 * cell : 14 + 2 * cell], "big") for cell in range(count)]
        waiting = [int.from_bytes(page[cell : cell + 4], "big") for cell in cells] + [
            int.from_bytes(page[8:12], "big"), *waiting
        ]  # fmt: skip
    return leaves


def damage(path: Path, number: int, *, zeros: bool = False) -> None:
    with path.open("r+b") as file:
        file.seek((number - 1) * PAGE)
        file.write(bytes(PAGE) if zeros else b"\xa5" * 512)


def test_a_whole_file_is_whole(path: Path) -> None:
    assert find_damage(path) is None


@pytest.mark.parametrize("zeros", [False, True], ids=["garbage", "zeros"])
@pytest.mark.parametrize("table", ["minute", "hour", "raw", "ledger"])
def test_a_damaged_page_of_any_table_is_found(path: Path, table: str, *, zeros: bool) -> None:
    pages = pages_of(path, table)
    damage(path, pages[len(pages) // 2], zeros=zeros)
    assert table in (find_damage(path) or "")


def test_of_a_damaged_page_of_minutes_all_else_is_saved(path: Path, tmp_path: Path) -> None:
    before, rows = rollups_in(path, "hour"), rows_in(path)
    days = days_of(path)
    ((count,),) = execute(path, "SELECT count(*) FROM minute")
    damage(path, pages_of(path, "minute")[40])
    saved = repair(path, tmp_path / "new.db")
    assert [(loss.table, saved.names[loss.meter or 0]) for loss in saved.losses] == [("minute", "house")]
    (loss,) = saved.losses
    assert START < loss.start < loss.end < loss.start + 3600
    assert count - 40 < saved.rows["minute"] < count
    assert rollups_in(tmp_path / "new.db", "hour") == before
    assert (rows_in(tmp_path / "new.db"), days_of(tmp_path / "new.db")) == (rows, days)
    with Database(tmp_path / "new.db") as new:
        assert new.load_ledgers() == LEDGERS
    assert record(tmp_path / "new.db", readings(4 * 86_400, 10)) == 0


@pytest.mark.parametrize("share", [0.6, 0.99])
def test_of_a_file_that_lost_its_end_the_rest_is_saved(path: Path, tmp_path: Path, share: float) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(int(size * share) // PAGE * PAGE)
    with pytest.raises(DamagedFileError):
        Database(path)
    saved = repair(path, tmp_path / "saved.db")
    assert saved.losses
    assert saved.rows["minute"] > 0
    with Database(tmp_path / "saved.db") as database:
        assert set(database.load_ledgers()) <= set(LEDGERS)


def test_hours_that_cannot_be_read_are_made_of_their_minutes(path: Path, tmp_path: Path) -> None:
    days = days_of(path)
    damage(path, pages_of(path, "hour")[0], zeros=True)
    saved = repair(path, tmp_path / "new.db")
    assert {loss.table for loss in saved.losses} == {"hour"}
    assert days_of(tmp_path / "new.db") == days


def test_a_minute_that_knows_nothing_of_a_quantity_takes_nothing_from_its_hour(path: Path, tmp_path: Path) -> None:
    known = "SELECT sum(temperature_sum), sum(temperature_count) FROM"
    unknown = "UPDATE minute SET temperature_sum = NULL, temperature_count = NULL WHERE time % 3600 = 3540"
    before = execute(path, "DELETE FROM hour", unknown, f"{known} minute")
    repair(path, tmp_path / "new.db")
    assert execute(tmp_path / "new.db", f"{known} hour") == before


def test_a_meter_of_no_number_is_left_out_where_no_meters_can_be_read(path: Path) -> None:
    execute(path, "UPDATE minute SET meter = 'x' || meter WHERE time % 3600 = 0")
    damage(path, pages_of(path, "meter")[0])
    assert "meter" in (find_damage(path) or "")


def test_a_repair_writes_over_nothing(path: Path, tmp_path: Path) -> None:
    (tmp_path / "new.db").write_text("kept")
    with pytest.raises(ConfigurationError):
        repair(path, tmp_path / "new.db")
    assert (tmp_path / "new.db").read_text() == "kept"


def test_what_is_no_database_cannot_be_repaired(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(b"a text that someone keeps\n" * 1000)
    with pytest.raises(DatabaseError):
        repair(path, tmp_path / "new.db")
    assert not (tmp_path / "new.db").exists()


def inspect(path: Path) -> list[str]:
    """What an inspection tells, run to its end."""
    told: list[str] = []
    inspection = Inspection(path, told.append)
    inspection.run()
    return told


def test_a_file_is_looked_through_when_it_was_not_yet_and_after_an_unclean_stop(path: Path) -> None:
    assert inspect(path) == []
    leaf = pages_of(path, "minute")[40]
    damage(path, leaf)
    assert inspect(path) == [], "it was seen today"
    with Database(path, check=False) as running:  # as a kill leaves it: with a log beside it
        running.save_ledgers({"house": {}}, START)
        assert len(inspect(path)) == 1
    assert len(inspect(path)) == 1, "damage is told at every start"


def test_an_inspection_ends_when_the_gateway_does(path: Path) -> None:
    told: list[str] = []
    inspection = Inspection(path, told.append)
    damage(path, pages_of(path, "minute")[40])
    inspection.stop()
    inspection.start()
    inspection.join(10)
    assert not inspection.is_alive()
    assert told == []


def days_of(path: Path) -> list[dict[str, object]]:
    with HistoryReader(path, time_zone=UTC_ZONE, clock=lambda: START + 5 * 86_400) as reader:
        return [day.as_dict() for day in reader.days("house", date(2026, 9, 20), date(2026, 9, 30))]
