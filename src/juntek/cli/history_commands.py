"""`juntek history`: look at what is kept, take it elsewhere, bring more in; rule: a gateway may run meanwhile."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, tzinfo
from itertools import count
from pathlib import Path
from typing import Annotated, Literal

import typer

from juntek.calendar import LATEST_TIME
from juntek.cli.arguments import (
    App,
    ConfigFile,
    DatabaseFile,
    Form,
    FoundAddress,
    From,
    MeterName,
    To,
    Zone,
    database_of,
    find_configuration,
    meter_name,
    moment_of,
    open_history,
    tell_times,
    zone_of_days,
)
from juntek.cli.formats import draw_days, minute_of, progress
from juntek.errors import RequestError, counted
from juntek.files import explain_unwritable, hold, lock_of, refuse_links_of_others
from juntek.history import Database, inspection
from juntek.history.database_file import require_database
from juntek.history.days import By
from juntek.history.queries import HistoryReader, csv_pieces, parquet_pieces
from juntek.importing import Imported, LogImport, import_logs
from juntek.outputs.history import HistoryOptions

FileForm = Literal["csv", "parquet"]

DATABASE_MARK = b"SQLite format 3\0"
"""How every SQLite file begins (its file format, section 1.3)."""

app = App("Show, export, send, import, back up and repair the history.", "history summary --by month")


@app.example("history summary --by day --from 2026-05-01")
def summary(
    meter: MeterName = None,
    by: Annotated[By, typer.Option("--by", help="What a line stands for.")] = "month",
    start: From = None,
    end: To = None,
    chosen: Annotated[Form, typer.Option("--format", help="json has one object a line.")] = "table",
    database: DatabaseFile = None,
    config: ConfigFile = None,
) -> None:
    """Show the energies and extremes of days, months or years."""
    with open_history(database, config) as reader:
        names = [meter] if meter else reader.meters()
        if not names:
            typer.echo("There are no readings yet: start the gateway with a [history] section.", err=True)
        for name in names:
            span = reader.span(name)
            if span is None:
                typer.echo(f"There are no readings of {name} yet.", err=True)
                continue
            first, last = _dates_between(start, end, span, reader.time_zone)
            days = reader.days(name, first, last, by)
            if chosen == "json":
                for day in days:
                    typer.echo(json.dumps({"meter": name, **day.as_dict()}))
            else:
                begin, last_time = (minute_of(moment, reader.time_zone) for moment in span)
                typer.echo(f"{name}: {counted(reader.count(name), 'reading')} from {begin} to {last_time}")
                typer.echo(draw_days(days, by))


@app.example("history export house.parquet --meter house --from 2026-05-01")
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE|-", help="- is standard output.")],
    chosen: Annotated[FileForm | None, typer.Option("--format", help="Default: as the name ends, or csv.")] = None,
    start: From = None,
    end: To = None,
    meter: MeterName = None,
    database: DatabaseFile = None,
    config: ConfigFile = None,
) -> None:
    """Write the readings that are kept to a file.

    Times are in UTC.
    """
    chosen = chosen or ("parquet" if file.suffix == ".parquet" else "csv")
    with open_history(database, config) as reader:
        name = meter or _only_meter(reader)
        zone = reader.time_zone
        span = (moment_of(start, zone) if start else 0.0, moment_of(end, zone, after=True) if end else LATEST_TIME)
        counter = count()
        rows = (row for row, _ in zip(reader.readings(name, *span), counter, strict=False))
        pieces = (csv_pieces if chosen == "csv" else parquet_pieces)(rows)
        if str(file) == "-":
            for piece in pieces:
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
        else:
            _write(file, pieces)
    typer.echo(f"{counted(next(counter), 'reading')} of {name}.", err=True)


@app.example("history import 2024.log 2025.log --meter house", "import")
def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Recordings, in any order.")],
    meter: Annotated[str, typer.Option("--meter", parser=meter_name, metavar="NAME", help="Whose readings they are.")],
    address: FoundAddress = None,
    time_zone: Zone = None,
    database: DatabaseFile = None,
    config: ConfigFile = None,
) -> None:
    """Read recordings with times into the history.

    A capture, any text log with frames and times, or decoded values in a table or one by one, also packed by gzip, xz,
    bz2, zstd or zip. What is there already stays as it is, so that it can be done again.
    """
    configuration = find_configuration(config)
    own = next((m for m in configuration.meters if m.options.name == meter), None) if configuration else None
    given = configuration.sinks.get("history") if configuration else None
    options = given if isinstance(given, HistoryOptions) else HistoryOptions()
    address = address or (own.options.address if own else None)
    with Database(database or database_of(configuration)) as opened, progress("Reading") as tell:
        job = LogImport(
            opened,
            meter,
            zone_of_days(configuration),
            options=own.options.options if own else None,
            address=address,
            keep_since=time.time() - options.keep_raw_days * 86_400,
        )
        job.times.zone = time_zone or job.times.zone
        result = import_logs(job, files, tell)
    typer.echo(_tell(result))
    if not result.kept and all(reason.startswith("rejected") for reason in result.skipped):
        other = f"nothing in it is of address {address}; juntek decode shows what is: give --address."
        mend = other if address is not None and not result.skipped else None
        for file, explanation in result.explanations.items():
            if explanation := explanation or mend:
                typer.echo(f"{file}: {explanation}", err=True)
    tell_times(job.times, "" if time_zone else ", the zone of the days; --time-zone tells another")
    if result.first is not None and result.first < job.keep_since:
        typer.echo("Of what is older than history.keep_raw_days, minutes, hours and days are kept.", err=True)


@app.example("history backup /media/usb/juntek.db")
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that is not there yet.")],
    database: DatabaseFile = None,
    config: ConfigFile = None,
) -> None:
    """Copy totals and history into another file.

    The gateway may run meanwhile. To go back, stop it and put the copy in the place of its database.
    """
    with Database(require_database(database or database_of(find_configuration(config))), check=False) as opened:
        opened.back_up(file)
    typer.echo(file)


@app.example("history repair /media/usb/juntek.db")
def repair(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A file that is not there yet. Default: beside the database."),
    ] = None,
    database: DatabaseFile = None,
    config: ConfigFile = None,
) -> None:
    """Save what can be read of a damaged database into a new file, and say what is lost.

    Stop the gateway first. The damaged file stays as it is.
    """
    configuration = find_configuration(config)
    path = require_database(database or database_of(configuration))
    target = file or path.with_name(f"{path.stem}-repaired{path.suffix}")
    with hold(lock_of(path)) as is_alone:
        saved = inspection.repair(path, target)
    typer.echo("Saved: " + ", ".join(f"{saved.rows.get(table, 0)} {what}" for table, what in _SAVED.items()) + ".")
    zone = zone_of_days(configuration)
    for loss in saved.losses:
        what = _SAVED.get(loss.table, loss.table)
        if loss.meter is None:
            typer.echo(f"Lost: a part of the {what}.")
            continue
        begin, end = (minute_of(max(time, 0), zone) for time in (loss.start, loss.end))
        typer.echo(f"Lost: the {what} of {saved.names.get(loss.meter, loss.meter)} after {begin}, up to {end}.")
    if not saved.losses:
        typer.echo("Nothing is lost.")
    if not is_alone:
        typer.echo(
            "A gateway is running: what it keeps from now on is not in the new file; stop it, and do this again."
        )
    typer.echo(
        f"With the gateway stopped, put {target} in the place of {path}; remove {path.name}-wal and {path.name}-shm."
    )


_SAVED = {
    "ledger": "totals",
    "meter": "names of meters",
    "raw": "blocks of readings",
    "minute": "minutes",
    "hour": "hours",
}
"""What the tables hold, in an owner's words."""


