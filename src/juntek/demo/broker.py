"""Finds the demo a broker; rule: the owner's where one is named, else one of our own on loopback, else none."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 5.0
"""s that a broker may take to start."""


@dataclass(frozen=True, slots=True)
class BrokerPlace:
    """Where a broker is, and what it is called on the screen."""

    what: str
    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False


@contextmanager
def find_broker(environment: Mapping[str, str], folder: Path) -> Iterator[BrokerPlace | None]:
    """Yield a broker: JUNTEK_MQTT__HOST, or iotcore, or Mosquitto with a configuration in `folder`, or None."""
    host = environment.get("JUNTEK_MQTT__HOST")
    if host:
        yield BrokerPlace(
            "your broker",
            host,
            int(environment.get("JUNTEK_MQTT__PORT", "1883")),
            environment.get("JUNTEK_MQTT__USERNAME"),
            environment.get("JUNTEK_MQTT__PASSWORD"),
            environment.get("JUNTEK_MQTT__TLS", "").lower() in ("1", "true", "yes"),
        )
        return
    port = _free_port()
    try:
        from iotcore import Broker  # noqa: PLC0415 - has no wheel for every machine
    except ImportError:
        with _run_mosquitto(port, folder) as started:
            yield BrokerPlace("Mosquitto, started for the demo", "127.0.0.1", port) if started else None
        return
    with Broker(port=port, listen="127.0.0.1", max_payload_size=1_000_000):
        yield BrokerPlace("a broker inside the demo (iotcore)", "127.0.0.1", port)


@contextmanager
def _run_mosquitto(port: int, folder: Path) -> Iterator[bool]:
    program = shutil.which("mosquitto", path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin")
    if program is None:
        yield False
        return
    settings = folder / "mosquitto.conf"
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\n")
    command = [program, "-c", str(settings)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:  # noqa: S603 - our own
        try:
            yield _answers(port)
        finally:
            child.terminate()


def _answers(port: int) -> bool:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        time.sleep(0.05)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
