"""Every setting and action of every family, on quiet, busy and noisy lines; what is told is what the meter has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest

from juntek import LinkError, RequestError
from juntek.control.controls import controls_of
from juntek.meter import Line, Mode, Timing
from juntek.rs485.family import Model, find_models
from juntek.simulator import Options
from juntek.update import Update
from meter.served import IMPATIENT, WRONG_WRITES, Told, Wires, meters, until

QUICK = replace(IMPATIENT, listen_first=0.05)
NAMES = {"KG-F": "KG140F", "KL-F": "KL140F", "KH-F": "KH140F"}


@asynccontextmanager
async def on_line(
    wires: Wires, model: Model, *, mode: Mode = "auto", lines: int = 1, timing: Timing = QUICK
) -> AsyncIterator[list[Line]]:
    """Serve a simulated line, by as many programs as told, until all know the meter."""
    (options,) = meters(1, mode=mode)
    object.__setattr__(options.options, "family", model.family)
    async with wires.simulation as simulation:
        told = [Told() for _ in range(lines)]
        served = [Line(simulation.url, [options], each, timing=timing) for each in told]
        tasks = [asyncio.create_task(line.run()) for line in served]
        try:
            await until(lambda: all(each.readings and each.last["meter 1"].settings for each in told))
            yield served
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


def latest(line: Line) -> Update:
    meter = line.meters[1]
    return meter.update(meter.last_reading)


def wish_of(control: object) -> object:
    """A value that is right for a setting and hardly the one that it has."""
    choices, low, high = (getattr(control, name) for name in ("choices", "minimum", "maximum"))
    if choices:
        return choices[-1]
    return high if low == 0 or high < 1000 else low


@pytest.mark.parametrize("model", find_models(), ids=lambda model: model.family)
@pytest.mark.parametrize("display", ["none", "newer"])
async def test_every_setting_is_written_to_its_limits_and_read_back(model: Model, display: str) -> None:
    wires = Wires(Options(models=(NAMES[model.family],), display=display))  # type: ignore[arg-type]
    async with on_line(wires, model) as (line,):
        await line.identify(1)
        controls = [one for one in controls_of(latest(line)).values() if one.writable and one.kind == "setting"]
        assert len(controls) >= 12
        for control in controls:
            value = control.read(wish_of(control))
            control.check(value)
            assert await line.send(1, control.key, value) == "obeyed", control.key
            assert latest(line).settings is not None
            assert latest(line).settings.value(control.key) == value  # type: ignore[union-attr]
        offs = [one.key for one in controls if one.off is not None]
        assert len(offs) >= 5
        for key in offs:
            assert await line.send(1, key, None) == "obeyed"


@pytest.mark.parametrize("model", find_models(), ids=lambda model: model.family)
async def test_every_action_is_done(model: Model) -> None:
    wires = Wires(Options(models=(NAMES[model.family],), load="steady"))
    async with on_line(wires, model) as (line,):
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
    wires = Wires(Options(load="steady", speed=10))
    (model,) = (model for model in find_models() if model.family == "KG-F")
    async with on_line(wires, model) as (line,):
        assert await line.send(1, "zero_current", None) == "obeyed"
        assert wires.said["program"].count(b":W") == 1
        assert latest(line).reading is not None
        assert abs(latest(line).reading.current) <= 0.2  # type: ignore[union-attr]


async def test_an_address_that_another_meter_has_is_refused() -> None:
    wires = Wires(Options(models=("KG140F", "KG140F"), addresses=(1, 2)))
    (model,) = (model for model in find_models() if model.family == "KG-F")
    async with on_line(wires, model) as (line,):
        with pytest.raises(RequestError, match="2"):
            await line.send(1, "set_address", 2)
        assert b":W" not in wires.said["program"]


@pytest.mark.parametrize("seed", range(6))
async def test_on_a_noisy_line_nothing_is_told_that_is_not_so(seed: int) -> None:
    wires = Wires(Options(seed=seed))
    (model,) = (model for model in find_models() if model.family == "KG-F")
    async with on_line(wires, model, timing=replace(QUICK, reply=0.05)) as (line,):
        wires.simulation.noise.probability = 0.15
        meter = wires.simulation.sites[0].meter
        obeyed = 0
        for value in (100.0, 150.0, 200.0, 250.0):
            outcome = await line.send(1, "nominal_capacity", value)
            if outcome == "obeyed":
                obeyed += 1
                assert meter.settings.values["nominal_capacity"] == value
        assert obeyed >= 2


@pytest.mark.parametrize("writes", WRONG_WRITES.values())
async def test_a_meter_that_does_not_take_a_value_is_told_as_such(
    writes: Callable[..., bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    wires = Wires(Options())
    meter = wires.simulation.sites[0].meter
    monkeypatch.setattr(meter, "write", partial(writes, meter))
    (model,) = (model for model in find_models() if model.family == "KG-F")
    async with on_line(wires, model) as (line,):
        assert await line.send(1, "nominal_capacity", 123.0) == "refused"
        assert wires.said["program"].count(b":W") == 3


async def test_a_link_that_is_cut_in_the_middle_is_told_and_nothing_is_written_when_it_is_back() -> None:
    wires = Wires(Options())
    (model,) = (model for model in find_models() if model.family == "KG-F")
    async with on_line(wires, model) as (line,):
        wires.simulation.silence()
        sending = asyncio.create_task(line.send(1, "nominal_capacity", 123.0))
        await until(lambda: b":W28" in wires.said["program"])
        await wires.simulation.pull()
        with pytest.raises(LinkError):
            await sending
        with pytest.raises(LinkError):
            await line.send(1, "nominal_capacity", 5.0)
        writes = wires.said["program"].count(b":W")
        wires.simulation.silence(silent=False)
        await wires.simulation.plug_in()
        await until(lambda: line.meters[1].available)
        assert wires.said["program"].count(b":W") == writes


async def test_two_programs_that_write_at_once_do_not_lose_a_value() -> None:
    wires = Wires(Options())
    (model,) = (model for model in find_models() if model.family == "KG-F")
    async with on_line(wires, model, lines=2, mode="poll") as (one, other):
        outcomes = await asyncio.gather(
            one.send(1, "nominal_capacity", 123.0), other.send(1, "protection_delay", 7),
        )  # fmt: skip
        assert list(outcomes) == ["obeyed", "obeyed"]
        meter = wires.simulation.sites[0].meter
        assert (meter.settings.values["nominal_capacity"], meter.settings.values["protection_delay"]) == (123.0, 7)
