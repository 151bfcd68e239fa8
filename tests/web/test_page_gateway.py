"""The page as an owner has it: the real gateway, a simulated meter on a real port, and a history on disk."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from benchmarks.weeks import FOLDER, Faults, read_trace, readings_of

from juntek.battery import BatteryOptions
from juntek.capture import Chunk
from juntek.gateway.batteries import WatchedBattery
from juntek.history import Database
from juntek.history.recorder import Recorder
from juntek.importing import LogImport
from juntek.simulator import Options, history
from servers.engines import VictoriaMetrics
from servers.process import free_port
from web.browsing import PHONE, Looked, look

pytestmark = pytest.mark.browser

DAYS = 3
LONG = 200.0
"""s for what waits for processes to start and to end."""


@dataclass
class Running:
    """A gateway and its meter, each a process of its own."""

    url: str
    folder: Path
    meter: asyncio.subprocess.Process | None = None
    gateway: asyncio.subprocess.Process | None = None

    async def start_meter(self) -> str:
        self.meter = await _juntek(self.folder, "simulate", "--listen", "tcp://127.0.0.1:0", "--speed", "20")
        assert self.meter.stdout is not None
        async with asyncio.timeout(30):
            return (await self.meter.stdout.readline()).decode().strip()

    async def start_gateway(self) -> None:
        self.gateway = await _juntek(self.folder, "run", "--config", str(self.folder / "juntek.toml"))
        for _ in range(600):
            if await asyncio.to_thread(self._answers):
                return
            await asyncio.sleep(0.1)
        pytest.fail("The gateway serves no reading after a minute.")

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/api/meters", timeout=5) as answer:  # noqa: S310 - it is ours
                return bool(json.load(answer)[0]["latest"])
        except OSError:
            return False


async def _juntek(folder: Path, *words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "juntek",
        *words,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )


async def _stop(process: asyncio.subprocess.Process | None) -> None:
    if process is not None and process.returncode is None:
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(30):
                await process.wait()
        except TimeoutError:
            process.kill()
            raise


def _fill(path: Path) -> None:
    now = datetime.now(UTC)
    start = now - timedelta(days=DAYS)
    with Database(path) as database:
        job = LogImport(database, "house", UTC, address=1)
        job.add(list(_chunks(start, now)))
        job.finish()


def _chunks(start: datetime, end: datetime) -> Iterator[Chunk]:
    for time, data in history(Options(start=start), start, end, 20.0, settings_every=3600):
        yield Chunk(time, data)


@asynccontextmanager
async def running(folder: Path, more: str = "", fill: Callable[[Path], None] = _fill) -> AsyncIterator[Running]:
    """A meter `house` with three days behind it, its gateway with `more` in its configuration, and the page."""
    port = free_port()
    made = Running(f"http://127.0.0.1:{port}", folder)
    try:
        await asyncio.to_thread(fill, folder / "juntek.db")
        link = await made.start_meter()
        (folder / "juntek.toml").write_text(
            f'[[meters]]\nname = "house"\nlink = "{link}"\nmode = "poll"\ninterval = 0.5\n'
            f'[history]\npath = "juntek.db"\n[web]\nlisten = "127.0.0.1:{port}"\n{more}',
            encoding="utf-8",
        )
        await made.start_gateway()
        yield made
    finally:
        await _stop(made.gateway)
        await _stop(made.meter)


async def test_live_values_change_and_closer_looks_load_finer_points(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway, look(f"{gateway.url}/#meter=house&range=all") as looked:
        await looked.settled()
        current = "document.querySelector('[data-value=current] .value__number').innerText"
        before = await looked.page.evaluate(current)
        await looked.until(f"before => {current} !== before", before)
        seen = [await looked.resolution()]
        for name in ("Day", "Hour"):
            await looked.page.click(f'#history .choice button:text-is("{name}")')
            await looked.settled()
            seen.append(await looked.resolution())
        assert seen[0] > seen[1] > seen[2]
        await looked.until("() => document.querySelectorAll('#energy tbody tr').length >= 3")
        assert "KG140F" in await looked.text("#meter")
        assert "280 Ah" in (await looked.text("#meter")).replace("\N{NO-BREAK SPACE}", " ")
        assert looked.complaints == []
        assert looked.strangers() == []


def _fill_watched(path: Path) -> None:
    """A boat's battery as it was watched in the days until now."""
    battery = WatchedBattery("house", BatteryOptions(), [])
    seen = Faults(offset=-0.05, gain=1.0, step=0.1, nominal=165.0, start=40.0)
    trace = readings_of(read_trace(next(FOLDER.glob("boat-*.csv.xz"))), seen)[:9000]
    later = datetime.now(UTC).timestamp() - 60 - (trace[-1].time or 0.0)
    moved = (reading._replace(time=(reading.time or 0.0) + later, address=1) for reading in trace)
    kept = [battery.add(reading) for reading in moved]
    with Database(path) as database:
        Recorder(database).record({"house": kept})


