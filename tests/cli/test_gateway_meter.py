"""`juntek read`, `watch` and `find` on a link that our gateway holds: the gateway is asked, and says the same."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import juntek
from cli.program import PATIENCE, Ended, on_a_terminal, run, simulator, started_juntek
from juntek.cli.gateway_client import read_events, update_of
from juntek.outputs.web.passwords import hash_password
from juntek.reading import Reading, Settings
from servers.process import PIPES, free_port


@contextmanager
def gateway(folder: Path, web: str = "") -> Iterator[str]:
    """A gateway process on a simulated meter at a port; yields the port. `web` is more of its section, or no page."""
    port, page = folder / "port", free_port()
    (folder / "password").write_text(hash_password("kilowatt hour"))
    (folder / "password").chmod(0o600)
    section = f'[web]\nlisten = "127.0.0.1:{page}"\n{web}' if web != "none" else ""
    (folder / "juntek.toml").write_text(
        f'[[meters]]\nname = "house"\nlink = "{port}"\ninterval = 0.2\n[history]\npath = "juntek.db"\n{section}\n'
    )
    command = ("run", "--config", folder / "juntek.toml")
    with (
        simulator("--pty", port, "--model", "KG140F"),
        started_juntek(*command, home=folder, stderr=subprocess.PIPE) as process,
    ):
        assert process.stderr is not None
        said = ""
        while "firmware" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        yield str(port)
        process.terminate()
        process.communicate(timeout=PATIENCE)


def beside(folder: Path, *arguments: object) -> Ended:
    return run(*arguments, "--config", folder / "juntek.toml", home=folder)


LOCKED = 'password_hash_file = "password"'


@pytest.fixture(scope="module", params=["", LOCKED],
                ids=["an open page", "a page with a password"])  # fmt: skip
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    folder = tmp_path_factory.mktemp("site")
    with gateway(folder, request.param) as port:
        yield folder, port


def test_readings_come_from_the_gateway_in_every_format(site: tuple[Path, str]) -> None:
    folder, port = site
    result = beside(folder, "read", port, "--count", "3")
    assert (result.status, len(result.talk.splitlines())) == (0, 1), result.talk
    assert "gateway" in result.talk
    readings = [json.loads(line) for line in result.output.splitlines()]
    assert len({reading["time"] for reading in readings}) == 3
    with simulator() as meter:
        direct = json.loads(run("read", meter.url, "--count", "1", home=folder).output)
    assert list(readings[0]) == list(direct)
    assert {key: type(value) for key, value in readings[-1].items() if value is not None}.items() >= {
        "voltage": float, "raw": str, "estimated": list, "state_of_charge": float,
    }.items()  # fmt: skip
    rows = list(csv.DictReader(beside(folder, "read", port, "--count", "2", "--format", "csv").output.splitlines()))
    assert all(40 < float(row["voltage"]) < 60 for row in rows)
    assert len(rows) == 2
    assert len(beside(folder, "read", port, "--count", "1", "--format", "table").output.splitlines()) == 3


def test_the_live_view_shows_what_the_gateway_reads(site: tuple[Path, str]) -> None:
    folder, port = site
    with on_a_terminal("watch", port, "--config", folder / "juntek.toml") as screen:
        screen.wait_for("KG140F")
        screen.type("q")
        assert screen.wait_for_end() == 0


def test_a_port_of_the_gateway_is_shown_as_the_gateway_has_it(site: tuple[Path, str]) -> None:
    folder, port = site
    result = beside(folder, "find", port)
    assert (result.status, "gateway" in result.output, "KG140F" in result.output) == (0, True, True), result.talk
    (found,) = json.loads(beside(folder, "find", port, "--format", "json").output)["ports"]
    assert (found["cause"], [meter["model"] for meter in found["meters"]]) == ("gateway", ["KG140F"])
    assert found["meters"][0]["voltage"] > 40


def test_settings_are_shown_by_any_page_and_written_by_one_that_allows_it(site: tuple[Path, str]) -> None:
    folder, port = site
    shown = beside(folder, "settings", "show", port)
    assert (shown.status, "nominal_capacity" in shown.output) == (0, True), shown.talk
    refused = beside(folder, "settings", "set", port, "nominal_capacity=123", "--yes")
    assert (refused.status, len(refused.talk.splitlines()), "allow_control" in refused.talk) == (3, 1, True)


def test_a_recording_beside_the_gateway_says_to_stop_it(site: tuple[Path, str]) -> None:
    folder, port = site
    result = beside(folder, "capture", port, "-o", folder / "bus.log")
    assert (result.status, len(result.talk.splitlines()), "systemctl stop" in result.talk) == (4, 1, True)
    assert not (folder / "bus.log").exists()


def test_an_address_that_the_gateway_does_not_know_is_named(site: tuple[Path, str]) -> None:
    folder, port = site
    result = beside(folder, "read", port, "--address", "7")
    assert (result.status, len(result.talk.splitlines()), "[[meters]]" in result.talk) == (2, 1, True)


def test_a_gateway_without_a_page_is_named_with_what_to_do(tmp_path: Path) -> None:
    with gateway(tmp_path, "none") as port:
        result = beside(tmp_path, "read", port)
        assert (result.status, len(result.talk.splitlines()), "[web]" in result.talk) == (3, 1, True)
        result = beside(tmp_path, "find", port)
        assert (result.status, "[web]" in result.output) == (5, True)


def test_a_gateway_that_ends_is_told(tmp_path: Path) -> None:
    options = ("--timeout", 0.5, "--config", tmp_path / "juntek.toml")
    with ExitStack() as reading:
        with gateway(tmp_path) as port:
            reader = reading.enter_context(started_juntek("read", port, *options, home=tmp_path, **PIPES))
            assert reader.stdout is not None
            assert reader.stdout.readline()
        _, talk = reader.communicate(timeout=PATIENCE)
        assert (reader.returncode, "Traceback" in talk) == (4, False)


def test_what_the_api_says_becomes_the_reading_that_it_was() -> None:
    (settings,) = juntek.decode(b":r51=1,142,0,0,0,0,0,100,0,0,2800,100,100,100,0,0,1,\r\n")
    (reading,) = juntek.decode(b":r50=1,159,5236,430,167612,468,421,510,120,0,0,1,1565,0,\r\n")
    assert isinstance(settings, Settings)
    assert isinstance(reading, Reading)
    believed = reading._replace(time=1.7e9, more={"state_of_charge": 61.5, "time_to_empty": 7, "time_to_full": None})
    health = {
        "mode": "poll", "connected": True, "frames": 3, "garbage": {"noise": 2}, "garbage_count": 2, "out_of_range": {},
        "reconnects": 0, "last_frame": "2026-01-01T00:00:00+00:00", "error": None, "notice": None,
    }  # fmt: skip
    facts = {
        "meter": "house", "available": True, "identity": None, "settings": settings.as_dict(secrets=False),
        "health": health, "latest": believed.as_dict(),
    }  # fmt: skip
    update = update_of(facts)
    assert update.reading is not None
    assert update.settings is not None
    assert update.reading.as_dict() == believed.as_dict()
    assert update.settings.as_dict(secrets=False) == settings.as_dict(secrets=False)
    assert update.health.as_dict() | {"last_frame": None} == health | {"last_frame": None}


def test_a_stream_is_read_event_by_event() -> None:
    stream = b'retry: 3000\n\nevent: gateway\ndata: {}\n\n: still here\n\nevent: update\ndata: {"a": 1}\n\n'
    assert list(read_events(stream.splitlines(keepends=True))) == [{"a": 1}]
