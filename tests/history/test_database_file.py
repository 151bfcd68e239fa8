"""The file of the database: whose it is, and who may read it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from juntek.errors import ConfigurationError
from juntek.history import Database

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
