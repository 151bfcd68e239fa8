"""The API against its own description, and against any question; rule: no question brings a fault or a lie."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import httpx
import pytest
import schemathesis
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.exceptions import HTTPException

from juntek.calendar import LATEST_TIME
from juntek.history.queries import SERIES_KEYS
from juntek.outputs.web.api import description as describe_api
from juntek.outputs.web.parameters import (
    CALENDAR,
    CHART,
    EXPORT,
    MOST_DAYS,
    MOST_POINTS,
    check_order,
    read_days,
    read_query,
    read_times,
)
from outputs.served import HASH, NOW, context, served, write_past
from outputs.updates import kg_update, kh_update
from servers.process import NO_TLS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ZONE = ZoneInfo("Europe/Berlin")
TODAY = datetime.fromtimestamp(NOW, ZONE).date()
BOUNDED = settings(
    max_examples=40,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@contextmanager
def in_a_thread(**options: Any) -> Iterator[str]:  # noqa: ANN401 - those of the sink
    """Serve from a thread, as questions that are asked one after the other need it."""
    with start_blocking_portal() as thread, thread.wrap_async_context_manager(served(**options)) as site:
        thread.call(site.handle, kg_update())
        thread.call(site.handle, kh_update())
        yield site.url


def ask(url: str, method: str = "GET") -> httpx.Response:
    return httpx.request(method, url, trust_env=False, verify=NO_TLS, timeout=60)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("past") / "juntek.db"
    write_past(path, hours=1)
    return path


@pytest.fixture(scope="module")
def url(database: Path) -> Iterator[str]:
    with in_a_thread(where=context(database=database)) as url:
        yield url


@pytest.fixture(scope="module")
def locked_url(database: Path) -> Iterator[str]:
    with in_a_thread(where=context(database=database), password_hash=HASH) as url:
        yield url


DESCRIBED = schemathesis.openapi.from_dict(describe_api("1.2.3"))
ENDLESS = "/api/live"


OPERATIONS = [
    DESCRIBED[path][method.upper()]
    for path, methods in describe_api("1.2.3")["paths"].items()
    for method in methods
    if path != ENDLESS
]


def ask_and_check(operation: Any, url: str) -> None:  # noqa: ANN401 - of the library
    """Ask for whatever the description of one operation allows, and for what it does not."""

    @given(case=operation.as_strategy())
    @BOUNDED
    def ask_one(case: Any) -> None:  # noqa: ANN401 - of the library
        if len(case.path_parameters.get("name", "")) % 2:
            case.path_parameters["name"] = "house"  # a name that is there is seldom guessed
        answer = case.call(base_url=url, timeout=60)
        # That the first is before the last cannot be said in a description.
        ends_are_exchanged = answer.status_code == 400 and answer.json()["error"].startswith("from ")
        case.validate_response(answer, excluded_checks=[positive_data_acceptance] if ends_are_exchanged else [])

    ask_one()


@pytest.mark.parametrize("operation", OPERATIONS, ids=[operation.label for operation in OPERATIONS])
def test_every_answer_is_what_its_description_says(operation: Any, url: str) -> None:  # noqa: ANN401 - of the library
    ask_and_check(operation, url)


@pytest.mark.parametrize("operation", OPERATIONS, ids=[operation.label for operation in OPERATIONS])
def test_a_locked_page_answers_as_described_too(operation: Any, locked_url: str) -> None:  # noqa: ANN401 - of the library
    ask_and_check(operation, locked_url)


@pytest.mark.parametrize("what", ["history", "days", "export", "latest"])
def test_what_a_real_meter_has_is_as_described(what: str, url: str) -> None:
    operation = DESCRIBED[f"/api/meters/{{name}}/{what}"]["GET"]
    for query in ({}, {"from": str(int(NOW) - 900)} if what in ("history", "export") else {}):
        case = operation.Case(path_parameters={"name": "house"}, query=query)
        case.call_and_validate(base_url=url, timeout=60)
        assert case.call(base_url=url, timeout=60).status_code == 200


def test_every_address_of_the_api_is_described_and_the_other_way_round(url: str) -> None:
    description = ask(f"{url}/api/openapi.json").json()
    assert description == describe_api("1.2.3")
    for path, operations in description["paths"].items():
        address = f"{url}{path.replace('{name}', 'house')}"
        answer = ask(address, "PATCH")
        allowed = {method.lower() for method in answer.headers["allow"].split(", ")}
        assert allowed - {"head"} == set(operations), path


def test_every_schema_that_is_named_is_there() -> None:
    description = describe_api("1.2.3")
    names = set(description["components"]["schemas"])
    text = str(description)
    used = {name for name in names if f"'#/components/schemas/{name}'" in text}
    assert names - used == {"LiveUpdate"}  # events have no schema of their own in OpenAPI
    assert text.count("#/components/schemas/") == sum(text.count(f"'#/components/schemas/{name}'") for name in names)


def test_what_may_be_left_out_of_a_body_is_said() -> None:
    schemas = describe_api("1.2.3")["components"]["schemas"]
    assert schemas["WishedSettings"]["required"] == ["values"]
    assert "required" not in schemas["ConfirmedAction"]


# Any question -------------------------------------------------------------------------------------------------

TIMES = st.one_of(
    st.floats(-1e3, 1e12).map(str),
    st.integers(0, 2_000_000_000).map(str),
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.dates().map(lambda day: day.isoformat()),
    st.text(max_size=30),
)
KEYS = st.sampled_from(["from", "to", "points", "quantities", "by", "format", "x"])
VALUES = st.one_of(TIMES, st.sampled_from([*SERIES_KEYS, "day", "month", "csv", ""]), st.integers().map(str))
QUERIES = st.lists(st.tuples(KEYS, VALUES), max_size=4)


@given(query=QUERIES)
@settings(derandomize=True, database=None, max_examples=400)
def test_any_query_is_understood_or_refused_in_one_sentence(query: list[tuple[str, str]]) -> None:
    def check(read: Callable[[], Any]) -> Any:  # noqa: ANN401
        refused = None
        try:
            return read()
        except HTTPException as refusal:
            refused = refusal
        assert refused.status_code == 400
        assert refused.detail.endswith((".", "?"))
        assert refused.detail.isprintable()
        assert len(refused.detail) < 300
        return None

    if chart := check(lambda: read_query(query, CHART, ZONE)):
        start, end, quantities, points = chart
        if times := check(lambda: read_times(start, end, NOW)):
            assert 0 <= times[0] < times[1] <= LATEST_TIME
        assert 2 <= points <= MOST_POINTS
        assert set(quantities) <= set(SERIES_KEYS)
    calendar = check(lambda: read_query(query, CALENDAR, ZONE))
    if calendar and (days := check(lambda: read_days(calendar[0], calendar[1], TODAY))):
        assert 0 <= (days[1] - days[0]).days <= MOST_DAYS
    if export := check(lambda: read_query(query, EXPORT, ZONE)):
        check(lambda: check_order(export[0], export[1]))
        assert 0 <= min(export[:2]) <= max(export[:2]) <= LATEST_TIME


@given(start=st.floats(0, NOW + 1e6), span=st.floats(0.001, 1e9), points=st.integers(2, 500))
@settings(derandomize=True, database=None, max_examples=60)
def test_a_chart_never_has_more_points_than_asked_for_and_none_outside_its_range(
    url: str, start: float, span: float, points: int
) -> None:
    query = f"from={start:.3f}&to={start + span + 0.01:.3f}&points={points}"
    answer = ask(f"{url}/api/meters/house/history?{query}")
    assert answer.status_code == 200
    chart = answer.json()
    assert len(chart["time"]) <= points
    assert chart["time"] == sorted(set(chart["time"]))
    for moment in chart["time"]:
        assert chart["from"] - max(chart["resolution"], 86_400) <= moment <= chart["to"]
    for column in chart["quantities"].values():
        assert {len(values) for values in column.values()} <= {len(chart["time"])}


@given(path=st.text(min_size=1, max_size=30))
@settings(derandomize=True, database=None, max_examples=60)
def test_any_address_is_answered_with_a_sentence_or_what_is_there(url: str, path: str) -> None:
    answer = ask(f"{url}/api/{quote(path, safe='', errors='replace')}")
    assert answer.status_code in (200, 404)
    if answer.status_code == 404:
        assert list(answer.json()) == ["error"]
