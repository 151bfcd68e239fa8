"""A battery that is watched in the gateway: what is published, saved, and told to the meter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from unittest.mock import AsyncMock

import pytest
from benchmarks.weeks import FOLDER, Faults, read_trace, readings_of

from gateway.controlled import running_gateway
from juntek.battery import BatteryOptions
from juntek.config import Configuration, MeterKeys, load
from juntek.errors import ConfigurationError, LinkError
from juntek.gateway import Gateway
from juntek.gateway.account import Account, Disk
from juntek.gateway.batteries import BatteryEvent, WatchedBattery
from juntek.history import Database
from juntek.history.queries import HistoryReader
from juntek.metric import samples_of_reading
from juntek.outputs.mqtt.entities import entities_of
from juntek.quantity import BATTERY_KEYS
from juntek.reading import Identity, Reading
from juntek.rs485.family import find_models
from juntek.simulator import Options, Simulation
from juntek.update import Update
from meter.served import until
from metered import MeteredBattery

OWN = {*BATTERY_KEYS, "state_of_charge", "time_to_empty", "time_to_full"}


def boat() -> list[Reading]:
    trace = read_trace(next(FOLDER.glob("boat-*.csv.xz")))
    return readings_of(trace, Faults(offset=-0.05, gain=1.0, step=0.1, nominal=165.0, start=40.0))[:12_000]


def watched(options: BatteryOptions | None = None) -> WatchedBattery:
    return WatchedBattery("boat", options or BatteryOptions(), [])


def account(battery: BatteryOptions | None) -> Account:
    return Account(MeterKeys(name="house", link="/dev/null", battery=battery), UTC, Disk())


def configured(tmp_path: Path, text: str) -> Configuration:
    path = tmp_path / "juntek.toml"
    path.write_text(f'[[meters]]\nname = "house"\nlink = "/dev/null"\n{text}')
    return load(path, {"HOME": str(tmp_path)})


def test_without_the_section_a_reading_is_as_it_was() -> None:
    plain = account(None)
    reading = plain.add(boat()[0])
    assert "battery" not in plain.snapshot()
    assert not OWN & reading.as_dict().keys() - {"state_of_charge", "time_to_empty", "time_to_full"}
    assert not any(sample.metric.key in BATTERY_KEYS for sample in samples_of_reading("home", "boat", reading))


def test_with_it_every_quantity_of_the_battery_is_there() -> None:
    battery = watched()
    for reading in boat():
        told = battery.add(reading)
    values = told.as_dict()
    assert values.keys() >= OWN
    assert values["meter_state_of_charge"] == reading.state_of_charge != values["state_of_charge"]
    assert json.dumps(values)
    metrics = {sample.metric.key for sample in samples_of_reading("home", "boat", told)}
    assert metrics >= {key for key in BATTERY_KEYS if values[key] is not None}


def test_home_assistant_has_an_entity_for_each_where_the_battery_is_watched() -> None:
    (model, *_) = find_models()
    plain = {entity["key"] for entity in entities_of(model)}
    watched = {entity["key"] for entity in entities_of(model, battery=True)}
    assert watched - plain == set(BATTERY_KEYS)


@pytest.mark.parametrize("synchronise", ["off", "full", "drift"])
def test_a_meter_is_told_at_most_once_a_full(synchronise: str) -> None:
    events: list[BatteryEvent] = []
    battery = WatchedBattery("boat", BatteryOptions(synchronise=synchronise), events)  # type: ignore[arg-type]
    orders = []
    for reading in boat():
        battery.add(reading)
        orders += [] if battery.order is None else [battery.order]
        battery.order = None
    fulls = sum(event.event == "full" for event in events)
    assert fulls
    if synchronise == "off":
        assert orders == []
    else:
        assert 0 < len(orders) <= fulls
        assert all(50 <= percent <= 100 for percent in orders)


def test_the_section_is_read_and_a_wrong_key_or_value_is_named(tmp_path: Path) -> None:
    (meter,) = configured(tmp_path, '[meters.battery]\nchemistry = "lifepo4"\ncells = 16\n').meters
    assert meter.battery == BatteryOptions(chemistry="lifepo4", cells=16)
    assert configured(tmp_path, "").meters[0].battery is None
    for text, word in (("cels = 16", "cells"), ("cells = 0", "meters.battery.cells"), ('chemistry = "lead"', "agm")):
        with pytest.raises(ConfigurationError) as caught:
            configured(tmp_path, f"[meters.battery]\n{text}\n")
        assert word in str(caught.value)
        assert "line 5" in str(caught.value)


def test_an_environment_variable_reaches_it(tmp_path: Path) -> None:
    path = tmp_path / "juntek.toml"
    path.write_text('[[meters]]\nname = "house"\nlink = "/dev/null"\n')
    loaded = load(path, {"HOME": str(tmp_path), "JUNTEK_METERS__0__BATTERY__CELLS": "8"})
    assert loaded.meters[0].battery == BatteryOptions(cells=8)


def test_events_are_kept_in_the_database(tmp_path: Path) -> None:
    database = Database(tmp_path / "juntek.db")
    database.save_ledgers({}, 0.0, [("boat", 10.0, "full", 100.0), ("boat", 20.0, "empty", 2.0)])
    database.close()
    with HistoryReader(tmp_path / "juntek.db") as reader:
        assert reader.battery_events("boat", 0, 15) == [(10.0, "full", 100.0)]
        assert reader.battery_events("house", 0, 15) == []


def identity(text: bytes) -> Identity:
    return Identity(
        address=1, family="KG-F", model="KG140F", sensor="shunt", max_voltage=100, max_current=400, firmware="1.32",
        serial_number=0, raw=b":r00=1,21," + text,
    )  # fmt: skip


def test_what_was_learnt_with_another_meter_is_not_believed_of_this_one(caplog: pytest.LogCaptureFixture) -> None:
    battery, first, second = watched(), identity(b"2140,132,1,"), identity(b"2140,132,2,")
    battery.identify(first)
    for reading in boat():
        battery.add(reading)
    learnt = {"identity": first.mark, **battery.snapshot()}
    battery.identify(first)
    assert battery.snapshot() == {"battery": learnt["battery"]}

    for again in (battery, watched()):
        caplog.clear()
        again.restore(learnt)
        again.identify(second)
        told = again.add(boat()[0])
        assert "learnt anew" in caplog.text
        assert again.add(boat()[0]).more["synchronisations"] == 0
        assert told.more["state_of_charge_uncertainty"] > 20

    late = watched()
    late.identify(second)
    late.restore(learnt)
    assert late.add(boat()[0]).more["synchronisations"] == 0


async def tell(house: Account, latest: Mapping[str, Update], percent: int) -> None:
    assert house.battery is not None
    house.battery.order = percent
    await until(lambda: abs(latest["house"].reading.more["meter_state_of_charge"] - percent) <= 1)  # type: ignore[union-attr]
    count = latest["house"].health.frames
    await until(lambda: latest["house"].health.frames >= count + 5)


@pytest.mark.parametrize("model", ["KG140F", "KL140F", "KH140F"])
async def test_a_gateway_saves_what_it_learnt_and_a_percentage_it_wrote_is_no_charge(
    tmp_path: Path, model: str
) -> None:
    async with Simulation(Options(models=(model,))) as house:
        text = (
            f'[[meters]]\nname = "house"\nlink = "{house.url}"\nmode = "poll"\ninterval = 0.1\n'
            f'[meters.battery]\nsynchronise = "full"\n[history]\npath = "{tmp_path / "juntek.db"}"\n'
        )
        async with running_gateway(tmp_path, text) as gateway:
            latest = gateway.context.latest
            await until(lambda: "house" in latest and latest["house"].reading is not None)
            assert "state_of_charge_uncertainty" in latest["house"].reading.more  # type: ignore[union-attr]
            house_account = gateway.totals.accounts["house"]
            ledger = house_account.ledger
            before = ledger.totals()
            await tell(house_account, latest, 42)
            await tell(house_account, latest, 90)
            after = ledger.totals()
            assert ledger.notice is None
    for key in ("charged_capacity", "discharged_capacity"):
        assert 0 <= getattr(after, key) - getattr(before, key) < 0.5  # Ah; the jumps were of 50 and 134
    for key in ("charged_energy", "discharged_energy"):
        assert 0 <= getattr(after, key) - getattr(before, key) < 25  # Wh
    database = Database(tmp_path / "juntek.db")
    assert "battery" in database.load_ledgers()["house"]
    database.close()


@pytest.mark.parametrize("error", [LinkError("It is gone."), RuntimeError("can't start new thread")])
async def test_a_percentage_that_cannot_be_written_is_told_and_stops_no_gateway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    gateway = Gateway(configured(tmp_path, f'[history]\npath = "{tmp_path / "juntek.db"}"\n'))
    monkeypatch.setattr(gateway.commands, "send", AsyncMock(side_effect=error))
    await gateway._tell_meter("house", 50)
    assert caplog.messages == [f"house: its state of charge could not be set to 50 %: {error}"]


def test_a_meter_that_hangs_while_it_charges_fills_no_battery() -> None:
    house, meter = account(BatteryOptions()), MeteredBattery(remaining=60.0)
    meter.step(30.0)

    def take(second: int) -> Reading:
        return house.add(meter.reading(1_780_000_000.0 + second)._replace(nominal_capacity=100.0))

    for second in range(60):
        meter.flow(1, 30.0)
        before = take(second)
    for second in range(60, 7260):
        hung = take(second)
    assert house.ledger.notice == "stuck"
    meter.flow(7200, 0.1)
    meter.flow(1, 30.0)
    after = take(7261)
    assert house.notice() is None
    assert hung.state_of_charge == pytest.approx(before.state_of_charge, abs=0.2)
    assert after.state_of_charge == pytest.approx(before.state_of_charge, abs=35)
