"""A simulation is a line that real clients can open: over TCP and on a pseudo-terminal."""

import asyncio
import os
import select
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from juntek.errors import LinkError, RequestError
from juntek.rs485.framing import Frame, encode
from juntek.simulator import Options, Simulation, wires
from simulator.lines import parse_one

PATIENCE = 60  # seconds until a test gives up


@dataclass
class Client:
    """A TCP client that reads frames."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def frame(self) -> Frame:
        async with asyncio.timeout(PATIENCE):
            line = await self.reader.readline()
        if not line:
            raise EOFError
        return parse_one(line)

    async def ask(self, line: bytes) -> Frame:
        self.writer.write(line)
        return await self.frame()


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Client]:
    host, port = url.removeprefix("socket://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield Client(reader, writer)
    finally:
        writer.transport.abort()


async def test_a_tcp_client_asks_and_is_answered() -> None:
    async with Simulation(Options()) as simulation, connect(simulation.url) as client:
        assert simulation.url.startswith("socket://127.0.0.1:")
        assert (await client.ask(b":R00=1,2,1,\r\n")).fields[0] == 2140
        assert (await client.ask(b":R51=1,2,1,\r\n")).command == "r51"
        assert (await client.ask(b":R50=01.\r\n")).command == "r50"


async def test_a_client_on_a_pseudo_terminal_asks_and_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "meter"
    async with Simulation(Options(pty=path)) as simulation:
        assert simulation.url == str(path)
        for _ in range(2):  # it may be closed and opened again
            fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
            try:
                tty.setraw(fd)
                os.write(fd, b":R50=1,2,1,\r\n")
                line = await asyncio.to_thread(read_line, fd)
            finally:
                os.close(fd)
            assert parse_one(line).command == "r50"
    assert not path.is_symlink()


async def test_what_came_while_nobody_had_the_terminal_open_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "meter"
    simulation = Simulation(Options(pty=path, listen="tcp://127.0.0.1:0"))
    async with simulation, connect(simulation.urls[1]) as client:
        await client.ask(b":R00=1,2,1,\r\n")
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
        try:
            await client.ask(b":R51=1,2,1,\r\n")
            line = await asyncio.to_thread(read_line, fd)
            assert parse_one(line).command == "R51"
        finally:
            os.close(fd)


async def hear_on(client: Client, most: int) -> None:
    for _ in range(most):
        async with asyncio.timeout(0.6):
            await client.frame()


def read_line(fd: int) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        if not select.select([fd], [], [], PATIENCE)[0]:
            raise TimeoutError
        line += os.read(fd, 1)
    return line


async def test_a_file_in_the_place_of_the_terminal_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "meter"
    path.write_text("precious")
    with pytest.raises(LinkError, match=r"Cannot make the link .*choose a path that is free"):
        await Simulation(Options(pty=path)).__aenter__()
    assert path.read_text() == "precious"


async def test_a_port_in_use_gets_a_sentence() -> None:
    async with Simulation(Options()) as simulation:
        listen = simulation.url.replace("socket", "tcp")
        with pytest.raises(LinkError, match="choose a free port"):
            await Simulation(Options(listen=listen)).__aenter__()


@pytest.mark.parametrize("listen", ["127.0.0.1:1", "tcp://127.0.0.1", "udp://127.0.0.1:1", "tcp://h:99999"])
def test_a_place_to_listen_that_is_none_gets_a_sentence(listen: str) -> None:
    with pytest.raises(RequestError, match="write tcp://HOST:PORT"):
        Simulation(Options(listen=listen))


async def test_what_one_client_asks_all_others_hear() -> None:
    async with (
        Simulation(Options()) as simulation,
        connect(simulation.url) as asker,
        connect(simulation.url) as listener,
    ):
        assert (await asker.ask(b":R00=1,2,1,\r\n")).command == "r00"  # nobody hears himself
        assert [(await listener.frame()).command for _ in range(2)] == ["R00", "r00"]


async def test_a_newer_display_and_the_answers_to_it_are_heard_by_a_listener(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wires, "NEWER_PAUSE", 0.02)
    async with Simulation(Options(display="newer")) as simulation, connect(simulation.url) as client:
        frames = [await client.frame() for _ in range(8)]
    commands = {frame.command for frame in frames}
    assert commands == {"R50", "r50", "R51", "r51"}
    assert {frame.raw for frame in frames if frame.command == "R50"} == {b":R50=1,"}


async def test_an_older_display_asks_in_its_own_spelling_and_can_be_exchanged_and_unplugged() -> None:
    async with Simulation(Options(addresses=(5,))) as simulation, connect(simulation.url) as client:
        simulation.plug_display("older")
        assert (await client.frame()).raw == b":R50=05."
        assert (await client.frame()).command == "r50"
        simulation.plug_display("newer", 5)
        assert (await client.frame()).raw == b":R50=5,"
        simulation.unplug_display()
        with pytest.raises(TimeoutError):
            await hear_on(client, 6)  # what is still under way, on a busy machine


async def test_meters_on_one_line_answer_to_their_own_addresses_only() -> None:
    options = Options(models=("KG140F", "KH140F", "KL120F"), addresses=(1, 2, 30))
    async with Simulation(options) as simulation, connect(simulation.url) as client:
        for address, code in ((1, 2140), (2, 4140), (30, 2120)):
            reply = await client.ask(encode("R00", address, [1]))
            assert (reply.address, reply.fields[0]) == (address, code)


async def test_a_silenced_meter_does_not_answer_until_it_may() -> None:
    options = Options(models=("KG140F", "KH140F"), addresses=(1, 2))
    simulation = Simulation(options)
    simulation.silence(1)
    async with simulation, connect(simulation.url) as client:
        client.writer.write(b":R50=1,2,1,\r\n")
        assert (await client.ask(b":R50=2,2,1,\r\n")).address == 2
        simulation.silence(silent=False)
        assert (await client.ask(b":R50=1,2,1,\r\n")).address == 1


async def test_a_pulled_link_cuts_clients_off_and_comes_back_at_the_same_place() -> None:
    async with Simulation(Options()) as simulation:
        url = simulation.url
        async with connect(url) as client:
            await client.ask(b":R50=1,2,1,\r\n")
            await simulation.pull()
            with pytest.raises((EOFError, ConnectionError)):
                await client.frame()
        with pytest.raises(ConnectionRefusedError):
            async with connect(url):
                pass
        await simulation.plug_in()
        assert simulation.url == url
        async with connect(url) as client:
            assert (await client.ask(b":R50=1,2,1,\r\n")).command == "r50"


async def test_a_pulled_terminal_is_gone_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "meter"
    async with Simulation(Options(pty=path)) as simulation:
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
        await simulation.pull()
        assert not path.is_symlink()
        try:
            assert os.read(fd, 10) == b""
        except OSError:  # which of the two depends on the kernel
            pass
        finally:
            os.close(fd)
        await simulation.plug_in()
        assert path.exists()


async def test_noise_damages_what_is_on_the_line_and_its_absence_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wires, "NEWER_PAUSE", 0.02)
    for probability, least, most in ((0.0, 0, 0), (1.0, 10, 10**6)):
        options = Options(display="newer", noise=probability)
        async with Simulation(options) as simulation, connect(simulation.url) as client:
            data = b""
            async with asyncio.timeout(PATIENCE):
                while len(data) < 600:
                    data += await client.reader.read(4096)
                    if simulation.noise.damaged >= 10:
                        break
            assert least <= simulation.noise.damaged <= most


async def test_accelerated_time_passes_faster_than_the_clock() -> None:
    async with Simulation(Options(speed=36_000)) as simulation, connect(simulation.url) as client:
        first = await client.ask(b":R50=1,2,1,\r\n")
        await asyncio.sleep(0.1)
        second = await client.ask(b":R50=1,2,1,\r\n")
    assert second.fields[5] - first.fields[5] >= 3600  # seconds of run time


async def test_it_runs_until_it_is_cancelled_and_leaves_nothing_behind() -> None:
    async def serve() -> None:
        async with Simulation(Options(display="newer")) as simulation:
            running.set_result(simulation.url)
            await simulation.run()

    running: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve())
    async with asyncio.timeout(PATIENCE):
        url = await running
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ConnectionRefusedError):
        async with connect(url):
            pass
    assert asyncio.all_tasks() == {asyncio.current_task()}
