"""`juntek config init` and `juntek config check`: what is written, and tried at the real meters, broker and database.

Rule: no secret is ever printed, and a try changes nothing where it is made.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Iterable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from juntek.cli.arguments import App, ConfigFile, write_new
from juntek.cli.formats import draw_table
from juntek.cli.gateway_client import is_running
from juntek.config import SYSTEM_STATE, Configuration, load, search_paths
from juntek.config.keys import header_of, write_example
from juntek.errors import ConfigurationError, DatabaseError, JuntekError, LinkError
from juntek.extras import install_line
from juntek.files import at_home
from juntek.gateway.notifier import describe
from juntek.history import Database
from juntek.links import open_link
from juntek.listening import Address
from juntek.meter import Line, MeterOptions
from juntek.names import hide_secrets, show, slug
from juntek.option import keys_of
from juntek.outputs import find_outputs
from juntek.outputs.mqtt import TIMING, MqttOptions
from juntek.update import Update

app = App("Write or check the configuration.", "config check")


@app.example("config init")
def init(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Default: ~/.config/juntek/juntek.toml")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write a configuration to start with.

    It has a remark on every key, and the serial ports of this computer.
    """
    from juntek.links.device import list_ports  # noqa: PLC0415 - its library is not needed to be wrong about a key

    path = at_home(file or search_paths(os.environ)[1])
    ports = list_ports()
    write_new(path, write_example(ports), ConfigurationError, force=force)
    typer.echo(path)
    if ports:
        typer.echo(f"It has the port {ports[0]}. Look through it, then: juntek config check", err=True)
    else:
        typer.echo("No serial port was found: put your link into it, then: juntek config check", err=True)


@app.example("config check --config /etc/juntek/juntek.toml")
def check(
    config: ConfigFile = None,
    offline: Annotated[bool, typer.Option("--offline", help="Do not try meters, broker and database.")] = False,
) -> None:
    """Check the configuration, and try what it says.

    Shows what the gateway would do with it, without its secrets, and which libraries it lacks; then whether the meters
    answer, the broker lets us in and the database can be written.
    """
    configuration = load(config, os.environ, for_service=True)
    typer.echo(show_configuration(configuration))
    _look_for_libraries(configuration.sinks)
    if offline:
        return
    trials = asyncio.run(_try_all(configuration))
    typer.echo("\n" + "\n".join(f"{name}: {found}" for name, found in trials if isinstance(found, str)))
    errors = [(name, found) for name, found in trials if isinstance(found, JuntekError)]
    for name, error in errors[:-1]:
        typer.echo(f"{name}: {error}", err=True)
    for name, error in errors[-1:]:
        error.args = (f"{name}: {error}",)
        raise error


def show_configuration(configuration: Configuration) -> str:
    """Return the configuration as tables for people, without its secrets."""
    meters = [
        (one.name, hide_secrets(link), str(one.address), one.mode, one.options.family or "auto", f"{one.interval:g} s")
        for link, one in ((meter.link, meter.options) for meter in configuration.meters)
    ]
    topics = ", ".join(f"{name} becomes {slug(name)}" for name, *_ in meters if slug(name) != name)
    outputs = [
        (name, " ".join(_show_options(options)))
        for section, configured in configuration.sinks.items()
        for name, options in find_outputs()[section].names(configured).items()
    ]
    parts = (
        f"{configuration.file or 'The environment'} is right.",
        draw_table(("meter", "link", "address", "mode", "model", "interval"), meters),
        draw_table(("output", "keys that are not the default"), outputs)
        if outputs
        else "Nothing is published: there is no section such as [mqtt].",
        f"In topics and ids {topics}." if topics else "",
        f"The site is {configuration.site}. Totals are kept in {configuration.database}.",
    )
    return "\n\n".join(filter(None, parts))


