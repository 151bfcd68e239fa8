"""`juntek simulate`, `read` and `capture`: the program at both ends of a real port."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.program import PATIENCE, Running, run, simulator, started_juntek
from juntek.capture import HEADER
from juntek.cli.formats import CSV_COLUMNS
from servers.process import PIPES

pytestmark = pytest.mark.usefixtures("in_haste")


@pytest.fixture(scope="module")
def meter() -> Iterator[Running]:
    with simulator() as running:
        yield running


# The simulator ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_to_stop_the_simulator_is_a_good_end(number: signal.Signals) -> None:
    with simulator() as running:
        assert running.stop(number) == 0


def test_a_pseudo_terminal_can_be_read_and_is_gone_afterwards(tmp_path: Path) -> None:
    port = tmp_path / "meter"
    with simulator("--pty", port, "--model", "KH140F", "--address", 3) as running:
        assert running.url == str(port)
        result = run("read", port, "--address", 3, "--count", 1, "--mode", "poll")
        assert (result.status, json.loads(result.output)["family"]) == (0, "KH-F")
    assert not port.is_symlink()


def test_two_meters_on_one_line_have_addresses_of_their_own() -> None:
    with simulator("--model", "KG140F", "--model", "KH140F") as running:
        families = [
            json.loads(run("read", running.url, "--address", address, "--count", 1, "--mode", "poll").output)["family"]
            for address in (1, 2)
        ]
    assert families == ["KG-F", "KH-F"]


@pytest.mark.parametrize(
    ("options", "status", "sentence"),
    [
        (("--model", "XY1"), 2, "There is no meter 'XY1' to simulate; write a name such as KG140F"),
        (("--listen", "127.0.0.1"), 2, "Cannot listen on '127.0.0.1'; write tcp://HOST:PORT"),
        (("--listen", "tcp://127.0.0.1:1", "--pty", "/no/such/place"), 4, "Cannot make the link /no/such/place"),
        (("--noise", "2"), 2, "A simulation's noise is 0 to 1, not 2."),
    ],
)
def test_what_cannot_be_simulated_is_one_sentence(options: tuple[str, ...], status: int, sentence: str) -> None:
    result = run("simulate", *options)
    assert (result.status, result.output) == (status, "")
    assert result.talk.startswith(sentence)


# Reading ----------------------------------------------------------------------------------------------------


def test_readings_are_objects_one_a_line_and_as_many_as_asked_for(meter: Running) -> None:
    result = run("read", meter.url, "--count", 3, "--mode", "poll", "--interval", 0.1)
    readings = [json.loads(line) for line in result.output.splitlines()]
    assert result.status == 0
    assert [reading["kind"] for reading in readings] == ["reading"] * 3
    assert all(40 < reading["voltage"] < 60 for reading in readings)


def test_readings_are_csv_with_the_same_columns_as_decode(meter: Running) -> None:
    result = run("read", meter.url, "--count", 1, "--format", "csv")
    assert tuple(next(csv.reader(io.StringIO(result.output)))) == CSV_COLUMNS


def test_what_a_display_asks_is_read_without_asking() -> None:
    with simulator("--display") as running:
        result = run("read", running.url, "--count", 2, "--mode", "listen", "--format", "table")
    assert result.status == 0
    assert len(result.output.splitlines()) == 4


def test_reading_without_end_is_stopped_well(meter: Running) -> None:
    with started_juntek("read", meter.url, "--mode", "poll", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["kind"] == "reading"
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    ("url", "status", "sentence"),
    [
        ("/dev/ttyNOSUCH", 4, "There is no port /dev/ttyNOSUCH"),
        ("socket://127.0.0.1:1", 4, "Cannot open socket://127.0.0.1:1: the bridge at 127.0.0.1:1 is not there;"),
        ("socket://no-such-host.invalid:4001", 4, "Cannot open socket://no-such-host.invalid:4001: "),
        ("sokcet://127.0.0.1:1", 4, "'sokcet://127.0.0.1:1' is not a link: give a device path"),
        ("replay:/no/such", 4, "Cannot open replay:/no/such: /no/such does not exist; "),
        ("/dev/null", 4, "/dev/null is not a serial port; to play a recording write replay:/dev/null."),
    ],
)
def test_a_link_that_cannot_be_opened_is_one_sentence(url: str, status: int, sentence: str) -> None:
    result = run("read", url, "--count", 1)
    assert (result.status, result.output) == (status, "")
    assert result.talk.startswith(sentence)
    assert result.talk.count("\n") == 1


def test_a_meter_that_does_not_answer_has_its_own_status(meter: Running) -> None:
    result = run("read", meter.url, "--address", 9, "--mode", "poll", "--timeout", 2)
    assert (result.status, result.output) == (5, "")
    assert result.talk.startswith(f"No answer from address 9 on {meter.url}; check the meter's power")


# The gateway ------------------------------------------------------------------------------------------------


def test_the_gateway_reads_a_meter_given_by_flags_and_is_stopped_well(meter: Running, tmp_path: Path) -> None:
    database = tmp_path / "totals.db"
    flags = ("--link", meter.url, "--database", database)
    with started_juntek("run", *flags, home=tmp_path, cwd=tmp_path, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        talk = ""
        while "polling" not in talk:
            line = process.stderr.readline()
            assert line, talk
            talk += line
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    assert "battery: polling" in talk
    assert database.exists()


# Recording --------------------------------------------------------------------------------------------------


def test_a_capture_can_be_decoded_and_replayed(meter: Running, tmp_path: Path) -> None:
    path = tmp_path / "bus.log"
    result = run("capture", meter.url, "-o", path, "--mode", "poll", "--interval", 0.2, "--seconds", 2)
    assert result.status == 0
    assert path.read_text().startswith(f"{HEADER}\n# juntek ")
    assert " readings, 0 rejected frames in " in result.talk
    decoded = [json.loads(line) for line in run("decode", path).output.splitlines()]
    kinds = {event["kind"] for event in decoded}
    assert {"reading", "settings", "identity"} <= kinds
    assert all(event["time"] for event in decoded)
    replayed = run("read", f"replay:{path}?speed=max")
    assert replayed.status == 0
    expected = [event["raw"] for event in decoded if event["kind"] == "reading"]
    assert [json.loads(line)["raw"] for line in replayed.output.splitlines()] == expected


def test_stopping_a_capture_keeps_what_came(meter: Running, tmp_path: Path) -> None:
    path = tmp_path / "bus.log"
    with started_juntek("capture", meter.url, "-o", "-", "--mode", "poll", **PIPES) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(5)]  # header, remark, who, how, reading
        process.send_signal(signal.SIGINT)
        rest, talk = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
    path.write_text("".join(lines) + rest)
    assert lines[0] == f"{HEADER}\n"
    assert "reading" in talk
    assert '"kind": "reading"' in run("decode", path).output


def test_a_capture_is_not_written_over(meter: Running, tmp_path: Path) -> None:
    path = tmp_path / "bus.log"
    path.write_text("the only one of its kind")
    result = run("capture", meter.url, "-o", path, "--seconds", 1)
    assert result.status == 2
    assert result.talk == f"{path} has something in it; choose another name, or write over it with --force.\n"
    assert path.read_text() == "the only one of its kind"
    assert run("capture", meter.url, "-o", path, "--seconds", 1, "--force").status == 0
    assert path.read_text().startswith(HEADER)


def test_a_capture_that_cannot_be_written_is_one_sentence(meter: Running) -> None:
    result = run("capture", meter.url, "-o", "/no/such/bus.log", "--seconds", 1)
    assert result.status == 2
    assert result.talk.startswith("/no/such/bus.log cannot be written (No such file or directory); name a file in")


def test_a_capture_of_a_link_that_is_not_there_leaves_no_good_file_behind_it(tmp_path: Path) -> None:
    result = run("capture", "socket://127.0.0.1:1", "-o", tmp_path / "bus.log")
    assert result.status == 4
    assert not (tmp_path / "bus.log").exists()
