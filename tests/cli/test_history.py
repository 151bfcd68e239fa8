"""`juntek history` as an owner runs it: recordings in, tables, files and backups out."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pyarrow import parquet

from cli.program import run
from history.made import TOTALS, assert_rollups_are_right, rollups_in, rows_in
from juntek.capture import HEADER, format_chunk
from juntek.history import Database
from juntek.simulator import Options, history

READINGS = 5400
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
START = TODAY - timedelta(days=3, hours=1)
"""An hour before midnight, and young enough for single readings to be kept."""


def lines(start: datetime, seconds: int, step: float = 1, **options: Any) -> list[str]:  # noqa: ANN401
    made = history(Options(start=start, **options), start, start + timedelta(seconds=seconds), step, settings_every=600)
    return [format_chunk(at, data) for at, data in made]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An hour and a half with settings, a damaged frame, and a request."""
    made = lines(START, READINGS)
    made.insert(2000, made[2000].replace(",", ";", 3))
    made.insert(100, format_chunk(START.timestamp() + 99.5, b":R50=1,2,1,\r\n"))
    path = tmp_path_factory.mktemp("log") / "house.log"
    path.write_text(HEADER + "\n" + "".join(made))
    return path


@pytest.fixture
def imported(recording: Path, tmp_path: Path) -> Path:
    path = tmp_path / "history.db"
    run("history", "import", recording, "--meter", "house", "--database", path)
    return path


def bring(*arguments: object) -> str:
    ended = run("history", "import", *arguments)
    assert ended.status == 0
    return ended.output


