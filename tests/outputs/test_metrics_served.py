"""The page for Prometheus: how it is served, to friends and to others."""

from __future__ import annotations

import asyncio
import gzip
import re
import sys
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

from juntek.errors import ConfigurationError, JuntekError
from juntek.gateway.supervisor import Supervisor
from juntek.listening import Limits
from juntek.outputs import metrics
from juntek.outputs.metrics import MOST_CONNECTIONS, MetricsOptions, endpoint, open_sink
from juntek.outputs.metrics.endpoint import Meters
from outputs.scraped import OPEN_METRICS, context, of_meter, parse, read, scraped
from outputs.sockets import connect, let_go, rest_of
from outputs.updates import kg_update, listening
from servers.process import free_port

KINDS = [
    ("", False),
    ("*/*", False),
    ("text/html,application/xhtml+xml,*/*;q=0.8", False),
    (OPEN_METRICS, True),
    ("application/openmetrics-text", True),
    ("application/openmetrics-text; version=0.0.1, text/plain", False),
    ("application/openmetrics-text; version=0.0.1", False),
    ("application/openmetrics-text; version=x;escaping=dots, nonsense;;=,", False),
    ("text/plain;version=0.0.4, application/openmetrics-text", False),
]
"""What scrapers say that they take, and whether they get OpenMetrics."""


@pytest.mark.parametrize(("accept", "is_open"), KINDS)
async def test_a_scraper_gets_the_format_it_asks_for(accept: str, is_open: bool) -> None:
    async with scraped() as site:
        await site.handle(kg_update())
        answer = await site.get(accept=accept)
    kind = "application/openmetrics-text; version=1.0.0" if is_open else "text/plain; version=0.0.4"
    assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
    assert answer.text.endswith("# EOF\n") == is_open
    if is_open:
        assert {"juntek_meter", "juntek_charged_energy_joules"} <= {one.name for one in parse(answer.text)}


@pytest.mark.parametrize("coding", ["gzip", "identity"])
async def test_a_page_is_packed_for_who_can_unpack_it(coding: str) -> None:
    async with scraped() as site:
        answer = await site.get(accept_encoding=coding)
    assert answer.headers.get("content-encoding", "identity") == coding
    assert answer.headers["vary"] == "accept, accept-encoding"
    assert answer.text.startswith("# HELP juntek_")
    if coding == "gzip":
        assert int(answer.headers["content-length"]) < len(gzip.compress(answer.content, 1)) + 100


async def test_people_are_told_where_it_is() -> None:
    async with scraped(context(site="<b>cabin")) as site:
        answer = await site.get("/")
        assert "The gateway of &lt;b&gt;cabin has its metrics" in answer.text
        assert '<a href="/metrics">' in answer.text
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert (await site.get("/favicon.ico")).status_code == 404
        assert "the metrics are at /metrics" in (await site.get("/metric")).text


async def test_a_page_is_written_once_for_all_who_ask_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    written = 0
    whole = Meters.collect

    def count(self: Meters) -> Any:  # noqa: ANN401
        nonlocal written
        written += 1
        return whole(self)

    monkeypatch.setattr(Meters, "collect", count)
    monkeypatch.setattr(endpoint, "REST", 4)
    async with scraped(context(*(f"meter{number}" for number in range(300)))) as site:
        pages = await asyncio.gather(*(site.get() for _ in range(20)))
    assert {page.status_code for page in pages} == {200}
    assert 1 <= written < 10


async def test_updates_are_taken_while_the_page_of_a_thousand_meters_is_written() -> None:
    names = [f"meter{number}" for number in range(1000)]
    async with scraped(context(*names)) as site:
        for name in names:
            await site.handle(kg_update(meter=name))
        answer = asyncio.create_task(site.page())
        turns = 0
        while not answer.done():
            await site.handle(kg_update(meter=names[turns % 1000], health=listening(garbage=Counter({str(turns): 1}))))
            await asyncio.sleep(0)
            turns += 1
        found = await answer
    assert turns > 20
    assert len([name for name in found if name.startswith("juntek_voltage_volts{")]) == 1000


