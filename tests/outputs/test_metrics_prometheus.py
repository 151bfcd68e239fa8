"""The real Prometheus scrapes a real gateway with simulated meters; rule: nothing is pretended."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from juntek.metric import READING_METRICS
from juntek.simulator import Options, Simulation
from servers.process import free_port
from servers.recorder import Recorder, record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from servers.engines import Prometheus
    from servers.mosquitto import Mosquitto


@asynccontextmanager
async def gateway(folder: Path, simulation: Simulation, broker: Mosquitto, port: int) -> AsyncIterator[None]:
    """Run `juntek run` with a meter that answers and one that does not, every reading at once to the broker."""
    path = folder / "juntek.toml"
    path.write_text(
        f'site = "cabin"\n[[meters]]\nname = "house"\nlink = "{simulation.url}"\ninterval = 0.2\n'
        f'[[meters]]\nname = "boat"\nlink = "socket://127.0.0.1:{free_port()}"\n'
        f'[mqtt]\nport = {broker.port}\ninterval = 0\n[metrics]\nlisten = "127.0.0.1:{port}"\n'
    )
    running = asyncio.create_task(simulation.run())
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "juntek", "run", "--config", str(path), env={"HOME": str(folder)}
    )
    try:
        yield
    finally:
        running.cancel()
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 60)
        except TimeoutError:
            process.kill()
            raise


async def ask(
    prometheus: Prometheus, query: str, until: Callable[[dict[str, float]], object] = bool
) -> dict[str, float]:
    """Ask again and again until the answer is as it should be; return it without what only Prometheus adds."""
    found: dict[str, float] = {}
    try:
        async with asyncio.timeout(60):
            while True:
                answer = await asyncio.to_thread(prometheus.query, query)
                found = {_bare(name): value for name, value in answer.items()}
                if until(found):
                    return found
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"{query}: {found}, {await asyncio.to_thread(prometheus.targets)}") from None


def _bare(name: str) -> str:
    start, _, labels = name.partition("{")
    kept = [pair for pair in labels.rstrip("}").split(",") if not pair.startswith(("instance=", "job="))]
    return f"{start}{{{','.join(kept)}}}"


def told(recorder: Recorder) -> list[dict[str, float]]:
    """Return what the broker was told, state by state, as Prometheus should know it."""
    states: list[dict[str, Any]] = [json.loads(message.payload) for message in recorder.on("juntek/house/state")]
    return [
        {
            f'{metric.name}{{meter="house",site="cabin"}}': metric.scale(state[metric.key])
            for metric in READING_METRICS
            if state[metric.key] is not None
        }
        for state in states
    ]


@pytest.mark.broker
async def test_prometheus_knows_what_the_broker_knows_and_nothing_of_a_meter_that_is_silent(
    start_prometheus: Callable[..., Prometheus], mosquitto: Mosquitto, tmp_path: Path
) -> None:
    port = free_port()
    async with (
        Simulation(Options(seed=4)) as simulation,
        record(mosquitto, "juntek/#") as recorder,
        gateway(tmp_path, simulation, mosquitto, port),
    ):
        prometheus = await asyncio.to_thread(start_prometheus, f"127.0.0.1:{port}")
        readings = f"""{{__name__=~"{"|".join(metric.name for metric in READING_METRICS)}"}}"""
        # Totals are there when they are on the disk, some seconds later than the rest.
        whole = await ask(
            prometheus, readings, lambda found: len(found) == len(READING_METRICS) and found in told(recorder)
        )
        voltage = 'juntek_voltage_volts{meter="house",site="cabin"}'
        assert whole[voltage] == pytest.approx(simulation.sites[0].battery.voltage, abs=0.5)

        up = 'juntek_meter_up{meter="house",site="cabin"}'
        assert await ask(prometheus, "juntek_meter_up") == {up: 1, up.replace("house", "boat"): 0}
        info = await ask(prometheus, "juntek_meter_info")
        assert len(info) == 1
        assert 'model="KG140F"' in next(iter(info))
        sinks = await ask(prometheus, "juntek_sink_up == 1 and juntek_sink_lost_updates_total == 0")
        assert {
            'juntek_sink_up{sink="mqtt",site="cabin"}': 1,
            'juntek_sink_up{sink="metrics",site="cabin"}': 1,
        }.items() <= sinks.items()

        await simulation.pull()
        await ask(prometheus, readings, lambda found: not found)
        assert await ask(prometheus, up) == {up: 0}
        await simulation.plug_in()
        assert await ask(prometheus, readings)
        assert await ask(prometheus, f"changes({up}[5m])", lambda found: 2 in found.values())
    assert await ask(prometheus, "up", lambda found: 0 in found.values()) == {"up{}": 0}
