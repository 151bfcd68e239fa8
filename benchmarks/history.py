"""A year of one-second readings of one meter: what writing costs, what it takes on disk, how fast charts are.

Rule: processor time of one core, as others may be at work; beside it, in the same run, a plain SQLite table with one
row a reading.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure
from juntek.battery.ledger import Ledger
from juntek.capture import HEADER, format_chunk, read_chunks
from juntek.history import Database
from juntek.history.fields import TOTALS, Batch, batch_of
from juntek.history.queries import HistoryReader
from juntek.history.recorder import Recorder, Stream
from juntek.importing import LogImport, import_logs
from juntek.reading import Reading
from juntek.rs485.bus import Bus
from juntek.simulator import Options, history

PART = "History of one meter, a reading a second (CPU time of one core)"
START = datetime(2025, 1, 1, tzinfo=UTC)
DAY = 86_400
QUANTITIES = ("voltage", "current", "power", "state_of_charge", "temperature")
RANGES = {"hour": DAY // 24, "3 hours": DAY // 8, "8 hours": DAY // 3, "day": DAY, "week": 7 * DAY, "month": 30 * DAY,
          "year": 365 * DAY}  # fmt: skip
POINTS = 1000
COLUMNS = ("voltage", "current", "power", "remaining_capacity", "temperature", *TOTALS)


def measure(*, quick: bool) -> Iterator[Figure]:
    """Yield the figures; `quick` takes ten days in place of a year."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _measure(Path(folder), 10 if quick else 365)


def _measure(folder: Path, days: int) -> Iterator[Figure]:
    log = make_log(folder / "day.log")
    readings = replay(log)
    plain, plain_size = fill_plain(folder / "plain.db", readings)
    yield figure("a plain table, one row a reading, for comparison", plain, "us")
    yield figure("the same on disk, bytes a reading", plain_size, "B")
    yield figure("write a reading, with all rollups", measure_recorder(folder / "day.db", readings), "us", aim=10)
    yield figure("import a reading of a capture", measure_import(folder / "import.db", log), "us", aim=10)
    yield from measure_live(folder / "live.db", readings)
    path = folder / "year.db"
    seconds = fill_year(path, readings, days)
    yield figure(f"write a reading of {days} days, prepared", seconds / (days * DAY) * 1e6, "us", aim=10)
    size = path.stat().st_size / (days * DAY)
    yield figure("on disk with all rollups, bytes a reading", size, "B", aim=45)
    yield figure("on disk, to the plain table", size / plain_size, "x")
    yield from ask(path, days, folder / "plain.db")


def figure(name: str, value: float, unit: str, *, aim: float | None = None) -> Figure:
    """Return a figure of the history."""
    return Figure(part=PART, name=name, value=value, unit=unit, aim=aim)


def make_log(path: Path) -> Path:
    """Write a day of a simulated battery as a capture."""
    frames = history(Options(start=START), START, START + timedelta(days=1), 1, settings_every=3600)
    path.write_text(HEADER + "\n" + "".join(format_chunk(at, data) for at, data in frames))
    return path


def replay(log: Path) -> list[Reading]:
    """Return the readings of the day with the totals of the gateway."""
    bus, ledger, readings = Bus(), Ledger(UTC), []
    for chunk in read_chunks([log.read_bytes()]):
        for event in bus.feed(chunk.data, chunk.time):
            if isinstance(event, Reading):
                ledger.add(event)
                readings.append(ledger.totals().put_on(event))
    return readings


def timed(work: Callable[[], object]) -> float:
    """Return the seconds of one core that it takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def fill_plain(path: Path, readings: Sequence[Reading]) -> tuple[float, float]:
    """Return µs and bytes a reading of a table with one row a reading."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"CREATE TABLE reading (time REAL PRIMARY KEY, {', '.join(COLUMNS)}) WITHOUT ROWID")
    marks = ", ".join("?" * (len(COLUMNS) + 1))

    def fill() -> None:
        for start in range(0, len(readings), 3600):
            rows = [(r.time, *(getattr(r, key) for key in COLUMNS)) for r in readings[start : start + 3600]]
            with connection:
                connection.executemany(f"INSERT INTO reading VALUES ({marks})", rows)  # noqa: S608

    seconds = timed(fill)
    connection.close()
    return seconds / len(readings) * 1e6, path.stat().st_size / len(readings)


