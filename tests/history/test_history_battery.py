"""Where a battery is watched, the history has what was believed of it; elsewhere it is as it was."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from history.made import START, execute, readings, record, rows_in
from juntek.battery.ledger import Ledger
from juntek.history import Database
from juntek.history.blocks import pack
from juntek.history.fields import FIRST_COLUMNS, batch_of
from juntek.history.queries import HistoryReader
from juntek.history.recorder import Recorder, Stream
from juntek.outputs.timeseries.line_protocol import lines_of
from juntek.reading import Reading

KEYS = ("state_of_charge", "state_of_charge_uncertainty", "meter_state_of_charge")
BELIEVED, UNCERTAIN = 61.5, 2.3
CHARTS = [(20_000, 0), (500, 10), (60, 60), (2, 86_400)]
"""Points of a chart, and s that each stands for at least."""


def watched(first: int, count: int) -> list[Reading]:
    return [
        reading._replace(
            more={
                "state_of_charge": BELIEVED, "state_of_charge_uncertainty": UNCERTAIN,
                "meter_state_of_charge": reading.state_of_charge,
            }
        )
        for reading in readings(first, count)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An hour without the section, then an hour with it, in a file that was made before there was any of it."""
    path = tmp_path_factory.mktemp("battery") / "history.db"
    record(path, readings(0, 3600))
    parts = [f"{key}_{end}" for key in KEYS[:2] for end in ("count", "minimum", "maximum", "sum", "last")]
    execute(
        path,
        "DELETE FROM field WHERE key LIKE 'state_of_charge%'",
        *(f"ALTER TABLE {table} DROP COLUMN {part}" for table in ("minute", "hour") for part in parts),
    )
    record(path, watched(3600, 3600))
    return path


@pytest.mark.parametrize(("points", "least"), CHARTS)
def test_a_chart_says_what_was_published(path: Path, points: int, least: int) -> None:
    start = START + 3660 if least < 86_400 else START - 86_400
    with HistoryReader(path, time_zone=UTC, clock=lambda: START) as reader:
        series = reader.series("house", KEYS, start, START + 8000, points)
    assert series.resolution >= least
    charge, doubt, meter = (series.columns[key] for key in KEYS)
    assert {value for value in charge.average if value is not None} == {BELIEVED}
    assert {value for value in doubt.average if value is not None} == {UNCERTAIN}
    assert all(50 < value < 70 for value in meter.average if value is not None)
    assert set(meter.average) - {None, BELIEVED}


@pytest.mark.parametrize(("points", "least"), CHARTS[:3])
def test_a_chart_goes_on_from_what_the_meter_said(path: Path, points: int, least: int) -> None:
    date = datetime.fromtimestamp(START, UTC).date()
    with HistoryReader(path, time_zone=UTC, clock=lambda: START) as reader:
        before = reader.series("house", KEYS, START, START + 3500, points)
        (day,) = reader.days("house", date, date)
    assert before.resolution >= least
    charge, doubt, meter = (before.columns[key].average for key in KEYS)
    assert all(50 < value < 70 for value in charge if value is not None)
    assert set(doubt) == set(meter) == {None}
    assert day.state_of_charge.minimum == day.state_of_charge.maximum == BELIEVED


def test_an_export_and_a_push_say_what_was_published(path: Path) -> None:
    rows = rows_in(path)
    assert rows[-1]["state_of_charge"] == BELIEVED
    assert rows[0]["state_of_charge"] == readings(0, 1)[0].state_of_charge
    assert [rows[place]["state_of_charge_uncertainty"] for place in (0, -1)] == [None, UNCERTAIN]
    plain, told = (lines_of("home", "house", batch_of(batch)) for batch in (readings(0, 2), watched(0, 2)))
    assert b"state_of_charge_ratio=0.5357," in plain[0]
    assert b"meter_state_of_charge" not in plain[0]
    assert b"uncertainty" not in plain[0]
    assert b"state_of_charge_ratio=0.615," in told[1]
    assert b"state_of_charge_uncertainty_ratio=0.023" in told[1]
    assert b"meter_state_of_charge_ratio=0.5358" in told[1]
    mixed = lines_of("home", "house", batch_of([*readings(0, 1), *watched(1, 1)]))
    assert b",state_of_charge_ratio=0.5357," in mixed[0]
    assert b"meter_state_of_charge" not in mixed[0]
    assert b",state_of_charge_ratio=0.615," in mixed[1]
    assert b"meter_state_of_charge_ratio=0.5358" in mixed[1]


def test_what_was_learnt_stays_when_a_recording_is_imported_after_it(tmp_path: Path) -> None:
    with Database(tmp_path / "history.db") as database:
        snapshot = Ledger(UTC).snapshot() | {"last": [START]}
        database.save_ledgers({"house": snapshot | {"battery": {"version": 1}}}, START)
        Recorder(database).conclude(Stream("house", time=round(START * 1000) + 5, totals=[1, 2, 3, 4]), snapshot)
        assert database.load_ledgers()["house"] == snapshot | {"battery": {"version": 1}}


def test_without_the_section_a_block_is_what_it_was() -> None:
    batch = batch_of(readings(0, 100))
    columns = dict(FIRST_COLUMNS) | {16: "state_of_charge", 17: "state_of_charge_uncertainty"}
    assert pack(batch, columns) == pack(batch)
