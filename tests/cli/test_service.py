"""The unit of the service, for every place in which the program may lie."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from cli.program import run
from juntek.cli.service import find_owner, join_group, leave_groups, write_unit
from juntek.errors import RequestError


def test_a_program_that_everybody_may_start_gets_a_user_of_its_own() -> None:
    unit = write_unit(Path("/opt/juntek/bin/juntek"), None, "dialout")
    assert "\nExecStart=/opt/juntek/bin/juntek run --config /etc/juntek/juntek.toml\n" in unit
    assert "\nDynamicUser=yes\n" in unit
    assert "\nSupplementaryGroups=dialout\n" in unit
    assert find_owner(Path("/usr/bin/env")) is None


def test_a_program_in_a_home_runs_as_its_owner_who_may_look_in_there() -> None:
    unit = write_unit(Path("/home/pi/.local/bin/juntek"), "pi", "dialout")
    assert "\nUser=pi\n" in unit
    assert "DynamicUser" not in unit
    assert "\nProtectHome=read-only\n" in unit


def test_a_system_without_a_group_of_serial_ports_can_start_the_unit() -> None:
    assert "\nSupplementaryGroups=" not in write_unit(Path("/usr/bin/juntek"), None, None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has programs that nobody else may see")
def test_the_gateway_never_runs_as_root(tmp_path: Path) -> None:
    program = tmp_path / "juntek"
    program.touch()
    tmp_path.chmod(0o700)
    with pytest.raises(RequestError):
        find_owner(program)


def test_only_users_whom_an_installation_let_open_serial_ports_are_taken_out_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[Sequence[str]] = []
    monkeypatch.setattr("juntek.cli.service.JOINED", tmp_path / "etc" / "joined")
    monkeypatch.setattr("juntek.cli.service.subprocess.run", lambda command, **_: ran.append(command))
    leave_groups()
    assert ran == [], "nobody was let in"
    join_group("pi", "dialout")
    leave_groups()
    assert ran[1:] == [("gpasswd", "--delete", "pi", "dialout")]
    leave_groups()
    assert len(ran) == 2


def test_where_there_is_no_systemd_it_says_so(tmp_path: Path) -> None:
    if Path("/run/systemd/system").is_dir() or os.geteuid() != 0:
        pytest.skip("needs root, and a computer without systemd")
    ended = run("service", "install", home=tmp_path)
    assert ended.status == 2
    assert len(ended.talk.splitlines()) == 1
