"""scripts/stack: one command, passwords of its own, and no word about Docker that does not help."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stack.scripted import read_settings, run_script

LINK = "/dev/serial/by-id/usb-1a86_USB&Serial|x-if00-port0"


def test_it_makes_passwords_that_nobody_else_has(tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        status, said = run_script(tmp_path / name, "--demo", "--only-env")
        assert status == 0, said
        settings = read_settings(tmp_path / name)
        made += [settings["GRAFANA_PASSWORD"], settings["MQTT_PASSWORD"]]
        assert (tmp_path / name / ".env").stat().st_mode & 0o077 == 0
    assert len(set(made)) == 4
    assert all(re.fullmatch(r"[0-9a-f]{24}", password) for password in made)


def test_a_link_is_taken_as_it_is(tmp_path: Path) -> None:
    status, said = run_script(tmp_path, "--link", LINK, "--only-env")
    assert status == 0, said
    settings = read_settings(tmp_path)
    assert settings["METER_LINK"] == LINK
    assert "COMPOSE_PROFILES" not in settings


def test_the_demo_has_a_simulator_with_two_meters(tmp_path: Path) -> None:
    run_script(tmp_path, "--demo", "--only-env")
    settings = read_settings(tmp_path)
    assert settings["COMPOSE_PROFILES"] == "demo"
    assert settings["METER_LINK"] == settings["SECOND_METER_LINK"] == "socket://simulator:4001"


@pytest.mark.parametrize("arguments", [("--demo",), ("--link", "/dev/ttyUSB1"), ()])
def test_settings_that_are_there_are_never_changed(arguments: tuple[str, ...], tmp_path: Path) -> None:
    run_script(tmp_path, "--link", LINK, "--only-env")
    before = (tmp_path / ".env").read_bytes()
    status, said = run_script(tmp_path, *arguments, "--only-env")
    assert (tmp_path / ".env").read_bytes() == before
    assert status == (2 if arguments else 0)
    assert ("already" in said) == bool(arguments)


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        ((), 2, "scripts/stack --demo"),
        (("--link",), 2, "ls /dev/serial/by-id"),
        (("--demo", "--link", "/dev/ttyUSB0"), 2, "not both"),
        (("--nonsense",), 2, "--help"),
    ],
)
def test_wrong_use_is_one_sentence(arguments: tuple[str, ...], status: int, sentence: str, tmp_path: Path) -> None:
    told, said = run_script(tmp_path, *arguments)
    assert told == status
    assert sentence in said
    assert said.count("\n") == 1
    assert not (tmp_path / ".env").exists()


def programs(folder: Path, **scripts: str) -> str:
    """Make a PATH with the tools of every system, and these programs."""
    folder.mkdir()
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    for name in ("bash", "env", "sed", "od", "tr", "cat", "mv", "tail", "id", "dirname", "sh"):
        if name not in scripts:
            found = next(Path(place) / name for place in ("/usr/bin", "/bin") if (Path(place) / name).exists())
            (folder / name).symlink_to(found)
    return str(folder)


def test_without_docker_it_says_what_to_install(tmp_path: Path) -> None:
    status, said = run_script(tmp_path, "--demo", path=programs(tmp_path / "bin"))
    assert status == 3
    assert said == "Docker with Compose is not installed: sudo apt-get install docker.io docker-compose\n"
    assert not (tmp_path / ".env").exists()


@pytest.mark.parametrize(("user", "mend"), [(1000, "sudo usermod -aG docker pi"), (0, "systemctl start docker")])
def test_a_docker_that_does_not_answer_is_told_of(user: int, mend: str, tmp_path: Path) -> None:
    docker = '[ "$1" = compose ] && exit 0; exit 1'
    who = f'[ "$1" = -u ] && echo {user} || echo pi'
    status, said = run_script(tmp_path, "--demo", path=programs(tmp_path / "bin", docker=docker, id=who))
    assert status == 3
    assert mend in said
    assert said.count("\n") == 1
    assert not (tmp_path / ".env").exists()


def test_the_demo_has_to_end_before_a_meter_takes_its_place(tmp_path: Path) -> None:
    run_script(tmp_path, "--demo", "--only-env")
    status, said = run_script(tmp_path, "--link", LINK)
    assert status == 2
    assert said.startswith("There is a .env of the demo: end the demo with: docker compose down --volumes, remove .env")


@pytest.mark.parametrize("modern", [True, False])
def test_it_starts_the_stack_and_says_where_to_look(modern: bool, tmp_path: Path) -> None:
    told = tmp_path / "told"
    note = f'echo "$(basename "$0") $*" >> {told}'
    docker = note if modern else f'[ "$1" = compose ] && exit 1; {note}'
    path = programs(tmp_path / "bin", **{"docker": docker, "docker-compose": note, "basename": 'echo "${1##*/}"'})
    status, said = run_script(tmp_path, "--demo", path=path)
    assert status == 0, said
    assert told.read_text().splitlines()[-1] == f"docker{' ' if modern else '-'}compose up --detach --build"
    assert "http://localhost:3000" in said
    assert read_settings(tmp_path)["GRAFANA_PASSWORD"] in said
