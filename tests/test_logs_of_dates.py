"""Dates in figures, whose order differs: read where they can be one day only, or where the rest of the file tells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from juntek.capture.times import TWO_DAYS, LineTimes
from juntek.importing import RecordedFile
from owners_logs import FRAMES

DAY = datetime(2025, 3, 1, 12, 0, 5, tzinfo=UTC)
ALONE = [
    ("25-03-01", DAY), ("25/03/01", DAY), ("25.03.01", DAY), ("01-03-2025", None), ("31-03-25", DAY + timedelta(30)),
    ("01.03.25", DAY), ("01/03/25", None), ("01/03/2025", None), ("13/03/2025", DAY + timedelta(12)),
    ("03/13/2025", DAY + timedelta(12)), ("03/03/25", DAY + timedelta(2)),
]  # fmt: skip


@pytest.mark.parametrize(("written", "right"), ALONE)
def test_a_date_of_numbers_is_read_where_it_can_be_one_day_only(written: str, right: datetime | None) -> None:
    times = LineTimes(UTC, (DAY + timedelta(600)).timestamp())
    assert times.read(f"{written} 12:00:05".encode()) == (right and right.timestamp())
    assert right or times.lack == TWO_DAYS


@pytest.mark.parametrize(
    ("behind", "hours"), [("Europe/Berlin", 2), ("Europe/Nowhere", 0), ("America/Indiana", 0), ("House/Battery", 0)]
)
def test_a_topic_behind_a_time_is_no_zone_and_leaves_the_time_as_it_is(behind: str, hours: int) -> None:
    time = LineTimes(UTC).read(f"2025-07-01 12:00:05.250 {behind} :r50=".encode())
    assert time == datetime(2025, 7, 1, 12 - hours, 0, 5, 250_000, UTC).timestamp()


@pytest.mark.parametrize(
    ("form", "days", "closed"),
    [
        ("%d/%m/%Y", (0, 1, 2), 600),  # the days lie closest together
        ("%m/%d/%y", (0, 1, 2), 600),
        ("%d-%m-%y", (0, 1, 2, 40), 600),
        ("%y-%m-%d", (18, 19, 20), 600),
        ("%m/%d/%Y", (0,), 0),  # the file was closed on its last day
        ("%d/%m/%Y", (0, 30), 600),  # another line can be one day only
    ],
)
def test_the_order_of_a_date_is_judged_once_for_the_file(form: str, days: tuple[int, ...], closed: int) -> None:
    right = [DAY + timedelta(day) for day in days]
    lines = [f"{day.strftime(form)} 12:00:05" for day in right]
    times = LineTimes(UTC, (right[-1] + timedelta(closed)).timestamp())
    times.look_ahead("\n".join(lines).encode())
    assert [times.read(line.encode()) for line in lines] == [day.timestamp() for day in right]


def test_days_in_the_middle_of_a_long_file_tell_the_order_of_all(tmp_path: Path) -> None:
    log = tmp_path / "log"
    lines = []
    for number in range(32):  # 3 May to 3 June
        day = f"{datetime(2024, 5, 3, tzinfo=UTC) + timedelta(number):%m/%d/%Y} 08:00"
        chatter = [f"{day}:30 {'nothing was heard ' * 20}\n"] * (400 if number in (0, 31) else 40)
        lines += [f"{day}:00 {FRAMES[0].strip()}\n", *chatter]
    log.write_text("".join(lines), encoding="utf-8")
    times = [chunk.time for chunks in RecordedFile(log, LineTimes(UTC)).read() for chunk in chunks]
    assert times == [(datetime(2024, 5, 3, 8, tzinfo=UTC) + timedelta(number)).timestamp() for number in range(32)]
