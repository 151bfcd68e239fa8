"""From the last byte on the wire to the message at a subscriber; rule: both moments are taken in one process.

With `mqtt.interval = 0` every reading is published. The broker's own part is measured beside it: at the same moments a
message of the same size goes straight to it.
"""

from __future__ import annotations

import json
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from paho.mqtt.client import Client

from benchmarks.broker import run_broker, subscribe, wait_until
from benchmarks.figures import Figure
from benchmarks.processes import JUNTEK, run, write_configuration
from benchmarks.streams import identity, settings, simulated

PART = "Delay from the last byte of a reply to the subscriber (interval = 0, 20 readings a second)"
AIM = 5.0
PAUSE = 0.05
WARM_UP = 20
PROBE = "juntek/meter1/probe"


class Delays:
    """Moments of sending by number, and the delays (ms) of what arrived."""

    def __init__(self) -> None:
        self.sent: dict[int, float] = {}
        self.probed: dict[int, float] = {}
        self.readings: list[float] = []
        self.probes: list[float] = []

    def hear(self, topic: str, payload: bytes, moment: float) -> None:
        """Take note of a message."""
        if topic == PROBE:
            self.probes.append((moment - self.probed[int(payload)]) * 1e3)
        elif topic.endswith("/state"):
            self.readings.append((moment - self.sent[json.loads(payload)["run_time"]]) * 1e3)


def measure(*, quick: bool) -> Iterator[Figure]:
    """Yield median and 99th percentile, of ours and of the broker alone. Raises NoBrokerError without Mosquitto."""
    count = 100 if quick else 400
    delays = Delays()
    with (
        tempfile.TemporaryDirectory() as name,
        run_broker(Path(name)) as broker,
        subscribe(broker, "juntek/meter1/+", delays.hear) as probe,
        socket.create_server(("127.0.0.1", 0)) as meter,
    ):
        directory = Path(name)
        link = f"socket://127.0.0.1:{meter.getsockname()[1]}"
        path = write_configuration(directory, [link], broker, interval=0)
        with run(*JUNTEK, "run", "--config", str(path), log=directory / "log"):
            meter.settimeout(30)
            connection, _ = meter.accept()
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.sendall(identity() + settings())
                _talk(connection, probe, delays, count)
    ours, bare = sorted(delays.readings[WARM_UP:]), sorted(delays.probes[WARM_UP:])
    for name, share, aim in (("median", 0.5, None), ("99 of 100", 0.99, AIM)):
        mine, other = (values[int(share * (len(values) - 1))] for values in (ours, bare))
        yield Figure(part=PART, name=name, value=mine, unit="ms", aim=aim)
        yield Figure(part=PART, name=f"{name}: the broker alone", value=other, unit="ms")
        yield Figure(part=PART, name=f"{name}: ratio", value=mine / other, unit="x")


def _talk(connection: socket.socket, probe: Client, delays: Delays, count: int) -> None:
    for number, (_, reply) in enumerate(simulated("KG140F", count + WARM_UP)):
        delays.sent[int(reply.split(b",")[7])] = time.monotonic()
        connection.sendall(reply)
        time.sleep(PAUSE / 2)
        delays.probed[number] = time.monotonic()
        probe.publish(PROBE, b"%-700d" % number)
        time.sleep(PAUSE / 2)
    wait_until(lambda: len(delays.readings) >= count, 10, "the last reading")
