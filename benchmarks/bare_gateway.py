"""The shortest program that brings a meter to a broker, to compare with; rule: it splits, scales, sums and publishes.

`python -m benchmarks.bare_gateway METER_PORT BROKER_PORT`. No check but the sum, no totals, no averages, no second
meter, no coming back; the same library for MQTT, driven by its own thread as its manual says.
"""

from __future__ import annotations

import json
import socket
import sys

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

FIELDS = {"voltage": (2, 100), "current": (3, 100), "remaining_capacity": (4, 1000), "discharged_capacity": (5, 1000)}
FIELDS |= {"charged_energy": (6, 100), "run_time": (7, 1), "temperature": (8, 1), "internal_resistance": (13, 100)}


def main(meter_port: int, broker_port: int) -> None:
    """Publish every reply until the meter hangs up."""
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker_port)
    client.loop_start()
    count = 0
    with socket.create_connection(("127.0.0.1", meter_port)) as connection, connection.makefile("rb") as lines:
        for line in lines:
            if not line.startswith(b":r50="):
                continue
            numbers = [int(word) for word in line.strip().rstrip(b",")[5:].split(b",")]
            if sum(numbers[2:]) % 255 + 1 != numbers[1]:
                continue
            count += 1
            values = {key: numbers[place] / scale for key, (place, scale) in FIELDS.items()}
            values["power"] = round(values["voltage"] * values["current"], 2)
            values["message_count"] = count
            client.publish("juntek/bare/state", json.dumps(values), retain=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
