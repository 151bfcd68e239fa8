"""`juntek run`: the gateway; rule: flags become keys of the configuration, and nothing else is decided here."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from juntek.cli.stopping import run_until_stopped
from juntek.config import Configuration, Flag, load

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Default: $JUNTEK_CONFIG, ./juntek.toml, ~/.config/juntek/juntek.toml, /etc/juntek/juntek.toml.",
    ),
]
LINK_NAME = "battery"
"""Name of the meter that --link makes."""

ONLY_CONFIGURE = object()
"""Given as the object of the command's context: `run` returns the configuration, and somebody else serves it."""


def run(  # noqa: PLR0913, PLR0917 - each is an option of the command
    context: typer.Context,
    config: ConfigFile = None,
    link: Annotated[str | None, typer.Option(metavar="URL", help="Read this one meter, not those of the file.")] = None,
    address: Annotated[int, typer.Option(min=1, max=99, metavar="N", help="Address of the meter at --link.")] = 1,
    host: Annotated[str | None, typer.Option(metavar="NAME", help="The MQTT broker: mqtt.host.")] = None,
    port: Annotated[int | None, typer.Option(metavar="N", help="Its port: mqtt.port.")] = None,
    username: Annotated[str | None, typer.Option(metavar="NAME", help="The user there: mqtt.username.")] = None,
    database: Annotated[Path | None, typer.Option(metavar="FILE", help="Where totals are kept: history.path.")] = None,
    log_level: Annotated[
        str | None, typer.Option(metavar="WORD", help="debug, info, warning or error: log_level.")
    ] = None,
) -> Configuration | None:
    """Run the gateway until it is stopped.

    It reads all meters and hands the readings on. Flags go before the environment (JUNTEK_MQTT__HOST), and that
    before the file.
    """
    flags = [
        Flag(place, name, value)
        for place, name, value in (
            (("mqtt", "host"), "--host", host),
            (("mqtt", "port"), "--port", port),
            (("mqtt", "username"), "--username", username),
            (("history", "path"), "--database", database),
            (("log_level",), "--log-level", log_level),
        )
        if value is not None
    ]
    if link is not None:
        flags.append(Flag(("meters",), "--link", [{"name": LINK_NAME, "link": link, "address": address}]))
    configuration = load(config, os.environ, tuple(flags))
    if context.obj is ONLY_CONFIGURE:
        return configuration
    serve(configuration)
    return None


def serve(configuration: Configuration) -> None:
    """Run the gateway until it is stopped."""
    logging.basicConfig(level=configuration.log_level.upper(), format=_log_format(), stream=sys.stderr)
    from juntek.gateway import run_gateway  # noqa: PLC0415 - only where it runs
    from juntek.gateway.process import fit  # noqa: PLC0415

    fit(len({meter.link for meter in configuration.meters}), len(configuration.meters))
    run_until_stopped(run_gateway(configuration))


def _log_format() -> str:
    """A service's journal writes the time itself."""
    return "%(message)s" if os.environ.get("JOURNAL_STREAM") else "%(asctime)s %(message)s"
