"""The database file: what is committed is there, and what is wrong is one sentence."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from history.made import execute
from juntek import history as database_module
from juntek.errors import ConfigurationError, DatabaseError, JuntekError
from juntek.history import Database

HOUSE = {"version": 1, "sums": [1, 2, 3, 4], "last": [1.5, 0.1, -3.25, 1e-9, 100.001]}
BOAT = {"version": 1, "sums": [5, 6, 7, 10**15], "last": None}


@contextmanager
def refused(kind: type[JuntekError], why: str) -> Iterator[None]:
    """Expect an error that says why, in one sentence."""
    with pytest.raises(kind, match=why) as error:
        yield
    text = str(error.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert "Traceback" not in text


def test_ledgers_are_there_after_the_file_was_closed(tmp_path: Path) -> None:
    path = tmp_path / "new" / "history.db"
    with Database(path) as database:
        assert database.load_ledgers() == {}
        database.save_ledgers({"house": HOUSE, "boat": BOAT}, 1.0)
        database.save_ledgers({"house": {**HOUSE, "sums": [2, 2, 3, 4]}}, 2.0)
    with Database(path) as database:
        assert database.load_ledgers() == {"house": {**HOUSE, "sums": [2, 2, 3, 4]}, "boat": BOAT}


def test_only_its_owner_may_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with Database(path) as database:
        database.save_ledgers({"house": HOUSE}, 1.0)
        assert {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {
            "history.db": 0o600, "history.db-wal": 0o600, "history.db-shm": 0o600,
        }  # fmt: skip


def test_a_commit_is_on_the_disk_before_it_returns(tmp_path: Path) -> None:
    with Database(tmp_path / "history.db") as database:
        connection = database._connection
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_commit_is_all_or_nothing(tmp_path: Path) -> None:
    with Database(tmp_path / "history.db") as database:
        database.save_ledgers({"house": HOUSE}, 1.0)
        with pytest.raises(DatabaseError):
            database.save_ledgers({"house": BOAT, None: BOAT}, 2.0)  # type: ignore[dict-item]
        assert database.load_ledgers() == {"house": HOUSE}
        database.save_ledgers({"house": BOAT}, 3.0)
        assert database.load_ledgers() == {"house": BOAT}


def test_threads_wait_for_each_other(tmp_path: Path) -> None:
    with Database(tmp_path / "history.db") as database:

        def save(meter: str) -> None:
            for _ in range(20):
                database.save_ledgers({meter: HOUSE}, 1.0)

        threads = [threading.Thread(target=save, args=(f"meter {number}",)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(database.load_ledgers()) == 4


def test_migrations_are_recorded_and_done_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "history.db"
    with Database(path) as database:
        database.save_ledgers({"house": HOUSE}, 1.0)
    more = {**database_module.MIGRATIONS, "9998 more": ("ALTER TABLE ledger ADD COLUMN more", "CREATE TABLE more (x)")}
    monkeypatch.setattr(database_module, "MIGRATIONS", more)
    for _ in range(2):
        with Database(path) as database:
            assert database.load_ledgers() == {"house": HOUSE}
            names = [name for (name,) in database._connection.execute("SELECT name FROM migration ORDER BY name")]
            assert names == [*more]


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "history.db"
    newer = {**database_module.MIGRATIONS, "9999 the future": ("CREATE TABLE future (x)",)}
    with monkeypatch.context() as patch:
        patch.setattr(database_module, "MIGRATIONS", newer)
        Database(path).close()
    with refused(DatabaseError, f"{path} .* newer version of juntek"):
        Database(path)


@pytest.mark.parametrize("why", ["another program", "damaged or not a database"])
def test_what_is_no_database_of_ours_is_refused_and_not_touched(tmp_path: Path, why: str) -> None:
    path = tmp_path / "other.db"
    if why == "another program":
        execute(path, "CREATE TABLE theirs (x)")
    else:
        path.write_bytes(b"# not a database, but a text that someone keeps\n" * 100)
    before = path.read_bytes()
    with refused(DatabaseError, why):
        Database(path)
    assert path.read_bytes() == before


def test_a_damaged_file_is_noticed_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with Database(path) as database:
        database.save_ledgers({f"meter {number}": HOUSE for number in range(500)}, 1.0)
    data = bytearray(path.read_bytes())
    assert len(data) > 5 * 4096
    for page in range(2, len(data) // 4096):
        data[page * 4096 : page * 4096 + 200] = b"\xa5" * 200
    path.write_bytes(data)
    with refused(DatabaseError, "damaged"):
        Database(path)


def test_a_snapshot_that_is_no_json_is_damage(tmp_path: Path) -> None:
    with Database(tmp_path / "history.db") as database:
        database._connection.execute("INSERT INTO ledger VALUES ('house', '{', 0)")
        with refused(DatabaseError, "damaged"):
            database.load_ledgers()


@pytest.mark.parametrize(
    ("trouble", "why", "mend"),
    [
        ("PRAGMA max_page_count = 1", "the disk is full", "PRAGMA max_page_count = 100000"),
        ("PRAGMA query_only = ON", "cannot be written", "PRAGMA query_only = OFF"),
    ],
)
def test_a_disk_that_refuses_is_said_and_the_next_commit_tries_again(
    tmp_path: Path, trouble: str, why: str, mend: str
) -> None:
    large = {f"meter {number}": HOUSE for number in range(500)}
    with Database(tmp_path / "history.db") as database:
        database.save_ledgers({"house": HOUSE}, 1.0)
        database._connection.execute(trouble)  # of pages it takes no fewer than there are
        with refused(DatabaseError, why):
            database.save_ledgers(large, 2.0)
        assert database.load_ledgers() == {"house": HOUSE}
        database._connection.execute(mend)
        database.save_ledgers(large, 3.0)
        assert len(database.load_ledgers()) == 501


def test_another_program_that_holds_the_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with Database(path) as database:
        database._connection.execute("PRAGMA busy_timeout = 10")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with refused(DatabaseError, "another program holds it"):
            database.save_ledgers({"house": HOUSE}, 1.0)
        other.execute("ROLLBACK")
        other.close()
        database.save_ledgers({"house": HOUSE}, 1.0)


@pytest.mark.parametrize("name", ["a directory", "a file/history.db", "/proc/nowhere/history.db"])
def test_a_path_that_cannot_be_is_a_wrong_configuration(tmp_path: Path, name: str) -> None:
    (tmp_path / "a directory").mkdir()
    (tmp_path / "a file").touch()
    with refused(ConfigurationError, name.rsplit("/", maxsplit=1)[-1]):
        Database(tmp_path / name)
