"""The demo shows real parts at work, with whatever broker the machine can give, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from juntek.demo import run_demo
from juntek.meter import Timing
from servers.mosquitto import Mosquitto
from servers.process import free_port, started

HOUR = ((timedelta(hours=1), 20.0),)
"""The past of these demos; that of a month is made in tests/stack."""
BRIEF = f"import datetime, juntek.demo; juntek.demo.STRETCHES = {HOUR!r}; from juntek.cli import main; main()"
PATIENCE = 120
"""s after which a demo that should have ended is a failure; nothing is measured by it."""
ENOUGH = 250
"""Characters; what only says why it ends says fewer."""


SIGNS = ("wire    house  :", "battery house", "battery boat", "juntek-demo/house/state", "juntek-demo/boat/state")

Demo = Callable[..., str]


@pytest.fixture
def brief_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Demo:
    """Runs the demo with a past of an hour until it prints something, and returns what it printed."""
    monkeypatch.setattr("juntek.demo.STRETCHES", HOUR)
    monkeypatch.setattr("juntek.demo.screen.LINE_INTERVAL", 0.5)
    monkeypatch.setattr("juntek.meter.line.TIMING", Timing(listen_first=1.2))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("HOST", "PORT"):
        monkeypatch.delenv(f"JUNTEK_MQTT__{name}", raising=False)

    async def show(until: str, port: int) -> str:
        shown = ""
        running = asyncio.create_task(run_demo(duration=PATIENCE, port=port, open_page=False))
        while until not in shown and not running.done():
            await asyncio.sleep(0.1)
            shown += capsys.readouterr().out
        running.cancel()
        await asyncio.wait([running], timeout=PATIENCE)
        return shown

    def run(until: str, *, without_iotcore: bool = False, port: int | None = None) -> str:
        if without_iotcore:
            monkeypatch.setitem(sys.modules, "iotcore", None)
        shown = asyncio.run(show(until, port or free_port()))
        assert until in shown
        assert not list(tmp_path.glob("juntek-demo-*"))
        return shown

    return run


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, str]]:
    """What the demo printed until it was stopped, and what the commands began to show that it names."""
    folder = tmp_path_factory.mktemp("demo")
    printed = folder / "printed"
    words = ("-c", BRIEF, "demo", "--duration", PATIENCE, "--port", free_port(), "--no-open")
    variables = {**os.environ, "TMPDIR": str(folder)}
    with printed.open("w") as file, started(sys.executable, *words, stdout=file, env=variables) as demo:
        while not all(sign in printed.read_text() for sign in SIGNS):
            assert demo.poll() is None
            time.sleep(0.1)
        named = [line.partition(" with: ")[2] for line in printed.read_text().splitlines() if " with: " in line]
        with ThreadPoolExecutor() as together:
            shown = dict(zip(named, together.map(begin, named), strict=True))
        demo.send_signal(signal.SIGINT)
        assert demo.wait(PATIENCE) == 0
    text = printed.read_text()
    printed.unlink()
    assert not list(folder.iterdir())
    return text, shown


def begin(command: str) -> str:
    """Return the first characters that a command shows on a terminal; fewer where it has ended by itself."""
    on_a_terminal = ("script", "--quiet", "--return", "--command", command, "/dev/null")
    with started(*on_a_terminal, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, errors="replace") as process:
        assert process.stdout is not None
        return str(process.stdout.read(ENOUGH))


def test_every_command_that_the_demo_prints_runs(demo: tuple[str, dict[str, str]]) -> None:
    """It was stopped once it had shown the SIGNS of both wires and of what is published."""
    text, commands = demo
    assert "mosquitto_sub -h 127.0.0.1 -p " in text
    assert " % " in text
    assert {"--address", "examples/subscribe.py"} <= {word for command in commands for word in command.split()}
    for command, shown in commands.items():
        assert len(shown) == ENOUGH, f"{command} ended by itself: {shown}"
        assert "Traceback" not in shown


@pytest.mark.broker
def test_where_the_broker_inside_has_no_package_mosquitto_is_taken(brief_demo: Demo, mosquitto: Mosquitto) -> None:
    del mosquitto  # that it is installed is what matters
    shown = brief_demo("juntek-demo/house/state", without_iotcore=True)
    assert "Mosquitto, started for the demo" in shown


def test_without_any_broker_the_demo_shows_everything_but_mqtt(
    brief_demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    assert "everything but MQTT" in brief_demo("battery house", without_iotcore=True)


def test_a_broker_that_is_named_is_used(
    brief_demo: Demo, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUNTEK_MQTT__HOST", mosquitto.host)
    monkeypatch.setenv("JUNTEK_MQTT__PORT", str(mosquitto.port))
    monkeypatch.setenv("JUNTEK_MQTT__CLIENT_ID", "name-of-the-real-gateway")
    shown = brief_demo("juntek-demo/boat/state")
    assert "name-of-the-real-gateway" not in mosquitto.log_text
    assert "MQTT: your broker." in shown
    assert f" {mosquitto.host} {mosquitto.port} juntek-demo" in shown


def test_a_port_that_is_taken_costs_the_page_and_says_so(brief_demo: Demo) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = int(other.getsockname()[1])
        shown = brief_demo("juntek-demo/house/state", port=port)
    assert f"The page cannot be shown: port {port} of this computer is in use; choose another with --port." in shown