def test_a_recording_becomes_history_and_says_what_was_skipped(recording: Path, tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    said = bring(recording, "--meter", "house", "--database", path)
    day = f"{START:%Y-%m-%d} to {START + timedelta(days=1):%Y-%m-%d}"
    assert said.startswith(f"{READINGS} readings of house kept, from {day}. Skipped: ")
    assert "rejected (" in said
    rows = rows_in(path)
    assert len(rows) == READINGS
    assert {row["nominal_capacity"] for row in rows[10:]} == {280.0}
    assert all(a[key] <= b[key] for a, b in pairwise(rows) for key in TOTALS)
    assert_rollups_are_right(path, UTC)


def test_a_second_time_changes_nothing(imported: Path, recording: Path) -> None:
    before = [rollups_in(imported, level) for level in ("minute", "hour")], rows_in(imported)
    with Database(imported) as database:
        ledgers = database.load_ledgers()
    said = bring(recording, "--meter", "house", "--database", imported)
    assert f"{READINGS} there already" in said
    assert said.startswith("No reading of house is new.")
    assert ([rollups_in(imported, level) for level in ("minute", "hour")], rows_in(imported)) == before
    with Database(imported) as database:
        assert database.load_ledgers() == ledgers


KILLED = """
import os, signal, sys
from datetime import UTC
from pathlib import Path
from juntek import importing
from juntek.history import Database
from juntek.history.recorder import Recorder

class Killed(Recorder):
    kept = 0

    def record_streams(self, streams, **given):
        if self.kept:
            with self._database.transaction():
                os.kill(os.getpid(), signal.SIGKILL)
        refused = super().record_streams(streams, **given)
        self.kept = importing.BATCH - refused
        return refused

importing.BATCH, importing.Recorder = 300, Killed
with Database(sys.argv[1]) as database:
    importing.import_logs(importing.LogImport(database, "house", UTC), [Path(sys.argv[2])])
"""


def test_an_import_that_was_killed_can_be_done_again(recording: Path, imported: Path, tmp_path: Path) -> None:
    path, count = tmp_path / "killed.db", 0
    with Database(path):
        pass
    for _ in range(4):
        command = [sys.executable, "-c", KILLED, str(path), str(recording)]
        assert subprocess.run(command, check=False, timeout=120).returncode == -signal.SIGKILL
        assert count < count_in(path) < READINGS, "it was killed on its way"
        count = count_in(path)
    bring(recording, "--meter", "house", "--database", path)
    for level in ("minute", "hour"):
        assert whole(rollups_in(path, level)) == whole(rollups_in(imported, level))
    assert len(rows_in(path)) == READINGS
    with Database(path) as killed, Database(imported) as never:
        assert killed.load_ledgers() == never.load_ledgers()


def count_in(path: Path) -> int:
    return sum(told["count"] for told in rollups_in(path, "minute").values())


def whole(rollups: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
    """What does not depend on when a commit was, which is when totals are told."""
    return [
        {key: value for key, value in told.items() if key.rpartition("_")[0] not in TOTALS} for told in rollups.values()
    ]


def test_a_recording_in_two_files_is_as_good_as_one(recording: Path, imported: Path, tmp_path: Path) -> None:
    text = recording.read_text().splitlines(keepends=True)
    first, second, path = tmp_path / "1.log", tmp_path / "2.log.gz", tmp_path / "two.db"
    first.write_text("".join(text[:3000]))
    second.write_bytes(gzip.compress((HEADER + "\n" + "".join(text[3000:])).encode()))
    bring(first, "--meter", "house", "--database", path)
    bring(second, "--meter", "house", "--database", path)
    one, two = rollups_in(imported, "hour"), rollups_in(path, "hour")
    assert one.keys() == two.keys()
    for hour, told in one.items():
        for key, value in told.items():
            # Without the settings, which came in the first file, the second has to wait for the next.
            assert two[hour][key] == (pytest.approx(value, abs=30) if key[-8:] == "increase" else value), key


def test_an_older_recording_stands_beside_what_was_live(imported: Path, tmp_path: Path) -> None:
    """Its totals begin elsewhere, and that is no energy."""
    older = tmp_path / "older.log"
    older.write_text(HEADER + "\n" + "".join(lines(START - timedelta(days=1), 7200, 10, state_of_charge=90, seed=5)))
    before = rollups_in(imported, "hour")
    bring(older, "--meter", "house", "--database", imported)
    after = rollups_in(imported, "hour")
    assert {hour: after[hour] for hour in before} == before
    new = [told for hour, told in after.items() if hour not in before]
    assert 0 < sum(told["discharged_energy_increase"] for told in new) / 100 < 3000


def test_lines_without_a_time_are_skipped_and_counted(tmp_path: Path) -> None:
    log = tmp_path / "no-times.log"
    log.write_text(
        "".join(f"frame: ':r50=1,{line.split('=1,')[1]}".replace("\\r\\n", "'") for line in lines(START, 50)[1:])
    )
    said = bring(log, "--meter", "house", "--database", tmp_path / "history.db")
    assert "without a time and its offset from UTC" in said


def test_of_several_meters_on_a_line_one_is_taken(tmp_path: Path) -> None:
    log, path = tmp_path / "two.log", tmp_path / "history.db"
    both = [*lines(START, 900, 2), *lines(START + timedelta(seconds=1), 900, 2, addresses=(7,), state_of_charge=90)]
    log.write_text(HEADER + "\n" + "".join(sorted(both)))
    bring(log, "--meter", "boat", "--address", 7, "--database", path)
    assert len(rows_in(path, "boat")) == 450
    assert rows_in(path, "boat")[-1]["remaining_capacity"] > 200
    assert "address 9" in run("history", "import", log, "--meter", "van", "--address", 9, "--database", path).talk


def test_old_readings_are_kept_as_minutes_only(tmp_path: Path) -> None:
    log, path = tmp_path / "old.log", tmp_path / "history.db"
    log.write_text(HEADER + "\n" + "".join(lines(datetime(2025, 3, 1, tzinfo=UTC), 600)))
    ended = run("history", "import", log, "--meter", "house", "--database", path)
    assert "minutes, hours and days are kept" in ended.talk
    assert rows_in(path) == []
    assert [told["count"] for told in rollups_in(path, "minute").values()] == [60] * 10
    assert "there already" in bring(log, "--meter", "house", "--database", path)
    assert [told["count"] for told in rollups_in(path, "minute").values()] == [60] * 10


def test_a_summary_has_days_and_months(imported: Path) -> None:
    by_day = [json.loads(line) for line in summary(imported, "--by", "day")]
    assert [day["date"] for day in by_day] == [f"{START:%Y-%m-%d}", f"{START + timedelta(days=1):%Y-%m-%d}"]
    assert sum(day["count"] for day in by_day) == READINGS
    years = [json.loads(line) for line in summary(imported, "--by", "year")]
    assert sum(year["discharged_energy"] for year in years) == pytest.approx(
        sum(day["discharged_energy"] for day in by_day), abs=0.05
    )
    table = run("history", "summary", "--database", imported).output
    assert table.startswith(f"house: {READINGS} readings from {START:%Y-%m-%d %H:%M}")


def test_a_summary_of_nothing_says_so(tmp_path: Path) -> None:
    Database(tmp_path / "new.db").close()
    ended = run("history", "summary", "--database", tmp_path / "new.db")
    assert ended.output == ""
    assert ended.talk.startswith("There are no readings yet: start the gateway with a [history] section.")


def summary(path: Path, *arguments: object) -> list[str]:
    ended = run("history", "summary", "--format", "json", "--database", path, *arguments)
    assert ended.status == 0
    return ended.output.splitlines()


def test_csv_and_parquet_hold_the_same_readings(imported: Path, tmp_path: Path) -> None:
    span = ("--from", f"{START:%Y-%m-%dT%H:10}", "--to", f"{START:%Y-%m-%dT%H:20}")
    ended = run("history", "export", "-", *span, "--database", imported)
    assert "600 readings of house." in ended.talk
    table = [line.split(",") for line in ended.output.splitlines()]
    assert run("history", "export", tmp_path / "house.parquet", *span, "--database", imported).status == 0
    columns = parquet.read_table(tmp_path / "house.parquet").to_pydict()
    assert table[0] == list(columns)
    for place, key in enumerate(table[0]):
        texts = [line[place] for line in table[1:]]
        if key == "time":
            assert [datetime.fromisoformat(text) for text in texts] == columns[key]
        elif key in ("voltage", "current", "charged_energy", "state_of_charge"):
            assert [float(text) if text else None for text in texts] == columns[key]


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%Y%m%d", "%G-W%V-%u", "9999-12-31"])
def test_a_range_includes_the_day_of_its_last_date(imported: Path, form: str) -> None:
    end = START.timestamp() + (3600 if "%" in form else 1e9)
    count = sum(row["time"] < end for row in rows_in(imported))
    ended = run("history", "export", "-", "--to", START.strftime(form), "--database", imported)
    assert f"{count} readings of house." in ended.talk


@pytest.mark.parametrize("command", [("summary",), ("export", "-")], ids=" ".join)
def test_a_range_may_begin_and_end_at_any_date(imported: Path, command: tuple[str, ...]) -> None:
    whole = run("history", *command, "--database", imported)
    for zone in ("Europe/Berlin", "America/New_York"):
        for end in ("9999-12-31", "9999-12-31T23:59:59-12:00"):
            place = ("--from", "0001-01-01", "--to", end, "--database", imported)
            ended = run("history", *command, *place, TZ=zone)
            assert (ended.status, len(ended.output)) == (0, len(whole.output))


def test_an_export_takes_the_place_of_an_earlier_one_but_never_of_a_database(imported: Path, tmp_path: Path) -> None:
    before = rows_in(imported)
    refused = run("history", "export", imported, "--database", imported)
    assert refused.status == 2
    assert refused.talk == f"{imported} is a database, which an export would destroy: give the export another name.\n"
    assert rows_in(imported) == before
    for _ in range(2):
        assert run("history", "export", tmp_path / "house.csv", "--database", imported).status == 0


def test_a_backup_is_a_database_of_its_own(imported: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert run("history", "backup", copy, "--database", imported).output.strip() == str(copy)
    assert rows_in(copy) == rows_in(imported)
    again = run("history", "backup", copy, "--database", imported)
    assert again.status != 0
    assert "is there already" in again.talk


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("summary", "--database", "none.db"), "There is no database none.db"),
        (("export", "-", "--meter", "cellar", "--database", "FILE"), 'There is no history of a meter "cellar".'),
        (("summary", "--from", "yesterday", "--database", "FILE"), '"yesterday" is no time; write it like'),
        (("import", "none.log", "--meter", "house", "--database", "FILE"), "none.log does not exist"),
        (("import", "-", "/dev/null", "--meter", "house", "--database", "FILE"), "- can be read only once"),
        (("import", "none.log", "--meter", "a/b", "--database", "FILE"), "MQTT topics may not have"),
        (("backup", "copy.db", "--database", "none.db"), "There is no database none.db"),
    ],
)
def test_what_cannot_be_is_one_sentence(imported: Path, arguments: tuple[str, ...], sentence: str) -> None:
    ended = run("history", *(str(imported) if word == "FILE" else word for word in arguments), home=imported.parent)
    assert ended.status != 0
    assert sentence in ended.talk
    assert len(ended.talk.strip().splitlines()) == 1


def test_the_database_and_the_days_are_those_of_the_configuration(imported: Path) -> None:
    zone = ZoneInfo("Asia/Kathmandu")
    file = imported.parent / "juntek.toml"
    meter = '[[meters]]\nname = "house"\nlink = "/dev/null"\n'
    file.write_text(f'time_zone = "{zone}"\n{meter}[history]\npath = "history.db"\n')
    ended = run("history", "summary", "--by", "day", "--format", "json", "--config", file)
    told = {day["date"]: day["count"] for day in map(json.loads, ended.output.splitlines())}
    assert told == Counter(f"{datetime.fromtimestamp(row['time'], zone):%Y-%m-%d}" for row in rows_in(imported))


def test_a_repair_saves_all_of_a_whole_file_beside_it(imported: Path) -> None:
    ended = run("history", "repair", "--database", imported, home=imported.parent)
    assert ended.status == 0
    assert "Nothing is lost." in ended.output
    assert rows_in(imported.with_name(f"{imported.stem}-repaired.db")) == rows_in(imported)
    assert run("history", "repair", "--database", imported, home=imported.parent).status != 0
