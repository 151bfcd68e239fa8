"""`juntek capture` and `juntek decode`: the bytes of a line into a file, and a recording into its events.

Rule: what came is on disk at once; what is decoded passes the same checks as on a live line.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated, BinaryIO, TextIO

import typer

import juntek
from juntek.capture import HEADER, Chunk, format_chunk
from juntek.capture.likeness import explain_no_frames
from juntek.capture.recording import DamagedError, Recording, listen
from juntek.capture.times import NO_ZONE, LineTimes
from juntek.cli.arguments import (
    Address,
    ConfigFile,
    Interval,
    Link,
    ModeOption,
    ZoneName,
    configuration_if_any,
    tell_times,
    zone_of,
)
from juntek.cli.formats import Format, Writer
from juntek.cli.gateway_client import refuse_port_of_gateway
from juntek.cli.running import quiet_pipe, run_until_stopped
from juntek.errors import JuntekError, RequestError, counted
from juntek.files import explain_unreadable, explain_unwritable, pieces_all_over, refuse_links_of_others
from juntek.links import open_link
from juntek.meter import Line, MeterOptions
from juntek.rs485.bus import Bus
from juntek.update import Update

_PROGRESS_INTERVAL = 0.5
"""s between two progress lines on a terminal; elsewhere only the last one is written."""
BLOCK = 64 * 1024
"""Bytes read at a time, fewer where they come slowly."""


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
    _check_output(output, force=force)
    refuse_port_of_gateway(configuration_if_any(config), link)
    meter = MeterOptions(name="meter", address=address, mode=mode, interval=interval)
    with quiet_pipe():
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
        self._rejected = sum(update.health.garbage.values())
        if update.health.error != self._error:
            self._error = update.health.error
            self._say(self._error or "The meter answers.")

    async def show_progress(self) -> None:
        """Keep the count on the terminal up to date; says nothing where there is none."""
        while sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{self._count()}")
            sys.stderr.flush()
            await asyncio.sleep(_PROGRESS_INTERVAL)

    def tell_end(self, output: Path) -> None:
        self._say(self._count() if str(output) == "-" else f"{self._count()} in {output}")

    def _count(self) -> str:
        return ", ".join(
            (
                counted(self._bytes, "byte"),
                counted(self._readings, "reading"),
                counted(self._rejected, "rejected frame"),
            )
        )

    def _say(self, text: str) -> None:
        sys.stderr.write(f"\r\x1b[K{text}\n" if sys.stderr.isatty() else f"{text}\n")
        sys.stderr.flush()

    def _write(self, text: str) -> None:
        try:
            self._file.write(text)
            self._file.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise RequestError(f"Cannot write the capture ({error.strerror}); make room on the disk.") from None


def _check_output(output: Path, *, force: bool) -> None:
    if output.is_file() and output.stat().st_size and not force:
        raise RequestError(f"{output} has something in it; choose another name, or write over it with --force.")


def _open_output(output: Path) -> AbstractContextManager[TextIO]:
    if str(output) == "-":
        return nullcontext(sys.stdout)
    refuse_links_of_others(output)
    with explain_unwritable(output, RequestError):
        return output.open("w", encoding="ascii", newline="\n")


async def _record(url: str, meter: MeterOptions, output: Path, seconds: float) -> None:
    link = await open_link(url)
    async with link:
        with _open_output(output) as file:
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
                recorder.tell_end(output)


# Decoding ----------------------------------------------------------------------------------------------------


def decode(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="A recording; - is standard input.")] = "-",
    chosen: Annotated[Format, typer.Option("--format", help="json has every kind, csv readings only.")] = Format.JSON,
    no_filter: Annotated[bool, typer.Option("--no-filter", help="Hold nothing back as implausible.")] = False,
    time_zone: ZoneName = None,
) -> None:
    """Decode a recording of a bus.

    It may be a capture, raw bytes, any text log with frames in it, as text or in hex, or decoded values in a table
    or one by one, also packed by gzip, xz, bz2, zstd or zip.

    Writes one object a line, in the order of the wire, with "kind": reading, settings, identity, request,
    acknowledgement or garbage. Garbage has a "reason"; it is no error.
    """
    configuration = configuration_if_any() if time_zone is None else None
    times = LineTimes(zone_of(time_zone) or (configuration.time_zone if configuration else None))
    bus = Bus(check=not no_filter)
    with _open(file) as source, quiet_pipe():
        writer = Writer(chosen, sys.stdout.write)
        descriptor, status = source.fileno(), os.fstat(source.fileno())
        is_file = stat.S_ISREG(status.st_mode)
        pieces = pieces_all_over(descriptor, status.st_size) if is_file else ()
        recording = Recording(times, ends=is_file)
        for chunks in _read(file, descriptor, recording, partial(times.prepare, status.st_mtime, pieces)):
            for chunk, events in listen(bus, chunks):
                writer.add(events, chunk.time)
            sys.stdout.flush()
        writer.add(bus.finish())
    if not recording.has_frames and not writer.kinds.keys() - {"garbage"}:
        typer.echo(explain_no_frames(recording.start), err=True)
    if times.lack == NO_ZONE:
        typer.echo("Times without an offset from UTC were left out; --time-zone tells it.", err=True)
    tell_times(times, f", the time zone of {configuration.file}" if configuration and configuration.file else "")
    if chosen is not Format.JSON:
        typer.echo(writer.summary(), err=True)


def _open(file: str) -> AbstractContextManager[BinaryIO]:
    if file == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise RequestError(f"{file} {explain_unreadable(error)}") from None


def _read(file: str, descriptor: int, recording: Recording, prepare: Callable[[], None]) -> Iterator[list[Chunk]]:
    """Yield the chunks of the bytes as they come."""
    try:
        prepare()
        yield from recording.read(iter(lambda: os.read(descriptor, BLOCK), b""))
    except DamagedError as error:
        raise RequestError(f"{file} cannot be read ({error}): give the path of a recording.") from None
    except OSError as error:
        raise RequestError(f"{file} {explain_unreadable(error)}") from None
