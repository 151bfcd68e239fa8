"""`juntek decode`: every kind of event, in the order of the wire, in three formats."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from cli.program import PATIENCE, run, started_juntek
from juntek.capture import HEADER, format_chunk
from juntek.cli.formats import CSV_COLUMNS
from juntek.quantity import READING_KEYS
from servers.process import PIPES

FRAMES = Path(__file__).parents[1] / "fixtures" / "rs485.jsonl"
START = 1795334400.0
LINE = (
    b":R00=1,2,1,\n:r00=1,212,2140,110,1,\r\n"
    b":R51=1,2,1,\n:r51=1,142,0,0,0,0,0,100,0,0,2800,100,100,100,0,0,1,\r\n"
    b":R50=1,2,1,\n:r50=1,159,5236,430,167612,468,421,510,120,0,0,1,1565,0,\r\n"
    b"\xff\x00noise\r\n:W01=1,2,1,\r\n:w01=1,\r\n"
    b":r50=1,158,5236,430,167612,468,421,510,120,0,0,1,1565,0,\r\n"
)
KINDS = [
    "request", "identity", "request", "settings", "request", "reading", "garbage", "request", "acknowledgement",
    "garbage",
]  # fmt: skip


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "bus.log"
    path.write_text(f"{HEADER}\n{format_chunk(START, LINE)}")
    return path


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_every_kind_comes_out_in_the_order_of_the_wire_with_the_same_keys(recording: Path) -> None:
    result = run("decode", recording)
    events = objects(result.output)
    assert result.status == 0
    assert [event["kind"] for event in events] == KINDS
    assert [event["reason"] for event in events if event["kind"] == "garbage"] == ["noise", "checksum"]
    assert {event["time"] for event in events} == {"2026-11-22T08:00:00.000+00:00"}
    assert all({"address", "family", "raw"} <= set(event) for event in events)


def test_a_reading_has_the_keys_of_the_vocabulary(recording: Path) -> None:
    events = objects(run("decode", recording).output)
    reading = next(event for event in events if event["kind"] == "reading")
    assert set(READING_KEYS) <= set(reading)
    assert (reading["voltage"], reading["current"], reading["state_of_charge"]) == (52.36, 4.3, 59.86)
    assert (reading["address"], reading["family"], reading["temperature"]) == (1, "KG-F", 20)
    assert reading["raw"] == ":r50=1,159,5236,430,167612,468,421,510,120,0,0,1,1565,0,"
    identity = next(event for event in events if event["kind"] == "identity")
    assert (identity["model"], identity["firmware"]) == ("KG140F", "1.10")
    settings = next(event for event in events if event["kind"] == "settings")
    assert settings["nominal_capacity"] == 280


def test_what_is_no_text_is_escaped_and_can_be_had_back(recording: Path) -> None:
    output = run("decode", recording).output
    assert output.isascii()
    noise = next(event for event in objects(output) if event.get("reason") == "noise")
    assert noise["raw"].encode("latin-1") == b"\xff\x00noise"


def test_standard_input_is_read_as_well_and_raw_bytes_have_no_time() -> None:
    result = run("decode", given=LINE)
    assert [event["kind"] for event in objects(result.output)] == KINDS
    assert {event["time"] for event in objects(result.output)} == {None}
    assert run("decode", "-", given=LINE).output == result.output


def test_csv_has_the_readings_in_columns_that_do_not_change(recording: Path) -> None:
    result = run("decode", recording, "--format", "csv")
    head, row = csv.reader(io.StringIO(result.output))
    assert tuple(head) == CSV_COLUMNS
    values = dict(zip(head, row, strict=True))
    assert (values["voltage"], values["current"], values["charged_capacity"]) == ("52.36", "4.3", "")
    assert "1 reading" in result.talk
    assert "2 rejected frames (1 noise, 1 checksum)" not in result.output
    assert "2 rejected frames" in result.talk


def test_the_table_is_for_people(recording: Path, snapshot: SnapshotAssertion) -> None:
    result = run("decode", recording, "--format", "table")
    assert (result.output, result.talk) == snapshot


def test_an_empty_recording_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert (run("decode", tmp_path / "empty").status, run("decode", tmp_path / "empty").output) == (0, "")
    assert "There was nothing in it." in run("decode", tmp_path / "empty", "--format", "table").talk


def test_what_is_held_back_can_be_shown() -> None:
    first = b":r50=1,159,5236,430,167612,468,421,510,120,0,0,1,1565,0,\r\n"
    jump = first + b":r50=1,103,4236,430,1,468,421,510,120,0,0,1,1565,0,\r\n"
    checked, unchecked = run("decode", given=jump), run("decode", "--no-filter", given=jump)
    assert [event.get("reason") for event in objects(checked.output)] == [None, "implausible"]
    assert [event["voltage"] for event in objects(unchecked.output)] == [52.36, 42.36]


@pytest.mark.parametrize("options", [(), ("--no-filter",)])
def test_every_recorded_frame_comes_out_once_in_its_order(tmp_path: Path, options: tuple[str, ...]) -> None:
    frames = [json.loads(line) for line in FRAMES.read_text().splitlines()]
    (tmp_path / "bus.raw").write_text("".join(frame["raw"].rstrip() + "\r\n" for frame in frames), newline="")
    events = objects(run("decode", tmp_path / "bus.raw", *options).output)
    assert [event["raw"] for event in events] == [frame["raw"].rstrip() for frame in frames]
    wrong = {frame["raw"].rstrip() for frame in frames if frame.get("bad")}
    assert wrong
    assert {event["kind"] for event in events if event["raw"] in wrong} == {"garbage"}


def test_a_pipe_that_closes_early_is_a_quiet_end(tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(LINE * 2000)
    with started_juntek("decode", tmp_path / "long", **PIPES) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/no/such", "/no/such does not exist; write it or correct the path.\n"),
        ("/", "/ is a folder; name the file in it.\n"),
        ("/proc/self/mem", "/proc/self/mem cannot be read (Input/output error); correct the path.\n"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(path: str, sentence: str) -> None:
    result = run("decode", path)
    assert (result.status, result.output, result.talk) == (2, "", sentence)


def test_the_time_zone_is_that_of_the_configuration_and_said(tmp_path: Path) -> None:
    file = tmp_path / "juntek.toml"
    file.write_text('time_zone = "Asia/Tokyo"\n[[meters]]\nname = "house"\nlink = "/dev/ttyUSB0"\n')
    line = b"2026-05-01 12:00:00 :r50=1,215,2056,200,5408,4592,9437,14353,134,0,0,0,162,30682,\n"
    ended = run("decode", given=line, JUNTEK_CONFIG=str(file))
    assert '"2026-05-01T03:00:00' in ended.output
    assert "Asia/Tokyo" in ended.talk
    assert str(file) in ended.talk
