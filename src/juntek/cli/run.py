"""`juntek run` as a command among the others: its help, and what is wrong with its flags; rule: `service` runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from juntek.cli.arguments import ConfigFile, address_number
from juntek.cli.service import serve


def run(  # noqa: PLR0913, PLR0917 - each is an option of the command
    config: ConfigFile = None,
    link: Annotated[str | None, typer.Option(metavar="URL", help="Read this one meter, not those of the file.")] = None,
    address: Annotated[int, typer.Option(parser=address_number, metavar="N", help="Address at --link.")] = 1,
    host: Annotated[str | None, typer.Option(metavar="NAME", help="The MQTT broker: mqtt.host.")] = None,
    port: Annotated[int | None, typer.Option(metavar="N", help="Its port: mqtt.port.")] = None,
    username: Annotated[str | None, typer.Option(metavar="NAME", help="The user there: mqtt.username.")] = None,
    database: Annotated[Path | None, typer.Option(metavar="FILE", help="Where totals are kept: history.path.")] = None,
    log_level: Annotated[
        str | None, typer.Option(metavar="WORD", help="debug, info, warning or error: log_level.")
    ] = None,
) -> None:
    """Run the gateway until it is stopped.

    It reads all meters and hands the readings on. Flags take precedence over the environment
    (JUNTEK_MQTT__HOST), and that over the file.
    """
    given = {
        "--config": config,
        "--link": link,
        "--address": address,
        "--host": host,
        "--port": port,
        "--username": username,
        "--database": database,
        "--log-level": log_level,
    }
    serve({name: str(value) for name, value in given.items() if value is not None})
