"""The whole way with real processes: meter, gateway and engine, of which the last two are killed again and again."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.program import environment, simulator
from outputs.delivering import expected, in_victoria_metrics
from servers.engines import VictoriaMetrics

PATIENCE = 120.0


@contextmanager
def gateway(configuration: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (
        configuration.with_suffix(".log").open("ab") as log,
        subprocess.Popen(
            [sys.executable, "-m", "juntek", "run", "--config", str(configuration)],
            env=environment(configuration.parent),
            stdin=subprocess.DEVNULL,
            stderr=log,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def wait_until(is_so: Callable[[], bool], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.2)


def test_every_reading_is_there_once_whoever_was_killed(
    start_victoria_metrics: Callable[..., VictoriaMetrics], tmp_path: Path
) -> None:
    engine = start_victoria_metrics("-dedup.minScrapeInterval=1ms")
    path, configuration = tmp_path / "juntek.db", tmp_path / "juntek.toml"
    with simulator("--model", "KG140F") as meter:
        configuration.write_text(f"""
            [[meters]]
            name = "house"
            link = "{meter.url}"
            mode = "poll"
            interval = 0.05
            [history]
            path = "{path}"
            commit_interval = 1
            [[timeseries]]
            url = "{engine.url}/write"
            """)
        log = configuration.with_suffix(".log")
        with gateway(configuration):
            wait_until(lambda: len(in_victoria_metrics(engine)) > 1000, log)
        with gateway(configuration):
            before = len(in_victoria_metrics(engine))
            wait_until(lambda: len(in_victoria_metrics(engine)) > before + 500, log)
            engine.kill()
            wait_until(lambda: "Nothing is lost" in log.read_text(), log)
        engine.start()
        with gateway(configuration) as last:
            wait_until(lambda: len(in_victoria_metrics(engine)) > before + 1000, log)
            wait_until(lambda: not expected(path) - in_victoria_metrics(engine), log)
            last.terminate()
            assert last.wait(30) == 0
    there = in_victoria_metrics(engine)
    assert {point: count for point, count in there.items() if count > 1} == {}
    assert len(there) > 1500
