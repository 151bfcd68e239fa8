"""A target that takes nothing at present: what is said of it, whether lines may have arrived, and how long to wait.

A strict server of our own; what real engines say stands in the files of their names.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from juntek.outputs.timeseries import TimeseriesOptions
from juntek.outputs.timeseries.line_protocol import TargetError
from juntek.outputs.timeseries.target import open_target
from outputs.line_server import LineServer, Reply, serve_lines
from outputs.pushed import lines, trouble
from servers.process import free_port

USER: dict[str, Any] = {"username": "house", "password": "hunter2"}
TOKEN: dict[str, Any] = {"token": "hunter2"}


# --- Answers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "reply", "sentence"),
    [
        ({}, Reply(401), "wants a login; set timeseries.username and timeseries.password_file, or timeseries.token"),
        (USER, Reply(401), 'refuses the user "house"; check timeseries.username and timeseries.password.'),
        (TOKEN, Reply(401), "refuses the token; check timeseries.token."),
        ({}, Reply(403), "lets nobody write without a login (Forbidden); set timeseries.username or"),
        (USER, Reply(403, b"read only"), 'does not let the user "house" write (read only); give it the right to.'),
        (TOKEN, Reply(403, b"hunter2?"), "does not let the owner of the token write (…?); give it the right to."),
        ({}, Reply(404, b"404 page not found"), "takes nothing at /write; check host, port and path in timeseries"),
        ({}, Reply(404, b'{"message":"bucket \\"a\\" not found"}'), 'names (bucket "a" not found); create it there'),
        ({}, Reply(404, b'{"error":"database not found: \\"a\\""}'), '(database not found: "a"); create it there, or'),
        ({}, Reply(405), "takes nothing at /write; check host, port and path in timeseries.url (/write, /api/v2"),
        ({}, Reply(400, b'unsupported path requested: "/write"'), "takes nothing at /write; check host, port and path"),
        ({}, Reply(400, b'missing route for "/write"'), "takes nothing at /write; check host, port and path"),
        ({}, Reply(400, b'{"error":"database is required"}'), "wants to know the database (database is required); add"),
        ({}, Reply(400, b"serde error: missing field `db`"), "(serde error: missing field `db`); add ?db=... with its"),
        (
            {},
            Reply(400, b"Client sent an HTTP request to an HTTPS server.\n"),
            "speaks TLS there; begin timeseries.url",
        ),
        ({}, Reply(301, headers={"Location": "https://pi/write?p=hunter2"}), "sends us to https://pi/write (301);"),
        ({}, Reply(302, headers={"Location": "//house:hunter2@pi/"}), "sends us to //pi/ (302); write into timeseries"),
        ({}, Reply(307), "sends us elsewhere (307); write into timeseries.url where it is itself."),
        (
            {},
            Reply(200, b"<html>", {"Content-Type": "text/html"}),
            "answers with a web page; check host, port and path",
        ),
        ({}, Reply(418, b"tea"), "does not take what it is sent (418: tea); check timeseries.url."),
        (
            {},
            Reply(429, b"slow down"),
            "asks to be sent less (429: slow down); if that stays so, lower timeseries.rate.",
        ),
    ],
)
async def test_refusal_is_told_with_its_mend(options: dict[str, Any], reply: Reply, sentence: str) -> None:
    async with serve_lines(lambda _: reply) as server:
        said = await trouble(server, **options)
    assert sentence in str(said)
    assert said.wait == 0
    assert {request.path for request in server.requests} == {"/write"}


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (Reply(500, b'{"error":"timeout"}'), "failed (500: timeout); look at its log."),
        (Reply(502), "failed (502: Bad Gateway); look at its log."),
        (Reply(503, b"starting"), "is not ready (503: starting); if that stays so, look at its log."),
        (Reply(504), "failed (504: Gateway Timeout); look at its log."),
        (Reply(599), "failed (599: no reason is given); look at its log."),
    ],
)
async def test_failure_of_the_target_is_told(reply: Reply, sentence: str) -> None:
    async with serve_lines(lambda _: reply) as server:
        said = await trouble(server)
    assert sentence in str(said)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "86400"}, 300.0),
        ({"Retry-After": "9" * 5000}, 300.0),
        ({"Retry-After": "soon"}, 0.0),
        ({"Retry-After": "-1"}, 0.0),
        ({"Retry-After": "Sun, 22 Nov 2026 12:00:30 GMT"}, 0.0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_target_says_how_long_to_leave_it_alone(status: int, headers: dict[str, str], wait: float) -> None:
    async with serve_lines(lambda _: Reply(status, headers=headers)) as server:
        assert (await trouble(server)).wait == wait


async def test_target_that_sends_us_elsewhere_does_not_get_the_password_carried_there() -> None:
    async with serve_lines() as other, serve_lines(lambda _: Reply(307, headers={"Location": other.url})) as server:
        await trouble(server, **USER)
    assert other.requests == []


# --- Connections --------------------------------------------------------------------------------------------------


async def test_target_that_is_not_there_is_told() -> None:
    said = await trouble(LineServer(port=free_port()))
    assert str(said) == "The target workshop is not there; start it, or check host and port in timeseries.url."


async def test_name_that_nobody_knows_is_told() -> None:
    said = await trouble(LineServer(), url="http://nowhere.invalid/write")
    assert 'name "nowhere.invalid" is not known; check' in str(said)


async def test_connection_that_is_cut_is_told() -> None:
    async with serve_lines(cut_before_body=True) as server:
        said = await trouble(server)
    assert str(said).endswith(
        "check that it runs, and that timeseries.url has its port, and https:// where it speaks TLS."
    )
    async with serve_lines(lambda _: Reply(fault="cut")) as server:
        said = await trouble(server)
    assert str(said).startswith("The connection to the target workshop broke; check that it runs")


async def test_answer_that_is_cut_short_is_told() -> None:
    async with serve_lines(lambda _: Reply(200, b"{", fault="short")) as server:
        said = await trouble(server)
    assert "broke" in str(said)


@pytest.mark.parametrize("fault", ["mute", "slow"])
async def test_target_that_never_ends_its_answer_is_given_up(fault: Any) -> None:  # noqa: ANN401
    async with (
        asyncio.timeout(15),
        serve_lines(lambda _: Reply(fault=fault)) as server,
        open_target(TimeseriesOptions(url=f"{server.url}/write"), "1", response_time=0.3) as target,
    ):
        with pytest.raises(TargetError, match="takes too long to answer; look at its log and its load") as said:
            await target.write(lines(100))
    assert said.value.is_slow


async def test_something_else_than_http_is_told() -> None:
    async with serve_lines(lambda _: Reply(fault="garbage")) as server:
        said = await trouble(server)
    assert "does not speak HTTP there; check host and port in timeseries.url." in str(said)


# --- TLS ----------------------------------------------------------------------------------------------------------


async def test_tls_where_there_is_none_is_told() -> None:
    async with serve_lines() as server:
        server.scheme = "https"
        said = await trouble(server)
    assert "does not speak TLS there; begin timeseries.url with http://, or correct its port." in str(said)
