"""`juntek config init` and `juntek config check`; rule: no secret is ever printed."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from juntek.cli.arguments import ConfigFile
from juntek.cli.formats import draw_table
from juntek.config import Configuration, load, search_paths
from juntek.config.example import write_example
from juntek.config.keys import header_of
from juntek.errors import ConfigurationError, JuntekError
from juntek.extras import install_line
from juntek.files import explain_unwritable, refuse_links_of_others
from juntek.names import slug
from juntek.option import keys_of, show
from juntek.outputs import find_outputs
from juntek.secret import hide_secrets

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Write or check the configuration.",
    epilog="Example: juntek config check",
)


@app.command(epilog="Example: juntek config init")
def init(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Default: ~/.config/juntek/juntek.toml")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,  # noqa: FBT002
) -> None:
    """Write a configuration to start with.

    It has a remark on every key, and the serial ports of this computer.
    """
    from juntek.links.device import list_ports  # noqa: PLC0415 - its library is not needed to be wrong about a key

    path = (file or search_paths(os.environ)[1]).expanduser()
    if path.exists() and not force:
        raise ConfigurationError(f"{path} is there already; change it, or write over it with --force.")
    refuse_links_of_others(path)
    ports = list_ports()
    with explain_unwritable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(write_example(ports), encoding="utf-8")
    typer.echo(path)
    if ports:
        typer.echo(f"It has the port {ports[0]}. Look through it, then: juntek config check", err=True)
    else:
        typer.echo("No serial port was found: put your link into it, then: juntek config check", err=True)


@app.command(epilog="Example: juntek config check --config /etc/juntek/juntek.toml")
def check(
    config: ConfigFile = None,
    offline: Annotated[bool, typer.Option("--offline", help="Do not try meters, broker and database.")] = False,  # noqa: FBT002
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
    from juntek.cli.trying import try_all  # noqa: PLC0415 - what it tries takes libraries

    trials = asyncio.run(try_all(configuration))
    typer.echo("\n" + "\n".join(trial.said for trial in trials if trial.error is None))
    errors = [type(trial.error)(trial.said) for trial in trials if trial.error is not None]
    for error in errors[:-1]:
        typer.echo(error, err=True)
    if errors:
        raise errors[-1]


def show_configuration(configuration: Configuration) -> str:
    """Return the configuration as tables for people, without its secrets."""
    meters = [
        (
            meter.options.name,
            hide_secrets(meter.link),
            str(meter.options.address),
            meter.options.mode,
            meter.options.options.family or "auto",
            f"{meter.options.interval:g} s",
        )
        for meter in configuration.meters
    ]
    topics = [f"{name} becomes {slug(name)}" for name, *_ in meters if slug(name) != name]
    outputs = [
        (name, _show_options(options))
        for section, configured in configuration.sinks.items()
        for name, options in find_outputs()[section].names(configured).items()
    ]
    parts = [
        f"{configuration.file or 'The environment'} is right.",
        draw_table(("meter", "link", "address", "mode", "model", "interval"), meters),
        draw_table(("output", "keys that are not the default"), outputs)
        if outputs
        else "Nothing is published: there is no section such as [mqtt].",
        *([f"In topics and ids {', '.join(topics)}."] if topics else []),
        f"The site is {configuration.site}. Totals are kept in {configuration.database}.",
    ]
    return "\n\n".join(parts)


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


def _show_options(options: object) -> str:
    shown = []
    kind: type = type(options)
    for name, key in keys_of(kind).items():
        value = getattr(options, name)
        if key.secret and value is not None:
            shown.append(f"{name}=(set)")
        elif not key.secret and (value != key.default or name in ("host", "port")):
            if isinstance(value, tuple):
                value = json.dumps([str(one) for one in value])
            shown.append(f"{name}={show(value) if isinstance(value, bool) else value}")
    return " ".join(shown)