async def test_a_page_that_cannot_be_written_is_told_and_the_next_one_is_tried(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with scraped() as site:
        with monkeypatch.context() as broken:
            broken.setattr(Meters, "collect", lambda _: 1 / 0)
            answer = await site.get()
            assert answer.status_code == 500
            assert "the gateway's log says what" in answer.text
        assert "ZeroDivisionError" in caplog.text
        assert (await site.get()).status_code == 200


# --- those who hold on to what they do not use ---------------------------------------------------------------------


GET = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n"


def closing(text: bytes) -> bytes:
    """Ask for the end of the connection after the answer."""
    return text.replace(b"host: localhost", b"host: localhost\r\nconnection: close")


IMPATIENT = Limits(connections=MOST_CONNECTIONS, request_time=0.5, stall_time=0.5, look_every=0.1)


@pytest.mark.parametrize("text", [b"", GET, GET + b"x-slow: "])
async def test_half_a_request_is_cut(text: bytes) -> None:
    async with scraped(limits=replace(IMPATIENT, request_time=0.1, look_every=0.02)) as site:
        assert await rest_of(await connect(site.port, text)) == b""


async def test_a_page_that_nobody_takes_is_cut_and_others_get_theirs() -> None:
    names = [f"meter{number}" for number in range(3000)]
    async with scraped(context(*names), IMPATIENT) as site:
        slow = await connect(site.port, GET + b"\r\n" + (GET + b"\r\n") * 20, limit=1024)
        await slow[0].readexactly(100)
        assert len(of_meter(await site.page(), "meter2999")) == 4
        await let_go(slow)
        whole = (await site.get()).text.encode()
        assert len(await rest_of(slow)) < 20 * len(whole)


async def test_of_connections_too_many_the_oldest_gives_way_and_the_page_is_served() -> None:
    async with scraped() as site:
        held = [await connect(site.port, GET) for _ in range(MOST_CONNECTIONS)]
        await site.handle(kg_update())
        answer = await site.get()
        assert of_meter(read(answer), "house")["juntek_voltage_volts"] == 13.2
        assert (await rest_of(held[0])).startswith(b"HTTP/1.1 503")
        for pair in held[1:]:
            pair[1].write_eof()
            await rest_of(pair)


async def test_a_name_that_leads_here_from_elsewhere_is_refused() -> None:
    async with scraped(allowed_hosts=("solar.example.org",)) as site:
        for host in ("localhost", "127.0.0.1:9485", "pi", "solar.example.org"):
            assert (await site.get(host=host)).status_code == 200, host
        for host in ("evil.example", "pi.evil.example", ""):
            refused = await site.get(host=host)
            assert refused.status_code == 421, host
            assert "metrics.allowed_hosts" in refused.text


@pytest.mark.parametrize(
    "text",
    [
        GET + b"accept: \xff\xfe, application/openmetrics-text;version=\xff\r\naccept-encoding: \xff\r\n\r\n",
        GET.replace(b"/metrics", b"/metrics?name[]=%ff&name[]=x") + b"\r\n",
        b"HEAD /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n",
    ],
)
async def test_odd_requests_are_answered(text: bytes) -> None:
    async with scraped() as site:
        answer = await rest_of(await connect(site.port, closing(text)))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"content-type: text/plain" in answer


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"POST /metrics HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999\r\n\r\nx", b"405"),
        (b"DELETE / HTTP/1.1\r\nhost: localhost\r\n\r\n", b"405"),
        (b"GET /../../etc/passwd HTTP/1.1\r\nhost: localhost\r\n\r\n", b"404"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"GET /" + b"x" * 100_000, b"400"),
    ],
)
async def test_what_is_not_for_this_page_is_refused_and_leaves_no_trace(
    text: bytes, status: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with scraped() as site:
        answer = await rest_of(await connect(site.port, closing(text)))
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert b"x-content-type-options: nosniff" in answer
        assert (await site.get()).status_code == 200
    assert [record for record in caplog.records if record.levelname != "INFO"] == []


# --- beginning and end ---------------------------------------------------------------------------------------------


async def test_a_port_in_use_is_one_sentence_with_the_mend() -> None:
    async with scraped() as site:
        with pytest.raises(
            JuntekError, match=rf"listens at 127\.0\.0\.1:{site.port}; stop it, .* in metrics\.listen\."
        ):
            async with open_sink(MetricsOptions(listen=f"127.0.0.1:{site.port}"), context()):
                pass


async def test_an_address_of_another_computer_is_one_sentence_with_the_mend() -> None:
    with pytest.raises(JuntekError, match=r"is not an address of this computer; correct metrics\.listen"):
        async with open_sink(MetricsOptions(listen=f"192.0.2.1:{free_port()}"), context()):
            pass


@pytest.mark.parametrize("listen", ["9485", "battery.local:9485", "127.0.0.1:0", "http://127.0.0.1:9485"])
def test_what_is_no_address_is_refused_with_the_key(listen: str) -> None:
    with pytest.raises(ConfigurationError, match=r"metrics\.listen"):
        MetricsOptions(listen=listen)


async def test_its_end_leaves_no_connection_and_its_port_is_free() -> None:
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(scraped(context(*(f"meter{number}" for number in range(500)))))
        idle, half = await connect(site.port, GET + b"\r\n"), await connect(site.port, GET)
        await idle[0].readexactly(100)
        await stack.aclose()
        assert (await rest_of(half)) == b""
        await rest_of(idle)
    async with open_sink(MetricsOptions(listen=f"127.0.0.1:{site.port}"), context()):
        pass


async def test_a_missing_library_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.delitem(sys.modules, "juntek.outputs.metrics.endpoint", raising=False)
    with pytest.raises(JuntekError, match=re.escape(f"{sys.executable} -m pip install 'juntek[metrics]'")):
        await Supervisor(metrics.OUTPUT, MetricsOptions(listen=f"127.0.0.1:{free_port()}"), context()).run()
