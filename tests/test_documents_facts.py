"""What the documents say of the program is what the program says; rule: each fact is read from both sides."""

from __future__ import annotations

import configparser
import importlib.util
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from cli.program import environment, simulator, started_juntek
from documents import CONFIGURATION, DOCUMENTS, JUNTEK_KG, MQTT, OTHER_PROGRAMS, README, ROOT, TROUBLES, table, words
from juntek.cli import STATUSES
from juntek.links import find_kinds, kind_of
from juntek.outputs.mqtt import messages
from juntek.quantity import DIRECTIONS, OUTPUT_STATES, QUANTITIES
from juntek.reading import Reading
from juntek.rs485.family import find_models
from juntek.update import Health
from outputs.updates import kg_reading

UNIT = ROOT / "src" / "juntek" / "cli" / "juntek.service"
WRITTEN = [*DOCUMENTS, UNIT, *sorted((ROOT / "examples").glob("*.py"))]
SOURCE = "".join(path.read_text() for path in sorted((ROOT / "src").rglob("*.py")))


def load(name: str) -> ModuleType:
    """Import a script."""
    path = ROOT / "scripts" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Generated parts --------------------------------------------------------------------------------------------


def test_what_is_made_from_the_program_is_up_to_date() -> None:
    load("draw_watch")
    old = [path.name for path, text in load("make_documents").make().items() if path.read_text() != text]
    assert not old, "run: .venv/bin/python scripts/make_documents.py"


# Words of the program ---------------------------------------------------------------------------------------


def test_the_keys_of_a_state_are_all_there_with_their_units() -> None:
    told = {words(key)[0]: unit for key, unit, _ in table(MQTT, "key")}
    assert set(told) == set(Reading(*[0.0] * 23).as_dict())  # type: ignore[arg-type]
    assert {key: unit for key, unit in told.items() if key in QUANTITIES} == {
        key: QUANTITIES[key].unit for key in told if key in QUANTITIES
    }


def test_the_words_of_a_state_are_those_of_the_program() -> None:
    meanings = {words(key)[0]: tuple(words(meaning)) for key, _, meaning in table(MQTT, "key")}
    assert meanings["output_state"] == OUTPUT_STATES
    assert meanings["direction"] == DIRECTIONS
    assert set(meanings["family"]) == {model.family for model in find_models()}


def test_the_keys_of_a_link_are_all_there() -> None:
    (row,) = (row for row in table(MQTT, "topic, below the base topic `juntek`") if row[0] == "`house/link`")
    assert words(row[2]) == list(messages.link(Health(), available=True, gateway=""))


def test_the_topics_are_those_that_are_published() -> None:
    topics = messages.Topics("house")
    told = {f"juntek/{words(row[0])[0]}" for row in table(MQTT, "topic, below the base topic `juntek`")}
    assert told == {topics.state, topics.availability, topics.link, topics.settings, topics.gateway}
    assert f"`{topics.config}`" in MQTT.read_text()


def test_every_name_of_juntek_kg_is_told_with_what_it_is_here() -> None:
    rows = table(JUNTEK_KG, "its number")
    told = {name for row in rows for name in words(row[1])} | {"power_in", "power_out"}
    today = {"energy_today_in", "energy_today_out"}  # "those of today"
    computed = {"direction", "battery_time_left", "energy_wh", "time"}
    assert told | today == set(messages.KEY_OF_OLD_NAME) | computed
    for _, names, here in rows:
        assert set(words(here)) & set(QUANTITIES) or words(here)[0] == words(names)[0] == "time"
    for name, key in messages.KEY_OF_OLD_NAME.items():
        cells = [row[2] for row in rows if name in words(row[1])]
        # Its numbers 2 and 3 had each other's names.
        assert not cells or name in ("voltage", "current") or key in words(cells[0]) or name.startswith("energy")


@pytest.mark.parametrize("row", table(CONFIGURATION, "link"), ids=lambda row: str(row[0]))
def test_every_link_is_one(row: list[str]) -> None:
    for url in words(row[0]):
        assert kind_of(url)


def test_every_kind_of_link_is_told() -> None:
    assert {kind_of(url) for row in table(CONFIGURATION, "link") for url in words(row[0])} == find_kinds()


def test_the_sentences_in_the_troubles_are_those_of_the_program() -> None:
    for symptom, _ in table(TROUBLES, "what you see"):
        for sentence in words(symptom):
            pieces = [piece.strip() for piece in sentence.split("…") if piece.strip()]
            assert all(piece in SOURCE for piece in pieces), sentence


def test_the_versions_of_home_assistant_are_those_that_are_tested() -> None:
    versions = (ROOT / "tests/servers/home_assistant_versions.txt").read_text().split()
    told = re.search(r"Tested with Home Assistant ([\d.]+) and ([\d.]+)\.\n", README.read_text())
    assert told is not None
    assert list(told.groups()) == [".".join(version.split(".")[:2]) for version in versions]


