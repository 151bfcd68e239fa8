"""`juntek read`, `watch` and `capture`: one meter, line by line, on the whole terminal, or its bytes in a file.

Rule: it ends when told to, or `read` when the meter is silent; `watch` always says what it is doing, also while nothing
comes; what `capture` records is on disk at once.
"""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

import juntek
from juntek.capture import HEADER, Chunk, format_chunk
from juntek.cli import run_until_stopped
from juntek.cli.arguments import Address, ConfigFile, Interval, Link, ModeOption, configuration_if_any
from juntek.cli.formats import Format, Writer
from juntek.cli.gateway_client import refuse_port_of_gateway
from juntek.cli.meter_access import Followed, GatewayMeter, follow
from juntek.errors import JuntekError, RequestError, counted
from juntek.files import explain_unwritable, refuse_links_of_others
from juntek.links import open_link
from juntek.meter import ANSWER_TIMEOUT, Line, MeterOptions
from juntek.names import hide_secrets
from juntek.update import Update

if TYPE_CHECKING:
    from rich.console import Console

    from juntek.cli.watch_view import Watched

REFRESH = 0.25
"""s between two pictures."""
PROGRESS_INTERVAL = 0.5
"""s between two progress lines on a terminal; elsewhere only the last one is written."""

_QUIT_KEYS = b"qQ\x04"


def read(
    link: Link,
    address: Address = 1,
    count: Annotated[int, typer.Option(min=0, metavar="N", help="End after so many readings; 0: never.")] = 0,
    chosen: Annotated[Format, typer.Option("--format", help="How to write the readings.")] = "json",
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
    run_until_stopped(_read(meter, count, chosen))


async def _read(following: AbstractAsyncContextManager[Followed], count: int, chosen: Format) -> None:
    async with following as meter:
        writer = Writer(chosen)
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
        with _quit_keys():
            async with asyncio.TaskGroup() as tasks:  # raises what the gateway says
                tasks.create_task(_follow(meter, watched))
                await _show(console, watched)


async def _follow(meter: Followed, watched: Watched) -> None:
    async for update in meter.updates():
        watched.take(update, time.monotonic())


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


def capture(
    link: Link,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The file to write; - is stdout.")],
    address: Address = 1,
    mode: ModeOption = "auto",
    interval: Interval = 1.0,
    seconds: Annotated[
        float, typer.Option(min=0, metavar="N", help="End after so many seconds; 0: when stopped.")
    ] = 0.0,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that has something in it.")] = False,
    config: ConfigFile = None,
) -> None:
    """Record the bytes of a line with their times.

    The file is for juntek decode, for a link replay:FILE, and for a report of what is wrong.

    Asks the meter when no display does. Ends with Ctrl-C or after --seconds.
    """
    if output.is_file() and output.stat().st_size and not force:
        raise RequestError(f"{output} has something in it; choose another name, or write over it with --force.")
    refuse_port_of_gateway(configuration_if_any(config), link)
    meter = MeterOptions(name="meter", address=address, mode=mode, interval=interval)
    run_until_stopped(_record(link, meter, output, seconds))


class _Recorder:
    """Writes chunks and counts them."""

    def __init__(self, file: TextIO, link: str) -> None:
        self._file = file
        self._bytes = 0
        self._readings = 0
        self._rejected = 0
        self._error: str | None = None
        self._write(f"{HEADER}\n# juntek {juntek.__version__}, {link}\n")

    def take_chunk(self, chunk: Chunk) -> None:
        self._bytes += len(chunk.data)
        # Without a time the reader takes the bytes as they are; only recordings of recordings lack it.
        self._write(format_chunk(chunk.time or 0.0, chunk.data))

    def take_update(self, update: Update) -> None:
        self._readings += update.reading is not None
        self._rejected = update.health.garbage.total()
        if update.health.error != self._error:
            self._error = update.health.error
            self.say(self._error or "The meter answers.")

    async def show_progress(self) -> None:
        """Keep the count on the terminal up to date; says nothing where there is none."""
        while sys.stderr.isatty():
            self.say(self.count(), end="")
            await asyncio.sleep(PROGRESS_INTERVAL)

    def count(self) -> str:
        counts = {"byte": self._bytes, "reading": self._readings, "rejected frame": self._rejected}
        return ", ".join(counted(count, thing) for thing, count in counts.items())

    def say(self, text: str, end: str = "\n") -> None:
        sys.stderr.write(f"\r\x1b[K{text}{end}" if sys.stderr.isatty() else f"{text}{end}")
        sys.stderr.flush()

    def _write(self, text: str) -> None:
        try:
            self._file.write(text)
            self._file.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise RequestError(f"Cannot write the capture ({error.strerror}); make room on the disk.") from None


async def _record(url: str, meter: MeterOptions, output: Path, seconds: float) -> None:
    async with await open_link(url) as link:
        is_file = str(output) != "-"
        if is_file:
            refuse_links_of_others(output)
        with explain_unwritable(output, RequestError):
            opened = output.open("w", encoding="ascii", newline="\n") if is_file else nullcontext(sys.stdout)
        with opened as file:
            recorder = _Recorder(file, link.name)
            line = Line(url, [meter], recorder.take_update, tap=recorder.take_chunk)
            progress = asyncio.create_task(recorder.show_progress())
            try:
                async with asyncio.timeout(seconds or None):
                    await line.run(link)
            except TimeoutError as error:
                if isinstance(error, JuntekError):
                    raise
            finally:
                progress.cancel()
                recorder.say(f"{recorder.count()} in {output}" if is_file else recorder.count())
