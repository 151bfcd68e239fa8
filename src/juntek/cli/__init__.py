"""The command line; rule: commands print and exit, and everything that goes wrong ends in `main`.

One module a command; libraries that only one command needs are loaded when it runs.
"""

from __future__ import annotations

import sys
import traceback
from functools import partial
from importlib import import_module
from typing import Annotated

import typer

import juntek
from juntek.cli import configuration, history, web
from juntek.cli.capture import capture
from juntek.cli.decode import decode
from juntek.cli.demo import demo
from juntek.cli.push import push
from juntek.cli.read import read
from juntek.cli.run import ONLY_CONFIGURE, run, serve
from juntek.cli.simulate import simulate
from juntek.cli.status import list_statuses, status_of
from juntek.cli.watch import watch
from juntek.config import Configuration
from juntek.config.apart import call_apart
from juntek.errors import JuntekError

__all__ = ["app", "main"]

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


app.command(epilog="Example: juntek read /dev/ttyUSB0 --format table")(read)
app.command(epilog="Example: juntek watch socket://192.168.1.20:4001")(watch)
app.command(epilog="Example: juntek run --config /etc/juntek/juntek.toml")(run)
app.add_typer(configuration.app, name="config")
history.app.command(epilog="Example: juntek history push http://127.0.0.1:8428/write")(push)
app.add_typer(history.app, name="history")
app.add_typer(web.app, name="web")
app.command(epilog="Example: juntek decode bus.log --format table")(decode)
app.command(epilog="Example: juntek capture /dev/ttyUSB0 -o bus.log --seconds 60")(capture)
app.command(epilog="Example: juntek simulate --pty /tmp/meter --model KH140F --speed 60")(simulate)
app.command(epilog="Example: juntek demo --duration 60 --no-open")(demo)


def main() -> None:
    """Run the program with the arguments of its process, and end it."""
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        configuration = None
        if arguments[:1] == ["run"]:
            load_gateway = partial(import_module, "juntek.gateway")
            configuration = call_apart(partial(_configure, arguments), meanwhile=load_gateway)
        if configuration is not None:
            serve(configuration)
        else:
            app(arguments)
    except Exception as error:  # noqa: BLE001 - whatever it is, it becomes a sentence and a status
        if debug:
            traceback.print_exc()
        sys.exit(_tell(_find_cause(error)))


def _configure(arguments: list[str]) -> Configuration:
    """Do all of `juntek run` but the gateway; raises what stands in its way, help that is asked for included."""
    result = app(arguments, standalone_mode=False, obj=ONLY_CONFIGURE)
    if not isinstance(result, Configuration):
        raise TypeError(result)
    return result


def _find_cause(error: Exception) -> Exception:
    """Return the error that an owner can do something about, where several ended together."""
    while isinstance(error, ExceptionGroup):
        own = error.subgroup(JuntekError)
        error = (own or error).exceptions[0]
    return error


def _tell(error: Exception) -> int:
    if isinstance(error, JuntekError):
        typer.echo(str(error), err=True)
        return status_of(error)
    text = " ".join(f"{type(error).__name__}: {error}".split())
    typer.echo(f"Something unexpected happened ({text}); run it again with --debug and report what it shows.", err=True)
    return 1
