"""What tests of sinks share."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from servers.process import ServerProcess, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from servers.engines import VictoriaMetrics


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the history of a gateway is kept."""
    return tmp_path / "juntek.db"


@pytest.fixture
def engine(start_victoria_metrics: Callable[..., VictoriaMetrics]) -> VictoriaMetrics:
    """A fresh VictoriaMetrics that keeps once what comes twice, started as compose.yaml does."""
    return start_victoria_metrics("-dedup.minScrapeInterval=1ms")


@pytest.fixture
def always_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """The metrics are written anew for everybody."""
    from juntek.outputs.metrics import endpoint  # noqa: PLC0415 - only these tests need its library

    monkeypatch.setattr(endpoint, "REST", 0)


@pytest.fixture
def start_vmauth(tmp_path: Path) -> Iterator[Callable[[str], int]]:
    """Starts a vmauth with the users of a YAML text; it comes with VictoriaMetrics."""
    processes: list[ServerProcess] = []

    def start(users: str) -> int:
        assert shutil.which("vmauth") is not None
        settings, port = tmp_path / "auth.yml", free_port()
        settings.write_text(users, encoding="utf-8")
        process = ServerProcess("vmauth", tmp_path / "vmauth.log")
        processes.append(process)
        process.start(["vmauth", f"-auth.config={settings}", f"-httpListenAddr=127.0.0.1:{port}"])
        process.wait_until_ready(lambda: "started vmauth" in process.log_text(), timeout=30)
        return port

    yield start
    for process in processes:
        process.stop()
