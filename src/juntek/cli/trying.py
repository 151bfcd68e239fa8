"""What a configuration says, tried at the real meters, broker and database; rule: nothing is changed there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from juntek.cli.gateway_client import is_running
from juntek.config import SYSTEM_STATE, Configuration
from juntek.errors import ConfigurationError, DatabaseError, JuntekError, LinkError
from juntek.gateway import describe
from juntek.history import Database
from juntek.links import open_link
from juntek.meter import Line, MeterOptions
from juntek.outputs.mqtt import TIMING, MqttOptions
from juntek.update import Update

PATIENCE = 8.0
"""s for the meters of a link: they are listened for first, then asked."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a try: a line for the owner, and the error where it failed."""

    said: str
    error: JuntekError | None = None


async def try_all(configuration: Configuration) -> list[Trial]:
    """Try everything at once. Where a gateway runs with this database it has the meters, and they are left to it."""
    works: list[Awaitable[list[Trial]]] = [asyncio.to_thread(_try_database, configuration.database)]
    options = configuration.sinks.get("mqtt")
    if isinstance(options, MqttOptions):
        works.append(_try_broker(options))
    runs = is_running(configuration.database)
    if not runs:
        works += [try_meters(link, meters) for link, meters in configuration.links().items()]
    trials = [trial for trials in await asyncio.gather(*works) for trial in trials]
    left = Trial("meters: the gateway runs and reads them; what it says: journalctl --unit juntek")
    return [*trials, left] if runs else trials


async def log_in(options: MqttOptions) -> None:
    """Log in at the broker, beside a gateway that may run. Raises BrokerError or ConfigurationError."""
    from juntek.outputs.mqtt.mqtt_connection import connect  # noqa: PLC0415 - only where there is a broker to try

    async with connect(replace(options, client_id=f"juntek_check_{os.getpid()}"), TIMING):
        pass


async def try_meters(link: str, meters: list[MeterOptions]) -> list[Trial]:
    """Read every meter of a link once."""
    heard: dict[str, Update] = {}
    complete = asyncio.Event()

    def take(update: Update) -> None:
        if update.reading is not None:
            heard[update.meter] = update
        if len(heard) == len(meters):
            complete.set()

    try:
        async with await open_link(link) as opened:
            line = Line(link, meters, take)
            running = asyncio.create_task(line.run(opened))
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await complete.wait()
            silent = {meter.options.name: meter.explain_silence(opened.name, line_is_good=bool(heard)) for meter in
                      line.meters.values()}  # fmt: skip
            running.cancel()
            await asyncio.wait([running])
    except LinkError as error:
        return [Trial(f"{meter.name}: {error}", error) for meter in meters]
    return [
        Trial(f"{name}: {describe(heard[name].identity, reading)}")
        if name in heard and (reading := heard[name].reading) is not None
        else Trial(f"{name}: {error}", error)
        for name, error in silent.items()
    ]


async def _try_broker(options: MqttOptions) -> list[Trial]:
    try:
        await log_in(options)
    except JuntekError as error:
        return [Trial(f"mqtt: {error}", error)]
    return [Trial(f"mqtt: the broker at {options.host}:{options.port} lets us in")]


def _try_database(path: Path) -> list[Trial]:
    folder = next(folder for folder in path.absolute().parents if folder.exists())
    if path.is_relative_to(SYSTEM_STATE) and not os.access(SYSTEM_STATE.parent, os.W_OK):
        return [Trial(f"database: {path} is that of the service; sudo juntek config check tries it, too")]
    if not path.exists() and not os.access(folder, os.W_OK | os.X_OK):
        error = f"database: {path} cannot be made by this user; give a path in a folder of yours: history.path."
        return [Trial(error, DatabaseError(error))]
    try:
        if path.exists():
            Database(path, check=False).close()
    except (ConfigurationError, DatabaseError) as problem:
        return [Trial(f"database: {problem}", problem)]
    return [Trial(f"database: {path} can be written")]
