"""Everything at once without any hardware; rule: real parts on this computer only, and nothing is left behind.

Two simulated meters with a month behind them, the gateway with its page, a broker, and a screen that shows what is on
the wires and what is published.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import tempfile
import time
import webbrowser
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

from juntek import Bus
from juntek.config import Configuration, MeterConfiguration
from juntek.demo.broker import BrokerPlace, find_broker
from juntek.demo.sample_history import fill_past
from juntek.demo.screen import Screen, show
from juntek.errors import JuntekError
from juntek.files import system_zone
from juntek.gateway import run_gateway
from juntek.links import open_link
from juntek.meter.line import MeterOptions
from juntek.outputs import history, mqtt, web
from juntek.simulator import Options, Simulation
from juntek.simulator.site import Site

BASE_TOPIC = "juntek-demo"
"""Not the one of a real gateway, which may be on the same broker."""

DATABASE = "juntek.db"

SPEED = 5.0
"""Simulated seconds in one second, so that something can be seen to happen."""


@dataclass(frozen=True, slots=True)
class DemoMeter:
    """One simulated meter, and what an owner would call it."""

    name: str
    what: str
    options: Options


def make_meters(now: datetime) -> tuple[DemoMeter, ...]:
    """Return the meters of the demo: one beside a display that polls, and one that has to be polled."""
    return (
        DemoMeter("house", "KG140F beside a polling display", Options(display="newer", seed=1, speed=SPEED, start=now)),
        DemoMeter(
            "boat",
            "KH140F that has to be polled",
            Options(models=("KH140F",), addresses=(3,), seed=2, speed=SPEED, start=now, cells=8, capacity=200),
        ),
    )


async def run_demo(*, duration: float | None, port: int, open_page: bool) -> None:
    """Run for `duration` seconds, or until cancelled; the page is on `port` and is opened where that is wanted."""
    logging.basicConfig(level=logging.ERROR, format="%(message)s", stream=sys.stderr)
    screen = Screen(started=time.monotonic())
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="juntek-demo-")))
        meters = make_meters(datetime.now().astimezone())
        sites = await _fill(meters, folder / DATABASE)
        screen.say("Starting two simulated meters…")
        simulations = [
            await stack.enter_async_context(Simulation(meter.options, sites=(site,)))
            for meter, site in zip(meters, sites, strict=True)
        ]
        screen.say("Looking for a broker…")
        broker = await asyncio.to_thread(stack.enter_context, find_broker(os.environ, folder))
        urls = [simulation.url for simulation in simulations]
        trouble = _page_trouble(port)
        page = f"http://127.0.0.1:{port}/" if trouble is None else None
        screen.introduce(meters, urls, broker, BASE_TOPIC, trouble or f"The page: {page}")
        configuration = _configure(meters, urls, broker, folder, port if page else None)
        work = [run_gateway(configuration), *(s.run() for s in simulations)]
        work += [_watch_wire(meter.name, url, screen) for meter, url in zip(meters, urls, strict=True)]
        if broker is not None:
            work.append(_watch_broker(broker, screen))
        if page is not None and open_page:
            work.append(_open(page))
        work.append(show(screen))
        with suppress(TimeoutError):
            async with asyncio.timeout(duration), asyncio.TaskGroup() as tasks:
                for part in work:
                    tasks.create_task(part)
    screen.say("The demo has ended; nothing is left running.")


def _configure(
    meters: tuple[DemoMeter, ...], urls: list[str], broker: BrokerPlace | None, folder: Path, port: int | None
) -> Configuration:
    sinks: dict[str, object] = {"history": history.HistoryOptions(commit_interval=1.0)}
    if port is not None:
        sinks["web"] = web.WebOptions(listen=f"127.0.0.1:{port}")
    if broker is not None:
        sinks["mqtt"] = mqtt.MqttOptions(
            host=broker.host,
            port=broker.port,
            username=broker.username,
            password=broker.password,
            tls=broker.tls,
            base_topic=BASE_TOPIC,
        )
    return Configuration(
        meters=tuple(
            MeterConfiguration(
                link=url, options=MeterOptions(name=meter.name, address=meter.options.addresses[0], interval=1.0)
            )
            for meter, url in zip(meters, urls, strict=True)
        ),
        sinks=sinks,
        database=folder / DATABASE,
    )


async def _fill(meters: tuple[DemoMeter, ...], path: Path) -> list[Site]:
    """Give the meters a past, with a bar that shows how far it is."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    named = [(meter.name, meter.options) for meter in meters]
    stopped = False
    with Progress(console=Console(stderr=True), transient=sys.stderr.isatty()) as progress:
        task = progress.add_task("Making a month of history…")

        def tell(done: int, of: int) -> None:
            if stopped:
                raise JuntekError("The demo was stopped.")
            progress.update(task, completed=done, total=of)

        try:
            return await asyncio.to_thread(fill_past, path, named, meters[0].options.start, system_zone(), tell)
        except asyncio.CancelledError:
            stopped = True
            raise


def _page_trouble(port: int) -> str | None:
    """Return why the page cannot be served, as a sentence, or None."""
    if any(find_spec(library) is None for library in ("starlette", "uvicorn")):
        return "The page cannot be shown: its libraries are not installed; install them with: pip install '.[web]'"
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return f"The page cannot be shown: port {port} of this computer is in use; choose another with --port."
    return None


async def _open(page: str) -> None:
    await asyncio.sleep(1.0)  # the server starts beside us
    await asyncio.to_thread(webbrowser.open, page)


async def _watch_wire(name: str, url: str, screen: Screen) -> None:
    """Listen to a simulated line beside the gateway, as a second adapter on the same wires would."""
    bus = Bus()
    async with await open_link(url) as link:
        while True:
            chunk = await link.read()
            for event in bus.feed(chunk.data, chunk.time):
                screen.hear(name, event)


async def _watch_broker(broker: BrokerPlace, screen: Screen) -> None:
    """Subscribe as any other program would, and show what comes."""
    from juntek.outputs.mqtt import TIMING, MqttOptions  # noqa: PLC0415 - an extra
    from juntek.outputs.mqtt.broker_login import BrokerError  # noqa: PLC0415
    from juntek.outputs.mqtt.mqtt_connection import connect  # noqa: PLC0415

    options = MqttOptions(
        host=broker.host, port=broker.port, username=broker.username, password=broker.password, tls=broker.tls,
        client_id="juntek_demo_screen",
    )  # fmt: skip
    while True:
        with suppress(BrokerError):
            async with connect(options, TIMING) as connection:
                await connection.subscribe(f"{BASE_TOPIC}/#")
                await connection.subscribe("homeassistant/device/+/config")
                while True:
                    topic, payload, _ = await connection.messages.get()
                    screen.receive(topic, payload)
        await asyncio.sleep(1.0)
