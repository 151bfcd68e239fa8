"""`juntek read` and `juntek watch`: one meter, line by line or on the whole terminal.

Rule: it ends when told to, or `read` when the meter is silent; `watch` always says what it is doing, also while nothing
comes.
"""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from juntek.cli.arguments import Address, ConfigFile, Interval, Link, ModeOption
from juntek.cli.formats import Format, Writer
from juntek.cli.meter_access import Followed, GatewayMeter, follow
from juntek.cli.running import quiet_pipe, run_until_stopped
from juntek.errors import RequestError
from juntek.meter import ANSWER_TIMEOUT
from juntek.names import hide_secrets

if TYPE_CHECKING:
    from rich.console import Console

    from juntek.cli.watch_view import Watched

REFRESH = 0.25
"""s between two pictures."""

_QUIT_KEYS = b"qQ\x04"


def read(
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


def watch(
    link: Link, address: Address = 1, mode: ModeOption = "auto", interval: Interval = 1.0, config: ConfigFile = None
) -> None:
    """Show one meter live in the terminal.

    Values, charge and the last minutes; below it how the link does. Ends with q or Ctrl-C. Where the gateway reads
    the meter it is asked; --mode and --interval are its own then.
    """
    from rich.console import Console  # noqa: PLC0415 - nobody else needs it

    console = Console()
    if not console.is_terminal or console.is_dumb_terminal:
        raise RequestError("A live view needs a terminal; for a file or a pipe use: juntek read")
    shown = hide_secrets(link)
    sys.stderr.write(f"Opening {shown}…\n")
    run_until_stopped(_watch(console, shown, address, follow(link, address, config, mode, interval, None)))


async def _watch(console: Console, link: str, address: int, following: AbstractAsyncContextManager[Followed]) -> None:
    from juntek.cli.watch_view import Watched  # noqa: PLC0415

    async with following as meter:
        watched = Watched(link, address, time.monotonic(), by_gateway=isinstance(meter, GatewayMeter))
        updating = asyncio.create_task(_follow(meter, watched))
        showing = asyncio.create_task(_show(console, watched))
        try:
            with _quit_keys():
                await asyncio.wait([updating, showing], return_when=asyncio.FIRST_EXCEPTION)
        finally:
            showing.cancel()
            updating.cancel()
            await asyncio.wait([updating, showing])
    for task in (updating, showing):
        if not task.cancelled():
            task.result()  # raises what the gateway says


async def _follow(meter: Followed, watched: Watched) -> None:
    async for update in meter.updates():
        watched.update = update
        if update.reading is not None:
            watched.reading = update.reading
            watched.heard = time.monotonic()
            watched.trend.add(update.reading, watched.heard if update.reading.time is None else update.reading.time)


async def _show(console: Console, watched: Watched) -> None:
    from rich.live import Live  # noqa: PLC0415

    from juntek.cli.watch_view import draw  # noqa: PLC0415

    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            width, height = console.size
            live.update(draw(watched, time.monotonic(), width, height), refresh=True)
            await asyncio.sleep(REFRESH)


@contextmanager
def _quit_keys() -> Iterator[None]:
    """Let q end the program, and keep what is typed off the screen; nothing where there is no keyboard."""
    if not sys.stdin.isatty():
        yield
        return
    loop, descriptor, task = asyncio.get_running_loop(), sys.stdin.fileno(), asyncio.current_task()
    before = termios.tcgetattr(descriptor)

    def take_key() -> None:
        keys = os.read(descriptor, 64)
        if task is not None and (not keys or any(key in _QUIT_KEYS for key in keys)):
            task.cancel()

    tty.setcbreak(descriptor)
    loop.add_reader(descriptor, take_key)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
