"""How lines reach a target over HTTP, and what is said of one that takes none; a strict server of our own.

What real engines do stands in the files of their names.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from juntek.outputs.timeseries import target as module
from juntek.outputs.timeseries.options import Options
from juntek.outputs.timeseries.target import AllRefusedError, Refusal, Target, TargetError, open_target
from outputs.line_server import GOOD, LineServer, Reply, Request, refuse, serve_lines
from servers.process import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

START = 1_700_000_000


def line(number: int) -> bytes:
    return b"juntek,meter=house,site=home voltage_volts=%d.0 %d000000000\n" % (number, START + number)


def lines(count: int) -> list[bytes]:
    return [line(number) for number in range(count)]


@asynccontextmanager
async def opened(server: LineServer, path: str = "/write", **options: Any) -> AsyncIterator[Target]:  # noqa: ANN401
    async with open_target(Options(url=f"{server.url}{path}", **options), "1.2.3") as target:
        yield target


def bad(*numbers: int) -> set[bytes]:
    return {line(number) for number in numbers}


# --- What is sent -------------------------------------------------------------------------------------------------


async def test_batch_goes_packed_in_one_request_and_the_next_on_the_same_connection() -> None:
    async with serve_lines() as server, opened(server, "/write?db=a%20b") as target:
        assert await target.write(lines(500)) == []
        assert await target.write(lines(500)) == []
    assert server.taken == lines(500) * 2
    assert server.connections == 1
    first = server.requests[0]
    assert (first.path, first.query) == ("/write", {"db": ["a b"]})
    assert (first.is_packed, first.headers["user-agent"]) == (True, "juntek/1.2.3")
    assert int(first.headers["content-length"]) < len(first.body) / 3


async def test_few_lines_are_not_worth_packing_and_none_are_not_worth_a_request() -> None:
    async with serve_lines() as server, opened(server) as target:
        assert await target.write([]) == []
        assert await target.write(lines(1)) == []
    assert [request.is_packed for request in server.requests] == [False]


async def test_large_batch_is_packed_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    pack = module._pack

    def watched(some: Collection[bytes]) -> bytes:
        threads.append(threading.get_ident())
        return pack(list(some))

    monkeypatch.setattr(module, "_pack", watched)
    async with serve_lines() as server, opened(server) as target:
        await target.write(lines(10_000))
    assert server.taken == lines(10_000)
    assert threading.get_ident() not in threads


async def test_influxdb_3_is_told_the_precision_that_it_would_guess() -> None:
    async with serve_lines() as server:
        for path in ("/api/v3/write_lp?db=home", "/api/v2/write?bucket=home", "/write"):
            async with opened(server, path) as target:
                await target.write(lines(1))
    assert [request.query.get("precision") for request in server.requests] == [["nanosecond"], None, None]


@pytest.mark.parametrize("status", [400, 415])
async def test_target_that_cannot_unpack_gets_plain_lines_from_then_on(status: int) -> None:
    def judge(request: Request) -> Reply:
        return Reply(status, b"gzip encoding is not supported") if request.is_packed else GOOD

    async with serve_lines(judge) as server, opened(server) as target:
        assert await target.write(lines(100)) == []
        assert await target.write(lines(100)) == []
    assert [request.is_packed for request in server.requests] == [True, False, False]
    assert server.taken == lines(100) * 2


async def test_target_that_could_unpack_is_not_doubted_when_a_line_is_wrong() -> None:
    async with serve_lines(refuse(bad(7))) as server, opened(server) as target:
        await target.write(lines(5))
        await target.write([*lines(7), *(line(number) for number in range(8, 100))])
        sent = len(server.requests)
        assert [refusal.place for refusal in await target.write(lines(100))] == [7]
    assert server.requests[sent].is_packed
    assert not [request for request in server.requests[sent:] if not request.is_packed and len(request.body) > 1000]


async def test_target_that_is_opened_twice_takes_the_past_beside_what_is_new() -> None:
    def judge(request: Request) -> Reply:
        return Reply(fault="mute") if line(1) in request.lines else GOOD

    async with serve_lines(judge) as server, opened(server) as other, opened(server) as target:
        past = asyncio.create_task(other.write(lines(2)))
        while not server.requests:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.01)
        assert await target.write([line(5)]) == []
        assert not past.done()
        past.cancel()
        with pytest.raises(asyncio.CancelledError):
            await past


async def test_proxy_of_the_environment_is_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{free_port()}")
    async with serve_lines() as server, opened(server) as target:
        assert await target.write(lines(1)) == []


# --- Wrong lines --------------------------------------------------------------------------------------------------


async def test_one_wrong_line_in_a_thousand_is_found_and_named_and_the_others_are_taken_once() -> None:
    async with serve_lines(refuse(bad(503))) as server, opened(server) as target:
        refusals = await target.write(lines(1000))
    assert refusals == [Refusal(503, f"unable to parse {line(503).decode().strip()}")]
    assert sorted(server.taken) == sorted(set(lines(1000)) - bad(503))


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(0, 59)), st.booleans())
async def test_whatever_is_wrong_is_refused_and_all_else_is_taken_once(wrong: set[int], thorough: bool) -> None:
    async with serve_lines(refuse(bad(*wrong))) as server, opened(server) as target:
        try:
            refusals = await target.write(lines(60), thorough=thorough)
        except AllRefusedError:
            assert {0, 15, 30, 45, 59} <= wrong
            assert not thorough
            return
    assert [refusal.place for refusal in refusals] == sorted(wrong)
    assert sorted(server.taken) == sorted(line(number) for number in range(60) if number not in wrong)


async def test_target_that_takes_nothing_says_so_after_a_few_requests() -> None:
    everything = bad(*range(1000))
    async with serve_lines(refuse(everything, "outside retention:")) as server, opened(server) as target:
        with pytest.raises(
            AllRefusedError, match=r"refuses all that it is sent \(outside retention: .*\); check"
        ) as no:
            await target.write(lines(1000))
        assert len(server.requests) <= 8
        assert len(await target.write(lines(20), thorough=True)) == 20
    assert no.value.uncertain  # some take the good part of a batch that they refuse


async def test_single_line_that_is_refused_has_not_arrived() -> None:
    async with serve_lines(refuse(bad(3))) as server, opened(server) as target:
        with pytest.raises(AllRefusedError) as no:
            await target.write([line(3)])
    assert not no.value.uncertain


async def test_batch_that_is_too_large_goes_in_parts() -> None:
    def judge(request: Request) -> Reply:
        return Reply(413) if len(request.lines) > 30 or line(42) in request.lines else GOOD

    async with serve_lines(judge) as server, opened(server) as target:
        assert await target.write(lines(100)) == [Refusal(42, "Request Entity Too Large")]
    assert sorted(server.taken) == sorted(set(lines(100)) - bad(42))


async def test_batch_that_was_too_large_has_not_arrived() -> None:
    def judge(request: Request) -> Reply:
        return Reply(413 if len(request.lines) > 30 else 429)

    async with serve_lines(judge) as server, opened(server) as target:
        with pytest.raises(TargetError, match="asks to be sent less") as said:
            await target.write(lines(100))
    assert not said.value.uncertain


async def test_part_that_is_taken_of_a_batch_is_not_all_of_it() -> None:
    """As InfluxDB 3 Cloud says it."""

    def judge(request: Request) -> Reply:
        if line(4) not in request.lines:
            return GOOD
        return Reply(201, b'{"error":"partial write","data":[{"error_message":"column type","line_number":5}]}')

    async with serve_lines(judge) as server, opened(server) as target:
        assert await target.write(lines(10)) == [Refusal(4, "column type")]
    assert set(server.taken) >= set(lines(10)) - bad(4)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error":"partial write: clash"}\n', "partial write: clash"),
        (b'{"code":"invalid","message":"unable to parse","line":1}', "unable to parse"),
        (b'{"error":"partial","data":[{"error_message":"no digits","line_number":1}]}', "no digits"),
        (b'{"error":"partial","data":{"error_message":"no digits"}}', "no digits"),
        (b'{"code":"invalid","message":"failed:\\nerror in line 1: no","line":1}', "failed: error in line 1: no"),
        (b'remoteAddr: "127.0.0.1:1"; requestURI: /write?db=a; cannot read', "cannot read"),
        (b"<html><head><title>400 Bad Request</title></head></html>", "400 Bad Request"),
        (b"", "Bad Request"),
        (b"{", "{"),
        (b'{"error":{"nested":1}}', "Bad Request"),
        (b"\xff\x00\x1b[31mred", "\N{REPLACEMENT CHARACTER} [31mred"),
        (b"a" * 300 + b" the reason", f"{'a' * 80} … {'a' * 106} the reason"),
    ],
)
async def test_words_of_the_target_are_one_short_line(body: bytes, words: str) -> None:
    async with serve_lines(lambda _: Reply(400, body)) as server, opened(server) as target:
        assert await target.write(lines(1), thorough=True) == [Refusal(0, words)]


async def test_token_that_the_target_repeats_is_not_shown() -> None:
    """As vmauth does."""
    text = b'cannot find the provided auth token "Bearer hunter2" in config'
    async with serve_lines(lambda _: Reply(400, text)) as server, opened(server, token="hunter2") as target:  # noqa: S106
        with pytest.raises(TargetError, match=r"refuses the token; check timeseries\.token\.") as no:
            await target.write(lines(3))
    assert (no.value.uncertain, len(server.requests)) == (False, 1)
    async with serve_lines(lambda _: Reply(403, text)) as server, opened(server, token="hunter2") as target:  # noqa: S106
        with pytest.raises(
            TargetError, match=r"does not let the owner of the token write \(cannot find .* \"Bearer …\""
        ):
            await target.write(lines(3))


async def test_answer_without_an_end_is_read_only_so_far() -> None:
    async with serve_lines(lambda _: Reply(fault="endless")) as server, opened(server) as target:
        assert [refusal.place for refusal in await target.write(lines(1), thorough=True)] == [0]


async def test_cut_in_the_middle_of_a_search_leaves_it_open_what_arrived() -> None:
    def judge(request: Request) -> Reply:
        if len(request.lines) == 100:
            return Reply(400, b"no")
        return Reply(429) if line(60) in request.lines else GOOD

    async with serve_lines(judge) as server, opened(server) as target:
        with pytest.raises(TargetError, match="asks to be sent less") as no:
            await target.write(lines(100))
    assert server.taken
    assert no.value.uncertain


async def test_url_of_a_target_that_has_answered_is_not_called_wrong() -> None:
    replies = [GOOD, Reply(fault="cut")]
    async with serve_lines(lambda _: replies.pop(0)) as server, opened(server, name="workshop") as target:
        await target.write(lines(1))
        with pytest.raises(TargetError) as said:
            await target.write(lines(1))
    assert str(said.value) == "The connection to the target workshop broke; look at its log and the network."
    assert said.value.uncertain