def _show_options(options: object) -> Iterator[str]:
    kind: type = type(options)
    for name, key in keys_of(kind).items():
        value = getattr(options, name)
        if key.secret and value is not None:
            yield f"{name}=(set)"
        elif not key.secret and (value != key.default or name in ("host", "port")):
            if isinstance(value, tuple):
                value = json.dumps([str(one) for one in value])
            yield f"{name}={show(value) if isinstance(value, bool) else value}"


def _look_for_libraries(sections: Iterable[str]) -> None:
    """Raise JuntekError, as the gateway would, where an output lacks a library; one sentence for all of them."""
    extras, missing = [], []
    for section in sections:
        output = find_outputs()[section]
        if libraries := [name for name in output.requires if find_spec(name) is None]:
            extras.append(output.extra)
            missing.append(f"{' and '.join(libraries)} for {header_of((section,))}")
    if missing:
        raise JuntekError(
            f"juntek run would stop, as libraries are missing ({', '.join(missing)}); "
            f"install them with: {install_line(','.join(extras))}"
        )


# Tries -------------------------------------------------------------------------------------------------------

PATIENCE = 8.0
"""s for the meters of a link: they are listened for first, then asked."""

Trial = tuple[str, str | JuntekError]
"""What was tried, and what became of it: words for the owner, or the error where it failed."""


async def _try_all(configuration: Configuration) -> list[Trial]:
    """Try everything at once. Where a gateway runs with this database it has the meters, and they are left to it."""
    works = [_try("database", asyncio.to_thread(_look_at_database, configuration.database))]
    options = configuration.sinks.get("mqtt")
    if isinstance(options, MqttOptions):
        works.append(_try("mqtt", log_in(options)))
    runs = is_running(configuration.database)
    if not runs:
        works += [try_meters(link, meters) for link, meters in configuration.links().items()]
    trials = [trial for trials in await asyncio.gather(*works) for trial in trials]
    left = ("meters", "the gateway runs and reads them; what it says: journalctl --unit juntek")
    return [*trials, left] if runs else trials


async def _try(name: str, work: Awaitable[str]) -> list[Trial]:
    try:
        return [(name, await work)]
    except JuntekError as error:
        return [(name, error)]


async def log_in(options: MqttOptions) -> str:
    """Log in at the broker, beside a gateway that may run; return that. Raises BrokerError or ConfigurationError."""
    from juntek.outputs.mqtt.mqtt_connection import connect  # noqa: PLC0415 - only where there is a broker to try

    async with connect(replace(options, client_id=f"juntek_check_{os.getpid()}"), TIMING):
        return f"the broker at {Address(options.host, options.port)} lets us in"


async def try_meters(link: str, meters: list[MeterOptions]) -> list[Trial]:
    """Read every meter of a link once."""
    heard: dict[str, str] = {}

    def take(update: Update) -> None:
        if update.reading is not None:
            heard[update.meter] = describe(update.identity, update.reading)
        if len(heard) == len(meters):
            running.cancel()

    try:
        async with await open_link(link) as opened:
            line = Line(link, meters, take)
            running = asyncio.create_task(line.run(opened))
            await asyncio.wait([running], timeout=PATIENCE)
            running.cancel()
            await asyncio.wait([running])
    except LinkError as error:
        return [(meter.name, error) for meter in meters]
    return [
        (name, heard.get(name) or meter.explain_silence(opened.name, line_is_good=bool(heard)))
        for name, meter in ((meter.options.name, meter) for meter in line.meters.values())
    ]


def _look_at_database(path: Path) -> str:
    """Return that it can be written, or why that cannot be said; raises JuntekError where it cannot be."""
    folder = next(folder for folder in path.absolute().parents if folder.exists())
    if path.is_relative_to(SYSTEM_STATE) and not os.access(SYSTEM_STATE.parent, os.W_OK):
        return f"{path} is that of the service; sudo juntek config check tries it, too"
    if path.exists():
        Database(path, check=False).close()
    elif not os.access(folder, os.W_OK | os.X_OK):
        raise DatabaseError(f"{path} cannot be made by this user; give a path in a folder of yours: history.path.")
    return f"{path} can be written"
