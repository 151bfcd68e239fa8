"""Sends messages in their order and has them confirmed; rule: a broker far away is not waited for at each of them.

A thousand meters have five thousand messages at a start. One after the other, each confirmed before the next goes out,
they take four minutes where the broker is 50 ms away.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import aiomqtt
from paho.mqtt.subscribeoptions import SubscribeOptions

from juntek.outputs.mqtt.messages import Topics, topics_of
from juntek.outputs.mqtt.mqtt_connection import BrokerError, explain_loss

if TYPE_CHECKING:
    from collections.abc import Iterator

    from juntek.control import Permission
    from juntek.outputs import Context
    from juntek.outputs.mqtt import MqttOptions, Timing

MOST_UNCONFIRMED: Final = 10
"""Messages on their way that the broker has not confirmed; some brokers take no more (MQTT 5, Receive Maximum)."""

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Publisher:
    """Publishes over one connection.

    A message that is not confirmed in `confirm_timeout` seconds ends the group of tasks with a BrokerError. With QoS 0
    there is nothing to confirm: a broker that takes nothing more is found out by the next other message.
    """

    def __init__(
        self, client: aiomqtt.Client, options: MqttOptions, confirm_timeout: float, group: asyncio.TaskGroup
    ) -> None:
        self.broken = False
        """Whether the connection is."""
        self._client = client
        self._options = options
        self._confirm_timeout = confirm_timeout
        self._group = group
        self._room = asyncio.Semaphore(MOST_UNCONFIRMED)
        self._unconfirmed: set[asyncio.Task[None]] = set()

    async def subscribe(self, topic: str, *, commands: bool = False) -> None:
        """Subscribe with QoS 1 and wait for the confirmation. Raises BrokerError.

        Of `commands` nothing comes twice or was retained before; with MQTT 5 what is about to be is told.
        """
        only_new = SubscribeOptions(qos=0, retainAsPublished=True, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        with self.explained():
            async with asyncio.timeout(self._confirm_timeout):
                await self._client.subscribe(topic, qos=0 if commands else 1, options=only_new if commands else None)

    async def publish(self, topic: str, payload: str | bytes, *, qos: int = 1, retain: bool = True) -> None:
        """Send a message after all that were given before; with QoS 1 it is confirmed later. Raises BrokerError."""
        if qos == 0:
            with self.explained():
                await self._client.publish(topic, payload, retain=retain)
            return
        await self._room.acquire()
        task = self._group.create_task(self._send(topic, payload, retain=retain))
        self._unconfirmed.add(task)
        task.add_done_callback(self._unconfirmed.discard)
        await asyncio.sleep(0)  # it goes out before the next does

    async def say_last(self, topic: str, payload: str) -> None:
        """Send a message and wait until it and all before it are confirmed. Raises BrokerError."""
        await self._room.acquire()
        await self._send(topic, payload, retain=True)
        while self._unconfirmed:
            await asyncio.wait(self._unconfirmed)

    def give_up(self) -> None:
        """Wait for no confirmation any more."""
        for task in self._unconfirmed:
            task.cancel()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn what the library says of a connection that broke into a BrokerError."""
        try:
            yield
        except (aiomqtt.MqttError, OSError):  # a TimeoutError is one
            self.broken = True
            raise BrokerError(explain_loss(self._options)) from None

    async def _send(self, topic: str, payload: str | bytes, *, retain: bool) -> None:
        try:
            with self.explained():
                async with asyncio.timeout(self._confirm_timeout):
                    await self._client.publish(topic, payload, qos=1, retain=retain)
        finally:
            self._room.release()


@dataclass(frozen=True, slots=True)
class Connection:
    """What all meters share."""

    publisher: Publisher
    options: MqttOptions
    context: Context
    timing: Timing
    permission: Permission
    places: dict[str, str] = field(default_factory=dict)
    """Which meter has each place of the older layout, by its device."""

    def topics(self, meter: str) -> Topics:
        """Return the topics of a meter, by the name that it has in the configuration or there."""
        options = self.options
        return topics_of(meter, base_topic=options.base_topic, discovery_prefix=options.discovery_prefix)
