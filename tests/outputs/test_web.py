"""The API over real sockets: what every address answers, and what is asked wrongly gets one sentence."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from pyarrow import parquet

from juntek.errors import DatabaseError, JuntekError
from juntek.extras import install_line
from juntek.history import queries
from juntek.history.queries import ROW_KEYS, HistoryReader
from juntek.listening import Limits
from juntek.outputs.web import WebOptions, open_sink, responses
from juntek.outputs.web.history_queries import MOST_WAITING, VISITOR, HistoryQueries
from juntek.outputs.web.live import name_of_zone
from juntek.quantity import QUANTITIES
from juntek.reading import Reading
from outputs.served import NOW, ZONE, context, served, write_past
from outputs.updates import kg_reading, kg_update, kh_update
from servers.process import free_port


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("past") / "juntek.db"
    write_past(path)
    write_past(path, hours=0.5, meter="old boat")
    return path


@pytest.fixture
async def browser(database: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that looks at a gateway with a past."""
    async with served(context(database=database)) as site, site.browser() as browser:
        yield browser


async def ask(browser: httpx.AsyncClient, path: str, status: int = 200, query: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
    answer = await browser.get(path, params=query)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    if status >= 400:
        assert list(answer.json()) == ["error"]
        assert answer.json()["error"].endswith((".", "?"))
    return answer.json()


async def test_meters_are_listed_before_they_said_anything() -> None:
    async with served() as site, site.browser() as browser:
        house, boat = await ask(browser, "/api/meters")
        assert (house["name"], boat["name"]) == ("house", "boat")
        assert house["available"] is False
        assert (house["latest"], house["identity"], house["settings"], house["first"]) == (None,) * 4
        assert house["health"]["mode"] == "starting"


async def test_a_meter_is_listed_with_all_that_is_known_of_it(database: Path) -> None:
    async with served(context(database=database)) as site, site.browser() as browser:
        await site.handle(kg_update())
        await site.handle(kg_update(None, available=False))
        house, boat, old = await ask(browser, "/api/meters")
        assert house["identity"]["model"] == "KG140F"
        assert house["latest"] == kg_update().reading.as_dict()  # type: ignore[union-attr]
        assert house["available"] is False
        assert house["last"] == NOW
        assert house["first"] == pytest.approx(NOW - 6 * 3600, abs=11)
        assert boat["first"] is None
        assert (old["name"], old["configured"], old["latest"]) == ("old boat", False, None)
        assert old["last"] == NOW


async def test_a_secret_setting_is_not_shown() -> None:
    async with served() as site, site.browser() as browser:
        await site.handle(kh_update())
        boat = (await ask(browser, "/api/meters"))[1]
        assert boat["settings"]["full_voltage"] == 14.4
        assert "bluetooth_password" not in (await browser.get("/api/meters")).text


async def test_the_latest_reading_is_the_newest() -> None:
    async with served() as site, site.browser() as browser:
        assert "nothing yet" in (await ask(browser, "/api/meters/house/latest", 404))["error"]
        for voltage in (13.1, 13.2):
            await site.handle(kg_update(kg_reading(voltage=voltage)))
        assert (await ask(browser, "/api/meters/house/latest"))["voltage"] == 13.2


async def test_every_quantity_is_told_as_its_row_says_and_no_secret() -> None:
    async with served() as site, site.browser() as browser:
        told = {facts["key"]: facts for facts in await ask(browser, "/api/quantities")}
        assert list(told) == [key for key, row in QUANTITIES.items() if not row.secret and not row.optional]
        power = QUANTITIES["power"]
        assert (told["power"]["label"], told["power"]["unit"]) == (power.label, power.unit)
        assert told["power"]["digits"] == power.digits
        assert told["power"]["history"]
        assert told["state_of_charge"]["chart"]["ends"] == [0, 100]
        assert told["direction"]["chart"] is None
        assert told["low_temperature_protection"]["families"] == ["KH-F"]


def test_a_quantity_of_another_package_is_told_with_its_chart(tmp_path: Path) -> None:
    row = tmp_path / "juntek" / "quantity" / "cell_spread.py"
    row.parent.mkdir(parents=True)
    row.write_text(
        "from juntek.quantity.row import Chart, Quantity\n"
        'ROWS = (Quantity("cell_spread", "Cell spread", "mV", "voltage", "instant", 1, chart=Chart(10)),)\n'
    )
    code = (
        "import json\n"
        "from juntek.quantity import QUANTITIES\n"
        "from juntek.outputs.web.api import description, facts_of\n"
        'print(json.dumps(facts_of(QUANTITIES["cell_spread"])))\n'
        'print(json.dumps(description("1")["components"]["schemas"]["Reading"]["properties"]["cell_spread"]))'
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, str(tmp_path)])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    facts, schema = (json.loads(line) for line in done.stdout.splitlines())
    assert (facts["label"], facts["unit"], facts["chart"]["least_span"]) == ("Cell spread", "mV", 10)
    assert schema == {"type": ["number", "null"], "description": "Cell spread (mV)"}


