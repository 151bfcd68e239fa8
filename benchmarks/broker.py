"""A real Mosquitto, and what arrives at a subscriber; rule: it passes small messages on at once, as ours are sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from servers.mosquitto import find_program
from servers.process import ServerProcess, free_port


class NoBrokerError(Exception):
    """There is no Mosquitto here."""


@contextmanager
def run_broker(directory: Path) -> Iterator[int]:
    """Yield the port of a Mosquitto of our own. Raises NoBrokerError where none is installed."""
    with run_broker_process(directory) as (port, _):
        yield port


@contextmanager
def run_broker_process(directory: Path) -> Iterator[tuple[int, int]]:
    """Yield the port and the process of a Mosquitto; else as `run_broker`."""
    program = find_program("mosquitto")
    if program is None:
        raise NoBrokerError("Mosquitto is not installed; scripts/install-test-servers --mosquitto brings it.")
    port = free_port()
    settings = directory / "mosquitto.conf"
    lines = [f"listener {port} 127.0.0.1", "allow_anonymous true", "persistence false", "set_tcp_nodelay true"]
    lines += ["log_dest stderr", "log_type notice", "log_type information"]
    settings.write_text("\n".join([*lines, ""]))
    process = ServerProcess("mosquitto", directory / "mosquitto.log")
    process.start([program, "-c", str(settings)])
    try:
        process.wait_until_ready(lambda: " running\n" in process.log_text(), timeout=10)
        yield port, process.process_id
    finally:
        process.stop()


Hear = Callable[[str, bytes, float], None]
"""Is called with topic, payload and the moment of arrival (s of the monotonic clock), in the subscriber's thread.

What the broker had kept from before the subscription is left out.
"""


@contextmanager
def subscribe(port: int, topics: str, hear: Hear) -> Iterator[Client]:
    """Yield a client whose subscription is served in a thread; it may publish, too."""
    client = Client(CallbackAPIVersion.VERSION2)
    subscribed: list[int] = []

    def on_message(_client: Client, _userdata: Any, message: MQTTMessage) -> None:  # noqa: ANN401 - the library's own
        moment = time.monotonic()
        if not message.retain:
            hear(message.topic, bytes(message.payload), moment)

    client.on_message = on_message
    client.on_subscribe = lambda *_: subscribed.append(1)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        client.subscribe(topics)
        wait_until(lambda: bool(subscribed), 10, "the subscription")
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def wait_until(is_true: Callable[[], bool], patience: float, what: str) -> None:
    """Return when it is; TimeoutError after `patience` seconds."""
    end = time.monotonic() + patience
    while not is_true():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come in {patience:g} s")
        time.sleep(0.01)
