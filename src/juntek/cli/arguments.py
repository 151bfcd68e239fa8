"""Arguments that several commands take: an address, a time zone, the configuration; rule: an error is one sentence."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from juntek.config import Configuration, find_file, load
from juntek.config.keys import zone_problem
from juntek.errors import ConfigurationError, RequestError

ZoneName = Annotated[
    str | None,
    typer.Option("--time-zone", metavar="NAME", help="Of times without an offset from UTC, such as Europe/Berlin."),
]


def address_number(text: str | int) -> int:
    """Return the address, 1 to 99, also as its display shows it (P01); raises BadParameter."""
    found = re.fullmatch(r"\s*[Pp]?([0-9]{1,3})\s*", str(text), re.ASCII)
    if found is None or not 1 <= int(found[1]) <= 99:
        raise typer.BadParameter("a meter's address is 1 to 99; look for P01 at its display.")
    return int(found[1])


def zone_of(name: str | None) -> ZoneInfo | None:
    """Return the zone of a name; raises RequestError."""
    if name is None:
        return None
    if problem := zone_problem(name):
        raise RequestError(f"--time-zone {problem}")
    return ZoneInfo(name)


def configuration_if_any(config: Path | None = None) -> Configuration | None:
    """Return the configuration; one that was not named and is wrong, or not for this user, is no hindrance."""
    if config is None and find_file(os.environ) is None:
        return None
    try:
        return load(config, os.environ)
    except ConfigurationError:
        if config is not None:
            raise
        return None
