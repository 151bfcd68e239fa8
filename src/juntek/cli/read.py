"""`juntek read`: one meter's readings, line by line; rule: it ends when told to, or when the meter is silent."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from juntek.cli.address import address_number
from juntek.cli.formats import Format, Writer
from juntek.cli.stopping import quiet_pipe, run_until_stopped
from juntek.meter import ANSWER_TIMEOUT, Mode, open_meter

URL_HELP = "A device path, socket://HOST:PORT, rfc2217://HOST:PORT, esphome://HOST/?port_name=NAME or replay:FILE."
Url = Annotated[str, typer.Argument(metavar="URL", help=URL_HELP, show_default=False)]
Address = Annotated[int, typer.Option(parser=address_number, metavar="N", help="Its address, P01 at its display.")]
ModeOption = Annotated[Mode, typer.Option(help="auto listens first and polls when no display does.")]
Interval = Annotated[float, typer.Option(min=0.05, max=3600, metavar="SECONDS", help="Time between polls.")]


def read(  # noqa: PLR0913, PLR0917 - each is an option of the command
    url: Url,
    address: Address = 1,
    count: Annotated[int, typer.Option(min=0, metavar="N", help="End after so many readings; 0: never.")] = 0,
    chosen: Annotated[Format, typer.Option("--format", help="How to write the readings.")] = Format.JSON,
    mode: ModeOption = "auto",
    interval: Interval = 1.0,
    timeout: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Wait so long for a reading; 0: for ever.")
    ] = ANSWER_TIMEOUT,
) -> None:
    """Read one meter, one reading a line."""
    with quiet_pipe():
        run_until_stopped(_read(url, address, count, chosen, mode, interval, timeout or None))


async def _read(  # noqa: PLR0913, PLR0917
    url: str,
    address: int,
    count: int,
    chosen: Format,
    mode: Mode,
    interval: float,
    timeout: float | None,  # noqa: ASYNC109
) -> None:
    async with open_meter(url, address, mode=mode, interval=interval, timeout=timeout) as meter:
        writer = Writer(chosen, sys.stdout.write)
        sys.stdout.flush()
        async for reading in meter:
            writer.add([reading], reading.time)
            sys.stdout.flush()
            if count and writer.kinds["reading"] >= count:
                return
