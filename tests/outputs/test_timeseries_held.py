"""What a target has already: where it can be asked, and where it cannot."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from juntek.outputs.timeseries.options import Options
from juntek.outputs.timeseries.target import TargetError, open_target
from outputs.line_server import GOOD, LineServer, Reply, Request, serve_lines

if TYPE_CHECKING:
    from collections.abc import Callable

LABELS = {"meter": "house", "site": "home"}
LINES = [b"juntek,meter=house voltage_volts=26.5 1700000000000000000\n"]
START, END = 1_700_000_000_100, 1_700_000_009_900


def export(*rows: object, more: bytes = b"") -> Reply:
    body = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows) + more
    return Reply(200, body, {"Content-Type": "application/stream+json; charset=utf-8"})


def row(field: str, *times: int, **labels: str) -> dict[str, Any]:
    metric = {"__name__": f"juntek_{field}", **LABELS, **labels}
    return {"metric": metric, "values": [1.5] * len(times), "timestamps": list(times)}


def answer(reply: Reply) -> Callable[[Request], Reply]:
    """Answer so where VictoriaMetrics exports what it has."""
    return lambda request: reply if request.path.endswith("/export") else GOOD


async def held(server: LineServer, path: str = "/write", times: int = 1) -> list[dict[str, set[int]] | None]:
    async with open_target(Options(url=f"{server.url}{path}"), "1") as target:
        return [await target.find_held(LABELS, START, END) for _ in range(times)]


def exports(server: LineServer) -> list[Request]:
    return [request for request in server.requests if request.path.endswith("/export")]


@pytest.mark.parametrize(
    ("path", "base"),
    [
        ("/write?db=home", ""),
        ("/write/", ""),
        ("/api/v2/write?bucket=home", ""),
        ("/influx/write", ""),
        ("/influx/api/v2/write", ""),
        ("/vm/write", "/vm"),
    ],
)
async def test_asked_is_where_the_engine_has_its_other_paths(path: str, base: str) -> None:
    async with serve_lines(answer(export(row("voltage_volts", START)))) as server:
        assert await held(server, path) == [{"voltage_volts": {START}}]
    assert [request.path for request in server.requests] == [f"{base}/internal/force_flush", f"{base}/api/v1/export"]
    assert exports(server)[0].headers["content-type"] == "application/x-www-form-urlencoded"
    form = exports(server)[0].form
    (match,) = form["match[]"]
    assert match.startswith('{__name__=~"juntek_.+",meter="house",site="home",asked!="')
    assert (form["start"], form["end"]) == (["1700000000"], ["1700000010"])


async def test_an_answer_that_is_packed_is_understood() -> None:
    words = gzip.compress(b'remoteAddr: "127.0.0.1"; requestURI: /api/v1/export; missing route for "/api/v1/export"')
    async with serve_lines(answer(Reply(400, words, {"Content-Encoding": "gzip"}))) as server:
        assert await held(server) == [None]


@pytest.mark.parametrize("path", ["/api/v3/write_lp?db=home", "/telegraf", "/write_lp"])
async def test_engine_that_keeps_a_point_once_anyhow_is_not_asked(path: str) -> None:
    async with serve_lines() as server:
        assert await held(server, path) == [None]
    assert server.requests == []


async def test_times_are_from_start_to_end_and_by_field() -> None:
    rows = (
        row("voltage_volts", START - 1, START, START + 5, END, END + 1),
        row("voltage_volts", START + 7),  # a series comes in several parts
        row("current_amperes", START - 1),
    )
    async with serve_lines(answer(export(*rows))) as server:
        assert await held(server) == [{"voltage_volts": {START, START + 5, START + 7, END}}]


async def test_one_field_may_be_enough() -> None:
    async with (
        serve_lines(answer(export(row("voltage_volts", START)))) as server,
        open_target(Options(url=f"{server.url}/write"), "1") as target,
    ):
        await target.find_held(LABELS, START, END, field="voltage_volts")
    (match,) = exports(server)[0].form["match[]"]
    assert match.startswith('{__name__="juntek_voltage_volts",meter="house"')


async def test_what_was_scraped_is_not_what_we_sent() -> None:
    rows = (row("voltage_volts", START, job="juntek", instance="pi:9485"), row("current_amperes", START, job="juntek"))
    async with serve_lines(answer(export(*rows))) as server:
        assert await held(server) == [{"current_amperes": {START}}]


async def test_label_may_hold_what_ends_a_line_elsewhere() -> None:
    rows = (row("voltage_volts", START, room="a\u2028b\x85c"), row("current_amperes", START))
    async with serve_lines(answer(export(*rows))) as server:
        assert await held(server) == [{"voltage_volts": {START}, "current_amperes": {START}}]


async def test_nothing_held_is_not_the_same_as_not_knowing() -> None:
    async with serve_lines(answer(export())) as server:
        assert await held(server) == [{}]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(404, b"404 page not found"),
        Reply(405),
        Reply(400, b'unsupported path requested: "/api/v1/export"'),
        Reply(400, b'missing route for "/api/v1/export"'),
        Reply(204),
        Reply(200, b"<html>", {"Content-Type": "text/html"}),
        export(more=b"hello"),
        export({"error": "not found"}),
        export({"metric": 1, "timestamps": []}),
        export(["metric", "timestamps"]),
    ],
)
async def test_engine_that_cannot_be_asked_is_asked_once(reply: Reply) -> None:
    async with serve_lines(answer(reply)) as server, open_target(Options(url=f"{server.url}/write"), "1") as target:
        await target.write(LINES)
        assert [await target.find_held(LABELS, START, END) for _ in range(3)] == [None] * 3
    assert len(exports(server)) == 1


@pytest.mark.parametrize("status", [404, 405])
async def test_a_proxy_that_says_so_of_an_engine_that_is_away_is_not_believed_for_ever(status: int) -> None:
    replies = iter([GOOD, Reply(502), Reply(status), export(row("voltage_volts", START))])
    async with (
        serve_lines(lambda request: GOOD if request.path.endswith("flush") else next(replies)) as server,
        open_target(Options(url=f"{server.url}/write"), "1") as target,
    ):
        await target.write(LINES)
        with pytest.raises(TargetError):
            await target.write(LINES)
        assert await target.find_held(LABELS, START, END) is None
        assert await target.find_held(LABELS, START, END) == {"voltage_volts": {START}}


@pytest.mark.parametrize(
    ("reply", "denial"),
    [
        (Reply(403, b"write only"), "403: write only"),
        (Reply(401), "401: Unauthorized"),
        (Reply(400, b'missing route for "/api/v1/export"'), '400: missing route for "/api/v1/export"'),
        (Reply(404), ""),
        (Reply(400, b'unsupported path requested: "/api/v1/export"'), ""),
    ],
)
async def test_who_keeps_a_point_twice_and_does_not_let_itself_be_asked_is_told(reply: Reply, denial: str) -> None:
    async with serve_lines(answer(reply)) as server, open_target(Options(url=f"{server.url}/write"), "1") as target:
        assert await target.find_held(LABELS, START, END) is None
        assert target.denial == denial


@pytest.mark.parametrize("status", [302, 401, 403])
async def test_engine_that_does_not_let_us_read_may_do_so_later(status: int) -> None:
    async with serve_lines(answer(Reply(status))) as server:
        assert await held(server, times=2) == [None] * 2
    assert len(exports(server)) == 2


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (Reply(503, b"busy", {"Retry-After": "3"}), r"does not say what it has already \(503: busy\); look at its log"),
        (Reply(429, b"", {"Retry-After": "3"}), r"does not say what it has already \(429: Too Many Requests\)"),
        (Reply(400, b"timeout exceeded", {"Retry-After": "3"}), r"does not say what it has already \(400: timeout exc"),
    ],
)
async def test_engine_that_cannot_say_at_present_is_away(reply: Reply, sentence: str) -> None:
    async with serve_lines(answer(reply)) as server:
        with pytest.raises(TargetError, match=sentence) as said:
            await held(server)
    assert (said.value.uncertain, said.value.wait) == (False, 3.0)


@pytest.mark.parametrize("fault", ["cut", "garbage"])
async def test_connection_that_breaks_is_told_and_nothing_was_sent(fault: Any) -> None:  # noqa: ANN401 - a literal
    async with serve_lines(answer(Reply(fault=fault))) as server:
        with pytest.raises(TargetError) as said:
            await held(server)
    assert not said.value.uncertain


async def test_half_an_answer_is_none() -> None:
    good = row("voltage_volts", START)
    async with serve_lines(answer(export(good, more=b"error when exporting: timeout"))) as server:
        with pytest.raises(TargetError, match="broke off while it said what it has already"):
            await held(server)
    whole = export(good, good)
    cut = Reply(200, whole.body[:-20], whole.headers, fault="short")
    async with serve_lines(answer(cut)) as server:
        with pytest.raises(TargetError, match="broke"):
            await held(server)
