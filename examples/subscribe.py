"""Print what a gateway publishes: python examples/subscribe.py HOST [PORT] [BASE_TOPIC]; needs juntek[mqtt]."""

import asyncio
import json
import sys

from aiomqtt import Client, MqttError


def describe(meter: str, state: dict[str, float | str | None]) -> str:
    """Return one line about a battery; a key is always there, and null where nothing is known."""
    charge = state["state_of_charge"]
    percent = "?" if charge is None else f"{charge:.1f}"
    return f"{meter:12} {percent:>6} %  {state['voltage']} V  {state['current']} A  {state['direction']}"


async def main(host: str, port: int, base_topic: str) -> None:
    """Print until Ctrl-C: states, and whether each meter answers."""
    async with Client(host, port) as client:
        await client.subscribe(f"{base_topic}/+/state")
        await client.subscribe(f"{base_topic}/+/availability")
        async for message in client.messages:
            *_, meter, kind = str(message.topic).split("/")
            text = bytes(message.payload).decode()
            print(describe(meter, json.loads(text)) if kind == "state" else f"{meter:12} is {text}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3, 4):
        sys.exit("Give the host of a broker: python examples/subscribe.py 127.0.0.1 1883 juntek")
    try:
        host, port, base_topic = (*sys.argv[1:], *("", "1883", "juntek")[len(sys.argv) - 1 :])
        asyncio.run(main(host, int(port), base_topic))
    except MqttError as error:
        sys.exit(f"The broker at {sys.argv[1]} cannot be used ({error}); check that it runs, and its port.")
    except KeyboardInterrupt:
        pass