async def test_a_chart_has_what_was_asked_for(browser: httpx.AsyncClient) -> None:
    chart = await ask(
        browser,
        "/api/meters/house/history",
        query={"from": NOW - 3600, "to": NOW, "quantities": "voltage", "points": 30},
    )
    assert (chart["meter"], chart["from"], chart["to"]) == ("house", NOW - 3600, NOW)
    assert chart["resolution"] == 300
    assert 10 <= len(chart["time"]) <= 30
    voltage = chart["quantities"]["voltage"]
    assert list(chart["quantities"]) == ["voltage"]
    assert {len(values) for values in voltage.values()} == {len(chart["time"])}
    assert all(low < high for low, high in zip(voltage["minimum"], voltage["maximum"], strict=True))


async def test_a_chart_over_a_short_time_is_of_readings(browser: httpx.AsyncClient) -> None:
    chart = await ask(browser, "/api/meters/house/history", query={"from": NOW - 60, "to": NOW + 1, "points": 1000})
    assert chart["resolution"] == 0
    assert chart["time"] == [NOW - 60 + 10 * index for index in range(7)]
    assert chart["quantities"]["current"] == {"average": [-5.0] * 7}


async def test_totals_have_their_last_value_and_what_they_grew(browser: httpx.AsyncClient) -> None:
    chart = await ask(browser, "/api/meters/house/history", query={"quantities": "discharged_energy", "points": 100})
    total = chart["quantities"]["discharged_energy"]
    assert set(total) == {"last", "increase"}
    assert sum(total["increase"]) == pytest.approx(6 * 60, rel=0.01)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2023-11-14T22:00:00Z", "2023-11-14T22:13:00Z"),
        ("2023-11-14T23:00:00+01:00", "2023-11-14T23:13:00+01:00"),
        ("2023-11-14T23:00:00", "2023-11-14 23:13"),
        ("2023-11-14T23:00:00 01:00", "2023-11-14T23:13:00 0100"),  # as an address makes a blank of a plus
        ("1699999200", "1699999980.0"),
    ],
)
async def test_times_are_iso_8601_or_seconds_and_local_without_an_offset(
    browser: httpx.AsyncClient, first: str, last: str
) -> None:
    chart = await ask(browser, "/api/meters/house/history", query={"from": first, "to": last})
    assert (chart["from"], chart["to"]) == (1_699_999_200, 1_699_999_980)


async def test_a_meter_without_a_past_has_an_empty_chart(browser: httpx.AsyncClient) -> None:
    chart = await ask(browser, "/api/meters/boat/history")
    assert (chart["time"], chart["quantities"]) == ([], {})
    assert await ask(browser, "/api/meters/boat/days") == []
    assert (await browser.get("/api/meters/boat/export")).text.splitlines() == [",".join(ROW_KEYS)]


async def test_days_months_and_years_are_local(browser: httpx.AsyncClient) -> None:
    days = await ask(browser, "/api/meters/house/days")
    assert [day["date"] for day in days] == [datetime.fromtimestamp(NOW, ZONE).date().isoformat()]
    assert days[0]["discharged_energy"] == pytest.approx(6 * 60, rel=0.01)
    assert days[0]["voltage"]["minimum"] == 12.0
    query = {"from": "2020-01-01", "to": "2023-12-31"}
    assert [day["date"] for day in await ask(browser, "/api/meters/house/days", query=query | {"by": "month"})] == [
        "2023-11-01"
    ]
    assert [day["date"] for day in await ask(browser, "/api/meters/house/days", query=query | {"by": "year"})] == [
        "2023-01-01"
    ]


