"""What the history answers: charts, days and readings, each compared with the readings that were written."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from itertools import accumulate, pairwise
from pathlib import Path
from threading import Thread
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from history.made import (
    START,
    assert_rollups_are_right,
    days_in,
    execute,
    reading_at,
    readings,
    record,
    rollups_in,
    rows_in,
)
from juntek.calendar import LocalDays
from juntek.errors import ConfigurationError, DatabaseError, RequestError
from juntek.history import Database
from juntek.history.blocks import pack, unpack
from juntek.history.fields import FIELDS, Batch, Column
from juntek.history.queries import SERIES_KEYS, HistoryReader
from juntek.reading import Reading

BERLIN = ZoneInfo("Europe/Berlin")
KEYS = ("voltage", "current", "power", "state_of_charge", "charged_energy")
NUMBERS = st.integers(-(2**40), 2**40)


def moment(text: str, zone: ZoneInfo = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


@pytest.fixture(scope="module")
def hours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three hours of readings, with twenty minutes missing in the second."""
    path = tmp_path_factory.mktemp("history") / "history.db"
    record(path, readings(0, 5000), readings(6200, 4600))
    return path


@given(
    st.lists(st.tuples(NUMBERS, *(st.none() | NUMBERS for _ in FIELDS[5:])), min_size=1, max_size=30),
    st.integers(-300, 300),
)
@settings(max_examples=60)
def test_a_block_gives_back_whatever_was_packed(rows: list[tuple[int | None, ...]], current: int) -> None:
    count, columns = len(rows), dict(enumerate(FIELDS))
    made: list[Column] = [list(range(count)), [5200 + n for n in range(count)], [current] * count, list(range(count))]
    batch: Batch = dict(zip(FIELDS, [*made, *map(list, zip(*rows, strict=True))], strict=True))
    assert unpack(pack(batch, columns), count, columns=columns) == batch
    wanted = {"time", "power", FIELDS[5]}
    some = unpack(pack(batch, columns), count, wanted, columns)
    assert [some[key] for key in wanted] == [batch[key] for key in wanted]


def test_a_reading_takes_few_bytes(hours: Path) -> None:
    assert execute(hours, "SELECT sum(length(block)) FROM raw")[0][0] / 9600 < 15


def test_readings_come_back_as_they_were(hours: Path) -> None:
    rows = rows_in(hours)
    made = [*readings(0, 5000), *readings(6200, 4600)]
    for key in ("voltage", "current", "power", "state_of_charge", "charged_energy", "temperature", "direction"):
        assert [row[key] for row in rows] == [getattr(reading, key) for reading in made]
    assert [round(row["time"], 3) for row in rows] == [round(reading.time or 0, 3) for reading in made]


@pytest.mark.parametrize("limit", [1, 7, 999, 5000, 20_000])
def test_readings_after_a_time_are_read_piece_by_piece(hours: Path, limit: int) -> None:
    times: list[int] = []
    after, most = -1, 10 if limit < 100 else 20_000
    with HistoryReader(hours) as reader:
        while len(times) < most and (some := reader.read_after("house", after, limit)["time"]):
            assert len(some) <= limit
            times += [time or 0 for time in some]
            after = times[-1]
    told = [round(row["time"] * 1000) for row in rows_in(hours)]
    assert times == (told[: len(times)] if most == 10 else told)


