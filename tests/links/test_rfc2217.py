"""Links to a serial port behind a telnet server."""

from __future__ import annotations

import asyncio
import socket
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from juntek.errors import LinkError, LinkLostError
from juntek.links import open_link, rfc2217
from links.peers import PATIENCE
from links.rfc2217_server import (
    BINARY,
    SET_BAUD_RATE,
    SET_DATA_SIZE,
    SET_PARITY,
    SET_STOP_SIZE,
    Rfc2217Server,
    running,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from links.peers import Peer

EVERYTHING = bytes(range(256))


@pytest.fixture
async def server() -> AsyncIterator[Rfc2217Server]:
    async with running(Rfc2217Server()) as server:
        yield server


async def test_bytes_go_both_ways_unchanged(server: Rfc2217Server) -> None:
    async with asyncio.timeout(PATIENCE), await open_link(f"rfc2217://127.0.0.1:{server.port}") as link:
        server.send(EVERYTHING)
        received = b""
        while len(received) < 256:
            received += (await link.read()).data
        assert received == EVERYTHING
        await link.write(EVERYTHING)
        while len(server.received) < 256:
            server.arrived.clear()
            await server.arrived.wait()
        assert server.received == EVERYTHING


async def test_the_line_is_115200_8n1(server: Rfc2217Server) -> None:
    async with await open_link(f"rfc2217://127.0.0.1:{server.port}"):
        settings = server.settings
    assert settings[SET_BAUD_RATE] == 115200
    assert (settings[SET_DATA_SIZE], settings[SET_PARITY], settings[SET_STOP_SIZE]) == (8, 1, 1)


async def test_a_cut_connection_is_a_lost_link(server: Rfc2217Server, is_sentence: Callable[[object], str]) -> None:
    async with asyncio.timeout(PATIENCE), await open_link(f"rfc2217://127.0.0.1:{server.port}") as link:
        waiting = asyncio.create_task(link.read())
        await asyncio.sleep(0)
        server.cut()
        with pytest.raises(LinkLostError) as lost:
            await waiting
        with pytest.raises(LinkLostError):
            await link.write(b"x")
    assert f"rfc2217://127.0.0.1:{server.port}" in is_sentence(lost.value)


async def test_the_kernel_looks_after_a_silent_connection(server: Rfc2217Server) -> None:
    async with await open_link(f"rfc2217://127.0.0.1:{server.port}") as link:
        connection = link._transport._tcp_transport.get_extra_info("socket")  # type: ignore[attr-defined]
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


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


async def test_nobody_listens(is_sentence: Callable[[object], str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(LinkError) as error:
        await open_link(f"rfc2217://127.0.0.1:{port}")
    assert f":{port} is not there; start it" in is_sentence(error.value)


async def test_an_address_that_is_not_whole(is_sentence: Callable[[object], str]) -> None:
    with pytest.raises(LinkError) as error:
        await open_link("rfc2217://serverofmine")
    assert "rfc2217://192.168.1.20:4001" in is_sentence(error.value)
