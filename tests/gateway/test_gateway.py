"""The whole gateway as a process of its own: simulated meters on real sockets in front, a real broker behind."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from juntek.history import Database
from juntek.simulator import Options, Simulation
from servers.mosquitto import Mosquitto
from servers.recorder import Recorder, record

pytestmark = pytest.mark.broker

TOTALS = ("discharged_capacity", "charged_capacity", "discharged_energy", "charged_energy")


def write_configuration(folder: Path, broker: Mosquitto, *meters: tuple[str, str, int], interval: float = 0.2) -> Path:
    """Write a configuration for meters given as name, link and address."""
    text = "".join(
        f'[[meters]]\nname = "{name}"\nlink = "{link}"\naddress = {address}\ninterval = 0.2\n'
        for name, link, address in meters
    )
    text += f'[mqtt]\nhost = "{broker.host}"\nport = {broker.port}\ninterval = {interval}\n'
    text += f'[history]\npath = "{folder / "juntek.db"}"\n'
    path = folder / "juntek.toml"
    path.write_text(text)
    return path


@asynccontextmanager
async def gateway(configuration: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `juntek run`, and stop it in the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "juntek", "run", "--config", str(configuration), stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


@asynccontextmanager
async def served(folder: Path, broker: Mosquitto) -> AsyncIterator[tuple[Simulation, Recorder, Path]]:
    """A meter beside its display, a gateway on it, and who hears what that says; its configuration, too."""
    async with Simulation(Options(display="newer")) as house, record(broker, "juntek/#") as recorder:
        configuration = write_configuration(folder, broker, ("house", house.url, 1))
        async with gateway(configuration):
            await wait_for_states(recorder, "house", 2)
            yield house, recorder, configuration


def states(recorder: Recorder, meter: str) -> list[dict[str, Any]]:
    return [json.loads(message.payload) for message in recorder.on(f"juntek/{meter}/state")]


def link(recorder: Recorder, meter: str) -> dict[str, Any]:
    """Return what was told last of a meter's link."""
    told: dict[str, Any] = json.loads(recorder.on(f"juntek/{meter}/link")[-1].payload)
    return told


async def wait_for_states(recorder: Recorder, meter: str, count: int) -> list[dict[str, Any]]:
    """Wait for so many more states of a meter."""
    before = len(states(recorder, meter))
    await recorder.wait_for(lambda _: len(states(recorder, meter)) >= before + count, timeout=30)
    return states(recorder, meter)[before:]


async def test_two_lines_become_states_that_say_what_the_meters_say(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """A KG140F beside its display and a KH140F that has to be polled."""
    async with (
        Simulation(Options(display="newer")) as house,
        Simulation(Options(models=("KH140F",), addresses=(3,))) as boat,
        record(mosquitto, "juntek/#") as recorder,
        gateway(write_configuration(tmp_path, mosquitto, ("house", house.url, 1), ("boat", boat.url, 3))) as process,
    ):
        await wait_for_states(recorder, "house", 3)
        await wait_for_states(recorder, "boat", 3)
        await recorder.wait_for(lambda _: states(recorder, "boat")[-1]["charged_energy"] is not None, timeout=30)
        for meter, simulation, family in (("house", house, "KG-F"), ("boat", boat, "KH-F")):
            state, battery = states(recorder, meter)[-1], simulation.sites[0].battery
            assert state["family"] == family
            assert state["state_of_charge"] == pytest.approx(battery.state_of_charge, abs=0.5)
            assert state["nominal_capacity"] == 280.0
            assert 44 < state["voltage"] < 58
            assert all(state[key] is not None for key in TOTALS)
        await recorder.wait_for(lambda _: link(recorder, "house")["mode"] == "listen")
        await recorder.wait_for(lambda _: link(recorder, "boat")["mode"] == "poll")
        assert link(recorder, "house")["garbage_count"] == 0
        process.terminate()
        assert await process.wait() == 0
        await recorder.wait_for(lambda _: recorder.on("juntek/gateway/availability")[-1].payload == b"offline")


async def test_a_killed_gateway_is_seen_and_takes_no_total_back(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """SIGKILL tells the last will; what was published before is never undercut after the restart."""
    async with Simulation(Options(display="newer", speed=60.0)) as house, record(mosquitto, "juntek/#") as recorder:
        configuration = write_configuration(tmp_path, mosquitto, ("house", house.url, 1))
        last = dict.fromkeys(TOTALS, 0.0)
        for _ in range(3):
            async with gateway(configuration) as process:
                news = await wait_for_states(recorder, "house", 4)
                await recorder.wait_for(
                    lambda _: states(recorder, "house")[-1]["charged_energy"] is not None, timeout=30
                )
                for state in states(recorder, "house")[-len(news) :]:
                    for key in TOTALS:
                        if state[key] is not None:
                            assert state[key] >= last[key], key
                            last[key] = state[key]
                process.send_signal(signal.SIGKILL)
                await process.wait()
                await recorder.wait_for(lambda _: recorder.on("juntek/gateway/availability")[-1].payload == b"offline")
    with Database(tmp_path / "juntek.db") as database:
        assert set(database.load_ledgers()) == {"house"}


async def test_a_broker_that_restarts_in_the_middle_is_found_again(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with served(tmp_path, mosquitto) as (_, recorder, _):
        await asyncio.to_thread(mosquitto.restart)
        before = len(recorder.on("juntek/gateway/availability"))
        await recorder.wait_for(
            lambda _: any(m.payload == b"online" for m in recorder.on("juntek/gateway/availability")[before:]),
            timeout=30,
        )
        await wait_for_states(recorder, "house", 2)


async def test_a_pulled_meter_is_unavailable_and_comes_back(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with served(tmp_path, mosquitto) as (house, recorder, _):
        await house.pull()
        await recorder.wait_for(
            lambda _: recorder.on("juntek/house/availability")[-1].payload == b"offline", timeout=30
        )
        await recorder.wait_for(lambda _: link(recorder, "house")["error"] is not None)
        assert "was lost" in link(recorder, "house")["error"] or "Cannot open" in link(recorder, "house")["error"]
        await house.plug_in()
        await recorder.wait_for(lambda _: recorder.on("juntek/house/availability")[-1].payload == b"online", timeout=40)
        await wait_for_states(recorder, "house", 1)


async def test_a_second_gateway_on_the_same_database_is_refused(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Its totals would be set against ours."""
    async with served(tmp_path, mosquitto) as (_, _, configuration):
        second = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "juntek", "run", "--config", str(configuration), stderr=asyncio.subprocess.PIPE
        )
        _, errors = await second.communicate()
    assert second.returncode == 3
    assert b"Another gateway already uses" in errors
    assert b"Traceback" not in errors
