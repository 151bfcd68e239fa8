"""The energy of days and months is what the totals say, whatever happens in between."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dashboards.asked import BOARDS, Reader, asked
from dashboards.filled import Filled, push, scrape
from dashboards.world import Sample
from servers.engines import VictoriaMetrics

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300)]

ZONE = ZoneInfo("Europe/Berlin")
METER = {"site": "cabin", "meter": "house"}
WH = 3600


def totals(first: datetime, hours: float, every: int, skip: Callable[[float], bool] = lambda _: False) -> list[Sample]:
    """Return totals of a battery that takes 100 W and gives 60 W from the first hour on; it had 40 and 10 Wh before.

    `skip` says in which hours nothing is heard, while the meter counts on.
    """
    rows = []
    for second in range(0, int(hours * 3600) + 1, every):
        hour = second / 3600
        if not skip(hour):
            values = {
                "juntek_charged_energy_joules_total": (40 + 100 * hour) * WH,
                "juntek_discharged_energy_joules_total": (10 + 60 * hour) * WH,
            }
            rows.append(Sample(int(first.timestamp()) + second, METER, values))
    return rows


@pytest.fixture(params=["VictoriaMetrics", "Prometheus"])
def fill(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[list[Sample]], Filled]]:
    """Fills an engine of each kind."""
    started: list[Filled] = []

    def fill(rows: list[Sample]) -> Filled:
        pushed = request.param == "VictoriaMetrics"
        started.append(push(VictoriaMetrics(tmp_path), rows) if pushed else scrape(tmp_path, rows))
        return started[-1]

    yield fill
    for filled in started:
        filled.engine.stop()


def shown(filled: Filled, reader: Reader, title: str, ref: str = "A") -> list[tuple[datetime, float]]:
    """The points of the only series of a panel, in the reader's time."""
    (query,) = [query for query in asked(BOARDS["juntek-energy"], reader) if (query.panel, query.ref) == (title, ref)]
    (points,) = filled.answer(query).values()
    return [(datetime.fromtimestamp(at, ZONE), value) for at, value in points]


def test_a_day_begins_at_the_readers_midnight_and_today_is_one_of_them(
    fill: Callable[[list[Sample]], Filled],
) -> None:
    filled = fill(totals(datetime(2025, 6, 10, 18, tzinfo=ZONE), 63, every=60))  # until 9:00 on the 13th
    reader = filled.reader(zone=ZONE)
    days = shown(filled, reader, "Energy of each day")
    assert [at.isoformat() for at, _ in days] == [f"2025-06-{day}T00:00:00+02:00" for day in (10, 11, 12, 13)]
    assert [value for _, value in days] == pytest.approx([600, 2400, 2400, 900], abs=2)
    assert shown(filled, reader, "In today")[-1][1] == pytest.approx(900, abs=2)
    assert shown(filled, reader, "In")[-1][1] == pytest.approx(6300, abs=2)
    assert shown(filled, reader, "Efficiency")[-1][1] == pytest.approx(0.6)


def test_what_comes_out_is_drawn_below_zero(fill: Callable[[list[Sample]], Filled]) -> None:
    filled = fill(totals(datetime(2025, 6, 10, 0, 1, tzinfo=ZONE), 30, every=60))
    days = shown(filled, filled.reader(zone=ZONE), "Energy of each day", "B")
    assert [value for _, value in days] == pytest.approx([-1440, -360], abs=2)


def test_what_was_counted_while_nothing_was_heard_stands_on_the_day_of_the_return(
    fill: Callable[[list[Sample]], Filled],
) -> None:
    away = (20, 55)  # from 20:00 on the first day to 7:00 on the third
    filled = fill(totals(datetime(2025, 6, 10, 0, 1, tzinfo=ZONE), 80, 60, lambda hour: away[0] < hour < away[1]))
    days = shown(filled, filled.reader(zone=ZONE), "Energy of each day")
    assert {at.day: round(value, -1) for at, value in days} == {10: 2000, 12: 5200, 13: 800}
    assert sum(value for _, value in days) == pytest.approx(8000, abs=2)


def test_a_rare_reading_is_enough(fill: Callable[[list[Sample]], Filled]) -> None:
    filled = fill(totals(datetime(2025, 6, 9, 20, tzinfo=ZONE), 64, every=4 * 3600))
    days = shown(filled, filled.reader(zone=ZONE), "Energy of each day")
    assert [value for _, value in days] == pytest.approx([400, 2400, 2400, 1200], abs=2)


@pytest.fixture
def year(tmp_path: Path) -> Iterator[Filled]:
    """Totals of the year before the tenth of July, one each half hour."""
    with VictoriaMetrics(tmp_path) as engine:
        first = datetime(2024, 8, 5, tzinfo=ZONE)
        hours = (datetime(2025, 7, 10, 12, tzinfo=ZONE) - first) / timedelta(hours=1)
        yield push(engine, totals(first, hours, every=1800))


def test_a_month_is_that_of_the_calendar_also_where_the_clocks_change(year: Filled) -> None:
    """Grafana adds the hours up by the month in which each begins; here we do."""
    months: defaultdict[str, float] = defaultdict(float)
    for at, value in shown(year, year.reader(zone=ZONE), "Energy of each month"):
        months[f"{at:%Y-%m}"] += value / 100
    expected = {
        "2024-08": 27 * 24, "2024-09": 720, "2024-10": 745, "2024-11": 720, "2024-12": 744, "2025-01": 744,
        "2025-02": 672, "2025-03": 743, "2025-04": 720, "2025-05": 744, "2025-06": 720, "2025-07": 9 * 24 + 12,
    }  # fmt: skip
    assert months == pytest.approx(expected, abs=0.6)
