"""Links through the serial proxy of an ESPHome device."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from juntek.errors import LinkError, LinkLostError
from juntek.links import open_link
from juntek.links.stream import READ_LIMIT
from links.esphome_server import PORT_IN_USE, EsphomeServer, running
from links.peers import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

EVERYTHING = bytes(range(256))


@pytest.fixture
async def server() -> AsyncIterator[EsphomeServer]:
    async with running(EsphomeServer()) as server:
        yield server


async def test_bytes_go_both_ways_unchanged(server: EsphomeServer) -> None:
    url = f"esphome://127.0.0.1:{server.port}/?port_name=Meter"
    async with asyncio.timeout(PATIENCE), await open_link(url) as link:
        server.send(EVERYTHING)
        assert (await link.read()).data == EVERYTHING
        await link.write(EVERYTHING)
        await server.arrived.wait()
        assert server.received == EVERYTHING
    assert server.configured is not None
    assert server.configured.baudrate == 115200
    assert (server.configured.data_size, server.configured.stop_bits, server.configured.parity) == (8, 1, 0)


async def test_a_cut_connection_is_a_lost_link(server: EsphomeServer, is_sentence: Callable[[object], str]) -> None:
    url = f"esphome://127.0.0.1:{server.port}/?port_name=Meter"
    async with asyncio.timeout(PATIENCE), await open_link(url) as link:
        waiting = asyncio.create_task(link.read())
        await asyncio.sleep(0)
        server.cut()
        with pytest.raises(LinkLostError) as lost:
            await waiting
        with pytest.raises(LinkLostError):
            await link.write(b"x")
    assert url in is_sentence(lost.value)


async def test_a_reader_too_slow_for_a_proxy_that_cannot_wait_loses_the_oldest(
    server: EsphomeServer,
) -> None:
    url = f"esphome://127.0.0.1:{server.port}/?port_name=Meter"
    async with asyncio.timeout(PATIENCE), await open_link(url) as link:
        for number in range(100):
            server.send(bytes([number]) * 1000)
        server.send(b"the end")
        received = b""
        while not received.endswith(b"the end"):
            await asyncio.sleep(0.05)
            received = (await link.read()).data
            assert len(received) <= READ_LIMIT


async def test_a_proxy_that_another_client_uses(is_sentence: Callable[[object], str]) -> None:
    async with running(EsphomeServer(status=PORT_IN_USE)) as server:
        with pytest.raises(LinkError) as error:
            await open_link(f"esphome://127.0.0.1:{server.port}/?port_name=Meter")
    assert "another client" in is_sentence(error.value)


async def test_a_proxy_that_the_device_has_not(server: EsphomeServer, is_sentence: Callable[[object], str]) -> None:
    with pytest.raises(LinkError) as error:
        await open_link(f"esphome://127.0.0.1:{server.port}/?port_name=Metre")
    assert "port_name" in is_sentence(error.value)


async def test_a_link_without_the_name_of_a_proxy(is_sentence: Callable[[object], str]) -> None:
    with pytest.raises(LinkError) as error:
        await open_link("esphome://van.local")
    assert "esphome://van.local/?port_name=NAME" in is_sentence(error.value)


@pytest.mark.parametrize("key", ["8Ar4nW7rB8zQqGZ8fRzqzDzE0bGQ0o3Qd3PqJ6iYb1k=", "hush"])
async def test_a_wrong_key_is_not_shown(server: EsphomeServer, key: str, is_sentence: Callable[[object], str]) -> None:
    with pytest.raises(LinkError) as error:
        await open_link(f"esphome://127.0.0.1:{server.port}/?port_name=Meter&key={key}")
    assert key not in is_sentence(error.value)
    assert "compare port_name and key" in str(error.value)


@pytest.mark.parametrize("url", ["esphome://van:x/?key=hush", "esphome:?key=hush", "esphom://van/?key=hush"])
async def test_the_key_in_a_wrong_url_is_not_shown(url: str, is_sentence: Callable[[object], str]) -> None:
    with pytest.raises(LinkError) as error:
        await open_link(url)
    assert "hush" not in is_sentence(error.value)


async def test_the_name_of_a_link_is_without_its_key(server: EsphomeServer) -> None:
    # This device knows no passwords, so it takes any.
    url = f"esphome://127.0.0.1:{server.port}/?port_name=Meter&password=hush"
    async with await open_link(url) as link:
        assert link.url == url
        assert "hush" not in link.name


async def test_nobody_listens(is_sentence: Callable[[object], str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(LinkError) as error:
        await open_link(f"esphome://127.0.0.1:{port}/?port_name=Meter")
    assert f":{port} is not there; start it" in is_sentence(error.value)


async def test_the_host_is_not_known(is_sentence: Callable[[object], str]) -> None:
    with pytest.raises(LinkError) as error:
        await open_link("esphome://no-such-host.invalid/?port_name=Meter")
    assert 'the name "no-such-host.invalid" is not known' in is_sentence(error.value)


def in_another_process(program: str) -> str:
    """Return what a program prints that has loaded nothing yet."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(Path(__file__).parents[2] / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


WITHOUT_THE_LIBRARY = """
import asyncio, sys
sys.modules["aioesphomeapi"] = None
from juntek.errors import LinkError
from juntek.links import open_link
try:
    asyncio.run(open_link("esphome://van.local/?port_name=Meter&key=hush"))
except LinkError as error:
    print(error)
"""


def test_without_the_library_the_command_to_install_it_is_shown(is_sentence: Callable[[object], str]) -> None:
    told = in_another_process(WITHOUT_THE_LIBRARY)
    assert "pip install 'juntek[esphome]'" in is_sentence(told.rstrip("\n"))
    assert "hush" not in told


WITH_A_PORT_ONLY = """
import sys
import juntek.links.device, juntek.links.rfc2217, juntek.links.stream
juntek.links.stream.load_serialx()
assert "serialx" in sys.modules
print([name for name in sys.modules if "esphome" in name])
"""


def test_a_port_of_this_computer_does_not_load_the_library_of_esphome() -> None:
    assert in_another_process(WITH_A_PORT_ONLY) == "[]\n"
