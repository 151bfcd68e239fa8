"""`juntek decode` and `juntek estimate`: a recording in, its events or the state of charge that follows out.

Rule: what is decoded passes the same checks as on a live line, and is estimated by the same fold as in the gateway.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC
from itertools import chain
from math import isnan, nan
from pathlib import Path
from typing import Annotated

import typer

from juntek.battery import BatteryOptions, ChemistryName
from juntek.battery.estimate import Estimator
from juntek.capture.decoded import says_what_is_left
from juntek.capture.recording import listen
from juntek.capture.times import NO_ZONE, LineTimes
from juntek.cli.arguments import (
    Capacity,
    ConfigFile,
    DatabaseFile,
    FoundAddress,
    Zone,
    configuration_if_any,
    open_history,
    refuse_unknown,
    tell_times,
)
from juntek.cli.formats import Columns, Facts, Format, Lines, Writer, draw_cells, draw_heading, draw_time
from juntek.errors import RequestError, counted
from juntek.exchange import Options
from juntek.history.queries import HistoryReader
from juntek.importing import RecordedFile
from juntek.reading import Reading, Settings, fill_reading, iso_time
from juntek.rs485.bus import Bus, Event


def decode(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="A recording; - is standard input.")] = "-",
    chosen: Annotated[Format, typer.Option("--format", help="json has every kind, csv readings only.")] = "json",
    no_filter: Annotated[bool, typer.Option("--no-filter", help="Hold nothing back as implausible.")] = False,
    time_zone: Zone = None,
) -> None:
    """Decode a recording of a bus.

    It may be a capture, raw bytes, any text log with frames in it, as text or in hex, or decoded values in a table
    or one by one, also packed by gzip, xz, bz2, zstd or zip.

    Writes one object a line, in the order of the wire, with "kind": reading, settings, identity, request,
    acknowledgement or garbage. Garbage has a "reason"; it is no error.
    """
    configuration = configuration_if_any() if time_zone is None else None
    times = LineTimes(time_zone or (configuration.time_zone if configuration else None))
    bus = Bus(check=not no_filter)
    recording = RecordedFile(Path(file), times)
    writer = Writer(chosen)
    for time, events in _events_of(recording, bus):
        writer.add(events, time)
    if not writer.kinds.keys() - {"garbage"} and (nothing := recording.explain_nothing()):
        typer.echo(nothing, err=True)
    if times.lack == NO_ZONE:
        typer.echo("Times without an offset from UTC were left out; --time-zone tells it.", err=True)
    tell_times(times, f", the time zone of {configuration.file}" if configuration and configuration.file else "")
    if chosen != "json":
        typer.echo(writer.summary(), err=True)


def _events_of(recording: RecordedFile, bus: Bus) -> Iterator[tuple[float | None, list[Event]]]:
    """Yield the events of each chunk with its time; what is made of those of a block is shown before the next."""
    for chunks in recording.read():
        for chunk, events in listen(bus, chunks):
            yield chunk.time, events
        sys.stdout.flush()
    yield None, bus.finish()


# The state of charge ----------------------------------------------------------------------------------------

_COLUMNS: Columns = {
    "voltage": ("V", 8),
    "current": ("A", 9),
    "meter_state_of_charge": ("meter %", 9),
    "state_of_charge": ("charge %", 9),
    "state_of_charge_uncertainty": ("+- %", 6),
    "usable_capacity": ("holds Ah", 10),
    "zero_offset": ("zero A", 8),
}
KEYS = ("time", *_COLUMNS, "event")

DAY, MINUTES = 86_400.0, 1440

MOST_VOLTS, MOST_AMPERES = 1000.0, 10_000.0
"""Of a battery; what somebody has decoded may be anything."""

_SERIES = ("voltage", "current", "remaining_capacity", "state_of_charge")


def estimate(
    file: Annotated[Path | None, typer.Argument(metavar="FILE|-", help="A recording with times.")] = None,
    chemistry: Annotated[ChemistryName | None, typer.Option(help="Of its cells.")] = None,
    cells: Annotated[int | None, typer.Option(min=1, max=400, metavar="N", help="In series.")] = None,
    nominal_capacity: Capacity = None,
    address: FoundAddress = None,
    history: Annotated[
        str | None, typer.Option(metavar="METER", help="Take the minutes of this meter in the history.")
    ] = None,
    chosen: Annotated[Format, typer.Option("--format", help="json has one object a line.")] = "json",
    database: DatabaseFile = None,
    config: ConfigFile = None,
) -> None:
    """Work out the state of charge from a recording or the history, and how sure it is.

    Chemistry and cells are guessed from the voltage where they are not given.
    """
    if (file is None) == (history is None):
        raise RequestError("Give either a recording or --history with the name of a meter.")
    estimator = Estimator(BatteryOptions(chemistry=chemistry, cells=cells))
    if file is not None:
        count = _write(estimator, _read_file(file, address, nominal_capacity, estimator.hear), chosen)
    else:
        with open_history(database, config) as reader:
            count = _write(estimator, _read_history(reader, history or "", nominal_capacity), chosen)
    if count == 0 and address is not None:
        raise RequestError(f"There is no reading of address {address} with a time in it; juntek decode shows what is.")
    if count == 0:
        raise RequestError("There is no reading with a time in it: record with juntek capture, which notes them.")
    typer.echo(_summary(estimator), err=True)


def _read_file(
    file: Path, address: int | None, capacity: float | None, hear: Callable[[Settings], None]
) -> Iterator[Reading]:
    """Yield the readings of one meter that have a time; raises RequestError where there is nothing of a meter."""
    # Only the time between readings matters, so that a time without a zone is one of UTC.
    recording, seen = RecordedFile(file, LineTimes(UTC)), False
    bus = Bus({address: Options()} if address is not None else None)
    for event in chain.from_iterable(events for _, events in _events_of(recording, bus)):
        if isinstance(event, Settings) and address in (None, event.address):
            hear(event)
        if not isinstance(event, Reading):
            continue
        seen = True
        if event.time is None or not (0 < event.voltage < MOST_VOLTS and abs(event.current) < MOST_AMPERES):
            continue
        address = event.address if address is None else address
        if event.address == address:
            reading = event if says_what_is_left(event) else event._replace(remaining_capacity=nan)
            yield reading if capacity is None else reading._replace(nominal_capacity=capacity)
    if not seen and (nothing := recording.explain_nothing()):
        raise RequestError(nothing)


def _read_history(reader: HistoryReader, meter: str, capacity: float | None) -> Iterator[Reading]:
    """Yield a reading for each minute of a history."""
    refuse_unknown(reader, [meter])
    start, last = reader.span(meter) or (0.0, -1.0)
    while start <= last:
        end = start + DAY
        series = reader.series(meter, _SERIES, start, end, MINUTES + 2)
        columns = [series.columns[key].last or series.columns[key].average for key in _SERIES]
        columns[1] = series.columns["current"].average
        for time, voltage, current, left, percent in zip(series.time, *columns, strict=True):
            if voltage is None or current is None or left is None:
                continue
            nominal = capacity or (round(100 * left / percent, 1) if percent else None)
            yield fill_reading(
                time=time + series.resolution, voltage=voltage, current=current,
                remaining_capacity=left, nominal_capacity=nominal,
            )  # fmt: skip
        start = end


def _write(estimator: Estimator, readings: Iterator[Reading], chosen: Format) -> int:
    """Write a line for each reading; return how many there were."""
    count = 0
    lines = Lines(chosen, KEYS, f"{'time':16}{draw_heading(_COLUMNS)}  event\n", _draw)
    for reading in readings:
        event = estimator.add(reading)
        now = estimator.estimate()
        if now is None:
            continue
        count += 1
        values = (
            iso_time(reading.time), reading.voltage, reading.current, _percent(reading),
            round(now.state_of_charge, 2), round(now.state_of_charge_uncertainty, 2), round(now.usable_capacity, 2),
            round(now.zero_offset, 4), event,
        )  # fmt: skip
        lines.write(dict(zip(KEYS, values, strict=True)))
    return count


def _percent(reading: Reading) -> float | None:
    """Return what the meter itself says, None where it does not."""
    told = reading.state_of_charge
    return None if told is None or isnan(told) else told


def _draw(facts: Facts) -> str:
    return f"{draw_time(facts['time'], '%Y-%m-%d %H:%M')}{draw_cells(_COLUMNS, facts)}  {facts['event'] or ''}"


def _summary(estimator: Estimator) -> str:
    """Return what was learnt, as a sentence or two."""
    values, steps = estimator.describe(), estimator.steps
    fulls = counted(int(values["synchronisations"] or 0), "time")
    learnt = [f"full {fulls}", f"holds {values['usable_capacity']:g} Ah", f"zero offset {values['zero_offset']:g} A"]
    if steps.resistance is not None and steps.error is not None:
        warmth = "" if steps.temperature is None else f" at {steps.temperature:.0f} °C"
        learnt.append(f"{values['measured_resistance']:g} ± {1000 * steps.error:.2g} mΩ{warmth}")
    return f"{estimator.pack.label}: {', '.join(learnt)}."
