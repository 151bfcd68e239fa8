"""The option that tells a time zone; rule: a recording's own offset goes before it."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from juntek.config.keys import zone_problem
from juntek.errors import RequestError

ZoneName = Annotated[
    str | None,
    typer.Option("--time-zone", metavar="NAME", help="Of times without an offset from UTC, such as Europe/Berlin."),
]


def zone_of(name: str | None) -> ZoneInfo | None:
    """Return the zone of a name; raises RequestError."""
    if name is None:
        return None
    if problem := zone_problem(name):
        raise RequestError(f"--time-zone {problem}")
    return ZoneInfo(name)
