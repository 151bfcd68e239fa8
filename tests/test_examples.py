"""The examples, each run as its reader would run it, against a simulated meter; rule: no file is left out."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.program import PATIENCE, environment, simulator, started_juntek
from juntek.quantity import QUANTITIES, READING_KEYS
from servers.mosquitto import Mosquitto
from servers.process import PIPES, started

EXAMPLES = Path(__file__).parent.parent / "examples"
pytestmark = pytest.mark.timeout(120)

TESTED = {"print_all.py", "log_to_csv.py", "async_two_meters.py", "subscribe.py"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A meter beside a display: listening needs no waiting."""
    with simulator("--display") as running:
        yield running.url


@contextmanager
def example(name: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """An example that runs until it is interrupted, as with Ctrl-C; that has to be a good end."""
    command = (sys.executable, EXAMPLES / name, *arguments)
    with started(*command, env=environment(PYTHONUNBUFFERED="1"), **PIPES) as process:
        yield process
        process.send_signal(signal.SIGINT)
        _, talk = process.communicate(timeout=PATIENCE)
        assert (process.returncode, talk) == (0, "")


def lines(process: subprocess.Popen[str], count: int) -> list[str]:
    assert process.stdout is not None
    found = [process.stdout.readline() for _ in range(count)]
    assert all(found), "it has ended"
    return [line.rstrip("\n") for line in found]


def test_every_example_is_tested() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == TESTED


def test_print_all_prints_every_quantity_with_its_unit(url: str) -> None:
    with example("print_all.py", url) as process:
        head, *block = lines(process, 1 + len(READING_KEYS))
    assert head == "address 1, KG-F"
    for key, line in zip(READING_KEYS, block, strict=True):
        assert line.startswith(QUANTITIES[key].label)
        assert line.endswith(QUANTITIES[key].unit)


def test_the_csv_log_is_gone_on_with_and_has_one_head(url: str, tmp_path: Path) -> None:
    path = tmp_path / "battery.csv"
    for enough in (2, 4):
        with example("log_to_csv.py", url, path, 0):
            wait_for(path, enough)
    text = path.read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) >= 4
    assert all(40 < float(row["voltage"]) < 60 for row in rows)
    assert text.count("voltage") == 1


def wait_for(path: Path, rows: int) -> None:
    end = time.monotonic() + PATIENCE
    while not path.exists() or path.read_bytes().count(b"\n") <= rows:
        assert time.monotonic() < end, "it writes nothing"
        time.sleep(0.05)


def test_two_meters_are_read_at_the_same_time_and_added_up(url: str) -> None:
    with (
        simulator("--display", "--model", "KH140F", "--seed", 5) as other,
        example("async_two_meters.py", url, other.url) as process,
    ):
        while "all 2" not in (line := lines(process, 1)[0]):
            assert "all 1" in line
    watts, _, total = line.partition("all 2:")
    assert watts.split()[0] != total.split()[0]


def test_the_subscriber_shows_what_the_gateway_publishes(url: str, mosquitto: Mosquitto, tmp_path: Path) -> None:
    port = str(mosquitto.port)
    flags = ("--link", url, "--host", "127.0.0.1", "--port", port, "--database", tmp_path / "juntek.db")
    with (
        example("subscribe.py", "127.0.0.1", port, "juntek") as process,
        started_juntek("run", *flags, stderr=subprocess.DEVNULL),
    ):
        seen: list[str] = []
        while not any(" V " in line and " % " in line for line in seen):
            seen += lines(process, 1)
    assert any(line.split() == ["gateway", "is", "online"] for line in seen)
    assert seen[-1].split()[0] == "battery"


@pytest.mark.parametrize("name", sorted(TESTED))
def test_an_example_without_arguments_says_how_to_use_it(name: str) -> None:
    result = subprocess.run(
        [sys.executable, EXAMPLES / name], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert result.returncode == 1
    assert f"python examples/{name}" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("print_all.py", ("socket://127.0.0.1:1",)),
        ("log_to_csv.py", ("socket://127.0.0.1:1", "battery.csv")),
        ("async_two_meters.py", ("socket://127.0.0.1:1", "socket://127.0.0.1:1")),
        ("subscribe.py", ("127.0.0.1", "1")),
    ],
)
def test_an_example_that_finds_nobody_says_so_in_a_sentence(
    name: str, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    result = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.rstrip().endswith(".")