async def test_an_export_holds_every_reading_and_is_sent_in_pieces(database: Path) -> None:
    async with served(context(database=database)) as site, site.browser() as browser:
        async with browser.stream("GET", "/api/meters/house/export") as answer:
            assert answer.headers["transfer-encoding"] == "chunked"
            assert answer.headers["content-disposition"] == 'attachment; filename="juntek-house.csv"'
            text = (await answer.aread()).decode()
        rows = list(csv.DictReader(io.StringIO(text)))
        with HistoryReader(database) as reader:
            expected = list(reader.readings("house", 0, NOW + 1))
        assert len(rows) == len(expected) == 2160
        assert rows[-1]["time"] == datetime.fromtimestamp(NOW, UTC).isoformat(timespec="milliseconds")
        assert [float(row["voltage"]) for row in rows] == [row[1] for row in expected]
        part = await browser.get("/api/meters/house/export", params={"from": NOW - 20, "to": NOW})
        assert len(part.text.splitlines()) == 3


async def test_an_export_in_parquet_holds_the_same_in_many_pieces(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "PARQUET_ROWS", 500)
    async with served(context(database=database)) as site, site.browser() as browser:
        answer = await browser.get("/api/meters/house/export?format=parquet")
        assert answer.headers["content-disposition"] == 'attachment; filename="juntek-house.parquet"'
        assert answer.headers["transfer-encoding"] == "chunked"
        table = parquet.read_table(io.BytesIO(answer.content))
    with HistoryReader(database) as reader:
        rows = list(reader.readings("house", 0, NOW + 1))
    assert table.column("voltage").to_pylist() == [row[1] for row in rows]
    assert [moment.timestamp() for moment in table.column("time").to_pylist()] == [row[0] for row in rows]


async def test_without_its_library_parquet_is_refused_with_the_mend(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    async with served(context(database=database)) as site, site.browser() as browser:
        error = (await ask(browser, "/api/meters/house/export", 501, {"format": "parquet"}))["error"]
        assert install_line("parquet") in error


def test_a_time_zone_is_named_as_browsers_know_it() -> None:
    zones = (ZoneInfo("Europe/Berlin"), UTC, timezone(timedelta(hours=-3, minutes=-30)), timezone(timedelta(), "GMT"))
    assert [name_of_zone(zone, NOW) for zone in zones] == ["Europe/Berlin", "UTC", "-03:30", "UTC"]


async def test_health_tells_of_the_gateway_its_links_and_its_history() -> None:
    troubles = {"history": "The disk is full; make room on it."}
    async with served(context(sections=("history", "web"), errors=troubles)) as site, site.browser() as browser:
        await site.handle(kg_update())
        health = await ask(browser, "/api/health")
        assert (health["version"], health["gateway"]) == ("1.2.3", "pi")
        assert health["uptime"] >= 0
        assert set(health["exports"]) == {"csv", "parquet"}
        assert health["history"] == {"state": "paused", "reason": troubles.pop("history")}
        assert health["meters"]["house"]["available"] is True
        assert health["meters"]["house"]["frames"] == 9
        assert (await ask(browser, "/api/health"))["history"] == {"state": "ok", "reason": None}


async def test_without_a_history_the_present_is_still_there() -> None:
    async with served() as site, site.browser() as browser:
        assert len(await ask(browser, "/api/meters")) == 2
        assert "add [history]" in (await ask(browser, "/api/meters/house/history", 503))["error"]
        assert (await ask(browser, "/api/health"))["history"]["state"] == "off"


async def test_a_damaged_history_is_one_sentence_and_the_present_is_still_there(tmp_path: Path) -> None:
    path = tmp_path / "juntek.db"
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 4096)
    async with served(context(database=path)) as site, site.browser() as browser:
        assert "damaged" in (await ask(browser, "/api/meters/house/history", 503))["error"]
        assert "damaged" in (await ask(browser, "/api/meters/house/export", 503))["error"]
        assert len(await ask(browser, "/api/meters")) == 2


WRONG = [
    ("history", {"point": "3"}, 'did you mean "points"?'),
    ("history", {"points": "1"}, "from 2 to 10000"),
    ("history", {"points": "10001"}, "from 2 to 10000"),
    ("history", {"points": "1e3"}, "from 2 to 10000"),
    ("history", {"points": "٣٤"}, "from 2 to 10000"),
    ("history", {"quantities": "volts"}, 'did you mean "voltage"?'),
    ("history", {"quantities": ""}, "there are voltage"),
    ("history", {"quantities": "voltage,"}, "there are voltage"),
    ("history", {"from": "yesterday"}, "seconds since 1970"),
    ("history", {"from": "nan"}, "seconds since 1970"),
    ("history", {"from": "-1"}, "from 1970 to 9999"),
    ("history", {"to": "1e400"}, "seconds since 1970"),
    ("history", {"to": "9" * 15}, "from 1970 to 9999"),
    ("history", {"from": "100", "to": "100"}, "from is before to"),
    ("history", {"to": "0"}, "from is before to"),
    ("days", {"from": "2023-13-01"}, "a date such as 2026-01-31"),
    ("days", {"from": "20230101"}, "a date such as 2026-01-31"),
    ("days", {"from": "0001-01-01"}, "from 1970-01-01"),
    ("days", {"from": "2023-01-02", "to": "2023-01-01"}, "exchange them"),
    ("days", {"from": "1970-01-01", "to": "9998-12-31"}, "at most 36600 days"),
    ("days", {"by": "week"}, "day, month or year"),
    ("export", {"format": "xls"}, "csv or parquet"),
    ("export", {"from": "5", "to": "4"}, "from is before to"),
    ("latest", {"x": "1"}, "there are none here"),
    ("history", {"points": ["10", "20"]}, "The parameter points is there twice; give it once."),
]


