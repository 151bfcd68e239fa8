"""Options that several commands share, and what follows from them; rule: an error is one sentence."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from zoneinfo import ZoneInfo

import typer

from juntek.config import Configuration, default_database, find_file, load
from juntek.config.document import FILE_VARIABLE
from juntek.config.keys import zone_problem
from juntek.errors import ConfigurationError, RequestError
from juntek.files import system_zone
from juntek.meter import Mode

if TYPE_CHECKING:
    from juntek.history.queries import HistoryReader


def address_number(text: str | int) -> int:
    """Return the address, 1 to 99, also as its display shows it (P01); raises BadParameter."""
    found = re.fullmatch(r"\s*[Pp]?([0-9]{1,3})\s*", str(text), re.ASCII)
    if found is None or not 1 <= int(found[1]) <= 99:
        raise typer.BadParameter("a meter's address is 1 to 99; look for P01 at its display.")
    return int(found[1])


LINK_HELP = "A device path, socket://HOST:PORT, rfc2217://HOST:PORT, esphome://HOST/?port_name=NAME or replay:FILE."
Link = Annotated[str, typer.Argument(metavar="LINK", help=LINK_HELP, show_default=False)]
Address = Annotated[int, typer.Option(parser=address_number, metavar="N", help="Its address, P01 at its display.")]
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
ZoneName = Annotated[
    str | None,
    typer.Option("--time-zone", metavar="NAME", help="Of times without an offset from UTC, such as Europe/Berlin."),
]
Form = Literal["table", "json"]
"""How what is for people or for programs is written."""


def zone_of(name: str | None) -> ZoneInfo | None:
    """Return the zone of a name; raises RequestError."""
    if name is None:
        return None
    if problem := zone_problem(name):
        raise RequestError(f"--time-zone {problem}")
    return ZoneInfo(name)


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


@contextmanager
def open_history(database: Path | None, config: Path | None) -> Iterator[HistoryReader]:
    """Yield the history of a database, or of the configuration. Raises JuntekError."""
    from juntek.history.queries import HistoryReader  # noqa: PLC0415 - only for whom there is one

    configuration = find_configuration(config)
    zone = configuration.time_zone if configuration else None
    with HistoryReader(database or database_of(configuration), time_zone=zone) as reader:
        yield reader
