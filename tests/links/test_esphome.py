"""Links through the serial proxy of an ESPHome device."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from juntek.errors import LinkError
from juntek.links import open_link
from juntek.links.stream import READ_LIMIT
from links.esphome_server import PORT_IN_USE, EsphomeServer
from links.peers import PATIENCE, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


@pytest.fixture
async def server() -> AsyncIterator[EsphomeServer]:
    async with running(EsphomeServer()) as server:
        yield server


async def test_the_line_is_115200_8n1(server: EsphomeServer) -> None:
    async with await open_link(f"esphome://127.0.0.1:{server.port}/?port_name=Meter"):
        assert server.configured is not None
        assert server.configured.baudrate == 115200
        assert (server.configured.data_size, server.configured.stop_bits, server.configured.parity) == (8, 1, 0)


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