@pytest.mark.parametrize(("what", "query", "sentence"), WRONG)
async def test_what_is_asked_wrongly_is_told_in_a_sentence(
    browser: httpx.AsyncClient, what: str, query: dict[str, str], sentence: str
) -> None:
    assert sentence in (await ask(browser, f"/api/meters/house/{what}", 400, query))["error"]


async def test_an_unknown_meter_or_address_is_not_found() -> None:
    async with served() as site, site.browser() as browser:
        for what in ("latest", "history", "days", "export"):
            assert "there are house, boat" in (await ask(browser, f"/api/meters/attic/{what}", 404))["error"]
        await ask(browser, "/api/meters/", 404)
        await ask(browser, "/api/nothing", 404)
        await ask(browser, "/nothing", 404)


async def test_a_method_that_an_address_does_not_take_is_refused_and_the_others_are_named() -> None:
    async with served() as site, site.browser() as browser:
        answer = await browser.post("/api/health")
        assert answer.status_code == 405
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}
        answer = await browser.put("/api/session")
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST", "DELETE"}
        assert "error" in answer.json()


async def test_a_head_request_has_the_headers_and_no_body() -> None:
    async with served() as site, site.browser() as browser:
        for path in ("/api/meters", "/api/live", "/api/meters/house/export", "/api/session"):
            answer = await browser.head(path)
            assert (answer.status_code, answer.content) == (200, b"")


