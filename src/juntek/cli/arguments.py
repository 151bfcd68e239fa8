"""What commands share: how they are declared, options, and what follows from them; rule: each is declared once."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, time, tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo

import typer
from typer.core import TyperCommand

from juntek.calendar import LATEST_TIME
from juntek.capture.times import LineTimes
from juntek.config import Configuration, default_database, find_file, load
from juntek.config.document import FILE_VARIABLE
from juntek.config.keys import name_problem, zone_problem
from juntek.errors import ConfigurationError, JuntekError, RequestError
from juntek.files import explain_unwritable, refuse_links_of_others, system_zone
from juntek.history.queries import HistoryReader
from juntek.meter import Mode

Body = TypeVar("Body", bound=Callable[..., None])


class _Command(TyperCommand):
    """Shows its arguments by their names alone: the library would add a type and braces."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - the library's own
        super().__init__(*args, **options)
        for argument in self.params:
            if argument.param_type_name == "argument":
                vars(argument)["display_type_rich"] = lambda **_: None

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ANN401 - as above
        """Return the words behind the command."""
        return [re.sub(r"^\{(.*)\}", r"\1", piece) for piece in super().collect_usage_pieces(ctx)]

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - as above
        """Run the command; when whoever reads our output has seen enough, as `head` has, it ends well and quietly."""
        try:
            result = super().invoke(ctx)
            if sys.stdout is not None:  # as it is where it was closed
                sys.stdout.flush()
        except BrokenPipeError:
            # Python flushes stdout once more at its end; let that go nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(0) from None
        return result


class App(typer.Typer):
    """Commands whose help is plain text, which every terminal and every pipe can show, with an example at its end."""

    def __init__(self, about: str, example: str, **options: Any) -> None:  # noqa: ANN401 - those of typer
        epilog = f"Example: juntek {example}"
        super().__init__(help=about, epilog=epilog, rich_markup_mode=None, no_args_is_help=True, **options)

    def example(self, text: str, name: str | None = None) -> Callable[[Body], Body]:
        """Return a decorator for the body of a command; `text` is what follows `juntek` in its example."""
        return self.command(name, cls=_Command, epilog=f"Example: juntek {text}")


def address_number(text: str | int) -> int:
    """Return the address, 1 to 99, also as its display shows it (P01); raises BadParameter."""
    found = re.fullmatch(r"\s*[Pp]?([0-9]{1,3})\s*", str(text), re.ASCII)
    if found is None or not 1 <= int(found[1]) <= 99:
        raise typer.BadParameter("a meter's address is 1 to 99; look for P01 at its display.")
    return int(found[1])


def meter_name(text: str) -> str:
    """Return the name of a meter; raises BadParameter for one that cannot be."""
    if problem := name_problem(text):
        raise typer.BadParameter(f"the name {problem}")
    return text


def zone(name: str) -> ZoneInfo:
    """Return a time zone by its name; raises BadParameter where there is none of it."""
    if problem := zone_problem(name):
        raise typer.BadParameter(f"this {problem}")
    return ZoneInfo(name)