async def test_a_battery_that_is_watched_has_its_band_in_the_chart_and_its_card(tmp_path: Path) -> None:
    more = '[meters.battery]\nchemistry = "lifepo4"\n'
    async with running(tmp_path, more, _fill_watched) as gateway, look(f"{gateway.url}/#range=all") as looked:
        await looked.settled()
        assert any("state_of_charge_uncertainty" in url for url in looked.asked if "/history?" in url)
        await looked.page.focus(".charts__area")
        await looked.page.keyboard.press("Home")
        between = await looked.text(".strip[data-quantity=state_of_charge] .strip__between")
        low, high = [float(word) for word in between.split() if word[0].isdigit()]
        assert high - low > 5
        assert await looked.page.locator("#battery").is_visible()
        assert looked.complaints == []


async def test_a_meter_and_a_gateway_that_go_away_are_told_and_come_back(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway, look(gateway.url, PHONE, longest=LONG) as looked:
        await looked.settled()
        await _stop(gateway.meter)
        await looked.until("() => document.querySelector('.notice[data-kind=silent]')")
        assert await looked.page.locator("#now.is-old").count() == 1
        await _stop(gateway.gateway)
        await looked.until("() => document.querySelector('.notice[data-kind=gone]')")
        link = await gateway.start_meter()
        file = gateway.folder / "juntek.toml"
        lines = file.read_text(encoding="utf-8").splitlines()
        file.write_text("\n".join(f'link = "{link}"' if line.startswith("link") else line for line in lines))
        await gateway.start_gateway()
        # A simulated meter that was started anew may have other counters, which is told too.
        await looked.until("() => !document.querySelector('.notice:is([data-kind=gone], [data-kind=silent])')")
        await looked.until("() => !document.querySelector('#now.is-old')")


async def test_a_target_that_dies_is_told_with_its_lag_and_is_up_to_date_soon_after_it_is_back(
    victoria_metrics: VictoriaMetrics, tmp_path: Path
) -> None:
    more = f'[[timeseries]]\nname = "workshop"\nurl = "{victoria_metrics.url}/write"\n[mqtt]\nport = {free_port()}\n'
    async with running(tmp_path, more) as gateway, look(gateway.url, longest=LONG) as looked:
        await mark_of(looked, "timeseries workshop", "well")
        await mark_of(looked, "history", "well")
        await mark_of(looked, "mqtt", "away")
        await asyncio.to_thread(victoria_metrics.kill)
        await mark_of(looked, "timeseries workshop", "away")
        told = await looked.text("[data-sink='timeseries workshop']")
        assert "Time-series database workshop" in told
        assert "Nothing is lost" in told
        await looked.until("() => document.querySelectorAll('.notice[data-kind=away]').length === 2")
        await lag_of(gateway, "timeseries workshop", lambda lag: lag >= 5)
        await asyncio.to_thread(victoria_metrics.start)
        await mark_of(looked, "timeseries workshop", "well")
        await lag_of(gateway, "timeseries workshop", lambda lag: lag == 0)
        assert (await sink_of(gateway, "timeseries workshop"))["failures"] >= 1
        assert looked.complaints == []


async def mark_of(looked: Looked, sink: str, mark: str) -> None:
    """Wait until the page draws this mark for a receiver; a target that is away is tried again every half a minute."""
    selector = f"[data-sink='{sink}'][data-mark={mark}]"
    await looked.page.wait_for_selector(selector, timeout=60_000)


async def lag_of(gateway: Running, sink: str, is_so: Callable[[int], bool]) -> None:
    """Wait until the lag of a sink is so."""
    async with asyncio.timeout(60):
        while not is_so((await sink_of(gateway, sink))["lag"]):  # noqa: ASYNC110 - only asking tells
            await asyncio.sleep(0.5)


async def sink_of(gateway: Running, sink: str) -> dict[str, Any]:
    def ask() -> dict[str, Any]:
        with urllib.request.urlopen(f"{gateway.url}/api/health", timeout=5) as answer:  # noqa: S310 - it is ours
            found: dict[str, Any] = json.load(answer)["sinks"][sink]
            return found

    return await asyncio.to_thread(ask)
