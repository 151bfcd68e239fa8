"""The page's server in a real gateway with a simulated meter and its history; rule: nothing is pretended."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from juntek.config import Configuration, MeterKeys
from juntek.gateway import run_gateway
from juntek.outputs import history, web
from juntek.simulator import Options, Simulation
from outputs.served import Served
from servers.process import free_port

if TYPE_CHECKING:
    from pathlib import Path


async def test_what_the_meter_says_is_live_at_once_and_soon_in_the_chart(tmp_path: Path) -> None:
    port = free_port()
    async with Simulation(Options(seed=1)) as simulation:
        meter = MeterKeys(name="house", link=simulation.url, interval=0.1)
        configuration = Configuration(
            meters=(meter,),
            sinks={
                "history": history.HistoryOptions(commit_interval=0.1),
                "web": web.WebOptions(listen=f"127.0.0.1:{port}"),
            },
            database=tmp_path / "juntek.db",
        )
        work = [asyncio.create_task(simulation.run()), asyncio.create_task(run_gateway(configuration))]
        try:
            async with asyncio.timeout(60):
                await _check(Served(port, _nothing))
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)


async def _check(site: Served) -> None:
    while not await _answers(site):  # noqa: ASYNC110 - only asking tells
        await asyncio.sleep(0.05)
    async with site.browser() as browser:
        times: set[str] = set()
        async with browser.stream("GET", "/api/live") as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data: ") and (latest := json.loads(line.removeprefix("data: ")).get("latest")):
                    times.add(latest["time"])
                if len(times) == 3:
                    break
        chart: dict[str, Any] = {"time": []}
        while len(chart["time"]) < 3:
            chart = (await browser.get("/api/meters/house/history?quantities=voltage,power")).json()
        assert chart["resolution"] == 0
        assert set(chart["quantities"]["voltage"]) == {"average"}
        health = (await browser.get("/api/health")).json()
        assert health["history"] == {"state": "ok", "reason": None}
        assert health["meters"]["house"]["mode"] == "poll"


async def _answers(site: Served) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", site.port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def _nothing(_: object) -> None:
    """The gateway hands out its updates itself."""
