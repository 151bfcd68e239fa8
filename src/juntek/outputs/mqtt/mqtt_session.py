"""One connection to the broker: who we are, all meters, and what Home Assistant and earlier runs say there.

Rule: what is read there is not ours; whatever it holds, it ends nothing. Nothing is taken over from the connection
before.
"""

from __future__ import annotations

import asyncio
import json
import random
import zlib
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from math import inf

from paho.mqtt.client import topic_matches_sub

from juntek.control.controls import Permission
from juntek.errors import ConfigurationError
from juntek.names import slug
from juntek.outputs import Context, Handle, run_beside
from juntek.outputs.mqtt import MqttOptions, Timing
from juntek.outputs.mqtt.broker_login import BrokerError
from juntek.outputs.mqtt.messages import OFFLINE, ONLINE, WRITES, Topics, encode, platforms_in
from juntek.outputs.mqtt.meter_topics import MeterTopics
from juntek.outputs.mqtt.mqtt_commands import Commands
from juntek.outputs.mqtt.mqtt_connection import LARGEST_MESSAGE, Connection, connect
from juntek.update import Update


@asynccontextmanager
async def open_session(options: MqttOptions, context: Context, timing: Timing) -> AsyncIterator[Handle]:
    """Connect, say that the gateway is online, and yield `handle(update)`; see `juntek.outputs.mqtt.open_sink`."""
    if "gateway" in map(slug, context.meters):
        raise ConfigurationError('A meter named "gateway" would use the gateway\'s own topics; give it another name.')
    will = Topics("", base_topic=options.base_topic).gateway, OFFLINE
    async with connect(options, timing, will=will) as connection:
        session = Session(connection, options, context, timing)
        async with run_beside(session.listen()), run_beside(session.commands.run()):
            try:
                await session.open()
                async with run_beside(session.check()):
                    yield session.handle
            finally:
                await session.close()


