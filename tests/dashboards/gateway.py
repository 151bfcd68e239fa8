"""A real gateway with two simulated meters that pushes to an engine; rule: only `juntek` itself writes."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cli.program import simulator, started_juntek
from dashboards.filled import Filled
from juntek.rs485.command import set_value
from juntek.rs485.family import model_of_family
from servers.engines import VictoriaMetrics
from servers.process import free_port

PATIENCE = 120
"""s until everything was said three times; it takes 40."""

_CONFIGURATION = """
site = "cabin"
[[meters]]
name = "house"
link = "{link}"
address = 1
[[meters]]
name = "van"
link = "{link}"
address = 2
[history]
path = "{directory}/history.db"
[metrics]
listen = "127.0.0.1:{port}"
[[timeseries]]
url = "{engine}/write"
"""

_LIMITS = {
    "over_voltage_protection": 58.4,
    "under_voltage_protection": 44.0,
    "over_current_protection": 120.0,
    "negative_over_current_protection": 100.0,
    "over_power_protection": 5000.0,
    "over_temperature_protection": 60.0,
}


@contextmanager
def fill_by_gateway(directory: Path, engine: VictoriaMetrics) -> Iterator[Filled]:
    """Run `juntek run` until the engine knows all that it has to say; it runs on meanwhile."""
    models = ("--model", "KG140F", "--address", 1, "--model", "KH140F", "--address", 2)
    with simulator(*models, "--noise", 0.1) as meters:
        _set_limits(meters.url)
        path = directory / "juntek.toml"
        text = _CONFIGURATION.format(link=meters.url, directory=directory, port=free_port(), engine=engine.url)
        path.write_text(text, encoding="utf-8")
        with (
            (directory / "log").open("w") as log,
            started_juntek(
                "run", "--config", path, home=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            ) as process,
        ):
            _wait(engine, process, directory / "log")
            yield Filled(engine, datetime.now(UTC))


def _set_limits(url: str) -> None:
    """Set every limit that can be set; as they come from the factory they are off."""
    host, port = url.removeprefix("socket://").split(":")
    with socket.create_connection((host, int(port)), 10) as line:
        for address, family in ((1, "KG-F"), (2, "KH-F")):
            model = model_of_family(family)
            assert model is not None
            for key, value in _LIMITS.items():
                for _ in range(3):  # the line is noisy, and an answer may be missing
                    line.sendall(set_value(model, address, key, value).line)
                    time.sleep(0.1)


def _wait(engine: VictoriaMetrics, process: subprocess.Popen[str], log: Path) -> None:
    """Until every meter's frames and some rejected ones were told three times: then every rate has a value."""
    end = time.monotonic() + PATIENCE
    while True:
        engine.flush()
        frames = engine.query("count_over_time(juntek_frames_total[1h]) >= 3", nocache=1)
        rejected = engine.query("count_over_time(juntek_garbage_frames_total[1h]) >= 3", nocache=1)
        if len(frames) == 2 and rejected:
            return
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, (frames, rejected, log.read_text())
        time.sleep(0.5)
