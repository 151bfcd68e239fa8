"""The documents tell the truth: their commands run, their code runs, and what they name is there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from cli.program import environment, run, simulator
from documents import CONFIGURATION, DOCUMENTS, GUIDE, REPLACED, ROOT, STUBS, Block, Box, blocks
from juntek.capture import HEADER, format_chunk
from juntek.config.keys import write_example
from juntek.simulator import Options as Simulated
from juntek.simulator import history
from servers.mosquitto import Mosquitto
from servers.process import PIPES, free_port, started

pytestmark = pytest.mark.timeout(300)
SHELL = [block for document in GUIDE for block in blocks(document, "sh")]
PYTHON = [block for document in DOCUMENTS for block in blocks(document, "python")]
TOML = [block for document in DOCUMENTS for block in blocks(document, "toml")]

BELOW = [
    (section, sentence)
    for document in DOCUMENTS
    for section, sentence in re.findall(
        r"below\s`\[(\w+)\]`,?((?:\s+(?:write|and))*(?:\s`\w+ = [^`]+`(?:\s+and)?)+)", document.read_text()
    )
]
"""What a reader is told to write below the header of a section."""


# Shell ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """The machine of somebody who follows the documents from their top, with a meter and a broker."""
    place = tmp_path_factory.mktemp("box")
    with (
        Mosquitto(tmp_path_factory.mktemp("mosquitto")) as broker,
        simulator("--pty", place / "ttyUSB0", "--model", "KG140F"),
    ):
        box = Box(place, {"BROKER_PORT": str(broker.port)})
        (place / "old.log").write_text(HEADER + "\n" + "".join(format_chunk(*chunk) for chunk in old_recording()))
        yield box


def old_recording() -> Iterator[tuple[float, bytes]]:
    start = datetime(2024, 5, 1, 8, tzinfo=UTC)
    return history(Simulated(start=start), start, start + timedelta(hours=1), 10.0, settings_every=600)


@pytest.mark.broker
@pytest.mark.parametrize("block", SHELL, ids=str)
def test_the_readers_commands_work_one_after_the_other(box: Box, block: Block) -> None:
    result = box.run(block.text)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr


@pytest.mark.broker
def test_every_replacement_was_needed(box: Box) -> None:
    text = "".join(block.text for block in SHELL)
    assert not [word for word in REPLACED if word not in text]
    assert {call.split()[0] for call in box.calls} == set(STUBS)


def test_no_block_has_a_language_that_nobody_checks() -> None:
    found = {block.language for path in DOCUMENTS for block in blocks(path)}
    assert found <= {"sh", "python", "toml", "yaml", "text"}


def test_commands_stand_where_they_are_tested() -> None:
    assert not [block for path in DOCUMENTS if path not in GUIDE for block in blocks(path, "sh")]


def test_what_other_programs_are_to_be_written_is_in_their_form() -> None:
    for block in (block for path in DOCUMENTS for block in blocks(path, "yaml")):
        assert isinstance(yaml.safe_load(block.text), dict)


def test_the_readme_is_two_pages() -> None:
    assert len((ROOT / "README.md").read_text().split()) <= 1800


def test_the_demo_ends_by_itself_and_tells_how_to_go_on() -> None:
    result = subprocess.run(
        [ROOT / "scripts" / "demo", "--duration", "5", "--port", str(free_port()), "--no-open"],
        capture_output=True, text=True, timeout=180, check=False, env=environment(),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    for name in ("house", "boat"):
        assert f"{name}: K" in result.stdout
    subscriber = re.search(r"python (examples/\S+) ", result.stdout)
    assert subscriber is not None
    assert (ROOT / subscriber[1]).exists()


# Python -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with simulator("--display") as running:
        yield running.url


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_the_python_of_the_readme_runs(block: Block, url: str) -> None:
    code = re.sub(r'"(/dev/ttyUSB0|socket://[^"]+)"', f'"{url}"', block.text)
    with started(sys.executable, "-u", "-c", code, **PIPES) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.terminate()
        _, talk = process.communicate(timeout=60)
    assert first.strip()
    assert not talk


def test_bytes_of_the_readme_are_what_they_are_said_to_be() -> None:
    (code,) = (block.text for block in PYTHON if "juntek.decode" in block.text)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout == "52.06 -60.54 discharging\n"


# Configuration ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", TOML, ids=str)
def test_every_configuration_can_be_pasted_below_what_was_written_first(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "juntek.toml"
    first = write_example(())
    path.write_text(first if block.text == first else f"{first}\n{block.text}")
    result = run("config", "check", "--offline", "--config", path, home=tmp_path)
    assert (result.status, result.talk) == (0, "")


@pytest.mark.parametrize(("section", "sentence"), BELOW)
def test_what_is_to_be_written_below_a_section_is_right_there(section: str, sentence: str, tmp_path: Path) -> None:
    text = write_example(())
    lines = re.findall(r"`(\w+ = [^`]+)`", sentence)
    for key in (line.partition(" = ")[0] for line in lines):
        head, body = text.split(f"\n[{section}]\n", 1)
        text = f"{head}\n[{section}]\n{re.sub(rf'^{key} = .*$', '', body, count=1, flags=re.MULTILINE)}"
    path = tmp_path / "juntek.toml"
    path.write_text(text.replace(f"\n[{section}]\n", "\n".join(["", f"[{section}]", *lines, ""])))
    result = run("config", "check", "--offline", "--config", path, home=tmp_path)
    assert (result.status, result.talk) == (0, "")


def test_the_whole_configuration_is_in_its_document() -> None:
    assert write_example(()) in [block.text for block in blocks(CONFIGURATION, "toml")]


@pytest.mark.parametrize("line", [line for line in write_example(()).splitlines() if re.match(r"# \w+ = ", line)])
def test_every_key_in_a_remark_of_the_configuration_is_one(line: str, tmp_path: Path) -> None:
    """A line alone may want a companion or a file; a key that does not exist is another complaint."""
    before, _, after = write_example(()).partition(f"{line}\n")
    before = re.sub(r"^# (\[\[?[\w.]+\]\]?)$", r"\1", before, flags=re.MULTILINE)
    (tmp_path / "juntek.toml").write_text(f"{before}{line[2:]}\n{after}")
    result = run("config", "check", "--offline", "--config", tmp_path / "juntek.toml", home=tmp_path)
    assert "no key" not in result.talk
    excused = r"needs|lacks url|for TLS only|does not exist|twice"
    assert result.status == 0 or re.search(excused, result.talk), result.talk
