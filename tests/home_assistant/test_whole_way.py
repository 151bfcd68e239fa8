"""From the wire to Home Assistant: simulated meters, the gateway as a process, and the real Home Assistant."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from juntek.simulator import Options, Simulation
from servers.home_assistant import HomeAssistant
from servers.home_assistant_client import Snapshot

pytestmark = pytest.mark.homeassistant

SHOWN_WHEN_PULLED = {"link", "mode", "garbage_count", "reconnects", "history"}
"""What is said of the link and of the gateway stays available."""


@contextlib.asynccontextmanager
async def gateway(
    folder: Path, home_assistant: HomeAssistant, simulation: Simulation, meter: str
) -> AsyncIterator[None]:
    configuration = folder / "juntek.toml"
    configuration.write_text(
        f'[[meters]]\nname = "{meter}"\nlink = "{simulation.url}"\n'
        f'[mqtt]\nport = {home_assistant.broker.port}\nbase_topic = "juntek-{meter}"\n'
        f'[history]\npath = "{folder / "juntek.db"}"\n'
    )
    running = asyncio.create_task(simulation.run())
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "juntek", "run", "--config", str(configuration)
    )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()
        running.cancel()


def of(snapshot: Snapshot, meter: str) -> dict[str, str | None]:
    """Return the states of the enabled entities of a meter, by key."""
    start = f"juntek-{meter}_{meter}_"
    return {
        entity.unique_id.removeprefix(start): entity.state
        for entity in snapshot.entities
        if entity.unique_id.startswith(start) and not entity.is_disabled
    }


@pytest.mark.parametrize(("model", "display", "count"), [("KG140F", True, 26), ("KH140F", False, 25)])
async def test_a_meter_on_a_line_is_there_with_right_numbers_goes_when_it_is_pulled_and_comes_back(
    home_assistant: HomeAssistant, tmp_path: Path, model: str, display: bool, count: int
) -> None:
    meter = model.lower()
    options = Options(models=(model,), display="newer" if display else "none")
    async with (
        home_assistant.connect() as client,
        Simulation(options) as simulation,
        gateway(tmp_path, home_assistant, simulation, meter),
    ):
        seen = await client.wait_until(
            lambda now: (
                of(now, meter).get("charged_energy") not in (None, "unknown", "unavailable")
                and of(now, meter).get("state_of_charge") not in (None, "unknown", "unavailable")
            ),
            timeout=60,
        )
        states = of(seen, meter)
        assert len(states) == count
        assert "unavailable" not in states.values()
        battery = simulation.sites[0].battery
        assert float(states["state_of_charge"] or 0) == pytest.approx(battery.state_of_charge, abs=0.5)
        assert 44 < float(states["voltage"] or 0) < 58
        assert states["direction"] in ("Charging", "Discharging", "Idle")
        await simulation.pull()
        gone = await client.wait_until(lambda now: of(now, meter)["voltage"] == "unavailable", timeout=60)
        assert {key for key, state in of(gone, meter).items() if state != "unavailable"} == SHOWN_WHEN_PULLED
        await simulation.plug_in()
        back = await client.wait_until(lambda now: of(now, meter)["voltage"] != "unavailable", timeout=60)
        assert "unavailable" not in of(back, meter).values()
        assert await client.complaints() == []
