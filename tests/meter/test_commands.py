"""A command has its turn on the line, and the meter is asked whether it was obeyed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from juntek import LinkError, RequestError
from juntek.meter import Line, MeterOptions, Mode
from juntek.simulator import Display, Options
from meter.served import IMPATIENT, Told, Wires, until


@asynccontextmanager
async def line_of(wires: Wires, mode: Mode = "auto") -> AsyncIterator[tuple[Line, Told]]:
    told = Told()
    async with wires.simulation as simulation:
        line = Line(simulation.url, [MeterOptions(name="house", mode=mode, interval=0.03)], told, timing=IMPATIENT)
        task = asyncio.create_task(line.run())
        try:
            await until(lambda: told.readings and told.last["house"].settings is not None)
            yield line, told
        finally:
            task.cancel()
            await asyncio.wait([task])


SETTINGS = [("nominal_capacity", 123.0), ("over_voltage_protection", 14.6), ("relay_type", "normally_closed")]


@pytest.mark.parametrize(("key", "value"), SETTINGS)
async def test_a_setting_is_written_and_read_back(key: str, value: object) -> None:
    wires = Wires(Options())
    async with line_of(wires) as (line, told):
        assert await line.send(1, key, value) == "obeyed"
        settings = told.last["house"].settings
        assert settings is not None
        assert settings.value(key) == value
    assert wires.said["program"].count(b":W") == 1


@pytest.mark.parametrize("display", ["newer", "older"])
async def test_beside_a_display_a_command_finds_a_gap(display: Display) -> None:
    wires = Wires(Options(display=display))
    async with line_of(wires) as (line, told):
        await told.mode("listen")
        assert await line.send(1, "nominal_capacity", 123.0) == "obeyed"
        await told.more(3)
        assert told.last["house"].health.mode == "listen", "the display goes on"


async def test_two_commands_at_once_come_one_behind_the_other() -> None:
    wires = Wires(Options())
    async with line_of(wires) as (line, _):
        outcomes = await asyncio.gather(line.send(1, "nominal_capacity", 123.0), line.send(1, "protection_delay", 9))
    assert list(outcomes) == ["obeyed"] * 2


async def test_a_meter_that_ignores_a_command_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    wires = Wires(Options())
    async with line_of(wires) as (line, told):
        monkeypatch.setattr("juntek.rs485.command.encode", lambda *_: b":R50=1,2,1,\r\n")
        assert await line.send(1, "nominal_capacity", 123.0) == "refused"
        settings = told.last["house"].settings
    assert settings is not None
    assert settings.nominal_capacity != 123.0


async def test_what_nothing_can_be_read_of_is_unknown() -> None:
    async with line_of(Wires(Options())) as (line, _):
        assert await line.send(1, "factory_reset", 1) == "unknown"


async def test_a_meter_that_is_only_listened_to_is_never_written_to() -> None:
    wires = Wires(Options(display="older"))
    async with line_of(wires, mode="listen") as (line, _):
        with pytest.raises(RequestError):
            await line.send(1, "nominal_capacity", 123.0)
    assert wires.said["program"] == b""


async def test_what_the_family_has_not_never_reaches_the_wire() -> None:
    wires = Wires(Options())
    async with line_of(wires) as (line, _):
        for key, value in (("full_voltage", 14.4), ("nominal_capacity", -1), ("explode", 1)):
            with pytest.raises(RequestError):
                await line.send(1, key, value)
    assert b":W" not in wires.said["program"]


async def test_a_command_to_a_line_that_is_down_fails_at_once() -> None:
    line = Line("socket://127.0.0.1:1", [MeterOptions(name="house")], Told())
    with pytest.raises(LinkError):
        await line.send(1, "nominal_capacity", 123.0)


@pytest.mark.parametrize("comes_back", [False, True])
async def test_a_link_that_is_lost_before_a_command_is_queued_is_noticed(
    monkeypatch: pytest.MonkeyPatch, comes_back: bool
) -> None:
    wires = Wires(Options())

    async def lose(_: int) -> None:
        await wires.simulation.pull()
        await until(lambda: not told.last["house"].health.connected)
        if comes_back:
            await wires.simulation.plug_in()
            await told.more(2)

    async with line_of(wires) as (line, told), asyncio.timeout(20):
        monkeypatch.setattr(line, "identify", lose)
        if comes_back:
            assert await line.send(1, "protection_delay", 9) == "obeyed"
        else:
            with pytest.raises(LinkError):
                await line.send(1, "protection_delay", 9)


async def test_a_command_that_nobody_waits_for_any_more_is_not_written() -> None:
    wires = Wires(Options())
    async with line_of(wires) as (line, told):
        sending = asyncio.create_task(line.send(1, "nominal_capacity", 123.0))
        await asyncio.sleep(0)
        sending.cancel()
        await told.more(5)
        assert await line.send(1, "protection_delay", 9) == "obeyed", "the line goes on"
    assert wires.said["program"].count(b":W") == 1
