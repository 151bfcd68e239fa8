"""`juntek estimate`: a recording or a history in, the state of charge out."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from benchmarks.weeks import FOLDER, Faults, measure, read_trace

from .program import run

KEYS = [
    "time", "voltage", "current", "meter_state_of_charge", "state_of_charge", "state_of_charge_uncertainty",
    "usable_capacity", "zero_offset", "event",
]  # fmt: skip


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days of a boat as a KG-F says them, with the time before each frame."""
    path = tmp_path_factory.mktemp("recording") / "boat.log"
    trace = read_trace(next(FOLDER.glob("boat-*.csv.xz")))
    lines, run_time, before = ["# juntek capture 1"], 1000.0, None
    for time, volts, amperes, left in list(measure(trace, Faults.of(3, trace.capacity)))[:8000]:
        run_time += 0 if before is None else time - before
        before = time
        fields = [
            round(volts * 100), round(abs(amperes) * 100), round(left * 1000), 0, 0, round(run_time), 125, 0, 0,
            int(amperes > 0), 0, 0,
        ]  # fmt: skip
        frame = f":r50=1,{sum(fields) % 255 + 1},{','.join(map(str, fields))},"
        stamp = datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds")
        lines.append(f"{stamp} {frame}\\r\\n")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_each_reading_is_an_object_with_the_same_keys(recording: Path) -> None:
    ended = run("estimate", recording, "--chemistry", "lifepo4", "--cells", 4, "--nominal-capacity", 150)
    rows = [json.loads(line) for line in ended.output.splitlines()]
    assert len(rows) == 8000
    assert all(list(row) == KEYS for row in rows)
    assert {row["event"] for row in rows} >= {None, "full"}
    assert all(0 <= row["state_of_charge"] <= 100 for row in rows)


def test_csv_has_the_same_and_a_table_is_for_people_and_what_was_guessed_is_said(recording: Path) -> None:
    ended = run("estimate", recording, "--format", "csv")
    table = list(csv.reader(io.StringIO(ended.output)))
    assert (table[0], len(table)) == (KEYS, 8001)
    assert "LiFePO4, 4 cells, guessed" in ended.talk
    assert "full" in run("estimate", recording, "--format", "table").output


def test_the_minutes_of_the_history_say_the_same(recording: Path, tmp_path: Path) -> None:
    database = tmp_path / "juntek.db"
    run("history", "import", recording, "--meter", "boat", "--database", database, home=tmp_path)
    ended = run("estimate", "--history", "boat", "--database", database, "--nominal-capacity", 150, home=tmp_path)
    minutes = [json.loads(line) for line in ended.output.splitlines()]
    whole = [json.loads(line) for line in run("estimate", recording, "--nominal-capacity", 150).output.splitlines()]
    assert len(minutes) > 1000
    assert minutes[-1]["state_of_charge"] == pytest.approx(whole[-1]["state_of_charge"], abs=1)


@pytest.mark.parametrize(
    "arguments",
    [
        (), ("nowhere.log",), ("some.log", "--history", "boat"), ("empty.log",), ("empty.log", "--chemistry", "lead"),
        ("untimed.log",), ("untimed.log", "--address", "9"), ("--history", "nobody"), ("some.log", "--cells", "0"),
        ("untimed.csv",), ("some.log", "--nominal-capacity", "inf"), ("some.log", "--nominal-capacity", "1e300"),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_is_one_sentence(arguments: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "empty.log").touch()
    (tmp_path / "some.log").touch()
    (tmp_path / "untimed.log").write_text(":r50=1,146,5289,1350,284000,0,0,1000,125,0,0,0,99,0,\r\n" * 3)
    (tmp_path / "untimed.csv").write_text("voltage,current\n13.2,-1\n13.1,-1\n")
    ended = run("estimate", *arguments, "--format", "csv", home=tmp_path)
    assert ended.status
    sentence = ended.talk.strip().splitlines()[-1]
    assert "unexpected" not in sentence
    assert ("with a time" in sentence) == arguments[0].startswith("untimed") if arguments else True


ROWS = [("2026-01-01T00:00:00Z", "13.25", "-5.1"), ("2026-01-01T00:01:00Z", "13.24", "-5.1")]


@pytest.mark.parametrize(
    "text",
    [
        "time,voltage,current\n" + "".join(",".join(row) + "\n" for row in ROWS),
        "# a remark\nDate;Volts (V);Amps (A)\n" + "".join(";".join(row).replace(".", ",") + "\n" for row in ROWS),
        "when\tV\tI\n1790000000\t13.25\t-5.1\n1790000030\tnan\t1\n1790000040\t13\t\n1790000060\t13.24\t-5.1\n",
        "".join(json.dumps(dict(zip(("time", "voltage", "current"), row, strict=True))) + "\n" for row in ROWS),
    ],
    ids=["commas", "semicolons", "tabs", "objects"],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_values_that_somebody_has_decoded_are_taken_by_their_names(
    text: str, pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "values"
    path.write_bytes(pack(text.encode()))
    rows = [json.loads(line) for line in run("estimate", path).output.splitlines()]
    assert [(row["voltage"], row["current"]) for row in rows] == [(13.25, -5.1), (13.24, -5.1)]


def test_absurd_values_are_left_out_and_a_meter_that_says_no_percentage_has_none(tmp_path: Path) -> None:
    path = tmp_path / "values.csv"
    times = [f"2026-01-01T00:0{minute}:00Z" for minute in range(4)]
    values = ["13.25,-5", "1e308,-5", "-13,-5", "13.24,1e9"]
    path.write_text("time,voltage,current\n" + "".join(f"{a},{b}\n" for a, b in zip(times, values, strict=True)))
    rows = [json.loads(line) for line in run("estimate", path).output.splitlines()]
    assert [(row["voltage"], row["meter_state_of_charge"]) for row in rows] == [(13.25, None)]


def test_a_recording_may_come_through_a_pipe(recording: Path) -> None:
    lines = recording.read_bytes().splitlines(keepends=True)[:50]
    reading, writing = os.pipe()
    os.write(writing, b"".join(lines))
    os.close(writing)
    try:
        ended = run("estimate", f"/dev/fd/{reading}", "--format", "csv")
    finally:
        os.close(reading)
    assert len(ended.output.splitlines()) == len(lines)
