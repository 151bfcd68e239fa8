"""`juntek decode`: a recording in, its events out; rule: the same checks as on a live line."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from juntek.capture import Chunk
from juntek.capture.likeness import explain_no_frames
from juntek.capture.packing import DamagedError
from juntek.capture.recording import Recording, listen
from juntek.capture.times import NO_ZONE, LineTimes
from juntek.cli.arguments import ZoneName, configuration_if_any, zone_of
from juntek.cli.formats import Format, Writer
from juntek.cli.stopping import quiet_pipe
from juntek.errors import RequestError
from juntek.files import explain_unreadable, pieces_all_over
from juntek.rs485.bus import Bus

BLOCK = 64 * 1024
"""Bytes read at a time, fewer where they come slowly."""


def decode(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="A recording; - is standard input.")] = "-",
    chosen: Annotated[Format, typer.Option("--format", help="json has every kind, csv readings only.")] = Format.JSON,
    no_filter: Annotated[bool, typer.Option("--no-filter", help="Hold nothing back as implausible.")] = False,  # noqa: FBT002
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
        status = os.fstat(source.fileno())
        recording = Recording(times, ends=(is_file := stat.S_ISREG(status.st_mode)))
        times.prepare(status.st_mtime, pieces_all_over(source.fileno(), status.st_size) if is_file else ())
        for chunks in _read(file, source.fileno(), recording):
            for chunk, events in listen(bus, chunks):
                writer.add(events, chunk.time)
            sys.stdout.flush()
        writer.add(bus.finish())
    if not recording.has_frames and not writer.kinds.keys() - {"garbage"}:
        typer.echo(explain_no_frames(recording.start), err=True)
    for remark in times.remarks:
        typer.echo(remark, err=True)
    if times.lack == NO_ZONE:
        typer.echo("Times without an offset from UTC were left out; --time-zone tells it.", err=True)
    if times.used_zone:
        whose = f", the time zone of {configuration.file}" if configuration and configuration.file else ""
        typer.echo(f"Times without an offset from UTC were read as {times.zone}{whose}.", err=True)
    if chosen is not Format.JSON:
        typer.echo(writer.summary(), err=True)


def _open(file: str) -> AbstractContextManager[BinaryIO]:
    if file == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise RequestError(f"{file} {explain_unreadable(error)}") from None


def _read(file: str, descriptor: int, recording: Recording) -> Iterator[list[Chunk]]:
    """Yield the chunks of the bytes as they come."""
    try:
        yield from recording.read(iter(lambda: os.read(descriptor, BLOCK), b""))
    except DamagedError as error:
        raise RequestError(f"{file} cannot be read ({error}): give the path of a recording.") from None
    except OSError as error:
        raise RequestError(f"{file} {explain_unreadable(error)}") from None
