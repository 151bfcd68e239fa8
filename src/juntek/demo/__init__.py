"""Everything at once without any hardware; rule: real parts on this computer only, and nothing is left behind.

Two simulated meters with a month behind them, the gateway with its page, a broker, and a screen that shows what is on
the wires and what is published.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import webbrowser
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from functools import partial
from importlib.util import find_spec
from itertools import chain, islice
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from juntek import Bus
from juntek.capture import Chunk
from juntek.config import Configuration
from juntek.config.assembly import assemble
from juntek.demo.screen import Screen, show
from juntek.errors import JuntekError
from juntek.extras import install_line
from juntek.files import system_zone
from juntek.gateway import run_gateway
from juntek.history import Database
from juntek.importing import LogImport
from juntek.links import open_link
from juntek.outputs import find_outputs
from juntek.outputs.mqtt import TIMING, MqttOptions
from juntek.simulator import Options, Simulation, history, make_site
from juntek.simulator.site import Site

BASE_TOPIC = "juntek-demo"
"""Not the one of a real gateway, which may be on the same broker."""
BROKER_VARIABLES = "JUNTEK_MQTT__"
DATABASE = "juntek.db"
SPEED = 5.0
"""Simulated seconds in one second, so that something can be seen to happen."""
STRETCHES = ((timedelta(days=30), 60.0), (timedelta(days=2), 20.0), (timedelta(hours=3), 2.0))
"""How long ago each stretch of the past begins, and the s between its readings: coarser the longer ago, which is enough
for charts and made in seconds."""
SETTINGS_EVERY = 3600.0
_PIECE = 2000


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
    screen = Screen()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="juntek-demo-")))
        meters = make_meters(datetime.now().astimezone())
        sites = await _fill(meters, folder / DATABASE)
        sys.stderr.write("Starting two simulated meters…\n")
        simulations = [
            await stack.enter_async_context(Simulation(meter.options, sites=(site,)))
            for meter, site in zip(meters, sites, strict=True)
        ]
        what, variables = stack.enter_context(find_broker(os.environ, folder))
        links = {meter: simulation.url for meter, simulation in zip(meters, simulations, strict=True)}
        trouble = _page_trouble(port)
        page = f"http://127.0.0.1:{port}/" if trouble is None else None
        configuration = _configure(links, variables, folder, port if page else None)
        broker = configuration.sinks.get("mqtt")
        screen.broker = broker if isinstance(broker, MqttOptions) else None
        screen.introduce(links, trouble or f"The page: {page}", what)
        work = [run_gateway(configuration), *(_watch_wire(meter.name, url, screen) for meter, url in links.items())]
        if screen.broker is not None:
            work.append(_watch_broker(screen.broker, screen))
        if page is not None and open_page:
            work.append(_open(page))
        work.append(show(screen))
        with suppress(TimeoutError):
            async with asyncio.timeout(duration), asyncio.TaskGroup() as tasks:
                for part in work:
                    tasks.create_task(part)
    sys.stderr.write("The demo has ended; nothing is left running.\n")


def _configure(
    links: Mapping[DemoMeter, str], variables: Mapping[str, str], folder: Path, port: int | None
) -> Configuration:
    """Return what the variables say with those of the demo."""
    meters = [
        {"name": meter.name, "link": url, "address": meter.options.addresses[0], "interval": 1.0}
        for meter, url in links.items()
    ]
    history = {"path": str(folder / DATABASE), "commit_interval": 1.0}
    ours = {"JUNTEK_METERS": json.dumps(meters), "JUNTEK_HISTORY": json.dumps(history)}
    if port is not None:
        ours["JUNTEK_WEB__LISTEN"] = f"127.0.0.1:{port}"
    if variables:
        # A broker ends who has the same name as one who comes, and the owner's gateway may be there.
        ours |= {f"{BROKER_VARIABLES}BASE_TOPIC": BASE_TOPIC, f"{BROKER_VARIABLES}CLIENT_ID": f"{BASE_TOPIC}_gateway"}
    return assemble(None, {**variables, **ours}, ())


# The past ---------------------------------------------------------------------------------------------------


async def _fill(meters: tuple[DemoMeter, ...], path: Path) -> list[Site]:
    """Give the meters a past, with a bar that shows how far it is."""
    with Progress(console=Console(stderr=True), transient=sys.stderr.isatty()) as progress:
        tell = partial(progress.update, progress.add_task("Making a month of history…"))
        return await fill_past(path, meters, meters[0].options.start, system_zone(), tell)


async def fill_past(
    path: Path,
    meters: Sequence[DemoMeter],
    now: datetime,
    zone: tzinfo,
    tell: Callable[..., None] = lambda **_: None,
) -> list[Site]:
    """Write the past of the meters into a database; return the meters as they are now.

    It is made by the same simulation that then goes on live. `tell` hears how many readings are `completed` of a
    `total`. It can be cancelled between two pieces.
    """
    starts = [now - ago for ago, _ in STRETCHES]
    stretches = list(zip(starts, [*starts[1:], now], [step for _, step in STRETCHES], strict=True))
    of = len(meters) * sum((end - start) // timedelta(seconds=step) for start, end, step in stretches)
    done, sites = 0, []
    with Database(path) as database:
        for meter in meters:
            options, site = meter.options, make_site(meter.options, starts[0])
            job = LogImport(database, meter.name, zone, address=options.addresses[0])
            replies = chain.from_iterable(
                history(options, *stretch, settings_every=SETTINGS_EVERY, site=site) for stretch in stretches
            )
            while chunks := [Chunk(time, data) for time, data in islice(replies, _PIECE)]:
                job.add(chunks)
                done += len(chunks)
                tell(completed=min(done, of), total=of)
                await asyncio.sleep(0)
            job.finish()
            sites.append(site)
    return sites


# The broker -------------------------------------------------------------------------------------------------


@contextmanager
def find_broker(environment: Mapping[str, str], folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield what the broker is called on the screen, and the variables of the configuration that lead to it.

    It is the owner's where one is named, else iotcore, or Mosquitto with a configuration in `folder`; else there are
    no variables.
    """
    named = {name: value for name, value in environment.items() if name.startswith(BROKER_VARIABLES)}
    if named.get(f"{BROKER_VARIABLES}HOST"):
        yield "your broker", named
        return
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    ours = {f"{BROKER_VARIABLES}HOST": "127.0.0.1", f"{BROKER_VARIABLES}PORT": str(port)}
    if find_spec("iotcore") is not None:
        from iotcore import Broker  # noqa: PLC0415 - has no wheel for every machine

        with Broker(port=port, listen="127.0.0.1", max_payload_size=1_000_000):
            yield "a broker inside the demo (iotcore)", ours
    elif (program := shutil.which("mosquitto", path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin")) is not None:
        settings = folder / "mosquitto.conf"
        settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n")
        quiet = subprocess.DEVNULL
        with subprocess.Popen([program, "-c", str(settings)], stdout=quiet, stderr=quiet) as child:  # noqa: S603 - our own
            try:
                yield "Mosquitto, started for the demo", ours
            finally:
                child.terminate()
    else:
        yield "no broker", {}


async def _watch_broker(options: MqttOptions, screen: Screen) -> None:
    """Subscribe as any other program would, and show what comes."""
    from juntek.outputs.mqtt.mqtt_connection import connect  # noqa: PLC0415 - an extra

    guest = replace(options, client_id=f"juntek_demo_{os.getpid()}")
    while True:
        with suppress(JuntekError):
            async with connect(guest, TIMING) as connection:
                await connection.subscribe(f"{BASE_TOPIC}/#")
                await connection.subscribe(f"{options.discovery_prefix}/device/+/config")
                while True:
                    topic, payload, _ = await connection.messages.get()
                    screen.receive(topic, payload)
        await asyncio.sleep(1.0)


# What is shown ----------------------------------------------------------------------------------------------


def _page_trouble(port: int) -> str | None:
    """Return why the page cannot be served, as a sentence, or None."""
    output = find_outputs()["web"]
    if any(find_spec(library) is None for library in output.requires):
        return f"The page cannot be shown: a library is missing; install it with: {install_line(output.extra)}"
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
