"""The file of the database: whose it is, who may read it, and whether it is still the one that was written."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from history.made import readings
from juntek.errors import ConfigurationError
from juntek.history import Database, database_file
from juntek.history.recorder import Recorder, Stream

OTHER = 12_345 if os.geteuid() == 0 else os.geteuid()
"""A user whose folder this is; only root can play another."""


def test_it_belongs_to_whom_its_folder_belongs_to_and_only_that_one_may_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "of-the-service"
    folder.mkdir()
    os.chown(folder, OTHER, -1)
    path = folder / "juntek.db"
    Database(path).close()
    assert (path.stat().st_uid, path.stat().st_mode & 0o777) == (OTHER, 0o600)


def test_it_is_made_where_a_link_to_it_leads(tmp_path: Path) -> None:
    path = tmp_path / "juntek.db"
    path.symlink_to(tmp_path / "disk.db")
    Database(path).close()
    assert (tmp_path / "disk.db").is_file()
    Database(path).close()


def test_links_in_a_circle_are_told(tmp_path: Path) -> None:
    path = tmp_path / "juntek.db"
    path.symlink_to(path)
    with pytest.raises(ConfigurationError, match="is not a file: give the path"):
        Database(path)


def test_what_others_do_with_the_file_beside_the_gateway_is_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_file, "set_apart", lambda _: pytest.fail("it is ours"))
    path = tmp_path / "juntek.db"
    with Database(path) as totals, Database(path) as others, sqlite3.connect(path) as theirs:
        recorder = Recorder(others)
        others._connection.execute("PRAGMA wal_autocheckpoint = 30")
        theirs.execute("PRAGMA wal_autocheckpoint = 1")
        for turn in range(200):
            totals.save_ledgers({f"meter {turn % 7}": {"last": None, "turn": turn}}, 1.75e9 - turn % 50)
            recorder.record({"house": readings(turn * 10, 10)})
            if turn % 20 == 3:
                theirs.execute("UPDATE meter SET name = 'house'")
                theirs.commit()
            elif turn % 20 == 7:
                theirs.execute("VACUUM")
            elif turn % 20 == 11:
                path.touch()
            assert not totals.follow()


@pytest.mark.parametrize("meter", ["house", "boat"])
def test_a_recording_that_is_imported_beside_the_gateway_is_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meter: str
) -> None:
    monkeypatch.setattr(database_file, "set_apart", lambda _: pytest.fail("it is ours"))
    path = tmp_path / "juntek.db"
    with Database(path) as totals, Database(path) as others, sqlite3.connect(path) as theirs:
        totals.save_ledgers({"house": {"last": [1]}}, 1000.0)
        for turn in range(3):
            stream = Stream(meter, time=2_000_000 + turn, totals=[1, 2, 3, 4])
            Recorder(others).conclude(stream, {"last": [2]})
            theirs.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            assert not totals.follow()
            totals.save_ledgers({"house": {"last": [3]}}, 1010.0 + turn)


def test_a_file_that_is_being_copied_over_it_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, other = tmp_path / "juntek.db", tmp_path / "other.db"
    with Database(other) as database:
        database.save_ledgers({"house": {"last": 1}}, 1.0)
    parts = [other.read_bytes()[start : start + 30_000] for start in range(0, other.stat().st_size, 30_000)]
    with Database(path) as database:
        database.save_ledgers({"house": {"last": 2}}, 2.0)
        with path.open("wb", buffering=0) as copying:
            copying.write(parts.pop(0))
            monkeypatch.setattr(
                "juntek.history.database_file.time.sleep", lambda _: copying.write(parts.pop(0)) if parts else 0
            )
            assert database.follow()
        assert database.load_ledgers() == {"house": {"last": 1}}


def test_a_file_that_cannot_be_looked_at_for_a_moment_is_still_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(kept: database_file.Kept) -> tuple[int, int] | None:
        return answers.pop() if answers else real(kept)

    monkeypatch.setattr(database_file, "set_apart", lambda _: pytest.fail("it is ours"))
    monkeypatch.setattr("juntek.history.database_file.time.sleep", lambda _: None)
    real, answers = database_file.Kept._look, list[None]()
    with Database(tmp_path / "juntek.db") as database:
        database.save_ledgers({"house": {"last": 1}}, 1.0)
        monkeypatch.setattr(database_file.Kept, "_look", look)
        monkeypatch.setattr(database_file.Kept, "_read", lambda _: None)
        answers.append(None)
        assert not database.follow()
