"""Links to a serial port behind a telnet server."""

from __future__ import annotations

import asyncio
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from juntek.errors import LinkError
from juntek.links import open_link, rfc2217
from links.peers import running
from links.rfc2217_server import BINARY, SET_BAUD_RATE, SET_DATA_SIZE, SET_PARITY, SET_STOP_SIZE, Rfc2217Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from links.peers import Peer


async def test_the_line_is_115200_8n1() -> None:
    async with running(Rfc2217Server()) as server, await open_link(f"rfc2217://127.0.0.1:{server.port}"):
        settings = server.settings
    assert settings[SET_BAUD_RATE] == 115200
    assert (settings[SET_DATA_SIZE], settings[SET_PARITY], settings[SET_STOP_SIZE]) == (8, 1, 1)


def test_version_of_the_library_is_bounded_while_private_names_are_used() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["esphome"]]
    needed = [Requirement(line) for line in lines if line.startswith("serialx")]
    assert len(needed) == 2
    for each in needed:
        assert each.specifier.contains(version("serialx"))
        assert not each.specifier.contains("2.0", prereleases=True)


async def test_a_server_without_the_option_is_named(is_sentence: Callable[[object], str]) -> None:
    async with running(Rfc2217Server(options=(BINARY,))) as server:
        with pytest.raises(LinkError) as error:
            await open_link(f"rfc2217://127.0.0.1:{server.port}")
    assert "allow RFC 2217" in is_sentence(error.value)


async def test_a_bridge_of_bare_bytes_is_not_taken_for_one(
    peer: Peer, monkeypatch: pytest.MonkeyPatch, is_sentence: Callable[[object], str]
) -> None:
    monkeypatch.setattr(rfc2217, "CONNECT_TIMEOUT", 0.1)
    with pytest.raises(LinkError) as error:
        await open_link(f"rfc2217://127.0.0.1:{peer.port}")
    assert f"use socket://127.0.0.1:{peer.port}" in is_sentence(error.value)


async def test_a_server_that_hangs_up_at_once(peer: Peer, is_sentence: Callable[[object], str]) -> None:
    opening = asyncio.create_task(open_link(f"rfc2217://127.0.0.1:{peer.port}"))
    _, writer = await peer.accept()
    writer.close()
    with pytest.raises(LinkError) as error:
        await opening
    assert f"127.0.0.1:{peer.port}" in is_sentence(error.value)