def test_readings_after_a_time_pass_over_a_damaged_block(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    record(path, readings(0, 6000))
    execute(path, "UPDATE raw SET block = x'09' WHERE time = (SELECT min(time) FROM raw)")
    with HistoryReader(path, time_zone=BERLIN) as reader:
        some = reader.read_after("house", 0, 10)["time"]
    assert len(some) == 10
    assert (some[0] or 0) % 3_600_000 < 1000


def test_a_chart_of_few_readings_is_the_readings(hours: Path) -> None:
    with HistoryReader(hours) as reader:
        series = reader.series("house", KEYS, START + 100, START + 400, 400)
    made = readings(100, 300)
    assert series.resolution == 0
    assert series.columns["current"].average == [reading.current for reading in made]
    assert series.columns["charged_energy"].last == [reading.charged_energy for reading in made]


@pytest.mark.parametrize("points", [50, 200, 500, 1000, 3000])
@pytest.mark.parametrize("hours_long", [0.2, 1, 3])
def test_a_chart_has_about_as_many_points_as_asked_for_and_each_says_what_its_readings_say(
    hours: Path, points: int, hours_long: float
) -> None:
    start, end = START, START + hours_long * 3600
    with HistoryReader(hours) as reader:
        series = reader.series("house", KEYS, start, end, points)
    inside = [row for row in rows_in(hours) if start <= row["time"] < end]
    assert len(series.time) <= points
    assert len(series.time) >= min(points, len(inside)) / 3
    if not series.resolution:
        return
    assert [time % series.resolution for time in series.time if time] == [0] * len(series.time)
    for place in range(1, len(series.time) - 1):
        first = series.time[place]
        some = [row for row in inside if first <= row["time"] < first + series.resolution]
        for key in ("voltage", "current", "power", "state_of_charge"):
            column, values = series.columns[key], [row[key] for row in some]
            if not values:
                assert column.average[place] is None
                continue
            assert column.minimum[place] == pytest.approx(min(values), abs=0.006)
            assert column.maximum[place] == pytest.approx(max(values), abs=0.006)
            assert column.average[place] == pytest.approx(sum(values) / len(values), abs=0.006)
            assert column.last[place] == pytest.approx(values[-1], abs=0.006)


def test_a_gap_in_the_readings_is_a_gap_in_the_chart(hours: Path) -> None:
    with HistoryReader(hours) as reader:
        for points in (150, 400, 1000):
            series = reader.series("house", ["voltage"], START, START + 10_800, points)
            assert series.columns["voltage"].average.count(None) == 1
            assert len(series.columns["voltage"].maximum) == len(series.time)
            assert all(a < b for a, b in pairwise(series.time))


def test_totals_grow_in_a_chart_by_what_they_grew(hours: Path) -> None:
    with HistoryReader(hours) as reader:
        series = reader.series("house", ["charged_energy"], START - 3600, START + 20_000, 300)
    grown = sum(increase for increase in series.columns["charged_energy"].increase if increase)
    assert grown == pytest.approx((10_800 - 1) * 0.16, abs=0.02)


def test_rollups_are_what_the_readings_say(hours: Path) -> None:
    assert_rollups_are_right(hours, BERLIN)


def test_it_is_the_same_in_one_commit_or_in_many(tmp_path: Path) -> None:
    record(tmp_path / "one.db", readings(0, 7600))
    record(tmp_path / "many.db", *(readings(tick, 19) for tick in range(0, 7600, 19)))
    for level in ("minute", "hour"):
        assert rollups_in(tmp_path / "one.db", level) == rollups_in(tmp_path / "many.db", level)
    assert rows_in(tmp_path / "one.db") == rows_in(tmp_path / "many.db")


def test_what_comes_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    assert record(path, readings(0, 500), readings(0, 500), readings(100, 420)) == 900
    assert [row["run_time"] for row in rows_in(path)] == list(range(520))
    assert_rollups_are_right(path, BERLIN)


def test_totals_that_begin_anew_in_a_reading_that_lacks_one_are_counted_from_where_it_is_known(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    anew = [reading_at(tick, time=START + 1000 + tick) for tick in range(100)]
    record(path, readings(500, 10), [anew[0]._replace(charged_energy=None), *anew[1:]])
    (day,) = days_in(path, BERLIN).values()
    assert (day["charged_energy_increase"], day["discharged_energy_increase"]) == (16 * (9 + 98), 21 * (9 + 99))


@pytest.mark.parametrize(
    ("day", "length"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-07-01", 24)], ids=["spring", "autumn", "summer"]
)
def test_a_local_day_is_as_long_as_it_is(tmp_path: Path, day: str, length: int) -> None:
    path = tmp_path / "history.db"
    first = moment(f"{day}T00:00") - 3600
    record(path, [reading_at(tick, time=first + 600 * tick) for tick in range(6 * 27)])
    with HistoryReader(path, time_zone=BERLIN) as reader:
        (told,) = reader.days("house", date.fromisoformat(day), date.fromisoformat(day))
        chart = reader.series("house", ["voltage"], first - 86_400 * 9, first + 86_400 * 9, 20)
    assert told.count == length * 6
    assert told.charged_energy == pytest.approx(length * 6 * 0.16)
    assert moment(f"{day}T00:00") in chart.time


def test_days_add_up_to_months_and_years(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    first = moment("2025-11-15T00:00")
    record(path, [reading_at(tick, time=first + 3600 * tick) for tick in range(24 * 100)])
    with HistoryReader(path, time_zone=BERLIN) as reader:
        span = date(2025, 1, 1), date(2026, 12, 31)
        days, months, years = (reader.days("house", *span, by=by) for by in ("day", "month", "year"))
    assert [str(month.date) for month in months] == ["2025-11-01", "2025-12-01", "2026-01-01", "2026-02-01"]
    assert [year.date.year for year in years] == [2025, 2026]
    for parts in (months, years):
        for key in ("charged_energy", "discharged_capacity", "count"):
            assert sum(getattr(part, key) for part in parts) == pytest.approx(sum(getattr(day, key) for day in days))
    assert max(day.voltage.maximum or 0 for day in days) == max(year.voltage.maximum or 0 for year in years)


def test_what_flowed_while_nobody_listened_is_shared_out_between_the_days(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    noon = moment("2026-05-01T12:00")
    record(path, [reading_at(0, time=noon), reading_at(10_000, time=noon + 2 * 86_400)])
    with HistoryReader(path, time_zone=BERLIN) as reader:
        days = reader.days("house", date(2026, 5, 1), date(2026, 5, 9))
    assert [day.count for day in days] == [1, 0, 1]
    assert [day.charged_energy for day in days] == pytest.approx([400, 800, 400])
    assert days[1].voltage.minimum is None


def test_days_are_those_of_whoever_asks(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    record(path, [reading_at(tick, time=START + 300 * tick) for tick in range(1000)])
    for zone in (ZoneInfo("Asia/Tokyo"), ZoneInfo("Asia/Kathmandu"), BERLIN):
        assert_rollups_are_right(path, zone)


@given(st.lists(st.sampled_from([1, 30, 280, 700, 5000, 40_000, 200_000]), min_size=2, max_size=40), st.integers(0, 90))
@settings(max_examples=40)
def test_gaps_are_shared_out_between_the_days_of_any_zone(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], quarter: int
) -> None:
    path = tmp_path_factory.mktemp("gaps") / "history.db"
    times = list(accumulate(steps, initial=START // 900 * 900 + 900 * quarter))
    record(path, [reading_at(0, time=time, charged_energy=n * 100.0) for n, time in enumerate(times)])
    for zone in (BERLIN, ZoneInfo("Asia/Kathmandu"), ZoneInfo("Australia/Lord_Howe")):
        days = LocalDays(zone)
        expected: dict[int, float] = defaultdict(float)
        for earlier, later in pairwise(times):
            # Of a short step all is counted at its end.
            borders = [earlier, *days.midnights(earlier, later), later] if later - earlier > 300 else [later, later]
            for start, end in pairwise(borders):
                expected[days.start_of(start)] += 100 * (end - start) / (later - earlier) if start < end else 0
            if borders[0] == later:
                expected[days.start_of(later)] += 100
        with HistoryReader(path, time_zone=zone) as reader:
            told = reader.days("house", date(2026, 9, 1), date(2027, 9, 1))
        assert sum(day.charged_energy for day in told) == pytest.approx(100 * len(steps))
        for day in told:
            start = datetime(day.date.year, day.date.month, day.date.day, tzinfo=zone).timestamp()
            assert day.charged_energy == pytest.approx(expected[int(start)], abs=0.5)


def test_efficiency_counts_what_is_still_in_the_battery(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    first = moment("2026-05-01T00:00")

    def at(hour: int, left: float, energy_in: float, energy_out: float) -> Reading:
        return reading_at(
            0, time=first + 3600 * hour, voltage=50.0, remaining_capacity=left, charged_capacity=energy_in / 50,
            discharged_capacity=energy_out / 50, charged_energy=energy_in, discharged_energy=energy_out,
        )  # fmt: skip

    record(path, [at(0, 100, 0, 0), at(12, 260, 8000, 0), at(23, 200, 8000, 2600)])
    with HistoryReader(path, time_zone=BERLIN) as reader:
        (day,) = reader.days("house", date(2026, 5, 1), date(2026, 5, 1))
    assert day.efficiency == pytest.approx((2600 + 100 * 50) / 8000, abs=0.001)


def test_a_meter_without_a_probe_or_a_nominal_capacity_has_none(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    record(path, readings(0, 300, temperature=None, nominal_capacity=None, internal_resistance=None))
    with HistoryReader(path, time_zone=BERLIN) as reader:
        for points in (10, 100, 1000):
            series = reader.series("house", ["temperature", "state_of_charge"], START, START + 300, points)
            assert set(series.columns["temperature"].average) == {None}
            assert set(series.columns["state_of_charge"].average) == {None}
        (day,) = reader.days("house", date(2026, 9, 21), date(2026, 9, 21))
    assert day.temperature.maximum is day.state_of_charge.minimum is day.efficiency is None


def test_several_threads_may_ask_while_it_is_written(hours: Path) -> None:
    answers: list[int] = []
    with HistoryReader(hours) as reader:

        def ask() -> None:
            answers.extend(len(reader.series("house", SERIES_KEYS, START, START + 10_800, 500).time) for _ in range(10))

        threads = [Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        record(hours, readings(0, 100), meter="boat")
        for thread in threads:
            thread.join()
        assert reader.meters() == ["boat", "house"]
    assert len(answers) == 40
    assert len(set(answers)) == 1


def test_a_span_leaves_out_what_a_wrong_clock_put_into_the_future(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    record(path, readings(0, 100), [reading_at(101, time=START + 1e8)])
    with HistoryReader(path, clock=lambda: START + 200) as reader:
        assert reader.span("house") == pytest.approx((reading_at(0).time, reading_at(99).time))
        assert reader.span("boat") is None


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        (lambda reader: reader.series("cellar", ["voltage"], 0, 1, 9), 'There is no history of a meter "cellar".'),
        (lambda reader: reader.series("house", ["colour"], 0, 1, 9), "There is no history of colour; choose from"),
        (lambda reader: reader.series("house", ["voltage"], 1, 1, 9), "The range ends before it begins"),
        (lambda reader: reader.series("house", ["voltage"], 0, 1, 0), "0 points make no chart"),
    ],
)
def test_a_question_that_cannot_be_is_one_sentence(hours: Path, question: object, sentence: str) -> None:
    with HistoryReader(hours) as reader, pytest.raises(RequestError, match=sentence.replace(".", r"\.")):
        question(reader)  # type: ignore[operator]


def test_a_file_without_a_history_is_one_sentence(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    execute(other, "CREATE TABLE other (x)")
    (tmp_path / "text.db").write_text("no database at all, only a text that is long enough to be looked at" * 20)
    for path, sentence in (
        (tmp_path / "none.db", "There is no database"),
        (other, "has no history yet"),
        (tmp_path / "text.db", "is damaged or not a database"),
    ):
        with HistoryReader(path, time_zone=BERLIN) as reader, pytest.raises(DatabaseError, match=sentence):
            reader.meters()


def test_a_backup_of_a_database_in_use_is_whole(hours: Path, tmp_path: Path) -> None:
    with Database(hours) as database:
        database.back_up(tmp_path / "copy.db")
        with pytest.raises(ConfigurationError, match="is there already"):
            database.back_up(tmp_path / "copy.db")
    assert rows_in(tmp_path / "copy.db") == rows_in(hours)
    with Database(tmp_path / "copy.db") as copy:
        assert copy.load_ledgers() == {}


@given(st.lists(st.tuples(st.integers(0, 9000), st.integers(1, 400)), min_size=1, max_size=8))
@settings(max_examples=15)
def test_in_whatever_order_it_comes_rollups_are_what_the_readings_say(
    tmp_path_factory: pytest.TempPathFactory, batches: list[tuple[int, int]]
) -> None:
    path = tmp_path_factory.mktemp("order") / "history.db"
    record(path, *(readings(first, count) for first, count in batches))
    rows = rows_in(path)
    assert all(a["time"] < b["time"] for a, b in pairwise(rows))
    rollups = rollups_in(path, "minute"), rollups_in(path, "hour"), days_in(path, BERLIN)
    assert {sum(rollup["count"] for rollup in level.values()) for level in rollups} == {len(rows)}
    assert {sum(rollup["voltage_sum"] for rollup in level.values()) for level in rollups} == {
        sum(round(row["voltage"] * 100) for row in rows)
    }
