"""What is published while one connection lasts; rule: a topic is written only when what it says has changed.

States go out with QoS 0: the next one is near. All else is small and rare and goes out with QoS 1. Everything is
retained, so that whoever comes later finds it; nothing is taken over from the connection before.
"""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

import aiomqtt

from juntek.errors import ConfigurationError
from juntek.names import slug
from juntek.outputs.mqtt import discovery, juntek_kg
from juntek.outputs.mqtt.connection import BrokerError, connect
from juntek.outputs.mqtt.discovery import OFFLINE, ONLINE, topics_of
from juntek.outputs.mqtt.published import Published
from juntek.outputs.mqtt.publisher import Publisher
from juntek.reading import average

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

    from juntek.outputs import Context
    from juntek.outputs.mqtt.options import Options
    from juntek.reading import Reading
    from juntek.update import Update

CHECK_EVERY: Final = 1.0
"""Seconds between two looks at what may be due."""

LINK_EVERY: Final = 30.0
"""Seconds between two messages about a link whose counts go on and which is otherwise as it was."""

SETTLE: Final = 5.0
"""Seconds between two discovery messages of one meter: Home Assistant drops parts of one that follows too soon."""

JITTER: Final = (0.1, 0.6)
"""Seconds after a birth of Home Assistant, so that not all gateways answer at once."""

