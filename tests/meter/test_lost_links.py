"""Links that go away: told once, tried again for ever, and back by themselves."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from juntek.links import device
from juntek.meter import Line, Timing
from juntek.rs485.framing import encode
from juntek.simulator import Options
from meter.served import ENOUGH, IMPATIENT, Told, meters, running, served, serving, until

READING = encode("r50", 1, [5186, 3250, 103_000, 0, 0, 60, 120, 0, 0, 0, 190, 1136])


@pytest.mark.parametrize("display", ["newer", "none"])
async def test_a_pulled_link_is_told_once_and_comes_back_by_itself(port: Path | None, display: str) -> None:
    options = Options(pty=port, display="newer" if display == "newer" else "none")
    async with served(options) as (wires, told):
        await told.more(3)
        for reconnects in (1, 2):
            before = len(told.events)
            await wires.simulation.pull()
            await until(lambda: not told.last["meter 1"].health.connected)
            assert not told.last["meter 1"].available
            await asyncio.sleep(0.3)  # several vain attempts
            errors = [error for _, _, error in told.events[before:] if error]
            assert len(errors) == len(set(errors))
            assert 1 <= len(errors) <= 2
            assert all(str(port or "127.0.0.1") in error for error in errors)
            await wires.simulation.plug_in()
            await told.more(3)
            health = told.last["meter 1"].health
            assert (health.connected, health.error, health.reconnects) == (True, None, reconnects)
            assert told.last["meter 1"].available


async def test_after_a_reconnect_the_meter_is_asked_who_it_is_again() -> None:
    async with served(Options(), mode="poll") as (wires, told):
        await told.more(2)
        await wires.simulation.pull()
        await wires.simulation.plug_in()
        await told.more(2)
    assert wires.asked("R00=1") == 2


class Waiting(Line):
    """A line that says how long it waits between attempts, and does not."""

    def __init__(self, url: str, told: Told, timing: Timing) -> None:
        super().__init__(url, meters(), told, timing=timing)
        self.waits: list[float] = []

    async def _rest(self) -> None:
        self.waits.append(self._backoff.next)
        await super()._rest()


@asynccontextmanager
async def waiting(url: str, count: int, timing: Timing = IMPATIENT) -> AsyncIterator[tuple[Waiting, Told]]:
    told = Told()
    line = Waiting(url, told, timing)
    async with running(line):
        await until(lambda: len(line.waits) >= count)
        yield line, told


async def test_the_waits_between_attempts_double_up_to_a_limit(tmp_path: Path) -> None:
    async with waiting(str(tmp_path / "nothing"), 6) as (line, told):
        assert line.waits[:6] == [0.01, 0.02, 0.04, 0.05, 0.05, 0.05]
    assert len([error for error in told.errors if error]) == 1


async def test_a_bridge_that_hangs_up_at_once_is_not_called_ever_faster() -> None:
    async with peer(lambda _reader, writer: hang_up(writer)) as url, waiting(url, 5) as (line, _):
        assert line.waits[:5] == [0.01, 0.02, 0.04, 0.05, 0.05]


async def test_a_link_that_brought_bytes_is_soon_tried_again() -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(READING)
        await hang_up(writer)

    async with peer(talk) as url, waiting(url, 5, replace(IMPATIENT, shortest_wait=0.001)) as (line, _):
        assert line.waits[1:5] == [0.001] * 4


async def test_what_came_just_before_the_link_was_lost_is_told() -> None:
    """Also when it is a request of ours that finds the link gone."""
    sent = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        while not (await reader.readline()).startswith(b":R50"):
            pass
        writer.write(READING * 3)
        sent += 3
        await hang_up(writer)

    async with peer(talk) as url, serving(url, meters(mode="poll")) as told:
        await until(lambda: sent >= 30)
        await until(lambda: len(told.readings) >= 30)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


@asynccontextmanager
async def peer(talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[str]:
    """Serve every connection with `talk`."""
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}"


# Ports under other names ------------------------------------------------------------------------------------


class Adapter:
    """A serial adapter in `/dev`: its number there may change, its place and its own name lead to it."""

    def __init__(self, devices: Path, name: str, kinds: tuple[str, ...] = ("by-id", "by-path")) -> None:
        self.names = [devices / "serial" / kind / f"{kind}-{name}" for kind in kinds]
        self.master = -1

    async def plug_in(self, wanted: Callable[[str], bool] = bool) -> str:
        """Plug it in at a number that is wanted, and return its path."""
        unwanted = []
        async with asyncio.timeout(ENOUGH):
            while True:
                master, slave = os.openpty()
                port = os.ttyname(slave)
                tty.setraw(slave)
                os.close(slave)
                if wanted(port):
                    break
                unwanted.append(master)
                await asyncio.sleep(0.01)
        for other in unwanted:
            os.close(other)
        self.master = master
        for name in self.names:
            name.parent.mkdir(parents=True, exist_ok=True)
            name.symlink_to(port)
        return port

    def pull(self) -> None:
        if self.master >= 0:
            os.close(self.master)
        self.master = -1
        for name in self.names:
            name.unlink(missing_ok=True)

    async def say(self, told: Told, count: int) -> None:
        """Send readings until so many were told."""
        wanted = len(told.readings) + count

        def arrived() -> bool:
            os.write(self.master, READING)
            return len(told.readings) >= wanted

        await until(arrived)


Plug = Callable[..., Adapter]


@pytest.fixture
def adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plug]:
    """Make adapters of this computer."""
    monkeypatch.setattr(device, "DEVICES", tmp_path)
    made = []

    def make(name: str, kinds: tuple[str, ...] = ("by-id", "by-path")) -> Adapter:
        made.append(Adapter(tmp_path, name, kinds))
        return made[-1]

    yield make
    for each in made:
        each.pull()


async def down(told: Told) -> None:
    await until(lambda: not told.last["meter 1"].health.connected)


@pytest.mark.parametrize(
    ("kinds", "moves"),
    [
        (("by-id", "by-path"), False),
        (("by-id",), False),
        (("by-path",), False),
        (("by-id", "by-path"), True),
        ((), False),
    ],
)
async def test_a_port_that_comes_back_is_found(adapter: Plug, kinds: tuple[str, ...], moves: bool) -> None:
    """Under another number, also in another socket; one without lasting names at its number."""
    meter = adapter("meter", kinds)
    url = await meter.plug_in()
    async with serving(url, meters(mode="listen")) as told:
        await meter.say(told, 2)
        for reconnects in (1, 2):
            meter.pull()
            await down(told)
            if moves:
                meter.names[1] = meter.names[1].with_name(f"by-path-elsewhere-{reconnects}")
            await meter.plug_in(lambda port: (port != url) is bool(kinds))
            await meter.say(told, 2)
            assert told.last["meter 1"].health.reconnects == reconnects


async def test_another_adapter_at_the_old_number_is_not_read_in_its_place(adapter: Plug) -> None:
    meter, other = adapter("meter"), adapter("other")
    url = await meter.plug_in()
    async with serving(url, meters(mode="listen")) as told:
        await meter.say(told, 2)
        meter.pull()
        await down(told)
        await other.plug_in(lambda port: port == url)
        sentence = f"Another adapter is at {url} now; plug by-id-meter in again, or start anew to take this one."
        await until(lambda: told.events[-1][2] == sentence)
        os.write(other.master, READING)
        count = len(told.readings)
        await meter.plug_in()
        await until(lambda: told.last["meter 1"].health.connected)
        assert len(told.readings) == count
        await meter.say(told, 2)