def test_every_source_of_a_row_is_explained() -> None:
    told = {tag for row in table(ROOT / "docs/protocol.md", "tag") for tag in row[0].split(", ")}
    rows = "\n".join(path.read_text() for path in (ROOT / "src/juntek/rs485/families").glob("*.py"))
    sources = " ".join(re.findall(r"\"[^\"]*\"", rows))
    used = set(re.findall(r"\b(K[GLH]-man|(?:AV|CK|CM|JK|LD|LU|MM|MS|PH|PO|SC|SH|SL|ST|TF)\d*)\b", sources))
    assert used <= told


def test_the_rooms_are_those_that_are_checked() -> None:
    settings = configparser.ConfigParser()
    settings.read(ROOT / ".importlinter")
    layers = re.findall(r"juntek\.(\w+)", settings["importlinter:contract:rooms"]["layers"])
    told = [name for row in table(ROOT / "docs/architecture.md", "room") for name in words(row[0])]
    assert sorted(told) == sorted(layers)


# Names of files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.name))
def test_every_file_that_is_named_is_there(path: Path) -> None:
    text = path.read_text()
    linked = [target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target]
    named = re.findall(r"`\.?/?((?:src|tests|scripts|docs|examples|contrib)/[\w./-]+)", text)
    missing = [name for name in linked if not (path.parent / name).exists()]
    assert not missing + [name for name in named if not (ROOT / name).exists()]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.name))
def test_every_anchor_leads_somewhere(path: Path) -> None:
    text = path.read_text()
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.name))
def test_no_document_names_a_developers_machine_or_a_registry(path: Path) -> None:
    assert not re.findall(r"/work\b|/root\b|/home/\w+|/tmp/|pypi\.org|pythonhosted|npmjs", path.read_text())


def test_the_picture_asks_for_nothing_from_the_network() -> None:
    picture = (ROOT / "docs/watch.svg").read_text().replace("http://www.w3.org/2000/svg", "")
    assert "://" not in picture


def test_every_task_of_a_contributor_is_what_the_tests_run_or_is_there() -> None:
    steps = (ROOT / "scripts/test").read_text()
    for _, command in table(ROOT / "CONTRIBUTING.md", "task"):
        (line,) = words(command)
        program, *arguments = shlex.split(line)
        assert program in steps or os.access(ROOT / program, os.X_OK), line
        for argument in arguments:
            assert "/" not in argument or (ROOT / argument).exists(), line


# The service ------------------------------------------------------------------------------------------------


def unit() -> configparser.SectionProxy:
    settings = configparser.ConfigParser(strict=False, interpolation=None)
    settings.optionxform = str  # type: ignore[assignment,method-assign]
    settings.read(UNIT)
    return settings["Service"]


def test_the_service_is_not_started_again_over_what_only_its_owner_can_mend() -> None:
    prevented = [int(word) for word in unit()["RestartPreventExitStatus"].split()]
    assert [STATUSES[status].split(":")[0] for status in prevented] == ["wrong use", "wrong configuration"]


def test_systemd_takes_the_service(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/juntek/bin/juntek", sys.executable))
    result = subprocess.run(
        [program, "verify", copy] if program else ["grep", "-q", "^Type=notify$", copy],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")


def test_the_command_of_the_service_tells_when_it_is_ready_and_that_it_is_alive(tmp_path: Path) -> None:
    program, *arguments = shlex.split(unit()["ExecStart"])
    assert program == "/opt/juntek/bin/juntek"
    with (
        simulator("--display") as meter,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
    ):
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        configuration = tmp_path / "juntek.toml"
        configuration.write_text(f'[[meters]]\nname = "house"\nlink = "{meter.url}"\n')
        arguments[arguments.index("/etc/juntek/juntek.toml")] = str(configuration)
        variables = environment(
            NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="200000", STATE_DIRECTORY=str(tmp_path)
        )
        with started_juntek(*arguments, env=variables) as process:
            assert [manager.recv(100) for _ in range(2)] == [b"READY=1", b"WATCHDOG=1"]
            process.terminate()
            assert process.wait(60) == 0
    assert (tmp_path / "juntek.db").exists()


def test_what_other_programs_are_to_read_is_in_our_message() -> None:
    text = OTHER_PROGRAMS.read_text()
    state = kg_reading().as_dict()
    wanted = re.findall(r"jq: \.(\w+)|`juntek/house/state`, `(\w+)`|msg\.payload\.(\w+)", text)
    keys = {key for match in wanted for key in match if key}
    assert {"power", "state_of_charge", "voltage", "current"} <= keys
    assert keys <= state.keys()
    assert f"`{messages.Topics('house').state}`" in text
    assert set(re.findall(r"`(Dc|[A-Z]\w+)`", text)) <= json.loads(messages.venus_of(kg_reading())).keys()