GOODBYE: Final = 3.0
"""Seconds that a clean leave may take."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@asynccontextmanager
async def open_session(options: Options, context: Context) -> AsyncIterator[Callable[[Update], Awaitable[None]]]:
    """Connect, say that the gateway is online, and yield `handle(update)`; see `juntek.outputs.mqtt.open_sink`."""
    if "gateway" in map(slug, context.meters):
        raise ConfigurationError('A meter named "gateway" would use the gateway\'s own topics; give it another name.')
    topic = topics_of("", base_topic=options.base_topic).gateway
    async with connect(options, aiomqtt.Will(topic, OFFLINE, qos=1, retain=True)) as client:
        try:
            async with asyncio.TaskGroup() as tasks:
                session = Session(client, options, context, tasks)
                try:
                    await session.open()
                    yield session.handle
                finally:
                    await session.close()
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None  # what else is in there followed from the first


class Session:
    """One connection. `handle` raises BrokerError when it broke, and so do the tasks in their group."""

    def __init__(self, client: aiomqtt.Client, options: Options, context: Context, group: asyncio.TaskGroup) -> None:
        self._client = client
        self._options = options
        self._context = context
        self._status = f"{options.discovery_prefix}/status"
        self._gateway = topics_of("", base_topic=options.base_topic).gateway
        self._meters: dict[str, Published] = {}
        self._places: dict[str, str] = {}
        self._group = group
        self._publisher = Publisher(client, options, group)
        self._tasks: list[asyncio.Task[None]] = []
        self._history = context.look_at_history()

    async def open(self) -> None:
        """Publish who we are, subscribe, and start what goes on by itself.

        A meter is offline until it is heard: what an earlier run left there says nothing about now.
        """
        for meter in self._context.meters:
            await self._publisher.publish(self._topics(meter).availability, OFFLINE)
        await self._publisher.publish(self._gateway, ONLINE)
        with self._publisher.explained():
            await self._client.subscribe(f"{self._options.base_topic}/+/link", qos=1)
            if self._options.discovery:
                await self._client.subscribe(self._status, qos=1)
        self._start(self._listen())
        self._start(self._check())

    async def close(self) -> None:
        """Publish what is still held and that the gateway is offline, unless the connection broke; end the tasks."""
        for task in self._tasks:
            task.cancel()
        if not self._publisher.broken:
            with suppress(BrokerError, TimeoutError):
                async with asyncio.timeout(GOODBYE):
                    for meter in self._meters.values():
                        await self._flush(meter)
                    await self._publisher.say_last(self._gateway, OFFLINE)
        self._publisher.give_up()

    async def handle(self, update: Update) -> None:
        """Publish what the update changes; a reading waits until its interval is over."""
        meter = self._meters.get(update.meter)
        if meter is None:
            meter = self._meters[update.meter] = Published(self._topics(update.meter))
            if self._options.interval:
                self._start(self._publish_states(meter))
        reading = update.reading
        if meter.differs(update):
            await self._take_news(meter, update)
        if reading is None:
            return
        if self._options.interval:
            meter.pending.append(reading)
            meter.something_pending.set()
        else:
            await self._publish_state(meter, reading)

    async def _take_news(self, meter: Published, update: Update) -> None:
        if not update.available:
            await self._flush(meter)
        settings_changed = meter.settings is not update.settings and update.settings is not None
        availability_changed = meter.available is not update.available
        meter.take(update)
        await self._publish_discovery(meter, update.meter)
        if availability_changed:
            await self._publisher.publish(meter.topics.availability, ONLINE if update.available else OFFLINE)
        if settings_changed:
            await self._publish_settings(meter)
        await self._publish_link(meter)

    async def _publish_discovery(self, meter: Published, name: str) -> None:
        """Publish discovery when it has changed; soon after the last one it waits for the next check."""
        if not self._options.discovery or meter.family is None or not meter.discovery_is_old:
            return
        now = asyncio.get_running_loop().time()
        if meter.discovery and now < meter.discovery_time + SETTLE:
            return
        meter.discovery_is_old = False
        message = _encode(
            discovery.discovery(
                name,
                meter.topics,
                family=meter.family,
                identity=meter.identity,
                version=self._context.version,
                history=self._history[0] != "off",
            )
        )
        if message != meter.discovery:
            meter.discovery, meter.discovery_time = message, now
            await self._publisher.publish(meter.topics.config, message)

    async def _publish_states(self, meter: Published) -> None:
        """Publish at most one state every interval, and the last one before a silence too."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            await meter.something_pending.wait()
            now = loop.time()
            if now < due:
                await asyncio.sleep(due - now)
            else:
                due = now
            await self._flush(meter)
            due += self._options.interval

    async def _flush(self, meter: Published) -> None:
        meter.something_pending.clear()
        if meter.pending:
            readings, meter.pending = meter.pending, []
            await self._publish_state(meter, average(readings))

    async def _publish_state(self, meter: Published, reading: Reading) -> None:
        meter.state = _encode(reading.as_dict())
        await self._publisher.publish(meter.topics.state, meter.state, qos=0)
        if self._options.topic_layout == "juntek_kg":
            place = self._place(meter, reading)
            for name, value in juntek_kg.values_of(reading):
                await self._publisher.publish(f"{place}/{name}/state", value, qos=0, retain=False)

    def _place(self, meter: Published, reading: Reading) -> str:
        """Of two meters of one model the second has its name added, so that their values do not mix."""
        place = juntek_kg.place_of(self._options.base_topic, reading, meter.identity)
        if self._places.setdefault(place, meter.topics.device) != meter.topics.device:
            return f"{place}_{meter.topics.device}"
        return place

    async def _publish_settings(self, meter: Published) -> None:
        if meter.settings is not None:
            await self._publisher.publish(meter.topics.settings, _encode(meter.settings.as_dict(secrets=False)))

    async def _publish_link(self, meter: Published) -> None:
        if meter.health is None:
            return
        history, reason = self._history
        values = discovery.link(
            meter.health, available=meter.available is True, gateway=self._context.gateway,
            history=history, history_error=reason,
        )  # fmt: skip
        message = _encode(values)
        if message != meter.link:
            meter.link, meter.link_time = message, asyncio.get_running_loop().time()
            await self._publisher.publish(meter.topics.link, message)

    async def _check(self) -> None:
        """Publish what has become due: counts of the links, discovery that had to wait, a history that paused."""
        while True:
            await asyncio.sleep(CHECK_EVERY)
            now = asyncio.get_running_loop().time()
            before, self._history = self._history, self._context.look_at_history()
            for name, meter in list(self._meters.items()):
                await self._publish_discovery(meter, name)
                if now >= meter.link_time + LINK_EVERY or self._history != before:
                    await self._publish_link(meter)

    async def _listen(self) -> None:
        """Answer births of Home Assistant and retire what is no more; ends with the connection."""
        with self._publisher.explained():
            async for message in self._client.messages:
                payload = message.payload if isinstance(message.payload, bytes) else b""
                if message.topic.value == self._status:
                    # A retained birth is an old one: everything has just been published.
                    if payload == ONLINE.encode() and not message.retain:
                        await self._greet()
                elif message.retain:
                    await self._retire(message.topic.value.split("/")[-2], payload)

    async def _greet(self) -> None:
        await asyncio.sleep(random.uniform(*JITTER))  # noqa: S311 - no secret
        meters = [meter for meter in self._meters.values() if meter.discovery]
        for meter in meters:
            await self._publisher.publish(meter.topics.config, meter.discovery)
        await self._publisher.publish(self._gateway, ONLINE)
        for meter in meters:
            await self._publisher.publish(meter.topics.availability, ONLINE if meter.available else OFFLINE)
            await self._publisher.publish(meter.topics.link, meter.link)
            await self._publish_settings(meter)
            if meter.state:
                await self._publisher.publish(meter.topics.state, meter.state)

    async def _retire(self, meter: str, link: bytes) -> None:
        """Correct what an earlier run left of a meter that was not heard yet, or that is configured no more.

        Discovery of the latter stays: Home Assistant logs a warning for every entity that is turned off in a device
        that is removed over MQTT. The owner deletes the device there, which clears the topic too.
        """
        try:
            values = json.loads(link)
            ours = values["gateway"] == self._context.gateway or meter in map(slug, self._context.meters)
        except (ValueError, TypeError, KeyError):
            return
        if ours and meter not in map(slug, self._meters):
            topics = self._topics(meter)
            await self._publisher.publish(topics.availability, OFFLINE)
            history, reason = self._history
            now = {"available": False, "connected": False, "history": history, "history_error": reason}
            await self._publisher.publish(topics.link, _encode({**values, **now}))

    def _topics(self, meter: str) -> discovery.Topics:
        return topics_of(meter, base_topic=self._options.base_topic, discovery_prefix=self._options.discovery_prefix)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        self._tasks.append(self._group.create_task(work))