LINK_HELP = "A device path, socket://HOST:PORT, rfc2217://HOST:PORT, esphome://HOST/?port_name=NAME or replay:FILE."
Link = Annotated[str, typer.Argument(metavar="LINK", help=LINK_HELP, show_default=False)]
Address = Annotated[int, typer.Option(parser=address_number, metavar="N", help="Its address, P01 at its display.")]
FoundAddress = Annotated[
    int | None,
    typer.Option("--address", parser=address_number, metavar="N", help="Default: the first found."),
]
ModeOption = Annotated[Mode, typer.Option(help="auto listens first and polls when no display does.")]
Interval = Annotated[float, typer.Option(min=0.05, max=3600, metavar="SECONDS", help="Time between polls.")]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Default: $JUNTEK_CONFIG, ./juntek.toml, ~/.config/juntek/juntek.toml, /etc/juntek/juntek.toml.",
    ),
]
DatabaseFile = Annotated[
    Path | None, typer.Option("--database", metavar="FILE", help="Default: that of the configuration.")
]
MeterName = Annotated[str | None, typer.Option("--meter", metavar="NAME", help="Default: the only one there is.")]
From = Annotated[
    str | None, typer.Option("--from", metavar="TIME", help="As 2026-05-01 or 2026-05-01T08:00; included.")
]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="As --from; a date includes its day.")]
Zone = Annotated[
    ZoneInfo | None,
    typer.Option(
        "--time-zone", parser=zone, metavar="NAME", help="Of times without an offset from UTC, such as Europe/Berlin."
    ),
]
Capacity = Annotated[
    float | None,
    typer.Option(min=0.001, max=100_000, metavar="AH", help="Of the battery; default: as the meter is set."),
]
Form = Literal["table", "json"]
"""How what is for people or for programs is written."""


def find_configuration(config: Path | None) -> Configuration | None:
    """Return the configuration where there is one. Raises ConfigurationError for one that is wrong."""
    if config is None and find_file(os.environ) is None:
        return None
    return load(config, os.environ)


def configuration_if_any(config: Path | None = None) -> Configuration | None:
    """Return the configuration; one that was not named and is wrong, or not for this user, is no hindrance."""
    try:
        return find_configuration(config)
    except ConfigurationError:
        if config is not None or os.environ.get(FILE_VARIABLE, "").strip():
            raise
        return None


def database_of(configuration: Configuration | None) -> Path:
    """Return where the history is, which can be looked at without a configuration."""
    if configuration is not None:
        return configuration.database
    named = os.environ.get("JUNTEK_HISTORY__PATH", "").strip()
    return Path(named) if named else default_database(os.environ)


def zone_of_days(configuration: Configuration | None) -> tzinfo:
    """Return whose midnight begins a day."""
    return (configuration.time_zone if configuration else None) or system_zone()


def moment_of(text: str, zone: tzinfo, *, after: bool = False) -> float:
    """Return the moment that a text means, with `after` the end of a date; raises RequestError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RequestError(f'"{text}" is no time; write it like 2026-05-01 or 2026-05-01T08:00.') from None
    if after and len(text) <= len("2026-05-01"):
        moment = datetime.combine(moment, time.max)
    seconds = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
    return min(max(seconds, 0.0), LATEST_TIME)


def write_new(file: Path, text: str, kind: type[JuntekError], *, force: bool) -> None:
    """Write a file that is not there yet, or over it; raises an error of this kind where that cannot be."""
    if file.exists() and not force:
        raise kind(f"{file} is there already; change it, name another one, or write over it with --force.")
    refuse_links_of_others(file)
    with explain_unwritable(file, kind):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def refuse_unknown(reader: HistoryReader, names: Iterable[str]) -> None:
    """Raise RequestError for a meter of which there is no history."""
    known = reader.meters()
    for name in sorted(set(names).difference(known)):
        there = f"there is one of {', '.join(known)}" if known else "the database has no readings yet"
        raise RequestError(f'There is no history of a meter "{name}"; {there}.')


def tell_times(times: LineTimes, whose: str) -> None:
    """Say how the times of a recording were read, in the zone of `whose`."""
    for remark in dict.fromkeys(times.remarks):
        typer.echo(remark, err=True)
    if times.used_zone:
        typer.echo(f"Times without an offset from UTC were read as {times.zone}{whose}.", err=True)


@contextmanager
def open_history(database: Path | None, config: Path | None) -> Iterator[HistoryReader]:
    """Yield the history of a database, or of the configuration. Raises JuntekError."""
    configuration = find_configuration(config)
    zone = configuration.time_zone if configuration else None
    with HistoryReader(database or database_of(configuration), time_zone=zone) as reader:
        yield reader
