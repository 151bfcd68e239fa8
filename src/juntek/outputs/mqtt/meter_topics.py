"""What is told of one meter, and when; rule: at once what changes seldom, an average for each interval of the rest.

States go out with QoS 0: the next one is near. All else is small and rare and goes out with QoS 1, only when what it
says has changed. Everything is retained, so that whoever comes later finds it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from juntek.control.controls import Control, controls_of
from juntek.outputs.mqtt.messages import (
    OFFLINE,
    ONLINE,
    WRITES,
    discovery,
    discovery_messages,
    encode,
    link,
    old_place_of,
    old_values_of,
    venus_of,
)
from juntek.reading import average

if TYPE_CHECKING:
    from juntek.outputs.mqtt.mqtt_session import Session
    from juntek.reading import Reading
    from juntek.update import Update

SMALLEST_STEP, SMALLEST_PART = 20.0, 0.2
"""W, and part of what it was: a change of power by more is told at once."""


class MeterTopics:
    """The topics of one meter over one connection; what waits for the broker raises BrokerError."""

    def __init__(self, latest: Update, session: Session) -> None:
        self._latest, self._session = latest, session
        self._topics, self._options = session.topics(latest.meter), session.options
        self._loop = asyncio.get_running_loop()
        self._facts: tuple[object, ...] = ()  # what is published at once when it changes
        self._family: str | None = None
        self._described: tuple[object, ...] = ()  # what the discovery message was made for
        self._discovery_due = self._link_time = 0.0  # by the loop's clock
        self._pending: list[Reading] = []
        self._shown: Reading | None = None
        self._due = self._soonest = 0.0  # by the loop's clock: the next state, and the next one for a change
        self._timer: asyncio.TimerHandle | None = None

    async def take(self, update: Update) -> None:
        """Publish what the update changes; a reading waits until its interval is over."""
        if (facts := _facts_of(update)) != self._facts:
            self._facts = facts
            await self._publish_change(update)
        if update.reading is not None:
            self._take_reading(update.reading)

    async def _publish_change(self, update: Update) -> None:
        if not update.available:
            self.flush()
        self._latest = update
        known = update.reading or update.identity
        self._family = known.family if known else self._family
        await self.publish_discovery()
        publish = self._session.publish
        await publish(self._topics.availability, ONLINE if update.available else OFFLINE)
        if update.settings is not None:
            await publish(self._topics.settings, encode(update.settings.as_dict(secrets=False)))
        await self.publish_link()

    def _take_reading(self, reading: Reading) -> None:
        """Publish a reading, or keep it until its interval is over; one that tells of a change goes out at once.

        There is at most one state an interval, and the last one before a silence is told too.
        """
        if self._tells_of_change(reading):
            self._pending, self._due = [], 0.0  # not averaged with what was before
        self._pending.append(reading)
        if self._loop.time() >= self._due:
            self.flush()
        elif self._timer is None:
            self._timer = self._loop.call_at(self._due, self.flush)

    def _tells_of_change(self, reading: Reading) -> bool:
        shown = self._shown
        if shown is None or self._loop.time() < self._soonest:
            return False
        step = abs(reading.power - shown.power)
        return reading.output_state != shown.output_state or step > max(SMALLEST_STEP, SMALLEST_PART * abs(shown.power))

    def flush(self) -> None:
        """Publish what is kept until its interval is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pending:
            readings, self._pending = self._pending, []
            self._shown = average(readings)
            now = self._loop.time()
            self._due, self._soonest = now + self._options.interval, now + self._session.timing.change
            self._send_state(self._shown)

    async def publish_discovery(self) -> None:
        """Publish discovery when it has changed; soon after the last one it waits for the next check."""
        identity, is_settled = self._latest.identity, self._latest.settings is not None
        described = (self._family, identity, controls := self._allowed_controls(), is_settled)
        if self._options.discovery == "off" or self._family is None or self._described == described:
            return
        if (now := self._loop.time()) < self._discovery_due:
            return
        self._described, self._discovery_due = described, now + self._session.timing.settle
        name, context = self._latest.meter, self._session.context
        history, _ = context.look_at_history()
        message = discovery(
            name, self._topics, family=self._family, identity=identity, version=context.version,
            history=history != "off", battery=name in context.batteries, controls=controls, page=context.page,
        )  # fmt: skip
        told = {key: part["platform"] for key, part in message["components"].items() if WRITES.fullmatch(key)}
        before = self._session.platforms[self._topics.device]
        gone = dict(before.items() - told.items()) if is_settled else {}
        self._session.platforms[self._topics.device] = told if is_settled else before | told
        messages = discovery_messages(
            message, gone, self._topics,
            is_device=self._options.discovery == "device", discovery_prefix=self._options.discovery_prefix,
        )  # fmt: skip
        for topic, text in messages.items():
            await self._session.publish(topic, text)

    def _allowed_controls(self) -> tuple[Control, ...]:
        """Return what may be written from there, once it is known how the meter is set."""
        permission = self._session.permission
        if not permission or self._latest.settings is None:
            return ()
        return tuple(filter(permission.allows, controls_of(self._latest).values()))

    async def publish_link(self, *, older_than: float = 0.0) -> None:
        """Publish how the link does when that has changed, and the last message is so many seconds old."""
        now = self._loop.time()
        if now < self._link_time + older_than:
            return
        self._link_time = now
        context = self._session.context
        history, reason = context.look_at_history()
        message = link(
            self._latest.health, available=self._latest.available, gateway=context.gateway,
            history=history, history_error=reason,
        )  # fmt: skip
        await self._session.publish(self._topics.link, encode(message))

    def _send_state(self, reading: Reading) -> None:
        send = self._session.connection.send
        state = self._session.states[self._topics.state] = encode(reading.as_dict())
        send(self._topics.state, state)
        if self._options.topic_layout == "venus":
            send(self._topics.venus, venus_of(reading), retain=False)
        elif self._options.topic_layout == "juntek_kg":
            place = self._place(reading)
            for name, value in old_values_of(reading):
                send(f"{place}/{name}/state", value, retain=False)

    def _place(self, reading: Reading) -> str:
        """Of two meters of one model the second has its name added, so that their values do not mix."""
        place, device = old_place_of(self._options.base_topic, reading, self._latest.identity), self._topics.device
        is_first = self._session.places.setdefault(place, device) == device
        return place if is_first else f"{place}_{device}"


def _facts_of(update: Update) -> tuple[object, ...]:
    """Return all but the reading; asked for every reading, so it must be cheap."""
    health, known = update.health, update.reading or update.identity
    situation = health.mode, health.connected, health.reconnects, health.error, health.notice
    return update.available, update.identity, update.settings, known and known.family, *situation
