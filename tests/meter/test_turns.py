"""Who asks on a line: the program, or somebody else while it only listens."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import replace
from pathlib import Path
from unittest.mock import AsyncMock, Mock

import pytest

from juntek.errors import LinkLostError
from juntek.meter import Line, MeterOptions, Mode
from juntek.meter.poller import Poller
from juntek.simulator import Display, Options
from meter.served import IMPATIENT, Told, Wires, meters, running, served, serving, until


@pytest.mark.parametrize("display", ["newer", "older"])
@pytest.mark.parametrize("mode", ["auto", "listen"])
async def test_beside_a_display_it_reads_and_writes_not_one_byte(
    port: Path | None, display: Display, mode: Mode
) -> None:
    # Patient enough that a display is heard first while this machine is busy.
    timing = replace(IMPATIENT, listen_first=3.0)
    async with served(Options(pty=port, display=display), mode=mode, timing=timing) as (wires, told):
        await told.more(20)
        assert told.last["meter 1"].health.mode == "listen"
    assert wires.said["program"] == b""
    assert wires.said["display"].startswith(b":R50=")


async def test_settings_come_with_a_display_that_asks_for_them() -> None:
    async with served(Options(display="older", capacity=123.0)) as (_, told):
        await until(lambda: told.readings and told.readings[-1].nominal_capacity == 123.0)
        identity = told.last["meter 1"].identity
    assert identity is not None
    assert identity.model == "KG140F"


async def test_on_a_silent_line_it_asks_who_and_how_once_and_what_often(port: Path | None) -> None:
    async with served(Options(pty=port), timing=replace(IMPATIENT, settings=3600.0, reply=5.0)) as (wires, told):
        await told.more(12)
        assert told.last["meter 1"].health.mode == "poll"
    assert _requests(wires)[:12] == [b"R00", b"R51", *[b"R50"] * 10]


async def test_it_asks_again_how_a_meter_is_set_when_its_time_has_come(port: Path | None) -> None:
    async with served(Options(pty=port), timing=replace(IMPATIENT, settings=0.0, reply=5.0)) as (wires, _):
        await until(lambda: wires.asked("R51=1") >= 4)
    assert _requests(wires)[:7] == [b"R00", *[b"R51", b"R50"] * 3]


def _requests(wires: Wires) -> list[bytes]:
    return [line[1:4] for line in bytes(wires.said["program"]).split(b"\r\n") if line]


async def test_the_first_reading_is_complete() -> None:
    async with served(Options(capacity=200.0, state_of_charge=50.0)) as (_, told):
        await told.more(1)
    assert told.readings[0].nominal_capacity == 200.0
    assert told.readings[0].state_of_charge == pytest.approx(50.0, abs=0.5)


async def test_readings_are_asked_for_at_the_interval_of_each_meter() -> None:
    wires = Wires(Options(models=("KG140F", "KH140F"), addresses=(1, 2)))
    two = [MeterOptions(name="often", address=1, interval=0.03), MeterOptions(name="seldom", address=2, interval=0.3)]
    async with wires.simulation as simulation, serving(simulation.url, two) as told:
        await told.more(4, address=2)
        assert len(told.of(1)) > 3 * len(told.of(2))


async def test_a_display_that_is_plugged_in_takes_over_until_it_is_unplugged(port: Path | None) -> None:
    # Patient enough that a display is not taken for unplugged while this machine is busy.
    async with served(Options(pty=port), timing=replace(IMPATIENT, silence=2.0, patience=10.0)) as (wires, told):
        await told.mode("poll")
        await told.more(3)
        wires.simulation.plug_display("newer")
        await told.mode("listen")
        written = len(wires.said["program"])
        await told.more(20)
        assert len(wires.said["program"]) == written
        wires.simulation.unplug_display()
        await told.mode("poll")
        await told.more(3)
    assert told.modes == ["starting", "poll", "listen", "poll"]


@pytest.mark.parametrize("noise", [b":R50=1,\r\n", b":R51=01.\r\n", b":W10=1,2,1,\r\n"])
async def test_one_piece_of_noise_that_looks_like_a_request_changes_nothing(noise: bytes) -> None:
    async with served(Options()) as (wires, told):
        await told.mode("poll")
        wires.inject(noise)
        await told.more(30)
        wires.inject(noise)
        await told.more(5)
    assert "listen" not in told.modes


async def test_our_own_echo_is_not_another_master(port: Path | None) -> None:
    async with served(Options(pty=port), echo=True) as (wires, told):
        await told.mode("poll")
        await told.more(30)
    assert "listen" not in told.modes
    assert wires.asked("R00=1") == 1


@pytest.mark.parametrize("echo", [False, True])
async def test_a_master_that_asks_exactly_as_we_do_is_noticed(*, echo: bool) -> None:
    async with served(Options(), echo=echo) as (wires, told):
        await told.mode("poll")
        ask = wires.line.join(lambda _: None)
        for _ in range(20):
            ask(b":R50=1,2,1,\r\n")
            await asyncio.sleep(0.07)
        assert told.last["meter 1"].health.mode == "listen"
        await told.mode("poll")


async def test_a_line_whose_bytes_are_gathered_is_read_whole(port: Path | None) -> None:
    wires = Wires(Options(pty=port, display="newer", speed=1000.0))  # no two replies are the same
    told = Told()
    async with (
        wires.simulation as simulation,
        running(Line(simulation.url, meters(), told, gather=0.1, timing=IMPATIENT)),
    ):
        await told.more(20)
        wires.simulation.unplug_display()
        await told.mode("poll")
    replies = bytes(wires.said["meter"]).split(b"\r\n")[:-1]
    first = replies.index(told.readings[0].raw)
    listened = [reply for reply in replies[first:] if reply.startswith(b":r50")]
    assert [reading.raw for reading in told.readings] == listened[: len(told.readings)]


async def test_mode_poll_asks_at_once_and_even_beside_a_display() -> None:
    timing = replace(IMPATIENT, listen_first=3600.0)
    async with served(Options(display="older"), mode="poll", timing=timing) as (wires, told):
        await told.more(10)
        assert wires.asked("R50=1") >= 5
    assert told.modes == ["starting", "poll"]


async def test_meters_of_one_line_take_turns(port: Path | None) -> None:
    options = Options(models=("KG140F", "KH140F", "KG110F"), addresses=(1, 2, 7), pty=port)
    async with served(options, 1, 2, 7, timing=replace(IMPATIENT, identity=0.2)) as (_, told):
        await until(lambda: all(len(told.of(address)) >= 10 for address in (1, 2, 7)))
        await until(lambda: all(update.identity for update in told.last.values()))
        identities = [update.identity.model for update in told.last.values() if update.identity]
    counts = [len(told.of(address)) for address in (1, 2, 7)]
    assert max(counts) < 2 * min(counts)
    assert identities == ["KG140F", "KH140F", "KG110F"]
    assert [reading.family for reading in told.of(2)[:1]] == ["KH-F"]


async def test_a_silent_meter_costs_its_neighbours_little() -> None:
    async with served(Options(models=("KG140F", "KG140F"), addresses=(1, 2)), 1, 2) as (wires, told):
        wires.simulation.silence(2)
        await told.more(10, address=1)
        asked = wires.asked("R50=2")
        await told.more(30, address=1)
        assert wires.asked("R50=2") - asked <= 12
        await until(lambda: told.last["meter 2"].health.error)
        assert told.last["meter 1"].available
        assert not told.last["meter 2"].available
        wires.simulation.silence(2, silent=False)
        await told.more(10, address=2)


async def test_another_device_on_the_line_is_ignored() -> None:
    options = Options(models=("KG140F", "KH140F"), addresses=(5, 9))
    async with served(options, 1) as (wires, told):
        wires.simulation.silence(1)
        wires.simulation.plug_display("newer", 9)
        await told.mode("listen")
        await until(lambda: told.events and told.events[-1][2])
    assert told.readings == []
    error = told.events[-1][2]
    assert error is not None
    assert "unplug the display" in error
    assert "asks address 9" in error
    assert "address 1 does not answer" in error


@pytest.mark.parametrize("display", ["newer", "older"])
async def test_a_meter_that_the_display_leaves_out_is_asked_behind_its_replies(
    port: Path | None, display: Display
) -> None:
    options = Options(models=("KG140F", "KL140F"), addresses=(1, 2), pty=port, display=display)
    async with served(options, 1, 2) as (wires, told):
        await told.more(5, address=2)
        await told.more(5, address=1)
        assert wires.asked("R50=1") == wires.asked("R51=1") == 0, "the display asks it"
        assert told.last["meter 2"].health.mode == "listen"
        assert told.last["meter 2"].settings is not None


async def test_a_command_that_waits_for_its_turn_is_not_written_once_the_link_is_left() -> None:
    link = Mock(write=AsyncMock())
    poller = Poller({1: 1.0}, link, Mock(), "poll", lambda _: None, IMPATIENT)

    async def write() -> None:
        async with poller.turn():
            await poller.exchange(None, 1, b":W10=1,2,3,\r\n")

    waiting = asyncio.create_task(write())
    await asyncio.sleep(0)
    poller.close()
    with pytest.raises(LinkLostError):
        await asyncio.wait_for(waiting, 5)
    link.write.assert_not_called()


async def test_a_link_that_is_lost_while_a_command_is_being_written_is_told_once() -> None:
    lost, unseen = asyncio.get_running_loop().create_future(), Mock()
    asyncio.get_running_loop().set_exception_handler(unseen)
    poller = Poller({1: 1.0}, Mock(write=lambda _: lost), Mock(), "poll", lambda _: None, IMPATIENT)
    writing = asyncio.create_task(poller.exchange(None, 1, b":W10=1,2,3,\r\n"))
    await asyncio.sleep(0)
    poller.close()
    lost.set_exception(LinkLostError("unplugged"))
    with pytest.raises(LinkLostError, match="unplugged"):
        await asyncio.wait_for(writing, 5)
    del poller, writing
    gc.collect()
    unseen.assert_not_called()


async def test_a_command_before_the_link_is_open_says_so() -> None:
    line = Line("tcp://127.0.0.1:9", [MeterOptions(name="house")], lambda _: None)
    with pytest.raises(LinkLostError, match="not open yet"):
        await line.send(1, "clear_totals", None)
