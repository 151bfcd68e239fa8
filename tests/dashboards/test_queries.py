"""Every query of every dashboard, asked of real engines with a day of data in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from time import time

import pytest

from dashboards.asked import ALL, BOARDS, Asked, asked, every_query, fill_in
from dashboards.filled import Filled, push, scrape
from dashboards.world import DAY, EVERY, METERS, Sample, samples
from servers.engines import VictoriaMetrics

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300)]

EVERY_QUERY = [pytest.param(uid, number, id=name) for uid, number, name in every_query()]


@pytest.fixture(scope="module")
def day() -> list[Sample]:
    end = int(time()) // EVERY * EVERY
    return list(samples(end - DAY, end))


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory, day: list[Sample]) -> Iterator[Filled]:
    """VictoriaMetrics, with what gateways pushed to it."""
    with VictoriaMetrics(tmp_path_factory.mktemp("pushed")) as engine:
        yield push(engine, day)


@pytest.fixture(scope="module")
def doubled(tmp_path_factory: pytest.TempPathFactory, day: list[Sample]) -> Iterator[Filled]:
    """VictoriaMetrics that scrapes the gateways too."""
    with VictoriaMetrics(tmp_path_factory.mktemp("doubled")) as engine:
        scraped = {"job": "juntek", "instance": "127.0.0.1:9485"}
        push(engine, (replace(row, labels={**row.labels, **scraped}) for row in day))
        yield push(engine, day)


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory, day: list[Sample]) -> Iterator[Filled]:
    """Prometheus, with what it scraped."""
    filled = scrape(tmp_path_factory.mktemp("scraped"), day)
    with filled.engine:
        yield filled


def query(uid: str, number: int, filled: Filled, **options: object) -> Asked:
    return asked(BOARDS[uid], filled.reader(**options))[number]


@pytest.mark.parametrize(("uid", "number"), EVERY_QUERY)
def test_every_query_finds_something(pushed: Filled, uid: str, number: int) -> None:
    asked = query(uid, number, pushed)
    assert pushed.answer(asked), asked.expr


@pytest.mark.parametrize(("uid", "number"), EVERY_QUERY)
def test_prometheus_gives_the_same_answer(pushed: Filled, scraped: Filled, uid: str, number: int) -> None:
    asked = query(uid, number, pushed)
    one, other = pushed.answer(asked), scraped.answer(asked)
    assert set(one) == set(other)
    for series, points in one.items():
        theirs = dict(other[series])
        common = [(value, theirs[at]) for at, value in points if at in theirs]
        assert len(common) > 0.9 * len(points)
        largest = max(abs(value) for _, value in points)
        alike = [mine == pytest.approx(their, rel=0.02, abs=0.001 * largest) for mine, their in common]
        # They differ in where a window begins and in how long they go on showing what has ended.
        assert sum(alike) > 0.98 * len(alike)


@pytest.mark.parametrize(("uid", "number"), EVERY_QUERY)
def test_what_came_in_two_ways_counts_once(pushed: Filled, doubled: Filled, uid: str, number: int) -> None:
    asked = query(uid, number, pushed)
    once, twice = pushed.answer(asked), doubled.answer(asked)
    assert set(once) == set(twice)
    for series, points in once.items():
        assert [value for _, value in twice[series]] == pytest.approx([value for _, value in points])


@pytest.mark.parametrize(("uid", "number"), EVERY_QUERY)
def test_only_what_was_chosen_is_shown(pushed: Filled, uid: str, number: int) -> None:
    for choice in ({"site": "cabin"}, {"site": "(cabin|boat)"}, {"site": "cabin", "meter": "house"}):
        found = pushed.answer(query(uid, number, pushed, choice=choice))
        for label, wanted in choice.items():
            names = {name for series in found for name in re.findall(rf'\b{label}="(.*?)"', series)}
            assert all(re.fullmatch(wanted, name) for name in names)


@pytest.mark.parametrize("uid", BOARDS)
def test_sites_and_their_meters_can_be_chosen(pushed: Filled, uid: str) -> None:
    _, site, meter, *_ = BOARDS[uid]["templating"]["list"]
    assert label_values(pushed, site["query"]["query"], ALL) == sorted({meter.site for meter in METERS})
    assert label_values(pushed, meter["query"]["query"], {"site": "cabin"}) == ["house", "van"]


def label_values(filled: Filled, query: str, choice: dict[str, str]) -> list[str]:
    """What Grafana's `label_values(series, label)` finds."""
    found = re.fullmatch(r"label_values\((.*), (\w+)\)", query)
    assert found
    series = fill_in(found[1], choice, 15, DAY, "")
    return list(json.loads(filled.engine.ask(f"/api/v1/label/{found[2]}/values", **{"match[]": series}))["data"])


def by_meter(filled: Filled, uid: str, title: str, ref: str = "A", **choice: str) -> dict[str, float]:
    """The last value of each meter in a tile or table."""
    *_, asked_ = [
        query
        for query in asked(BOARDS[uid], filled.reader(choice=choice))
        if (query.panel, query.ref) == (title, ref) and query.step is None
    ]
    return {
        re.sub(r'.*meter="(\w+)".*', r"\1", series): points[-1][1] for series, points in filled.answer(asked_).items()
    }


@pytest.mark.parametrize("title", ["State of charge", "Power", "Voltage", "Current", "Left", "Output", "Temperature"])
def test_a_silent_meter_has_no_value_now(pushed: Filled, title: str) -> None:
    assert set(by_meter(pushed, "juntek-battery", title)) == {"house", "van", "store"}


def test_a_silent_meter_is_said_to_be_silent(pushed: Filled) -> None:
    assert by_meter(pushed, "juntek-battery", "Meter") == {"house": 1, "van": 1, "store": 1, "bench": 0}


def test_the_worst_come_first(pushed: Filled) -> None:
    trouble = by_meter(pushed, "juntek-fleet", "Meters")
    assert sorted(trouble, key=lambda name: -trouble[name])[:2] == ["store", "bench"]
    charge = by_meter(pushed, "juntek-fleet", "Meters", "B")
    assert trouble["house"] == pytest.approx(1 - charge["house"])


def test_as_many_rows_as_wanted_are_shown(pushed: Filled) -> None:
    assert set(by_meter(pushed, "juntek-fleet", "Meters", rows="1")) == {"store"}
    assert set(by_meter(pushed, "juntek-fleet", "Meters", "B", rows="1")) == {"store"}
