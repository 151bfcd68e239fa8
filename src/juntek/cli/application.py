"""All commands in one; rule: one module a command, and a library that only one of them needs is loaded when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import juntek
from juntek.cli import configuration, history, service, settings, web
from juntek.cli.arguments import ConfigFile, address_number
from juntek.cli.capture import capture
from juntek.cli.decode import decode
from juntek.cli.estimate import estimate
from juntek.cli.find import find
from juntek.cli.push import push
from juntek.cli.read import read
from juntek.cli.run import serve
from juntek.cli.setup import setup
from juntek.cli.simulate import demo, simulate
from juntek.cli.stopping import list_statuses
from juntek.cli.watch import watch

__all__ = ["app"]

_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_EPILOG = f"Example: juntek read /dev/ttyUSB0 --format table\n\n\b\nExit statuses:\n{list_statuses()}"

app = typer.Typer(
    name="juntek",
    rich_markup_mode=None,  # plain help, which every terminal and every pipe can show
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
    context_settings=_HELP,
    epilog=_EPILOG,
)


def _show_version(value: bool) -> None:  # noqa: FBT001 - as typer calls it
    if value:
        typer.echo(f"juntek {juntek.__version__}")
        raise typer.Exit


_Version = Annotated[
    bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
]
_Debug = Annotated[bool, typer.Option("--debug", help="Show where an error came from.")]


@app.callback()
def juntek_command(
    version: _Version = False,  # noqa: FBT002 - its callback does all
    debug: _Debug = False,  # noqa: FBT002 - main takes it
) -> None:
    """Read Juntek coulomb counters and bring them to Home Assistant, MQTT, Grafana, the terminal and files."""


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


app.command(epilog="Example: juntek find")(find)
app.command(epilog="Example: juntek setup")(setup)
app.command(epilog="Example: juntek read /dev/ttyUSB0 --format table")(read)
app.command(epilog="Example: juntek watch socket://192.168.1.20:4001")(watch)
app.command(epilog="Example: juntek run --config /etc/juntek/juntek.toml")(run)
app.add_typer(configuration.app, name="config")
app.add_typer(service.app, name="service")
history.app.command(epilog="Example: juntek history push http://127.0.0.1:8428/write")(push)
app.add_typer(history.app, name="history")
app.add_typer(web.app, name="web")
app.add_typer(settings.app, name="settings")
app.command(epilog="Example: juntek act /dev/ttyUSB0 charge=100")(settings.act)
app.command(epilog="Example: juntek decode bus.log --format table")(decode)
app.command(epilog="Example: juntek estimate weeks.log --chemistry lifepo4 --format csv")(estimate)
app.command(epilog="Example: juntek capture /dev/ttyUSB0 -o bus.log --seconds 60")(capture)
app.command(epilog="Example: juntek simulate --pty /tmp/meter --model KH140F --speed 60")(simulate)
app.command(epilog="Example: juntek demo --duration 60 --no-open")(demo)
