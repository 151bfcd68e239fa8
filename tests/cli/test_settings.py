"""`juntek settings` and `juntek act`, as an owner types them at a simulated meter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.program import Ended, run, simulator

pytestmark = [pytest.mark.timeout(180), pytest.mark.usefixtures("in_haste")]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with simulator("--model", "KG140F", "--model", "KH110F", "--address", 1, "--address", 7) as running:
        yield running.url


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def values(url: str, home: Path, *arguments: object) -> dict[str, Any]:
    result = run("settings", url, "--format", "json", *arguments, home=home)
    assert result.status == 0, result.talk
    return {setting["key"]: setting["value"] for setting in json.loads(result.output)["settings"]}


def journal(home: Path) -> list[dict[str, Any]]:
    result = run("settings", "log", "--format", "json", home=home)
    return [json.loads(line) for line in result.output.splitlines()]


def change(url: str, home: Path, *pairs: object, given: bytes | None = None) -> Ended:
    return run("settings", "set", url, *pairs, home=home, given=given)


def test_all_settings_are_shown_with_their_limits_and_what_they_do(url: str, home: Path) -> None:
    result = run("settings", url, home=home)
    assert result.status == 0, result.talk
    lines = {line.split()[0]: line for line in result.output.splitlines() if line}
    assert "0 to 120 V" in lines["over_voltage_protection"]
    assert "0 to 400 A" in lines["over_current_protection"]
    assert "dangerous" in lines["relay_type"]
    assert "dangerous" in lines["output"]
    assert "bluetooth_password" not in result.output
    other = run("settings", url, "--address", 7, home=home)
    assert "read only" in other.output
    assert "bluetooth_password" not in other.output


def test_a_setting_that_is_none_is_told_before_the_meter_is_asked(home: Path) -> None:
    (home / "short.log").write_text(
        "# juntek capture 1\n2026-05-01T06:00:00.000+00:00 "
        ":r51=1,142,0,0,0,0,0,100,0,0,2800,100,100,100,0,0,1,\\r\\n\n"
        "2026-05-01T06:00:00.100+00:00 :r50=1,238,5223,770,168000,0,0,0,120,0,0,0,1309,0,\\r\\n\n"
    )
    result = change(f"replay:{home / 'short.log'}", home, "nominal_capacit=200", "--yes")
    assert (result.status, 'did you mean "nominal_capacity"?' in result.talk) == (2, True), result.talk


def test_a_setting_is_planned_asked_for_written_and_read_back(url: str, home: Path) -> None:
    result = change(url, home, "nominal_capacity=200", given=b"n\n")
    assert result.status == 2
    assert values(url, home)["nominal_capacity"] == 280
    result = change(url, home, "nominal-capacity=200", given=b"y\n")
    assert result.status == 0, result.talk
    assert "nominal_capacity: obeyed." in result.output.splitlines()
    assert values(url, home)["nominal_capacity"] == 200
    (entry,) = journal(home)
    assert (entry["key"], entry["old"], entry["new"], entry["outcome"]) == ("nominal_capacity", 280, 200, "obeyed")
    assert entry["who"].startswith("command line ")
    assert "Nothing to change" in change(url, home, "nominal_capacity=200", "--yes").output


@pytest.mark.parametrize(
    "pair",
    ["nominal_capacity=0", "nominal_capacity=nan", "full_voltage=57", "explode=1", "relay_type=maybe", "x", "=1"],
)
def test_what_cannot_be_is_one_sentence_and_nothing_is_written(url: str, home: Path, pair: str) -> None:
    before = journal(home)
    result = change(url, home, "protection_delay=17", pair, "--yes-dangerous")
    assert result.status == 2
    assert "\n" not in result.talk.strip()
    assert values(url, home)["protection_delay"] != 17
    assert journal(home) == before


def test_what_is_dangerous_needs_its_key_typed(url: str, home: Path) -> None:
    for given, options in ((b"yes\n", ()), (None, ("--yes",))):
        assert change(url, home, "over_voltage_protection=60.5", *options, given=given).status == 2
    assert values(url, home)["over_voltage_protection"] is None
    assert change(url, home, "over_voltage_protection=60.5", given=b"over_voltage_protection\n").status == 0
    assert values(url, home)["over_voltage_protection"] == 60.5
    assert change(url, home, "over_voltage_protection=off", "--yes-dangerous").status == 0
    assert values(url, home)["over_voltage_protection"] is None


def test_settings_are_saved_and_only_what_differs_is_restored(url: str, home: Path) -> None:
    assert run("settings", "save", url, "kh.toml", "--address", 7, home=home).status == 0
    assert "password" not in (home / "kh.toml").read_text()
    changed = run(
        "settings", "set", url, "nominal_capacity=99.5", "protection_delay=9", "--yes-dangerous", "--address", 7,
        home=home,
    )  # fmt: skip
    assert changed.status == 0, changed.talk
    written = len(journal(home))
    restored = run("settings", "restore", url, "kh.toml", "--address", 7, "--yes", home=home)
    assert restored.status == 0, restored.talk
    assert "Left as they are: protection_delay" in restored.talk
    now = values(url, home, "--address", 7)
    assert (now["nominal_capacity"], now["protection_delay"]) == (280, 9)
    assert run("settings", "restore", url, "kh.toml", "--address", 7, "--yes-dangerous", home=home).status == 0
    assert values(url, home, "--address", 7)["protection_delay"] == 0
    assert len(journal(home)) == written + 2


@pytest.mark.parametrize(
    "text", ["", "settings = 3", "[settings]\nexplode = 1", "[settings", "[settings]\nrelay_type=[1]"]
)
def test_a_wrong_file_is_one_sentence(url: str, home: Path, text: str) -> None:
    (home / "wrong.toml").write_text(text)
    result = run("settings", "restore", url, "wrong.toml", "--yes", home=home)
    assert result.status == 2
    assert len(result.talk.splitlines()) == 1


def test_the_meter_acts(url: str, home: Path) -> None:
    result = run("act", url, "charge=100", "--yes", home=home)
    assert (result.status, "state_of_charge: obeyed." in result.output) == (0, True), result.talk
    assert run("act", url, "clear-totals", "--yes", home=home).status == 0
    assert run("act", url, "output=off", "--yes", home=home).status == 2
    assert "output: obeyed." in run("act", url, "output=off", "--yes-dangerous", home=home).output
    assert run("act", url, "output=on", "--yes-dangerous", home=home).status == 0
    for wrong in ("charge=101", "charge", "zero-current=5", "explode", "output=2"):
        result = run("act", url, wrong, "--yes-dangerous", home=home)
        assert (result.status, "None" in result.talk) == (2, False)


@pytest.mark.parametrize(("action", "option"), [("clear-totals", "--yes"), ("output=off", "--yes-dangerous")])
def test_where_nobody_can_be_asked_the_option_that_is_enough_is_told(
    url: str, home: Path, action: str, option: str
) -> None:
    result = run("act", url, action, home=home)
    assert result.status == 2
    assert result.talk.split()[-1] == f"{option}."


def test_a_link_that_is_not_there_is_one_sentence(home: Path) -> None:
    result = change("socket://127.0.0.1:1", home, "nominal_capacity=1", "--yes")
    assert result.status == 4
    assert len(result.talk.splitlines()) == 1
