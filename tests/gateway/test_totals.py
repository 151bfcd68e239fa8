"""Totals are published once they are on disk, and stand still while the disk refuses."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import juntek
from juntek import Reading
from juntek.config import MeterKeys
from juntek.errors import DatabaseError
from juntek.gateway.totals import AT_ONCE, TotalsKeeper
from juntek.history import Database, database_file
from juntek.reading import Identity
from juntek.rs485.framing import encode
from juntek.update import Health, Update

ZONE = ZoneInfo("Europe/Amsterdam")


def reading(second: int) -> Reading:
    """A discharge of 36 A at 50 V: 10 mAh a second."""
    fields = (5000, 3600, 100_000 - 10 * second, 5000 + 10 * second, 40_000, 100 + second, 120, 0, 0, 0, 166, 1000)
    (value,) = juntek.decode(encode("r50", 1, fields))
    assert isinstance(value, Reading)
    return value._replace(time=1_750_000_000.0 + second)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "juntek.db") as database:
        yield database


def configured(*names: str) -> list[MeterKeys]:
    return [MeterKeys(name=name, link="/dev/null") for name in names]


async def keeper(database: Database, *names: str) -> TotalsKeeper:
    totals = TotalsKeeper(lambda: database, configured(*names or ("house",)), ZONE, lambda: 1_750_000_000.0)
    await totals.open()
    return totals


def first(totals: TotalsKeeper, meter: str = "house") -> Reading:
    """Let a new meter be read twice, as it has to be before it is believed."""
    totals.accounts[meter].add(reading(-1))
    return totals.accounts[meter].add(reading(0))


@pytest.mark.parametrize("turns", range(6))
async def test_it_ends_when_told_to_also_while_a_new_meter_comes(database: Database, turns: int) -> None:
    totals = await keeper(database)
    running = asyncio.create_task(totals.run())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first(totals)
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    done, _ = await asyncio.wait([running], timeout=10)
    assert done


async def test_a_total_shows_what_was_committed_last_and_nothing_before_the_first(database: Database) -> None:
    totals = await keeper(database)
    assert first(totals).discharged_capacity is None
    await totals.commit()
    for second in range(1, 10):
        assert totals.accounts["house"].add(reading(second)).discharged_capacity == 5.0
    await totals.commit()
    assert totals.accounts["house"].add(reading(10)).discharged_capacity == 5.09
    assert (await keeper(database)).accounts["house"].add(reading(11)).discharged_capacity == 5.09
    await totals.commit()
    assert totals.accounts["house"].add(reading(12)).discharged_capacity == 5.1


async def test_a_full_disk_is_told_once_and_totals_stand_still_until_they_are_kept_again(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    totals = await keeper(database)
    first(totals)
    await totals.commit()
    database._connection.execute("PRAGMA query_only = 1")
    for second in (1, 2):
        totals.accounts["house"].add(reading(second))
        await totals.commit()
    assert totals.accounts["house"].add(reading(3)).discharged_capacity == 5.0
    assert "stand still" in (totals.accounts["house"].notice() or "")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    database._connection.execute("PRAGMA query_only = 0")
    await totals.commit()
    assert totals.accounts["house"].notice() is None
    assert totals.accounts["house"].add(reading(3)).discharged_capacity == 5.03
    assert (await keeper(database)).accounts["house"].add(reading(4)).discharged_capacity == 5.03
    assert caplog.messages[-1] == "Totals are kept again."


@pytest.mark.parametrize("way", ["deleted", "replaced", "written over", "an older one", "another program's", "text"])
async def test_a_file_that_is_there_no_more_is_told_and_all_totals_go_into_the_new_one(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_file, "STEADY", 0.001)
    path, other = tmp_path / "juntek.db", tmp_path / "other.db"
    clock = count(1_750_000_000.0)
    totals = TotalsKeeper(lambda: Database(path), configured("house", "van"), ZONE, lambda: next(clock))
    await totals.open()
    for meter in ("house", "van"):
        first(totals, meter)
    await totals.commit()
    with Database(path) as database, sqlite3.connect(other) as theirs:
        if way == "an older one":
            database._connection.backup(theirs)
        elif way == "another program's":
            theirs.execute("CREATE TABLE theirs (x)")
    for second in (5, 6):
        totals.accounts["house"].add(reading(second))
        await totals.commit()
        with Database(path) as database:
            database._connection.execute("PRAGMA wal_checkpoint").fetchall()
    if way not in ("an older one", "another program's"):
        other.unlink()
        Database(other).close()
    if way == "deleted":
        path.unlink()
    elif way == "replaced":
        other.replace(path)
    else:
        path.write_bytes(b"a text\n" * 1000 if way == "text" else other.read_bytes())
    totals.accounts["house"].add(reading(7))
    if way in ("another program's", "text"):
        await totals.commit()
        assert str(path) in (totals.accounts["house"].notice() or "")
        assert totals.accounts["house"].add(reading(7)).discharged_capacity == 5.06
        path.unlink()
    totals.accounts["house"].add(reading(7))
    await totals.close()
    assert str(path) in (totals.accounts["house"].notice() or "")
    with Database(path) as database:
        again = await keeper(database)
        assert again.accounts["house"].add(reading(8)).discharged_capacity == 5.07
        assert database.load_ledgers().keys() == {"house", "van"}


async def test_a_disk_that_refuses_from_the_start_leaves_totals_unknown_until_it_is_back(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """A total that began at 0 again would be a step back, so it is not told."""
    caplog.set_level(logging.INFO)
    earlier = await keeper(database)
    first(earlier)
    await earlier.commit()
    disk: list[Database] = []

    def open_database() -> Database:
        if not disk:
            raise DatabaseError("The disk is full: make room.")
        return disk[0]

    totals = TotalsKeeper(open_database, configured("house"), ZONE, lambda: 1_750_000_000.0)
    for second in (1, 2):
        await totals.open()
        assert totals.accounts["house"].add(reading(second)).discharged_capacity is None
    assert caplog.messages == ["Totals cannot be kept at present: The disk is full: make room."]
    disk.append(database)
    await totals.open()
    assert totals.accounts["house"].add(reading(3)).discharged_capacity == 5.0
    await totals.commit()
    assert totals.accounts["house"].add(reading(4)).discharged_capacity == 5.03
    assert caplog.messages[-1] == "Totals are kept again."


async def test_a_meter_that_is_not_heard_is_not_written_again(database: Database) -> None:
    """So a second gateway on this database, whose port is in use, takes nothing back of what the first one counts."""
    hearing = await keeper(database)
    first(hearing)
    await hearing.commit()
    deaf = await keeper(database)
    hearing.accounts["house"].add(reading(50))
    await hearing.commit()
    (identity,) = juntek.decode(encode("r00", 1, (1240, 132, 7)))
    assert isinstance(identity, Identity)
    for error in (None, "The link was lost."):
        await deaf.commit()
        deaf.accounts["house"].take(Update("house", False, None, identity, None, Health(error=error)))  # noqa: FBT003
    await deaf.commit()
    assert (await keeper(database)).accounts["house"].add(reading(51)).discharged_capacity == 5.5


async def test_the_lines_have_their_turn_while_the_ledgers_of_many_meters_are_looked_at(database: Database) -> None:
    names = [f"meter{number}" for number in range(10 * AT_ONCE)]
    totals = await keeper(database, *names)
    for name in names:
        first(totals, name)
    committing = asyncio.create_task(totals.commit())
    turns = 0
    while not database.load_ledgers():
        await asyncio.sleep(0)
        turns += 1
    await committing
    assert turns >= 10
    assert {totals.accounts[name].add(reading(1)).discharged_capacity for name in names} == {5.0}


async def test_another_meter_in_the_place_of_one_is_told_and_counts_nothing(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    totals = await keeper(database)
    first(totals)
    await totals.commit()
    assert totals.accounts["house"].notice() is None
    for second in (1, 2):
        totals.accounts["house"].add(reading(second)._replace(discharged_capacity=900.0 + second / 100, run_time=7))
    await totals.commit()
    assert totals.accounts["house"].add(reading(3)).discharged_capacity == 5.01
    assert totals.accounts["house"].notice() is not None
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.parametrize(
    "row", ["{oops", "[" * 100_000, b"\xff\xfe", "null", "[]", '"x"', "5", "{}", '{"version": NaN}']
)
@pytest.mark.parametrize("meter", ["van", "sold"])
async def test_a_ledger_that_cannot_be_read_costs_no_other_meter_its_totals(
    database: Database, row: str | bytes, meter: str, caplog: pytest.LogCaptureFixture
) -> None:
    totals = await keeper(database)
    first(totals)
    await totals.commit()
    add = "INSERT INTO ledger (meter, snapshot, time) VALUES (?, ?, 0)"
    database._connection.execute(add, (meter, row))
    again = await keeper(database, "van", "house")
    assert again.accounts["house"].add(reading(1)).discharged_capacity == 5.0
    assert again.accounts["house"].notice() is None
    first(again, "van")
    await again.commit()
    await again.commit()
    known = again.accounts["van"].add(reading(1)).discharged_capacity is not None
    assert known == (meter == "sold")
    assert (again.accounts["van"].notice() is None) == known
    assert caplog.text.count("cannot be read") == (not known)
    assert [(meter, row)] == database._connection.execute(
        "SELECT meter, snapshot FROM ledger WHERE meter = ?", (meter,)
    ).fetchall()


async def test_a_ledger_that_was_put_back_or_removed_is_taken_up_again(database: Database) -> None:
    database._connection.execute("INSERT INTO ledger (meter, snapshot, time) VALUES ('house', '{', 0)")
    totals = await keeper(database)
    assert first(totals).discharged_capacity is None
    assert totals.accounts["house"].notice() is not None
    database._connection.execute("DELETE FROM ledger")
    await totals.commit()
    first(totals)
    await totals.commit()
    assert totals.accounts["house"].add(reading(1)).discharged_capacity == 5.0
    assert totals.accounts["house"].notice() is None
