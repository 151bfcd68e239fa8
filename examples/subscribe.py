"""Print what a gateway publishes: python examples/subscribe.py HOST [PORT] [BASE_TOPIC]; needs juntek[mqtt]."""

import json
import sys

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode


def describe(meter: str, state: dict[str, float | str | None]) -> str:
    """Return one line about a battery; a key is always there, and null where nothing is known."""
    charge = state["state_of_charge"]
    percent = "?" if charge is None else f"{charge:.1f}"
    return f"{meter:12} {percent:>6} %  {state['voltage']} V  {state['current']} A  {state['direction']}"


def show(_client: Client, _data: object, message: MQTTMessage) -> None:
    """Print a state, or whether a meter answers."""
    *_, meter, kind = message.topic.split("/")
    text = message.payload.decode()
    print(describe(meter, json.loads(text)) if kind == "state" else f"{meter:12} is {text}", flush=True)


def main(host: str, port: int, base_topic: str) -> None:
    """Print until Ctrl-C."""
    client = Client(CallbackAPIVersion.VERSION2)

    def subscribe(_client: Client, _data: object, _flags: object, reason: ReasonCode, _properties: object) -> None:
        # After each connection, as the broker forgets it with the connection.
        if reason.is_failure:
            sys.exit(f"The broker does not let us in ({reason}); add client.username_pw_set(user, password).")
        client.subscribe([(f"{base_topic}/+/{kind}", 0) for kind in ("state", "availability")])

    client.on_connect = subscribe
    client.on_message = show
    client.connect(host, port)
    client.loop_forever()


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3, 4):
        sys.exit("Give the host of a broker: python examples/subscribe.py 127.0.0.1 1883 juntek")
    try:
        host, port, base_topic = (*sys.argv[1:], *("", "1883", "juntek")[len(sys.argv) - 1 :])
        main(host, int(port), base_topic)
    except OSError as error:
        sys.exit(f"The broker at {sys.argv[1]} cannot be used ({error}); check that it runs, and its port.")
    except KeyboardInterrupt:
        pass
