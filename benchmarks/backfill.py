"""The past into an engine that was away for a week; rule: the real command, real engines, and what arrived is counted.

`juntek history push` is a process of its own and the engine is another, as on a computer of an owner: the time is that
on the clock, start and end of the program with it. The gateway sends by the same code, no faster than its `rate`.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks.figures import Figure, LeftOut
from benchmarks.history import DAY, START, fill_year, make_log, replay
from benchmarks.processes import ENVIRONMENT, JUNTEK
from servers.engine import once_shown
from servers.engines import InfluxDB, VictoriaMetrics, missing_engines

DAYS, QUICK_DAYS = 7, 1
AIM = 20.0
"""us a reading: 50,000 readings a second."""


def measure(*, quick: bool) -> Iterator[Figure | LeftOut]:
    """Yield the time for a reading; `quick` takes a day in place of a week."""
    days = QUICK_DAYS if quick else DAYS
    part = f"An engine gets what it missed: {days} days of one meter, a reading a second (time on the clock)"
    if missing_engines():
        yield LeftOut("The engines are not installed; scripts/install-test-servers --engines brings them.")
        return
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        directory = Path(name)
        database = directory / "juntek.db"
        fill_year(database, replay(make_log(directory / "day.log")), days)
        count = days * DAY
        engine = stack.enter_context(VictoriaMetrics(directory / "victoria-metrics"))
        seconds = _push(database, f"{engine.url}/write")
        end = START.timestamp() + count
        _compare(count, once_shown(lambda: _in_victoria_metrics(engine, count, end), count))
        yield Figure(part=part, name="into VictoriaMetrics, a reading", value=seconds / count * 1e6, unit="us", aim=AIM)
        yield Figure(part=part, name="into VictoriaMetrics, all", value=seconds, unit="s")
        influxdb = stack.enter_context(InfluxDB(directory / "influxdb"))
        influxdb.create_database("juntek")
        seconds = _push(database, f"{influxdb.url}/write?db=juntek")
        _compare(count, _in_influxdb(influxdb))
        yield Figure(part=part, name="into InfluxDB 1, a reading", value=seconds / count * 1e6, unit="us", aim=AIM)


def _push(database: Path, url: str) -> float:
    started = time.perf_counter()
    subprocess.run(  # noqa: S603 - our own program
        [*JUNTEK, "history", "push", url, "--database", str(database)], env=ENVIRONMENT, check=True, capture_output=True
    )
    return time.perf_counter() - started


def _in_victoria_metrics(engine: VictoriaMetrics, seconds: int, end: float) -> int:
    engine.flush()
    counted = engine.query(f"count_over_time(juntek_voltage_volts[{seconds + 60}s])", time=end)
    return round(sum(counted.values()))


def _in_influxdb(engine: InfluxDB) -> int:
    return int(engine.query("SELECT count(voltage_volts) FROM juntek", "juntek")[0]["count"])


def _compare(count: int, arrived: int) -> None:
    if arrived != count:
        raise RuntimeError(f"{arrived} of {count} readings arrived")
