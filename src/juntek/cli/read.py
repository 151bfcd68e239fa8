"""`juntek read`: one meter's readings, line by line; rule: it ends when told to, or when the meter is silent."""

from __future__ import annotations

import sys
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Annotated

import typer

from juntek.cli.arguments import address_number
from juntek.cli.formats import Format, Writer
from juntek.cli.run import ConfigFile
from juntek.cli.stopping import quiet_pipe, run_until_stopped
from juntek.meter import ANSWER_TIMEOUT, Mode

if TYPE_CHECKING:
    from juntek.cli.gateway_meter import Followed

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
    config: ConfigFile = None,
) -> None:
    """Read one meter, one reading a line.

    Where the gateway reads the meter it is asked; --mode and --interval are its own then.
    """
    from juntek.cli.gateway_meter import follow  # noqa: PLC0415 - other commands take its options from here

    meter = follow(url, address, config, mode, interval, timeout or None)
    with quiet_pipe():
        run_until_stopped(_read(meter, count, chosen))


async def _read(following: AbstractAsyncContextManager[Followed], count: int, chosen: Format) -> None:
    async with following as meter:
        writer = Writer(chosen, sys.stdout.write)
        sys.stdout.flush()
        async for reading in meter:
            writer.add([reading], reading.time)
            sys.stdout.flush()
            if count and writer.kinds["reading"] >= count:
                return
