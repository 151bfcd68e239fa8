"""`juntek history push`: the history into a time-series database; rule: the sending is that of the output."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import tzinfo
from functools import partial
from math import inf
from pathlib import Path
from typing import Annotated, Any, cast
from urllib.parse import urlsplit

import typer

import juntek
from juntek.cli.arguments import (
    ConfigFile,
    DatabaseFile,
    From,
    To,
    database_of,
    find_configuration,
    moment_of,
    refuse_unknown,
)
from juntek.cli.formats import progress
from juntek.config import Configuration
from juntek.errors import ConfigurationError, DatabaseError, JuntekError, RequestError, counted
from juntek.extras import install_line
from juntek.files import hold, lock_of
from juntek.history.cursors import Cursors
from juntek.history.queries import HistoryReader
from juntek.outputs import Context
from juntek.outputs.timeseries import HIGHEST_RATE, TimeseriesOptions

_TYPED = "url|username|password_file|token_file|ca_file|rate"
"""The keys of a configuration that are typed here, where a URL is given."""


def push(
    url: Annotated[
        str | None, typer.Argument(metavar="URL", help="Default: every [[timeseries]] of the configuration.")
    ] = None,
    meters: Annotated[
        list[str] | None, typer.Option("--meter", metavar="NAME", help="Only this one; may be given several times.")
    ] = None,
    start: From = None,
    end: To = None,
    site: Annotated[str | None, typer.Option(metavar="NAME", help="Default: that of the configuration.")] = None,
    username: Annotated[str | None, typer.Option(metavar="NAME", help="The user at URL.")] = None,
    password_file: Annotated[Path | None, typer.Option(metavar="FILE", help="With the password.")] = None,
    token_file: Annotated[Path | None, typer.Option(metavar="FILE", help="With a token, in place of a user.")] = None,
    ca_file: Annotated[Path | None, typer.Option(metavar="FILE", help="Who vouches for the target.")] = None,
    rate: Annotated[
        float | None, typer.Option(metavar="N", help="Readings a second at most. Default: as many as go.")
    ] = None,
    database: DatabaseFile = None,
    config: ConfigFile = None,
) -> None:
    """Send the readings that are kept to a time-series database.

    Without --from and --to: all that it was never sent. It can be stopped and run again: a database that keeps a
    reading once, as docs/timeseries.md has it, has nothing twice.
    """
    configuration = find_configuration(config)
    given = {"username": username, "password_file": password_file, "token_file": token_file, "ca_file": ca_file}
    given = {key: value for key, value in given.items() if value}
    failures: dict[str, JuntekError] = {}
    with _told_as_typed(all_of_it=url is not None):
        targets = _find_targets(configuration, url, given)
        path = database or database_of(configuration)
        with HistoryReader(path, time_zone=configuration.time_zone if configuration else None) as reader:
            refuse_unknown(reader, meters or ())
            set_back = partial(_set_back, meters or reader.meters(), _choose_range(reader.time_zone, start, end))
        site = site or (configuration.site if configuration else "home")
        context = Context(version=juntek.__version__, gateway="", meters=(), site=site)
        for options in targets:
            target = replace(options, rate=HIGHEST_RATE if rate is None else rate)
            try:
                _push(target, path, context, set_back)
            except (DatabaseError, RequestError):
                raise
            except JuntekError as error:  # of this target: the others get theirs all the same
                failures.setdefault(str(error), error)
        for other in list(failures.values())[1:]:
            typer.echo(other, err=True)
        for first in failures.values():
            raise first


@contextmanager
def _told_as_typed(*, all_of_it: bool) -> Iterator[None]:
    """Let sentences name the options that were typed, in place of the keys of a configuration."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("Stopped; run it again for the rest.", err=True)
        raise
    except JuntekError as error:
        typed = re.compile(rf"timeseries\.({_TYPED if all_of_it else 'rate'})\b")
        text = typed.sub(lambda key: "URL" if key[1] == "url" else f"--{key[1].replace('_', '-')}", str(error))
        if text == str(error):
            raise
        raise (RequestError if isinstance(error, ConfigurationError) else JuntekError)(text) from error