async def test_long_answers_are_compressed_for_who_takes_it(browser: httpx.AsyncClient) -> None:
    packed = await browser.get("/api/meters/house/history")
    plain = await browser.get("/api/meters/house/history", headers={"accept-encoding": "gzip;q=0"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json()["time"] == plain.json()["time"]


async def test_too_many_questions_at_once_are_refused_and_the_rest_is_answered(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = httpx.Limits(max_connections=None)
    async with served(context(database=database)) as site, site.browser(limits=limits) as browser:
        at_once = 0
        most = 0
        series = HistoryReader.series

        def slow_series(*arguments: Any) -> Any:  # noqa: ANN401
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            try:
                return series(*arguments)
            finally:
                at_once -= 1

        monkeypatch.setattr(HistoryReader, "series", slow_series)
        questions = [browser.get("/api/meters/house/history") for _ in range(2 * MOST_WAITING)]
        answers = await asyncio.gather(*questions)
        statuses = [answer.status_code for answer in answers]
        assert set(statuses) <= {200, 503}
        assert most == 1
        assert statuses.count(200) >= MOST_WAITING
        for answer in answers:
            if answer.status_code == 503:
                assert answer.headers["retry-after"] == "2"
        assert (await browser.get("/api/meters/house/history")).status_code == 200


@pytest.mark.parametrize("what", ["days", "history"])
async def test_much_of_the_past_is_encoded_where_it_keeps_nobody_waiting(
    browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    threads: list[int] = []
    encode = responses.encode

    def encode_and_tell(value: Any) -> bytes:  # noqa: ANN401
        threads.append(threading.get_ident())
        return encode(value)

    monkeypatch.setattr(responses, "encode", encode_and_tell)
    await ask(browser, f"/api/meters/house/{what}")
    assert threads
    assert threading.get_ident() not in threads


async def test_one_visitor_who_asks_without_end_keeps_nobody_from_the_history(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    gate = threading.Event()

    def series(*_: Any) -> Any:  # noqa: ANN401
        gate.wait(60)
        raise DatabaseError("It was asked.")

    query = HistoryQueries.query
    visitors: set[str] = set()

    async def query_and_tell(queries: HistoryQueries, wanted: Any) -> Any:  # noqa: ANN401
        visitors.add(VISITOR.get())
        return await query(queries, wanted)

    monkeypatch.setattr(HistoryReader, "series", series)
    monkeypatch.setattr(HistoryQueries, "query", query_and_tell)
    async with (
        served(context(database=database), limits=Limits(connections=500)) as site,
        site.browser(limits=httpx.Limits(max_connections=None)) as greedy,
        site.browser(headers={"x-forwarded-for": "192.0.2.7"}) as owner,
    ):

        async def ask_for_history(browser: httpx.AsyncClient, name: str) -> str:
            error: str = (await browser.get("/api/meters/house/history")).json()["error"]
            order.append(name)
            return error

        flood = [asyncio.create_task(ask_for_history(greedy, "greedy")) for _ in range(2 * MOST_WAITING)]
        for refused in asyncio.as_completed(flood):
            assert "busy" in await refused
            if len(order) == MOST_WAITING:
                break
        asked = asyncio.create_task(ask_for_history(owner, "owner"))
        flood[-1].cancel()
        async with asyncio.timeout(60):
            while "192.0.2.7" not in visitors:  # noqa: ASYNC110 - the server tells in its own time
                await asyncio.sleep(0.01)
        gate.set()
        assert await asked == "It was asked."
        assert order.index("owner") <= MOST_WAITING + 2, "before most of those that came earlier"
        await asyncio.wait(flood)


async def test_damage_that_a_query_meets_is_told_to_all_who_ask_how_the_history_does(tmp_path: Path) -> None:
    path = tmp_path / "juntek.db"
    write_past(path)
    data = path.read_bytes()
    where = context(database=path)
    async with served(where) as site, site.browser() as browser:
        await ask(browser, "/api/meters/house/history")
        path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
        await ask(browser, "/api/meters/house/days", 503)
        assert where.look_at_history()[0] == "damaged"
        assert (await ask(browser, "/api/health"))["history"]["state"] == "damaged"


async def test_a_fault_is_one_sentence_and_its_cause_is_in_the_log(
    database: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> Reading:  # noqa: ANN401
        raise ZeroDivisionError

    monkeypatch.setattr(HistoryReader, "series", fail)
    async with served(context(database=database)) as site, site.browser() as browser:
        assert "unexpected" in (await ask(browser, "/api/meters/house/history", 500))["error"]
        assert "ZeroDivisionError" in caplog.text


async def test_a_history_that_fails_in_the_middle_of_an_export_breaks_it_off(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = HistoryReader.readings

    def fail_later(*arguments: Any) -> Any:  # noqa: ANN401
        for number, row in enumerate(whole(*arguments)):
            if number == 2100:
                raise DatabaseError("The disk fails; check it.")
            yield row

    monkeypatch.setattr(HistoryReader, "readings", fail_later)
    async with served(context(database=database)) as site, site.browser() as browser:
        with pytest.raises(httpx.RemoteProtocolError):
            await browser.get("/api/meters/house/export")
        assert (await browser.get("/api/health")).status_code == 200


async def test_a_port_in_use_is_one_sentence_with_the_mend() -> None:
    async with served() as site:
        with pytest.raises(
            JuntekError, match=rf"already listens at 127\.0\.0\.1:{site.port}; stop it, or give another"
        ):
            async with open_sink(WebOptions(listen=f"127.0.0.1:{site.port}"), context()):
                pass


@pytest.mark.parametrize("address", ["192.0.2.1", "[fe80::1%nowhere0]"])
async def test_an_address_of_another_computer_is_one_sentence_with_the_mend(address: str) -> None:
    with pytest.raises(JuntekError, match="is not an address of this computer"):
        async with open_sink(WebOptions(listen=f"{address}:{free_port()}", auth="none"), context()):
            pass


async def test_pages_that_look_on_are_let_go_and_the_port_is_free_when_the_sink_is_left() -> None:
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(served())
        async with site.browser() as browser, browser.stream("GET", "/api/live") as answer:
            pieces = answer.aiter_bytes()
            await anext(pieces)
            await stack.aclose()
            assert [piece async for piece in pieces if b"event" in piece] == []
    async with open_sink(WebOptions(listen=f"127.0.0.1:{site.port}"), context()):
        pass


async def test_it_serves_ipv6_too() -> None:
    async with served(host="[::1]") as site, httpx.AsyncClient(trust_env=False) as browser:
        answer = await browser.get(f"http://[::1]:{site.port}/api/health")
        assert answer.status_code == 200