def measure_recorder(path: Path, readings: Sequence[Reading]) -> float:
    """Return µs a reading in commits of an hour."""
    with Database(path, synchronous="NORMAL") as database:
        recorder = Recorder(database)
        hours = [readings[start : start + 3600] for start in range(0, len(readings), 3600)]
        return timed(lambda: [recorder.record({"house": hour}) for hour in hours]) / len(readings) * 1e6


def measure_import(path: Path, log: Path) -> float:
    """Return µs a reading of `juntek history import`, decoded and checked."""
    with Database(path) as database:
        job = LogImport(database, "house", UTC)
        seconds = timed(lambda: import_logs(job, [log]))
    return seconds / job.result.kept * 1e6


def measure_live(path: Path, readings: Sequence[Reading]) -> Iterator[Figure]:
    """Yield what an hour of commits every ten seconds costs."""
    with Database(path, synchronous="NORMAL") as database:
        recorder = Recorder(database)
        database._connection.execute("PRAGMA wal_autocheckpoint = 0")  # noqa: SLF001 - to see all that is written
        cpu = time.process_time()
        for start in range(0, 3600, 10):
            recorder.record({"house": readings[start : start + 10]})
        cpu = time.process_time() - cpu
        written = Path(f"{path}-wal").stat().st_size
    yield figure("one commit of ten readings", cpu / 360 * 1000, "ms")
    yield figure("written to the disk in a day, at a reading a second", written * 24 / 1e6, "MB")


def fill_year(
    path: Path, readings: Sequence[Reading], days: int, *, meter: str = "house", begin: datetime = START
) -> float:
    """Write the same day again and again, with times and totals that go on; return the seconds it took."""
    seconds = 0.0
    day = batch_of(readings)
    day["time"] = [(at or 0) + round((begin - START).total_seconds() * 1000) for at in day["time"]]
    growth = {key: (day[key][-1] or 0) - (day[key][0] or 0) for key in TOTALS}
    with Database(path, synchronous="NORMAL") as database:
        recorder = Recorder(database)
        for number in range(days):
            parts = list(hours_of(moved(day, number, growth)))
            seconds += timed(lambda: [recorder.record_streams([(Stream(meter), part)]) for part in parts])  # noqa: B023
        database._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # noqa: SLF001
    return seconds


def moved(day: Batch, number: int, growth: Mapping[str, int]) -> Batch:
    """Return the day so many days later."""
    batch = dict(day)
    batch["time"] = [(at or 0) + number * DAY * 1000 for at in day["time"]]
    for key, grown in growth.items():
        batch[key] = [(total or 0) + number * grown for total in day[key]]
    return batch


def hours_of(batch: Batch) -> Iterator[Batch]:
    """Yield the batch hour by hour."""
    for start in range(0, len(batch["time"]), 3600):
        yield {key: column[start : start + 3600] for key, column in batch.items()}


def ask(path: Path, days: int, plain: Path) -> Iterator[Figure]:
    """Yield how long charts of each range take, and the tables of days."""
    start = START.timestamp()
    end = start + days * DAY
    connection = sqlite3.connect(plain)
    with HistoryReader(path) as reader:
        for name, span in {**RANGES, "all": days * DAY}.items():
            if span > days * DAY:
                continue
            chart = partial(reader.series, "house", QUANTITIES, end - span, end, POINTS)
            points = len(chart().time)
            milliseconds = median(timed(chart) for _ in range(7)) * 1000
            yield figure(
                f"chart of {name}: {points} points of {len(QUANTITIES)} quantities", milliseconds, "ms", aim=50
            )
            if span == DAY:
                ratio = milliseconds / 1000 / ask_plain(connection, start, span)
                yield figure(f"chart of {name}, to the plain table", ratio, "x")
        first, last = START.date(), datetime.fromtimestamp(end, UTC).date()
        table = partial(reader.days, "house", first, last, "day")
        yield figure(f"energies and extremes of {days} days", timed(table) * 1000, "ms", aim=50)
    connection.close()


def ask_plain(connection: sqlite3.Connection, start: float, span: float) -> float:
    """Return the seconds that SQL takes for the same chart from single rows."""
    parts = ", ".join(f"min({key}), avg({key}), max({key})" for key in COLUMNS[:5])
    width = max(1, -(-span // POINTS))
    query = f"SELECT {parts} FROM reading WHERE time >= ? AND time < ? GROUP BY CAST(time / {width} AS INTEGER)"  # noqa: S608
    return median(timed(lambda: connection.execute(query, (start, start + span)).fetchall()) for _ in range(3))
