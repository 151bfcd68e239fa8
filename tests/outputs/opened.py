"""The MQTT sink, opened against a broker of the tests, and what the tests look for there."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from juntek.outputs import Context
from juntek.outputs.mqtt import MqttOptions, Timing, open_sink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from juntek.update import Update
    from servers.mosquitto import Mosquitto
    from servers.recorder import Recorder

CONFIG, STATE = "homeassistant/device/juntek_house/config", "juntek/house/state"
LINK, AVAILABILITY = "juntek/house/link", "juntek/house/availability"
SETTINGS, GATEWAY = "juntek/house/settings", "juntek/gateway/availability"

HURRY = Timing(check=0.05, birth=(0.01, 0.02))


def context(*meters: str, gateway: str = "pi") -> Context:
    return Context(version="1.2.3", gateway=gateway, meters=meters or ("house", "boat"))


@asynccontextmanager
async def sink(
    broker: Mosquitto,
    where: Context | None = None,
    timing: Timing = HURRY,
    **options: Any,  # noqa: ANN401 - those of MqttOptions
) -> AsyncIterator[Callable[[Update], Awaitable[None]]]:
    async with open_sink(MqttOptions(port=broker.port, **options), where or context(), timing) as handle:
        yield handle


async def next_on(recorder: Recorder, topic: str, text: str | None = None, *, since: int = 0) -> Any:  # noqa: ANN401
    """Return the first message of the topic (with that text), decoded where it is a JSON object."""
    found = await recorder.wait_for(
        lambda message: message.topic == topic and (text is None or message.text == text), since=since
    )
    return found.json() if found.payload.startswith(b"{") else found.text


async def count_on(recorder: Recorder, topic: str, count: int) -> None:
    """Return when that many messages of the topic have come."""
    await recorder.wait_for(lambda message: message.topic == topic and len(recorder.on(topic)) >= count)
