"""What is on the broker of one meter, and what waits to go there; rule: written only when what it says has changed.

States go out with QoS 0: the next one is near. All else is small and rare and goes out with QoS 1. Everything is
retained, so that whoever comes later finds it; nothing is taken over from the connection before.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from juntek.outputs.mqtt import juntek_kg
from juntek.outputs.mqtt.discovery import OFFLINE, ONLINE, Topics, discovery, link
from juntek.reading import average

if TYPE_CHECKING:
    from juntek.outputs import Context
    from juntek.outputs.mqtt.mqtt_options import Options, Timing
    from juntek.outputs.mqtt.publisher import Publisher
    from juntek.reading import Identity, Reading, Settings
    from juntek.update import Health, Update

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Connection:
    """What all meters share."""

    publisher: Publisher
    options: Options
    context: Context
    timing: Timing
    places: dict[str, str] = field(default_factory=dict)
    """Which meter has each place of the older layout, by its device."""


class MeterTopics:
    """The topics of one meter over one connection; every method that publishes raises BrokerError."""

    def __init__(self, name: str, topics: Topics, connection: Connection) -> None:
        self._name = name
        self._topics = topics
        self._publish = connection.publisher.publish
        self._options = connection.options
        self._context = connection.context
        self._timing = connection.timing
        self._places = connection.places
        self._family: str | None = None
        self._available: bool | None = None
        self._identity: Identity | None = None
        self._settings: Settings | None = None
        self._health: Health | None = None
        self._situation: tuple[object, ...] = ()  # what of the health is published at once when it changes
        # The messages as they were sent, or empty, and when.
        self._discovery, self._discovery_time, self._discovery_is_old = "", 0.0, True
        self._link, self._link_time = "", 0.0
        self._state = ""
        self._pending: list[Reading] = []
        self._something_pending = asyncio.Event()

    def differs(self, update: Update) -> bool:
        """Return whether anything but the reading is new. Asked for every reading, so it must be cheap."""
        health, reading = update.health, update.reading
        return (
            update.available is not self._available
            or update.identity is not self._identity
            or update.settings is not self._settings
            or (health.mode, health.connected, health.reconnects, health.error) != self._situation
            or (reading is not None and reading.family != self._family)
        )

    async def on_change(self, update: Update) -> None:
        """Publish everything but the reading."""
        if not update.available:
            await self.flush()
        settings_changed = self._settings is not update.settings
        availability_changed = self._available is not update.available
        self._remember(update)
        await self.publish_discovery()
        if availability_changed:
            await self._publish_availability()
        if settings_changed:
            await self._publish_settings()
        await self.publish_link()

    async def on_reading(self, reading: Reading) -> None:
        """Publish a reading, or keep it until its interval is over."""
        if self._options.interval:
            self._pending.append(reading)
            self._something_pending.set()
        else:
            await self._publish_state(reading)

    async def repeat_discovery(self) -> None:
        """Publish discovery again, where it has been."""
        if self._discovery:
            await self._publish(self._topics.config, self._discovery)

    async def repeat_values(self) -> None:
        """Publish everything else again, for a Home Assistant that has just been told of the entities."""
        if self._discovery:
            await self._publish_availability()
            await self._publish(self._topics.link, self._link)
            await self._publish_settings()
            if self._state:
                await self._publish(self._topics.state, self._state)

    async def publish_states(self) -> None:
        """Publish at most one state every interval, and the last one before a silence too; never returns."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            await self._something_pending.wait()
            now = loop.time()
            if now < due:
                await asyncio.sleep(due - now)
            else:
                due = now
            await self.flush()
            due += self._options.interval

    async def flush(self) -> None:
        """Publish what is kept until its interval is over."""
        self._something_pending.clear()
        if self._pending:
            readings, self._pending = self._pending, []
            await self._publish_state(average(readings))

    async def publish_discovery(self) -> None:
        """Publish discovery when it has changed; soon after the last one it waits for the next check."""
        if not self._options.discovery or self._family is None or not self._discovery_is_old:
            return
        now = asyncio.get_running_loop().time()
        if self._discovery and now < self._discovery_time + self._timing.settle:
            return
        self._discovery_is_old = False
        history, _ = self._context.look_at_history()
        message = encode(
            discovery(
                self._name,
                self._topics,
                family=self._family,
                identity=self._identity,
                version=self._context.version,
                history=history != "off",
            )
        )
        if message != self._discovery:
            self._discovery, self._discovery_time = message, now
            await self._publish(self._topics.config, message)

    async def publish_link(self, *, older_than: float = 0.0) -> None:
        """Publish how the link does when that has changed, and the last message is so many seconds old."""
        now = asyncio.get_running_loop().time()
        if self._health is None or now < self._link_time + older_than:
            return
        history, reason = self._context.look_at_history()
        values = link(
            self._health, available=self._available is True, gateway=self._context.gateway,
            history=history, history_error=reason,
        )  # fmt: skip
        message = encode(values)
        if message != self._link:
            self._link, self._link_time = message, now
            await self._publish(self._topics.link, message)

    def _remember(self, update: Update) -> None:
        known = update.reading or update.identity
        family = known.family if known else self._family
        if update.identity is not self._identity or family != self._family:
            self._discovery_is_old = True
        self._family = family
        self._available = update.available
        self._identity = update.identity
        self._settings = update.settings
        self._health = health = update.health
        self._situation = (health.mode, health.connected, health.reconnects, health.error)

    async def _publish_availability(self) -> None:
        await self._publish(self._topics.availability, ONLINE if self._available else OFFLINE)

    async def _publish_settings(self) -> None:
        if self._settings is not None:
            await self._publish(self._topics.settings, encode(self._settings.as_dict(secrets=False)))

    async def _publish_state(self, reading: Reading) -> None:
        self._state = encode(reading.as_dict())
        await self._publish(self._topics.state, self._state, qos=0)
        if self._options.topic_layout == "juntek_kg":
            place = self._place(reading)
            for name, value in juntek_kg.values_of(reading):
                await self._publish(f"{place}/{name}/state", value, qos=0, retain=False)

    def _place(self, reading: Reading) -> str:
        """Of two meters of one model the second has its name added, so that their values do not mix."""
        place = juntek_kg.place_of(self._options.base_topic, reading, self._identity)
        if self._places.setdefault(place, self._topics.device) != self._topics.device:
            return f"{place}_{self._topics.device}"
        return place
