"""The demo shows real parts at work, with whatever broker the machine can give, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from itertools import takewhile
from pathlib import Path

import pytest

from servers.mosquitto import Mosquitto
from servers.process import free_port

PATIENCE = 300
"""s after which a demo that should have ended is a failure; nothing is measured by it."""


def run_demo(folder: Path, *, without_iotcore: bool = False, port: int | None = None, **variables: str) -> str:
    """Run the demo for some seconds and return what it printed."""
    if without_iotcore:
        (folder / "iotcore.py").write_text('raise ImportError("no package for this machine")\n')
        variables["PYTHONPATH"] = str(folder)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JUNTEK_")}
    done = subprocess.run(
        [sys.executable, "-m", "juntek", "demo", "--duration", "9", "--port", str(port or free_port()), "--no-open"],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
        env={**environment, "TMPDIR": str(folder), **variables},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert not list(folder.glob("juntek-demo-*"))
    return done.stdout


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, tuple[int, str]]]:
    """What the demo printed until it was stopped, and how the commands ended that it names: status and output."""
    folder = tmp_path_factory.mktemp("demo")
    words = [sys.executable, "-m", "juntek", "demo", "--duration", "200", "--port", str(free_port()), "--no-open"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(folder)}) as demo:
        assert demo.stdout is not None
        introduction = list(takewhile(lambda line: not line.startswith("---"), demo.stdout))
        commands = [line.partition(" with: ")[2].strip() for line in introduction if " with: " in line]
        running = [
            subprocess.Popen(
                ["script", "--quiet", "--return", "--command", f"timeout 6 {command}", "/dev/null"],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            )
            for command in commands
        ]  # fmt: skip
        ended = [(process.communicate(timeout=PATIENCE)[0], process.returncode) for process in running]
        demo.send_signal(signal.SIGINT)
        rest = demo.stdout.read()
    assert demo.returncode == 0
    assert not list(folder.glob("juntek-demo-*"))
    return "".join(introduction) + rest, {
        command: (end[1], end[0]) for command, end in zip(commands, ended, strict=True)
    }


def test_every_command_that_the_demo_prints_runs(demo: tuple[str, dict[str, tuple[int, str]]]) -> None:
    _, commands = demo
    assert {"--address", "examples/subscribe.py"} <= {word for command in commands for word in command.split()}
    for command, (status, shown) in commands.items():
        assert status == 124, f"{command} ended by itself: {shown}"
        assert len(shown) > 100, command


def test_the_demo_shows_both_wires_and_what_is_published(demo: tuple[str, dict[str, tuple[int, str]]]) -> None:
    shown, _ = demo
    assert "mosquitto_sub -h 127.0.0.1 -p " in shown
    assert "examples/subscribe.py" in shown
    for sign in (
        "wire    house  :",
        "battery house",
        "battery boat",
        "juntek-demo/house/state",
        "juntek-demo/boat/state",
    ):
        assert sign in shown
    assert " % " in shown


@pytest.mark.broker
def test_where_the_broker_inside_has_no_package_mosquitto_is_taken(tmp_path: Path, mosquitto: Mosquitto) -> None:
    del mosquitto  # that it is installed is what matters
    shown = run_demo(tmp_path, without_iotcore=True)
    assert "Mosquitto, started for the demo" in shown
    assert "juntek-demo/house/state" in shown


def test_without_any_broker_the_demo_shows_everything_but_mqtt(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import shutil\nshutil.which = lambda *_, **__: None\n")
    shown = run_demo(tmp_path, without_iotcore=True)
    assert "everything but MQTT" in shown
    assert "battery house" in shown


def test_a_broker_that_is_named_is_used(tmp_path: Path, mosquitto: Mosquitto) -> None:
    shown = run_demo(tmp_path, JUNTEK_MQTT__HOST=mosquitto.host, JUNTEK_MQTT__PORT=str(mosquitto.port))
    assert f"your broker. Subscribe with: mosquitto_sub -h {mosquitto.host} -p {mosquitto.port}" in shown
    assert "juntek-demo/boat/state" in shown


def test_a_port_that_is_taken_costs_the_page_and_says_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = int(other.getsockname()[1])
        shown = run_demo(tmp_path, port=port)
    assert f"The page cannot be shown: port {port} of this computer is in use; choose another with --port." in shown
    assert "juntek-demo/house/state" in shown
