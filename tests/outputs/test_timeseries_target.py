"""How lines reach a target over HTTP, and what is said of one that takes none; a strict server of our own.

What real engines do stands in the files of their names.
"""

from __future__ import annotations

import asyncio
import gzip
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from juntek.outputs.timeseries.line_protocol import TargetError
from juntek.outputs.timeseries.target import HABIT
from outputs.line_server import GOOD, Reply, Request, serve_lines
from outputs.pushed import lines, opened
from servers.process import free_port

if TYPE_CHECKING:
    pass

# --- What is sent -------------------------------------------------------------------------------------------------


async def test_batch_goes_packed_in_one_request_and_the_next_on_the_same_connection() -> None:
    async with serve_lines() as server, opened(server, "/write?db=a%20b") as target:
        assert (await target.write(lines(500))).is_good
        assert (await target.write(lines(500))).is_good
    assert server.taken == lines(500) * 2
    assert server.connections == 1
    first = server.requests[0]
    assert (first.path, first.query) == ("/write", {"db": ["a b"]})
    assert (first.is_packed, first.headers["user-agent"]) == (True, "juntek/1.2.3")
    assert int(first.headers["content-length"]) < len(first.body) / 3


async def test_few_lines_are_not_worth_packing() -> None:
    async with serve_lines() as server, opened(server) as target:
        assert (await target.write(lines(1))).is_good
    assert [request.is_packed for request in server.requests] == [False]


async def test_large_batch_is_packed_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    pack = gzip.compress

    def watched(body: bytes, level: int) -> bytes:
        threads.append(threading.get_ident())
        return pack(body, level)

    monkeypatch.setattr(gzip, "compress", watched)
    async with serve_lines() as server, opened(server) as target:
        await target.write(lines(10_000))
    assert server.taken == lines(10_000)
    assert len(threads) == 1
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
        assert (await target.write(lines(100))).is_good
        assert (await target.write(lines(100))).is_good
    assert [request.is_packed for request in server.requests] == [True, False, False]
    assert server.taken == lines(100) * 2


async def test_proxy_of_the_environment_is_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{free_port()}")
    async with serve_lines() as server, opened(server) as target:
        assert (await target.write(lines(1))).is_good


# --- What it says -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "dropped"),
    [
        (Reply(400, b'{"error":"partial write: points beyond retention policy dropped=30"}'), 30),
        (Reply(400, b"unable to parse"), 0),
        (Reply(413), 0),
        (Reply(201, b'{"error":"partial write","data":[{"error_message":"column type","line_number":5}]}'), 0),
    ],
)
async def test_what_is_said_of_lines_is_no_trouble_of_the_target(reply: Reply, dropped: int) -> None:
    async with serve_lines(lambda _: reply) as server, opened(server) as target:
        response = await target.write(lines(1))
    assert (response.is_good, response.dropped) == (False, dropped)


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
        (b'{"error":"no \\q"}', '{"error":"no \\q"}'),
        (b'{"error":"half \\ud800 a"}', "half a"),
        (b"\xff\x00\x1b[31mred", "\N{REPLACEMENT CHARACTER} [31mred"),
        (b"a" * 300 + b" the reason", f"{'a' * 80} … {'a' * 106} the reason"),
    ],
)
async def test_words_of_the_target_are_one_short_line(body: bytes, words: str) -> None:
    async with serve_lines(lambda _: Reply(400, body)) as server, opened(server) as target:
        assert (await target.write(lines(1))).reason == words


@pytest.mark.parametrize("body", [gzip.compress(b"cannot read", mtime=0), b"no gzip at all"], ids=["gzip", "none"])
async def test_words_that_are_packed_are_unpacked_where_they_can_be(body: bytes) -> None:
    reply = Reply(400, body, headers={"Content-Encoding": "gzip"})
    async with serve_lines(lambda _: reply) as server, opened(server) as target:
        reason = (await target.write(lines(1))).reason
        assert reason == ("cannot read" if body[:2] == b"\x1f\x8b" else "Bad Request")


async def test_token_that_the_target_repeats_is_not_shown() -> None:
    """As vmauth does."""
    text = b'cannot find the provided auth token "Bearer hunter2" in config'
    async with serve_lines(lambda _: Reply(400, text)) as server, opened(server, token="hunter2") as target:  # noqa: S106
        with pytest.raises(TargetError, match=r"refuses the token; check timeseries\.token\."):
            await target.write(lines(3))
    assert len(server.requests) == 1
    async with serve_lines(lambda _: Reply(403, text)) as server, opened(server, token="hunter2") as target:  # noqa: S106
        with pytest.raises(
            TargetError, match=r"does not let the owner of the token write \(cannot find .* \"Bearer …\""
        ):
            await target.write(lines(3))


async def test_answer_without_an_end_is_read_only_so_far() -> None:
    async with serve_lines(lambda _: Reply(fault="endless")) as server, opened(server) as target:
        assert (await target.write(lines(1))).status == 400


async def test_url_of_a_target_that_has_answered_is_not_called_wrong() -> None:
    replies = [GOOD, Reply(fault="cut")]
    async with serve_lines(lambda _: replies.pop(0)) as server, opened(server) as target:
        await target.write(lines(1))
        with pytest.raises(TargetError) as said:
            await target.write(lines(1))
    assert str(said.value) == "The connection to the target workshop broke; look at its log and the network."


async def test_target_that_lets_go_of_every_connection_has_the_habit() -> None:
    async with (
        serve_lines() as server,
        opened(server) as target,
    ):
        news = []
        for _ in range(HABIT + 3):
            await target.write(lines(1))
            news.append(target.is_new)
            target.is_new = False
            server.hang_up()
            await asyncio.sleep(0.02)  # until it has come here
    assert news == [False] + [True] * (HABIT - 1) + [False] * 3


async def test_connection_that_is_let_go_unseen_is_told_by_the_next_one() -> None:
    replies = [GOOD, GOOD, Reply(headers={"Connection": "close"}), GOOD, Reply(fault="cut"), GOOD]
    async with serve_lines(lambda _: replies.pop(0)) as server, opened(server) as target:
        news = []
        for number in range(6):
            if number == 1:
                server.hang_up()
                await asyncio.sleep(0.05)  # until it has come here
            with suppress(TargetError):
                await target.write(lines(1))
            news.append(target.is_new)
            target.is_new = False
    assert news == [False, True, False, False, False, False]
    assert server.connections == 4