def _only_meter(reader: HistoryReader) -> str:
    meters = reader.meters()
    if len(meters) != 1:
        found = f"these meters: {', '.join(meters)}; choose one with --meter" if meters else "nothing yet"
        raise RequestError(f"The history has {found}.")
    return meters[0]


def _dates_between(start: str | None, end: str | None, span: tuple[float, float], zone: tzinfo) -> tuple[date, date]:
    """Return the local dates of two texts, or of the ends of the span where there is none."""
    first = moment_of(start, zone) if start else span[0]
    last = moment_of(end, zone) if end else span[1]
    return datetime.fromtimestamp(first, zone).date(), datetime.fromtimestamp(last, zone).date()


# What is said -----------------------------------------------------------------------------------------------


def _tell(result: Imported) -> str:
    if result.first is None or result.last is None:
        kept = f"No reading of {result.meter} is new."
    else:
        first, last = (f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}" for moment in (result.first, result.last))
        kept = f"{counted(result.kept, 'reading')} of {result.meter} kept, from {first} to {last}."
    skipped = ", ".join(f"{count} {why}" for why, count in result.skipped.most_common())
    return f"{kept} Skipped: {skipped}." if skipped else f"{kept} Nothing was skipped."


def _is_database(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(len(DATABASE_MARK)) == DATABASE_MARK


def _write(file: Path, pieces: Iterator[bytes]) -> None:
    """Write over what an earlier export left there, but never over years of history."""
    refuse_links_of_others(file)
    with explain_unwritable(file, RequestError):
        if file.is_file() and _is_database(file):
            raise RequestError(f"{file} is a database, which an export would destroy: give the export another name.")
        with file.open("wb") as target:
            target.writelines(pieces)
