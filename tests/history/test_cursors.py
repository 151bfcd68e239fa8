"""How far each target has the history: cursors that others move, and those made of the accounts of older versions."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from history.made import START, reading_at
from juntek.history import MIGRATIONS, Database
from juntek.history.cursors import Cursor, Cursors
from juntek.history.recorder import Recorder

FIRST, LAST = 1000 * round(START), 1000 * round(START + 1000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "juntek.db"
    record(path, 1, 1000)
    return path


def record(path: Path, first: int, count: int, shift: float = 0.0) -> None:
    with Database(path, check=False) as database:
        made = [reading_at(tick, time=START + tick + shift) for tick in range(first, first + count)]
        Recorder(database).record({"house": made})


def cursor_of(path: Path, target: str = "engine") -> Cursor:
    with Cursors(path, target) as cursors:
        return cursors.look()["house"][0]


def test_a_new_target_gets_what_comes_from_now_on(path: Path) -> None:
    assert cursor_of(path) == Cursor(head=LAST, since=LAST)
    record(path, 1001, 100)
    assert cursor_of(path) == Cursor(head=LAST, since=LAST)
    assert cursor_of(path, "other") == Cursor(head=LAST + 100_000, since=LAST + 100_000)


def test_a_meter_that_comes_after_the_target_is_sent_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "juntek.db"
    with Cursors(path, "engine") as cursors:
        assert cursors.look() == {}
        record(path, 1, 10)
        assert cursors.look() == {"house": (Cursor(), FIRST + 10_000)}
    assert cursor_of(path) == Cursor()


def test_a_cursor_that_others_have_moved_is_not_written_over(path: Path) -> None:
    with Cursors(path, "engine") as ours, Cursors(path, "engine") as theirs:
        before = ours.look()["house"][0]
        theirs.send_again("house", (FIRST + 1, LAST))
        ours.save({"house": before._replace(head=LAST + 1)})
        moved = ours.look()["house"][0]
        assert moved == Cursor(head=LAST, past=FIRST, until=LAST, since=LAST, moves=1)
        ours.save({"house": moved._replace(past=FIRST + 5000)})
        assert theirs.look()["house"][0].past == FIRST + 5000


def test_a_clock_that_is_set_back_lowers_every_cursor_and_one_that_goes_on_none(path: Path) -> None:
    assert cursor_of(path) == cursor_of(path, "other")
    record(path, 1001, 10)
    assert not cursor_of(path).has_gap
    record(path, 1011, 10, shift=-2 * 86_400)
    record(path, 1021, 10, shift=-2 * 86_400)
    for target in ("engine", "other"):
        cursor = cursor_of(path, target)
        assert (cursor.past, cursor.until) == (FIRST + 1000 * (1011 - 172_800) - 1, FIRST + 1000 * (1030 - 172_800))
        assert cursor.moves == 2


def test_gaps_become_one_that_holds_them_all() -> None:
    cursor = Cursor(head=100)
    assert cursor.widen(5, 5) == cursor
    assert cursor.widen(10, 20) == Cursor(head=100, past=10, until=20)
    assert cursor.widen(10, 20).widen(30, 40) == Cursor(head=100, past=10, until=40)
    assert Cursor(head=100, past=50, until=50).widen(10, 20) == Cursor(head=100, past=10, until=20)


def test_what_lies_in_a_gap_is_counted_to_the_minute(path: Path) -> None:
    with Cursors(path, "engine") as cursors:
        assert cursors.count_between("house", 0, LAST) == 1000
        assert cursors.count_between("house", 0, FIRST) == 0
        assert cursors.count_between("house", FIRST + 300_000, LAST) == pytest.approx(700, abs=60)
        assert cursors.count_between("barn", 0, LAST) == 0


def test_the_accounts_of_an_older_version_become_cursors(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP TABLE cursor")
        connection.execute("DELETE FROM migration WHERE name = '0004 cursors'")
        for statement in MIGRATIONS["0003 deliveries"]:
            connection.execute(statement)
        for values in ((1, "engine", FIRST), (2, "done", FIRST), (3, "new", None)):
            connection.execute("INSERT INTO target VALUES (?, ?, ?)", values)
        for accounts in ((1, 1, 0, FIRST + 5000, FIRST + 9000), (2, 1, FIRST, LAST, LAST)):
            connection.execute("INSERT INTO delivered VALUES (?, ?, ?, ?, ?)", accounts)
        for owed in ((1, 1, 1, FIRST + 1, FIRST + 50, 0, None), (2, 1, 1, FIRST + 70, FIRST + 90, 2, 12.5)):
            connection.execute("INSERT INTO owed VALUES (?, ?, ?, ?, ?, ?, ?)", owed)
    assert cursor_of(path) == Cursor(head=FIRST + 5000, past=FIRST, until=FIRST + 90, since=0)
    assert cursor_of(path, "done") == Cursor(head=LAST, since=FIRST)
    assert cursor_of(path, "new") == Cursor(head=LAST, since=LAST)
    with closing(sqlite3.connect(path)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert not tables & {"target", "delivered", "owed"}
    assert "0004 cursors" in MIGRATIONS
