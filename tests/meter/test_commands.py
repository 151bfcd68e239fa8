"""A command has its turn on the line, quiet, busy or noisy; what is told of it is what the meter has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest

from juntek import LinkError, Options, RequestError
from juntek.control.controls import controls_of
from juntek.meter import Line, MeterOptions, Mode, Timing
from juntek.rs485.family import Model, find_models
from juntek.simulator import Display
from juntek.simulator import Options as Simulated
from juntek.update import Update
from meter.served import IMPATIENT, WRONG_WRITES, Told, Wires, running, until

QUICK = replace(IMPATIENT, listen_first=0.05)
NAMES = {"KG-F": "KG140F", "KL-F": "KL140F", "KH-F": "KH140F"}


@asynccontextmanager
async def on_line(
    wires: Wires, family: str = "KG-F", *, mode: Mode = "auto", timing: Timing = QUICK
) -> AsyncIterator[Line]:
    """Serve a simulated line until the meter is known."""
    async with wires.simulation as simulation, serving_meter(simulation.url, family, mode, timing) as line:
        yield line


@asynccontextmanager
async def serving_meter(url: str, family: str, mode: Mode, timing: Timing = QUICK) -> AsyncIterator[Line]:
    told = Told()
    options = MeterOptions(name="house", mode=mode, interval=0.03, options=Options(family=family))
    line = Line(url, [options], told, timing=timing)
    async with running(line):
        await until(lambda: told.readings and told.last["house"].settings)
        yield line


def latest(line: Line) -> Update:
    meter = line.meters[1]
    return meter.update(meter.last_reading)


def setting(line: Line, key: str) -> object:
    settings = line.meters[1].settings
    assert settings is not None
    return settings.value(key)


def writes(wires: Wires) -> int:
    return wires.said["program"].count(b":W")


def wish_of(control: object) -> object:
    """A value that is right for a setting and hardly the one that it has."""
    choices, low, high = (getattr(control, name) for name in ("choices", "minimum", "maximum"))
    if choices:
        return choices[-1]
    return high if low == 0 or high < 1000 else low


@pytest.mark.parametrize("model", find_models(), ids=lambda model: model.family)
@pytest.mark.parametrize("display", ["none", "newer"])
async def test_every_setting_is_written_once_to_its_limits_and_read_back(model: Model, display: Display) -> None:
    wires = Wires(Simulated(models=(NAMES[model.family],), display=display))
    async with on_line(wires, model.family) as line:
        await line.identify(1)
        controls = [one for one in controls_of(latest(line)).values() if one.writable and one.kind == "setting"]
        assert len(controls) >= 12
        for control in controls:
            value = control.read(wish_of(control))
            control.check(value)
            assert await line.send(1, control.key, value) == "obeyed", control.key
            assert setting(line, control.key) == value
        assert display != "none" or writes(wires) == len(controls)
        offs = [one.key for one in controls if one.off is not None]
        assert len(offs) >= 5
        for key in offs:
            assert await line.send(1, key, None) == "obeyed"


@pytest.mark.parametrize("model", find_models(), ids=lambda model: model.family)
async def test_every_action_is_done(model: Model) -> None:
    wires = Wires(Simulated(models=(NAMES[model.family],), load="steady"))
    async with on_line(wires, model.family) as line:
        meter = wires.simulation.sites[0].meter
        meter.counters.run_time = meter.counters.charged_energy = 9999.0
        outcomes = {
            key: await line.send(1, key, value)
            for key, value in (("state_of_charge", 33), ("clear_totals", None), ("output", "off"), ("output", "on"))
        }
        assert set(outcomes.values()) == {"obeyed"}
        assert meter.counters.run_time < 60
        assert 32 < 100 * meter.counters.remaining_capacity / 280 < 34
        assert await line.send(1, "factory_reset", None) == "unknown"
        assert meter.settings.values["nominal_capacity"] == 100
        assert await line.send(1, "set_address", 9) == "obeyed"
        assert meter.address == 9
    assert {action.key for action in model.actions} == {*outcomes, "factory_reset", "set_address", "zero_current"}


async def test_the_zero_is_set_once_and_seen_in_the_next_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("juntek.rs485.command.SETTLE", 0.2)
    wires = Wires(Simulated(load="steady", speed=10))
    async with on_line(wires) as line:
        assert await line.send(1, "zero_current", None) == "obeyed"
        assert writes(wires) == 1
        reading = latest(line).reading
        assert reading is not None
        assert abs(reading.current) <= 0.2


@pytest.mark.parametrize("display", ["newer", "older"])
async def test_beside_a_display_a_command_finds_a_gap(display: Display) -> None:
    async with on_line(Wires(Simulated(display=display))) as line:
        health = line.meters[1].health
        await until(lambda: health.mode == "listen")
        assert await line.send(1, "nominal_capacity", 123.0) == "obeyed"
        frames = health.frames
        await until(lambda: health.frames > frames + 3)
        assert health.mode == "listen", "the display goes on"


async def test_two_commands_at_once_come_one_behind_the_other() -> None:
    async with on_line(Wires(Simulated())) as line:
        outcomes = await asyncio.gather(line.send(1, "nominal_capacity", 123.0), line.send(1, "protection_delay", 9))
    assert list(outcomes) == ["obeyed"] * 2


async def test_two_programs_that_write_at_once_do_not_lose_a_value() -> None:
    wires = Wires(Simulated())
    async with on_line(wires, mode="poll") as one, serving_meter(one.url, "KG-F", "poll") as other:
        outcomes = await asyncio.gather(
            one.send(1, "nominal_capacity", 123.0), other.send(1, "protection_delay", 7),
        )  # fmt: skip
        assert list(outcomes) == ["obeyed", "obeyed"]
        meter = wires.simulation.sites[0].meter
        assert (meter.settings.values["nominal_capacity"], meter.settings.values["protection_delay"]) == (123.0, 7)


@pytest.mark.parametrize("writes_so", WRONG_WRITES.values(), ids=list(WRONG_WRITES))
async def test_a_meter_that_does_not_take_a_value_is_told_as_such(
    writes_so: Callable[..., bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    wires = Wires(Simulated())
    meter = wires.simulation.sites[0].meter
    monkeypatch.setattr(meter, "write", partial(writes_so, meter))
    async with on_line(wires) as line:
        assert await line.send(1, "nominal_capacity", 123.0) == "refused"
        assert writes(wires) == 3
        assert setting(line, "nominal_capacity") != 123.0


@pytest.mark.parametrize("seed", range(6))
async def test_on_a_noisy_line_nothing_is_told_that_is_not_so(seed: int) -> None:
    wires = Wires(Simulated(seed=seed))
    async with on_line(wires, timing=replace(QUICK, reply=0.05)) as line:
        wires.simulation.noise.probability = 0.15
        meter = wires.simulation.sites[0].meter
        obeyed = 0
        for value in (100.0, 150.0, 200.0, 250.0):
            outcome = await line.send(1, "nominal_capacity", value)
            if outcome == "obeyed":
                obeyed += 1
                assert meter.settings.values["nominal_capacity"] == value
        assert obeyed >= 2


# What is not written ----------------------------------------------------------------------------------------


async def test_a_meter_that_is_only_listened_to_is_never_written_to() -> None:
    wires = Wires(Simulated(display="older"))
    async with on_line(wires, mode="listen") as line:
        with pytest.raises(RequestError):
            await line.send(1, "nominal_capacity", 123.0)
    assert wires.said["program"] == b""


async def test_what_the_meter_cannot_take_never_reaches_the_wire() -> None:
    wires = Wires(Simulated(models=("KG140F", "KG140F"), addresses=(1, 2)))
    wrong = (("full_voltage", 14.4), ("nominal_capacity", -1), ("explode", 1), ("set_address", 2))
    async with on_line(wires) as line:
        for key, value in wrong:
            with pytest.raises(RequestError):
                await line.send(1, key, value)
    assert writes(wires) == 0


async def test_a_command_that_nobody_waits_for_any_more_is_not_written() -> None:
    wires = Wires(Simulated())
    async with on_line(wires) as line:
        sending = asyncio.create_task(line.send(1, "nominal_capacity", 123.0))
        await asyncio.sleep(0)
        sending.cancel()
        assert await line.send(1, "protection_delay", 9) == "obeyed", "the line goes on"
    assert writes(wires) == 1


@pytest.mark.parametrize("comes_back", [False, True])
async def test_a_link_that_is_lost_before_a_command_is_queued_is_noticed(
    monkeypatch: pytest.MonkeyPatch, comes_back: bool
) -> None:
    wires = Wires(Simulated())

    async def lose(_: int) -> None:
        await wires.simulation.pull()
        await until(lambda: not line.meters[1].health.connected)
        if comes_back:
            await wires.simulation.plug_in()
            await until(lambda: line.meters[1].available)

    async with on_line(wires) as line, asyncio.timeout(20):
        monkeypatch.setattr(line, "identify", lose)
        if comes_back:
            assert await line.send(1, "protection_delay", 9) == "obeyed"
        else:
            with pytest.raises(LinkError):
                await line.send(1, "protection_delay", 9)


async def test_a_link_that_is_cut_in_the_middle_is_told_and_nothing_is_written_when_it_is_back() -> None:
    wires = Wires(Simulated())
    async with on_line(wires) as line:
        wires.simulation.silence()
        sending = asyncio.create_task(line.send(1, "nominal_capacity", 123.0))
        await until(lambda: b":W28" in wires.said["program"])
        await wires.simulation.pull()
        with pytest.raises(LinkError):
            await sending
        with pytest.raises(LinkError):
            await line.send(1, "nominal_capacity", 5.0)
        before = writes(wires)
        wires.simulation.silence(silent=False)
        await wires.simulation.plug_in()
        await until(lambda: line.meters[1].available)
        assert writes(wires) == before
