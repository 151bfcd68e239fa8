"""`juntek read`: one meter's readings, line by line; rule: it ends when told to, or when the meter is silent."""

from __future__ import annotations

import sys
from contextlib import AbstractAsyncContextManager
from typing import Annotated

import typer

from juntek.cli.arguments import Address, ConfigFile, Interval, Link, ModeOption
from juntek.cli.formats import Format, Writer
from juntek.cli.meter_access import Followed, follow
from juntek.cli.stopping import quiet_pipe, run_until_stopped
from juntek.meter import ANSWER_TIMEOUT


def read(  # noqa: PLR0913, PLR0917 - each is an option of the command
    link: Link,
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
    meter = follow(link, address, config, mode, interval, timeout or None)
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