class Session:
    """One connection, and what is on the broker; what publishes raises BrokerError."""

    def __init__(self, connection: Connection, options: MqttOptions, context: Context, timing: Timing) -> None:
        self.connection, self.options, self.context, self.timing = connection, options, context, timing
        self.permission = Permission.of(options.allow_control)
        self.commands = Commands(self)
        self.places: dict[str, str] = {}
        """Which meter has each place of the older layout, by its device."""
        self.platforms: defaultdict[str, dict[str, str]] = defaultdict(dict)
        """Of each device the components that write, as they were told last, in an earlier run too: their platforms."""
        self.states: dict[str, str] = {}
        """The last state of each meter, by topic."""
        self._sent: dict[str, bytes] = {}
        """All other messages that are on the broker, by topic; packed, as discovery has 30 kB a meter."""
        self._meters: dict[str, MeterTopics] = {}
        self._status, self._devices = (f"{options.discovery_prefix}/{end}" for end in ("status", "device"))
        self._sets = f"{options.base_topic}/+/set/+"
        self._gateway = self.topics("").gateway
        self._answer_due = inf
        """When a birth of Home Assistant is answered, by the loop's clock."""

    def topics(self, meter: str) -> Topics:
        """Return the topics of a meter, by the name that it has in the configuration or there."""
        return Topics(meter, base_topic=self.options.base_topic, discovery_prefix=self.options.discovery_prefix)

    async def publish(self, topic: str, message: str) -> None:
        """Publish a message that is kept there, unless it is what is there."""
        packed = zlib.compress(message.encode(), 1)
        if self._sent.get(topic) != packed:
            self._sent[topic] = packed
            await self.connection.publish(topic, message)

    async def open(self) -> None:
        """Publish who we are, and subscribe.

        A meter is offline until it is heard: what an earlier run left there says nothing about now. Home Assistant
        takes an entity from one form of discovery only, so the other form goes before ours comes.
        """
        subscribe, options = self.connection.subscribe, self.options
        topics = [self.topics(meter) for meter in self.context.meters]
        if options.discovery != "off":
            await subscribe(self._status)
            for meter in topics:
                for topic in (f"{options.discovery_prefix}/+/{meter.device}/+/config", meter.config):
                    await subscribe(topic, qos=0)  # so that all there is comes before the broker confirms what follows
        for meter in topics:
            await self.publish(meter.availability, OFFLINE)
        await self.publish(self._gateway, ONLINE)
        await subscribe(f"{options.base_topic}/+/link")
        if self.permission:
            await subscribe(self._sets, qos=0, commands=True)
        await self.connection.flush()
        await self.connection.messages.join()

    async def close(self) -> None:
        """Publish what is still held and that the gateway is offline, unless the connection broke."""
        for meter in self._meters.values():
            meter.flush()
        with suppress(BrokerError, TimeoutError):
            async with asyncio.timeout(self.timing.goodbye):
                await self.publish(self._gateway, OFFLINE)
                await self.connection.flush()

    async def handle(self, update: Update) -> None:
        """Publish what the update changes; a reading waits until its interval is over."""
        meter = self._meters.get(update.meter)
        if meter is None:
            meter = self._meters[update.meter] = MeterTopics(update, self)
        await meter.take(update)

    async def check(self) -> None:
        """Publish what has become due: counts of links, discovery that had to wait, a history that paused, births."""
        loop, timing, history = asyncio.get_running_loop(), self.timing, self.context.look_at_history()
        while True:
            await asyncio.sleep(timing.check)
            before, history = history, self.context.look_at_history()
            for meter in list(self._meters.values()):
                await meter.publish_discovery()
                await meter.publish_link(older_than=timing.link if history == before else 0.0)
            if self.connection.refusal:
                self.context.errors["mqtt"] = self.connection.refusal
            if loop.time() >= self._answer_due:
                self._answer_due = inf
                await self._publish_again()

    async def listen(self) -> None:
        """Notice births of Home Assistant, take commands, and correct what is no more."""
        while True:
            topic, payload, is_retained = await self.connection.messages.get()
            if topic_matches_sub(self._sets, topic):
                self.commands.take(topic, payload, retained=is_retained)
            elif topic == self._status:
                # A retained birth is an old one: everything has just been published.
                if payload == ONLINE.encode() and not is_retained and self._answer_due == inf:
                    wait = random.uniform(*self.timing.birth)  # noqa: S311 - no secret
                    self._answer_due = asyncio.get_running_loop().time() + wait
            elif is_retained and payload and topic.endswith("/config"):
                await self._look_at_discovery(topic, payload)
            elif is_retained and topic.endswith("/link"):
                await self._correct_retained(topic.split("/")[-2], payload)
            self.connection.messages.task_done()

    async def _publish_again(self) -> None:
        """Publish all that is on the broker once more: discovery first, states last."""
        for topic in sorted(self._sent, key=lambda topic: not topic.endswith("/config")):
            await self.connection.publish(topic, zlib.decompress(self._sent[topic]))
        for topic, state in list(self.states.items()):
            await self.connection.publish(topic, state)

    async def _look_at_discovery(self, topic: str, message: bytes) -> None:
        """Remove what an earlier run told in the other form of discovery; remember which components write."""
        is_device = topic.startswith(f"{self._devices}/")
        *_, platform, device, key, _ = topic.split("/")
        if is_device is not (self.options.discovery == "device"):
            await self.connection.publish(topic, "")
        elif is_device:  # which has no key
            self.platforms[key] = platforms_in(message)
        elif WRITES.fullmatch(key):
            self.platforms[device][key] = platform

    async def _correct_retained(self, meter: str, message: bytes) -> None:
        """Correct what an earlier run left of a meter that was not heard yet, or that is configured no more.

        Discovery of the latter stays: Home Assistant logs a warning for every entity that is turned off in a device
        that is removed over MQTT. The owner deletes the device there, which clears the topic too.
        """
        if len(message) > LARGEST_MESSAGE:
            return
        history, reason = self.context.look_at_history()
        now = {"available": False, "connected": False, "history": history, "history_error": reason}
        try:
            values = json.loads(message)
            ours = values["gateway"] == self.context.gateway or meter in map(slug, self.context.meters)
            corrected = encode({**values, **now}).encode()  # which a surrogate without its other half hinders
        except (ValueError, TypeError, KeyError, RecursionError):
            return
        if ours and meter not in map(slug, self._meters):
            topics = self.topics(meter)
            await self.connection.publish(topics.availability, OFFLINE)
            await self.connection.publish(topics.link, corrected)