def _find_targets(
    configuration: Configuration | None, url: str | None, given: dict[str, Any]
) -> tuple[TimeseriesOptions, ...]:
    configured = (
        cast("tuple[TimeseriesOptions, ...]", configuration.sinks.get("timeseries", ())) if configuration else ()
    )
    if url is None:
        if not configured:
            raise RequestError("There is no [[timeseries]] in the configuration; give the URL of the target.")
        return configured
    known = next((options for options in configured if options.url == url), None)
    if known and not given:
        return (known,)
    target = TimeseriesOptions(url=url, name=known.name if known else "", **given)
    parts = urlsplit(url)
    is_plain = parts.path == "/write" and not parts.query
    if not known and (not is_plain or target.label in [options.label for options in configured]):
        # What it has is remembered by its name, and the next database of the same engine does not have it.
        target = replace(target, name=url.partition("://")[2])
    return (target,)


def _choose_range(zone: tzinfo, start: str | None, end: str | None) -> tuple[int, int] | None:
    """Return from when to when all is asked for again, ms since 1970; None where only what was never sent is."""
    first = round(1000 * moment_of(start, zone)) if start else 0
    last = round(1000 * moment_of(end, zone, after=True)) - 1 if end else round(1000 * time.time())
    if last < first:
        raise RequestError("The range ends before it begins; give an end after its start.")
    return (first, last) if start or end else None


def _push(options: TimeseriesOptions, database: Path, context: Context, set_back: Callable[[Cursors], int]) -> None:
    """Send what is missing, or leave that to a gateway that is running."""
    with hold(lock_of(database, options.label)) as is_alone, ExitStack() as stack:
        if is_alone:
            asyncio.run(_send(options, database, context, set_back))
            return
        if stack.enter_context(hold(lock_of(database))):
            raise JuntekError(f"Another push to {options.label} is running; let it end, then run this again.")
        total = set_back(stack.enter_context(Cursors(database, options.label)))
        past = f"what it has not got, about {counted(total, 'reading')}, beside the new ones"
        rest = past if total else "the new ones, and it has all others"
        typer.echo(f"The gateway that is running sends {options.label} {rest}.")


def _set_back(meters: Sequence[str], again: tuple[int, int] | None, history: Cursors) -> int:
    """Set the cursors back; return about how many readings are missing then."""
    for meter in meters:
        history.send_again(meter, again)
    gaps = [(meter, cursor) for meter, (cursor, _) in history.look().items() if cursor.has_gap]
    return sum(history.count_between(meter, cursor.past, cursor.until) for meter, cursor in gaps)


async def _send(
    options: TimeseriesOptions, database: Path, context: Context, set_back: Callable[[Cursors], int]
) -> None:
    """Send what is missing and say what became of it; without a library or a file for it, no cursor is set back."""
    try:
        from juntek.outputs.timeseries.delivery import open_delivery  # noqa: PLC0415 - needs the library
    except ModuleNotFoundError as error:
        line = install_line("timeseries")
        raise JuntekError(f"A library is missing ({error.name}); install it with: {line}") from error
    async with open_delivery(options, database, context, ends=True) as delivery:
        health, total = delivery.health, set_back(delivery.history)
        with progress("Sending") as tell:
            while (wait := await delivery.send()) < inf:
                done = delivery.sent + health.refused
                tell(done, max(total, done))
                await asyncio.sleep(wait)
    if delivery.sent or health.refused or health.lost:
        typer.echo(f"{counted(delivery.sent, 'reading')} sent to {options.label}.")
    else:
        typer.echo(f"Nothing is left to send to {options.label}; --from sends once more what it was sent before.")
    if health.lost:
        typer.echo(f"{counted(health.lost, 'reading')} can be sent no more, as the history has dropped them.", err=True)
    if health.refused:
        were = "was" if health.refused == 1 else "were"
        typer.echo(f"{counted(health.refused, 'reading')} {were} refused: {delivery.reason}", err=True)
