"""One connection to the broker: who we are, all meters, and what Home Assistant and earlier runs say there.

Rule: what is read there is not ours; whatever it holds, it ends nothing.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import aiomqtt

from juntek.control import Permission
from juntek.errors import ConfigurationError
from juntek.names import slug
from juntek.outputs.mqtt.messages import OFFLINE, ONLINE, topics_of
from juntek.outputs.mqtt.meter_topics import MeterTopics
from juntek.outputs.mqtt.mqtt_commands import Commands
from juntek.outputs.mqtt.mqtt_connection import LARGEST_MESSAGE, BrokerError, connect
from juntek.outputs.mqtt.publisher import Connection, Publisher, encode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

    from juntek.outputs import Context
    from juntek.outputs.mqtt import MqttOptions, Timing
    from juntek.update import Update


@asynccontextmanager
async def open_session(
    options: MqttOptions, context: Context, timing: Timing
) -> AsyncIterator[Callable[[Update], Awaitable[None]]]:
    """Connect, say that the gateway is online, and yield `handle(update)`; see `juntek.outputs.mqtt.open_sink`."""
    if "gateway" in map(slug, context.meters):
        raise ConfigurationError('A meter named "gateway" would use the gateway\'s own topics; give it another name.')
    topic = topics_of("", base_topic=options.base_topic).gateway
    async with connect(options, aiomqtt.Will(topic, OFFLINE, qos=1, retain=True), timing) as client:
        try:
            async with asyncio.TaskGroup() as tasks:
                session = Session(client, options, context, timing, tasks)
                try:
                    await session.open()
                    yield session.handle
                finally:
                    await session.close()
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None  # what else is in there followed from the first


class Session:
    """One connection. `handle` raises BrokerError when it broke, and so do the tasks in their group."""

    def __init__(
        self, client: aiomqtt.Client, options: MqttOptions, context: Context, timing: Timing, group: asyncio.TaskGroup
    ) -> None:
        self._client = client
        self._options = options
        self._context = context
        self._timing = timing
        self._group = group
        self._status = f"{options.discovery_prefix}/status"
        self._publisher = Publisher(client, options, timing.answer, group)
        permission = Permission.of(options.allow_control)
        self._connection = Connection(self._publisher, options, context, timing, permission)
        self._topics = self._connection.topics
        self._gateway = self._topics("").gateway
        self._commands = Commands(self._connection) if permission else None
        self._sets = re.compile(rf"{re.escape(options.base_topic)}/[^/]+/set/[^/]+", re.DOTALL)
        self._meters: dict[str, MeterTopics] = {}
        self._other_form: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._born = asyncio.Event()

    async def open(self) -> None:
        """Publish who we are, subscribe, and start what goes on by itself.

        A meter is offline until it is heard: what an earlier run left there says nothing about now. Who listens hears
        at once of a connection that breaks; an answer that never comes is waited for much longer.
        """
        if self._options.discovery == "entity":
            self._other_form = {self._topics(meter).config for meter in self._context.meters}
        self._start(self._listen())
        for meter in self._context.meters:
            await self._publisher.publish(self._topics(meter).availability, OFFLINE)
        await self._publisher.publish(self._gateway, ONLINE)
        await self._publisher.subscribe(f"{self._options.base_topic}/+/link")
        if self._options.discovery != "off":
            await self._publisher.subscribe(self._status)
        if self._options.discovery == "entity":
            # Home Assistant takes an entity from one form only, and warns of the end of one that it does not know.
            await self._publisher.subscribe(f"{self._options.discovery_prefix}/device/+/config")
        if self._commands is not None:
            await self._publisher.subscribe(f"{self._options.base_topic}/+/set/+", commands=True)
            self._start(self._commands.run())
        self._start(self._check())
        self._start(self._answer_births())

    async def close(self) -> None:
        """Publish what is still held and that the gateway is offline, unless the connection broke; end the tasks."""
        for task in self._tasks:
            task.cancel()
        if not self._publisher.broken:
            with suppress(BrokerError, TimeoutError):
                async with asyncio.timeout(self._timing.goodbye):
                    for meter in self._meters.values():
                        await meter.flush()
                    await self._publisher.say_last(self._gateway, OFFLINE)
        self._publisher.give_up()

    async def handle(self, update: Update) -> None:
        """Publish what the update changes; a reading waits until its interval is over."""
        meter = self._meters.get(update.meter) or self._add(update.meter)
        if meter.differs(update):
            await meter.on_change(update)
        if update.reading is not None:
            await meter.on_reading(update.reading)

    def _add(self, name: str) -> MeterTopics:
        meter = self._meters[name] = MeterTopics(name, self._connection)
        if self._options.interval:
            self._start(meter.publish_states())
        return meter

    async def _check(self) -> None:
        """Publish what has become due: counts of the links, discovery that had to wait, a history that paused."""
        history = self._context.look_at_history()
        while True:
            await asyncio.sleep(self._timing.check)
            before, history = history, self._context.look_at_history()
            for meter in list(self._meters.values()):
                await meter.publish_discovery()
                await meter.publish_link(older_than=self._timing.link if history == before else 0.0)

    async def _listen(self) -> None:
        """Notice births of Home Assistant, and correct what is no more; ends with the connection."""
        with self._publisher.explained():
            async for message in self._client.messages:
                payload = message.payload if isinstance(message.payload, bytes) else b""
                if self._commands is not None and self._sets.fullmatch(message.topic.value):
                    self._commands.take(message.topic.value, payload, retained=message.retain)
                elif message.topic.value == self._status:
                    # A retained birth is an old one: everything has just been published.
                    if payload == ONLINE.encode() and not message.retain:
                        self._born.set()
                elif message.topic.value in self._other_form:
                    if payload:
                        await self._publisher.publish(message.topic.value, "")
                elif message.retain and message.topic.value.endswith("/link"):
                    await self._correct_retained(message.topic.value.split("/")[-2], payload)

    async def _answer_births(self) -> None:
        """Publish everything again after a birth of Home Assistant; one answer for all births that came meanwhile."""
        while True:
            await self._born.wait()
            await asyncio.sleep(random.uniform(*self._timing.birth))  # noqa: S311 - no secret
            self._born.clear()
            meters = list(self._meters.values())
            for meter in meters:
                await meter.repeat(config=True)
            await self._publisher.publish(self._gateway, ONLINE)
            for meter in meters:
                await meter.repeat(config=False)

    async def _correct_retained(self, meter: str, message: bytes) -> None:
        """Correct what an earlier run left of a meter that was not heard yet, or that is configured no more.

        Discovery of the latter stays: Home Assistant logs a warning for every entity that is turned off in a device
        that is removed over MQTT. The owner deletes the device there, which clears the topic too.
        """
        if len(message) > LARGEST_MESSAGE:
            return
        history, reason = self._context.look_at_history()
        now = {"available": False, "connected": False, "history": history, "history_error": reason}
        try:
            values = json.loads(message)
            ours = values["gateway"] == self._context.gateway or meter in map(slug, self._context.meters)
            corrected = encode({**values, **now}).encode()  # which a surrogate without its other half hinders
        except (ValueError, TypeError, KeyError, RecursionError):
            return
        if ours and meter not in map(slug, self._meters):
            topics = self._topics(meter)
            await self._publisher.publish(topics.availability, OFFLINE)
            await self._publisher.publish(topics.link, corrected)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        self._tasks.append(self._group.create_task(work))
