"""Engines with data in them: those of `world`, pushed or scraped; those of a real gateway come from `gateway`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from dashboards.asked import Asked, Reader
from dashboards.world import Sample, line_protocol, open_metrics
from servers.engines import Prometheus, VictoriaMetrics


@dataclass(frozen=True, slots=True)
class Filled:
    """An engine whose data end at `now`."""

    engine: VictoriaMetrics | Prometheus
    now: datetime

    def reader(self, **options: object) -> Reader:
        """Somebody who looks at the end of the data."""
        return Reader(self.now, **options)  # type: ignore[arg-type]

    def answer(self, asked: Asked) -> dict[str, list[tuple[float, float]]]:
        """The points of each series; one point where only one was asked for."""
        if asked.step is None:
            found = self.engine.query(asked.expr, time=asked.end, nocache=1)
            return {series: [(asked.end, value)] for series, value in found.items()}
        return self.engine.query_range(asked.expr, asked.start, asked.end, asked.step)


def push(engine: VictoriaMetrics, rows: Iterable[Sample]) -> Filled:
    """Write samples as a gateway pushes them."""
    last, source = 0, iter(rows)
    while batch := list(islice(source, 20_000)):
        engine.write("\n".join(line_protocol(batch)), precision="s")
        last = batch[-1].time
    engine.flush()
    return Filled(engine, datetime.fromtimestamp(last, UTC))


def scrape(directory: Path, rows: Iterable[Sample]) -> Filled:
    """Start a Prometheus that has samples as if it had scraped them."""
    rows = list(rows)
    page = directory / "page.txt"
    directory.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join(open_metrics(rows)) + "\n", encoding="utf-8")
    # In long blocks: promtool reads the page once for each.
    command = ["promtool", "tsdb", "create-blocks-from", "--max-block-duration=72h", "openmetrics"]
    command += [str(page), str(directory / "prometheus")]
    subprocess.run(command, check=True, capture_output=True)
    page.unlink()
    return Filled(Prometheus(directory), datetime.fromtimestamp(rows[-1].time, UTC))
