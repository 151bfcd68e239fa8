"""How we log in at a target, and whom we trust."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from juntek.errors import ConfigurationError
from juntek.outputs.timeseries import TimeseriesOptions
from juntek.outputs.timeseries.target import open_target
from outputs.line_server import serve_lines
from outputs.pushed import lines, opened


@pytest.mark.parametrize(
    ("path", "options", "header"),
    [
        ("/write", {}, None),
        ("/write", {"username": "house", "password": "sécret"}, b"Basic " + base64.b64encode("house:sécret".encode())),
        ("/write", {"token": "t0ken=="}, b"Bearer t0ken=="),
        ("/api/v2/write?bucket=home", {"token": "t0ken"}, b"Token t0ken"),
        ("/influx/api/v2/write", {"token": "t0ken"}, b"Token t0ken"),
        ("/api/v3/write_lp?db=home", {"token": "t0ken"}, b"Bearer t0ken"),
    ],
)
async def test_login_is_said_as_each_engine_wants_it(path: str, options: dict[str, Any], header: bytes | None) -> None:
    async with serve_lines() as server, opened(server, path, **options) as target:
        await target.write(lines(1))
    assert server.requests[0].headers.get("authorization") == (header and header.decode())


async def test_login_is_the_first_line_of_its_file(tmp_path: Path) -> None:
    password, token = tmp_path / "password", tmp_path / "token"
    password.write_text("sé cret\nand more\n", encoding="utf-8")
    token.write_text(" t0ken \n", encoding="utf-8")
    async with serve_lines() as server:
        logins: list[dict[str, Any]] = [{"username": "house", "password_file": password}, {"token_file": token}]
        for options in logins:
            async with opened(server, **options) as target:
                await target.write(lines(1))
    expected = ["Basic " + base64.b64encode("house:sé cret".encode()).decode(), "Bearer t0ken"]
    assert [request.headers["authorization"] for request in server.requests] == expected


@pytest.mark.parametrize(
    ("options", "content", "sentence"),
    [
        (
            {"username": "house", "password_file": "FILE"},
            None,
            r"password_file .* does not exist; write it or correct the path",
        ),
        ({"username": "house", "password_file": "FILE"}, b"", r"password_file .* holds no password; write it there"),
        ({"username": "house", "password_file": "FILE"}, b"\xff\xfe", r"password_file .* holds no password; write it"),
        ({"username": "house", "password": ""}, None, r"timeseries.password holds no password; write it there"),
        ({"token_file": "FILE"}, b"\n", r"token_file .* holds no token; write it there as one line"),
        ({"token_file": "FILE"}, b"a token\n", r"token_file .* blanks or strange signs in it; write the token alone"),
        ({"token": "a\ttoken"}, None, r"timeseries.token holds a token with blanks or strange signs"),
        ({"ca_file": "FILE"}, b"hello", r"ca_file .* holds no certificate in PEM form"),
        ({"ca_file": "FILE"}, None, r"ca_file .* does not exist; write it or correct the path"),
        ({"ca_file": Path("/")}, None, r"ca_file / is a folder; name the file in it"),
    ],
)
async def test_file_that_is_no_use_is_named(
    tmp_path: Path, options: dict[str, Any], content: bytes | None, sentence: str
) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)
    given: dict[str, Any] = {key: file if value == "FILE" else value for key, value in options.items()}
    with pytest.raises(ConfigurationError, match=sentence):
        async with open_target(TimeseriesOptions(url="https://pi/write", **given), "1"):
            pass


async def test_host_that_cannot_be_is_a_fault_of_the_configuration() -> None:
    with pytest.raises(ConfigurationError, match=r"timeseries\.url cannot be right; check the name of the host"):
        async with open_target(TimeseriesOptions(url="http://999.1.1.1/write"), "1"):
            pass


async def test_login_is_not_shown_where_a_target_is() -> None:
    options = TimeseriesOptions(url="http://pi/write", username="house", password="hunter2")  # noqa: S106
    async with open_target(options, "1") as target:
        assert "hunter2" not in repr(target)
