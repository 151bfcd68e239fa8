"""The demo shows real parts at work, with whatever broker the machine can give, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from juntek.demo import run_demo
from juntek.meter import Timing
from servers.mosquitto import Mosquitto
from servers.process import free_port

Demo = Callable[..., str]


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Demo:
    """Runs the demo for some seconds, with a past of an hour, and returns what it printed."""
    monkeypatch.setattr("juntek.demo.sample_history.STRETCHES", ((timedelta(hours=1), 20.0),))
    monkeypatch.setattr("juntek.demo.screen.LINE_INTERVAL", 0.5)
    monkeypatch.setattr("juntek.meter.line.TIMING", Timing(listen_first=1.2))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("HOST", "PORT"):
        monkeypatch.delenv(f"JUNTEK_MQTT__{name}", raising=False)

    def run(*, without_iotcore: bool = False, port: int | None = None) -> str:
        if without_iotcore:
            monkeypatch.setitem(sys.modules, "iotcore", None)
        asyncio.run(run_demo(duration=5.0, port=port or free_port(), open_page=False))
        assert not list(tmp_path.glob("juntek-demo-*"))
        return capsys.readouterr().out

    return run


def test_the_demo_shows_both_wires_and_what_is_published(demo: Demo) -> None:
    shown = demo()
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
def test_where_the_broker_inside_has_no_package_mosquitto_is_taken(demo: Demo, mosquitto: Mosquitto) -> None:
    del mosquitto  # that it is installed is what matters
    shown = demo(without_iotcore=True)
    assert "Mosquitto, started for the demo" in shown
    assert "juntek-demo/house/state" in shown


def test_without_any_broker_the_demo_shows_everything_but_mqtt(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    shown = demo(without_iotcore=True)
    assert "everything but MQTT" in shown
    assert "battery house" in shown


def test_a_broker_that_is_named_is_used(demo: Demo, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUNTEK_MQTT__HOST", mosquitto.host)
    monkeypatch.setenv("JUNTEK_MQTT__PORT", str(mosquitto.port))
    shown = demo()
    assert f"your broker. Subscribe with: mosquitto_sub -h {mosquitto.host} -p {mosquitto.port}" in shown
    assert "juntek-demo/boat/state" in shown


def test_a_port_that_is_taken_costs_the_page_and_says_so(demo: Demo) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = int(other.getsockname()[1])
        shown = demo(port=port)
    assert f"The page cannot be shown: port {port} of this computer is in use; choose another with --port." in shown
    assert "juntek-demo/house/state" in shown
