"""History and time series as in a gateway, and what an engine has held against what the history has."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from history.made import START, reading_at, rows_in
from juntek.backoff import Backoff
from juntek.gateway.supervisor import Supervisor
from juntek.history.cursors import Cursors
from juntek.metric import READING_METRICS
from juntek.outputs import Context, Handle, SinkHealth, history, timeseries
from juntek.outputs.timeseries import RESPONSE_TIME
from juntek.update import Health, Update
from servers.engine import once_shown

if TYPE_CHECKING:
    from servers.engines import InfluxDB, VictoriaMetrics

Points = Counter[tuple[int, str, float]]
"""Time (ms since 1970), field and value, and how often it is there."""


class Gateway:
    """Hands readings of a meter to the sinks; a reading of a tick is always the same, one tick is a second."""

    def __init__(
        self, path: Path, targets: Iterable[timeseries.TimeseriesOptions], response_time: float = RESPONSE_TIME
    ) -> None:
        self.tick = 0
        self.response_time = response_time
        self.targets = tuple(targets)
        self.context = Context(
            version="1.2.3", gateway="pi", meters=("house",), database=path, time_zone=UTC,
            time=lambda: START + self.tick, sections=("history", "timeseries"),
        )  # fmt: skip
        self.supervisors = [self._supervise(options) for options in self.targets]
        self._handle: Handle | None = None

    def _supervise(self, options: timeseries.TimeseriesOptions) -> Supervisor:
        output = replace(timeseries.OUTPUT, open=partial(timeseries.open_sink, response_time=self.response_time))
        return Supervisor(output, options, self.context, f"timeseries {options.label}", Backoff(0.1, 0.4))

    async def hear(self, count: int) -> None:
        for _ in range(count):
            self.tick += 1
            update = Update("house", True, reading_at(self.tick), None, None, Health())  # noqa: FBT003
            self.context.latest.take(update)
            assert self._handle is not None
            await self._handle(update)
            for supervisor in self.supervisors:
                supervisor.offer(update)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        kept = history.HistoryOptions(path=self.context.database, commit_interval=0.1, keep_raw_days=36_500)
        assert self.context.database is not None
        for target in self.targets:
            with Cursors(self.context.database, target.label):
                pass  # each is known before anything is heard
        async with history.open_sink(kept, self.context) as self._handle:
            tasks = [asyncio.create_task(supervisor.run()) for supervisor in self.supervisors]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def health(self) -> SinkHealth:
        """How the first target does."""
        return self.supervisors[0].health


@asynccontextmanager
async def serving(
    path: Path,
    *urls: str,
    tick: int = 0,
    rate: float = 100_000.0,
    interval: float = 0.1,
    response_time: float = RESPONSE_TIME,
) -> AsyncIterator[Gateway]:
    """A gateway with the history at `path` and a target at each URL, running while the context lasts."""
    gateway = Gateway(
        path, [timeseries.TimeseriesOptions(url=url, interval=interval, rate=rate) for url in urls], response_time
    )
    gateway.tick = tick
    async with gateway.running():
        yield gateway


def expected(path: Path) -> Points:
    """What an engine has to have: every value of every reading of the history, once."""
    points: Points = Counter()
    for row in rows_in(path):
        row["output_code"] = 0
        for metric in READING_METRICS:
            value = row[metric.key]
            if value is not None:
                points[round(row["time"] * 1000), metric.field, round(value * metric.factor / metric.divisor, 6)] += 1
    return points


def in_victoria_metrics(engine: VictoriaMetrics) -> Points:
    points: Points = Counter()
    for metric in READING_METRICS:
        for values in engine.export(f'{metric.name}{{meter="house",site="home"}}').values():
            points.update((time, metric.field, round(value, 6)) for time, value in values)
    return points


def in_influxdb(engine: InfluxDB) -> Points:
    points: Points = Counter()
    fields = ", ".join(metric.field for metric in READING_METRICS)
    for row in engine.query(f"SELECT {fields} FROM juntek WHERE meter = 'house' AND site = 'home'", "juntek"):  # noqa: S608
        points.update(
            (row["time"], metric.field, round(row[metric.field], 6))
            for metric in READING_METRICS
            if row[metric.field] is not None
        )
    return points


def check_all(points: Callable[[], Points], path: Path) -> None:
    """Check that an engine has all that the history has, and nothing else or twice."""
    check_same(points, expected(path))


def check_same(points: Callable[[], Points], kept: Points) -> None:
    """Check that an engine has these and nothing else or twice."""
    found = differences(once_shown(points, kept), kept)
    assert not found, found


async def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Return once it is so; asked in a thread, as engines are."""
    end = asyncio.get_running_loop().time() + 60
    while not await asyncio.to_thread(is_so):
        assert asyncio.get_running_loop().time() < end, f"this never happened: {what}"
        await asyncio.sleep(0.1)


async def wait_for_all(points: Callable[[], Points], path: Path) -> None:
    """Return once an engine has all that the history has, and nothing else or twice."""
    end = asyncio.get_running_loop().time() + 60
    while (there := await asyncio.to_thread(points)) != (kept := expected(path)) or not kept:
        assert asyncio.get_running_loop().time() < end, differences(there, kept)
        await asyncio.sleep(0.1)


def differences(there: Points, kept: Points) -> str:
    """Say in a line what an engine does not have, or has twice; an empty text where it has all once."""
    missing, more = sorted(kept - there), sorted(there - kept)
    if not missing and not more:
        return ""
    return (
        f"{len(kept)} values kept; {len(missing)} missing, {missing[:1]} to {missing[-1:]}; "
        f"{len(more)} doubled or wrong, {more[:1]} to {more[-1:]}"
    )
