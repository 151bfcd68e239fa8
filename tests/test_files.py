"""Why a file cannot be read, and which files root does not use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from juntek.cli.arguments import write_new
from juntek.config import load
from juntek.errors import ConfigurationError, RequestError
from juntek.files import explain_unreadable, read_bytes, refuse_links_of_others, refuse_orders_of_others
from juntek.history import Database


def test_a_file_of_the_user_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "password").write_bytes(b"secret\n")
    assert read_bytes(Path("~/password"), "mqtt.password_file") == b"secret\n"


def test_what_cannot_be_read_is_named_with_its_key_and_the_mend(tmp_path: Path) -> None:
    for name in ("missing", "."):
        with pytest.raises(ConfigurationError) as refusal:
            read_bytes(tmp_path / name, "mqtt.password_file")
        assert str(refusal.value).startswith(f"mqtt.password_file {tmp_path / name} ")


def test_every_reason_has_its_own_words() -> None:
    reasons = (FileNotFoundError(), PermissionError(), IsADirectoryError(), OSError(5, "Input/output error"))
    assert len({explain_unreadable(reason) for reason in reasons}) == len(reasons)


root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files that are another user's")
STRANGER = 65534


def link_of_a_stranger(tmp_path: Path) -> tuple[Path, Path]:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("[mqtt]\n")
    target.chmod(0o600)
    link.symlink_to(target)
    os.lchown(link, STRANGER, STRANGER)
    return target, link


def test_the_home_of_a_user_who_is_not_here_is_no_folder_to_make() -> None:
    for refuse in (refuse_links_of_others, refuse_orders_of_others):
        with pytest.raises(ConfigurationError):
            refuse(Path("~nobody-of-this-name/juntek.toml"))
        refuse(Path("~a-file-of-that-name"))
    refuse_links_of_others(Path("~/juntek.toml"))


@root
def test_root_follows_no_link_that_another_user_made(tmp_path: Path) -> None:
    target, link = link_of_a_stranger(tmp_path)
    for refuse in (refuse_links_of_others, refuse_orders_of_others):
        with pytest.raises(ConfigurationError):
            refuse(link)
        refuse(target)
    folder = tmp_path / "folder"
    folder.symlink_to(tmp_path)
    refuse_links_of_others(folder / "target")
    os.lchown(folder, STRANGER, STRANGER)
    with pytest.raises(ConfigurationError):
        refuse_links_of_others(folder / "target")


@root
@pytest.mark.parametrize("writable", [False, True])
def test_root_obeys_no_configuration_that_another_user_can_change(tmp_path: Path, writable: bool) -> None:
    file = tmp_path / "juntek.toml"
    file.write_text('[[meters]]\nname = "house"\nlink = "/dev/ttyUSB0"\n')
    load(file, {})
    if writable:
        file.chmod(0o666)
    else:
        os.chown(file, STRANGER, STRANGER)
    with pytest.raises(ConfigurationError):
        load(file, {})
    with pytest.raises(ConfigurationError):
        load(None, {"JUNTEK_CONFIG": str(file)})


@root
def test_root_takes_no_variables_from_a_file_that_another_user_can_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "juntek.toml"
    file.write_text('[[meters]]\nname = "house"\nlink = "/dev/ttyUSB0"\n')
    (tmp_path / "environment").write_text("JUNTEK_MQTT__HOST=elsewhere\n")
    monkeypatch.setattr("juntek.config.SYSTEM_FILE", file)
    load(file, {})
    os.chown(tmp_path / "environment", STRANGER, STRANGER)
    with pytest.raises(ConfigurationError):
        load(file, {})


@root
def test_the_database_and_its_backup_are_not_written_through_the_link_of_another_user(tmp_path: Path) -> None:
    target, link = link_of_a_stranger(tmp_path)
    target.unlink()
    with pytest.raises(ConfigurationError):
        Database(link)
    with Database(tmp_path / "juntek.db") as database, pytest.raises(ConfigurationError):
        database.back_up(link)
    assert not target.exists()


@root
def test_settings_are_not_saved_through_the_link_of_another_user(tmp_path: Path) -> None:
    target, link = link_of_a_stranger(tmp_path)
    with pytest.raises(ConfigurationError):
        write_new(link, "[settings]", RequestError, force=True)
    assert target.read_text() == "[mqtt]\n"


WRITERS = (
    ("config", "init", "--force"),
    ("web", "password", "-o"),
    ("web", "token", "grafana", "-o"),
)


@root
@pytest.mark.parametrize("arguments", WRITERS, ids=" ".join)
def test_no_command_of_root_writes_through_the_link_of_another_user(arguments: tuple[str, ...], tmp_path: Path) -> None:
    target, link = link_of_a_stranger(tmp_path)
    command = [sys.executable, "-m", "juntek", *arguments, str(link)]
    result = subprocess.run(command, check=False, input="a long password\n", capture_output=True, text=True)
    assert result.returncode not in {0, 1}
    assert str(link) in result.stderr
    assert target.read_text() == "[mqtt]\n"


def test_a_secret_that_every_user_may_read_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file, password = tmp_path / "juntek.toml", tmp_path / "password"
    password.write_text("hunter2\n")
    file.write_text(
        '[[meters]]\nname = "house"\nlink = "/dev/ttyUSB0"\n'
        '[mqtt]\nusername = "me"\npassword_file = "password"\nca_file = "password"\ntls = true\n'
    )
    password.chmod(0o644)
    load(file, {})
    (warning,) = caplog.records
    assert str(password) in warning.getMessage()
    caplog.clear()
    password.chmod(0o640)
    load(file, {})
    assert not caplog.records


def test_a_configuration_with_the_key_of_a_link_is_warned_of_where_every_user_may_read_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "juntek.toml"
    file.write_text('[[meters]]\nname = "house"\nlink = "esphome://host/?port_name=x&key=hunter2"\n')
    file.chmod(0o644)
    load(file, {})
    (warning,) = caplog.records
    assert "hunter2" not in warning.getMessage()
    caplog.clear()
    file.chmod(0o600)
    load(file, {})
    assert not caplog.records
