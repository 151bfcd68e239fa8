"""A meter that our gateway reads, followed by its API; rule: it gives what a meter on a link of our own gives."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import fields
from datetime import datetime
from typing import Any, Self

from juntek.cli.gateway_client import Facts, GatewayClient
from juntek.errors import JuntekError, LinkLostError, NoReplyError
from juntek.quantity import READING_KEYS
from juntek.reading import Identity, Reading, Settings
from juntek.update import Health, Update

SILENCE = 45.0
"""s without a word after which the gateway is gone; it says every 15 s that it is there."""
COME_BACK = 3.0
"""s before the gateway is asked again."""
_SETTINGS = frozenset(field.name for field in fields(Settings))

Find = Callable[[], GatewayClient]


class GatewayMeter(AsyncIterator[Reading]):
    """A meter by way of its gateway, as long as the context lasts; one that goes away is found anew when it is back.

    A reading may be `overdue` seconds after the one before (None: for ever).
    """

    def __init__(self, find: Find, overdue: float | None) -> None:
        self._find = find
        self._overdue = overdue
        self._ended = threading.Event()
        self._waiting: asyncio.Queue[Update | JuntekError] = asyncio.Queue()
        self._health = Health()
        self._said: Facts | None = None

    async def __aenter__(self) -> Self:
        # In a thread, as the standard library's client waits; it goes with the program.
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._follow, args=(loop,), name="gateway", daemon=True).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ended.set()

    async def updates(self) -> AsyncIterator[Update]:
        """Iterate over everything that changes. Raises what the gateway says where it cannot be asked at all."""
        while True:
            yield await self._take()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Reading:
        """Return the next reading; raises NoReplyError where it is overdue, LinkLostError where the link is down."""
        try:
            async with asyncio.timeout(self._overdue):
                while (update := await self._take()).reading is None:
                    pass
                return update.reading
        except TimeoutError:
            sentence = self._health.error or "The gateway has no reading of this meter; look at its log."
            raise (NoReplyError if self._health.connected else LinkLostError)(sentence) from None

    async def _take(self) -> Update:
        update = await self._waiting.get()
        if isinstance(update, JuntekError):
            raise update
        self._health = update.health
        return update

    def _follow(self, loop: asyncio.AbstractEventLoop) -> None:
        def put(update: Update | JuntekError) -> None:
            with suppress(RuntimeError):  # the loop has ended, and the program with it
                loop.call_soon_threadsafe(self._waiting.put_nowait, update)

        is_known, reconnects = False, 0
        while not self._ended.is_set():
            try:
                client = self._find()
                with client.open("live", timeout=SILENCE) as stream:
                    for facts in read_events(stream):
                        if facts.get("meter") == client.meter:
                            is_known = True
                            put(self._update(facts))
                raise LinkLostError("The gateway has ended; waiting until it is back.")
            except JuntekError as error:
                reconnects += 1
                lost = Health(mode="poll", error=str(error), reconnects=reconnects)
                gone = Update("meter", available=False, reading=None, identity=None, settings=None, health=lost)
                put(gone if is_known else error)
            self._ended.wait(COME_BACK)

    def _update(self, facts: Facts) -> Update:
        """Return an update with a reading only where that is new, and of a meter that answers."""
        latest = facts["latest"]
        is_new = facts["available"] and latest != self._said
        self._said = latest
        update = update_of(facts)
        return update if is_new else update._replace(reading=None)


def read_events(lines: Iterable[bytes]) -> Iterator[Facts]:
    """Yield the `update` events of a stream of server-sent events."""
    event = b""
    for line in lines:  # our own server writes an event in one line of data
        name, _, value = line.rstrip(b"\r\n").partition(b": ")
        if name == b"event":
            event = value
        elif name == b"data" and event == b"update":
            yield json.loads(value)


def update_of(facts: Facts) -> Update:
    """Return what the API says of a meter as the value that it was in the gateway."""
    identity, settings, latest = facts["identity"], facts["settings"], facts["latest"]
    return Update(
        facts.get("meter") or facts["name"],
        available=facts["available"],
        reading=_reading(latest) if latest is not None else None,
        identity=Identity(**identity) if identity is not None else None,
        settings=_settings(settings) if settings is not None else None,
        health=_health(facts["health"]),
    )


def _reading(facts: Facts) -> Reading:
    values: dict[str, Any] = dict.fromkeys(Reading._fields) | Reading._field_defaults
    values |= {key: facts[key] for key in facts if key in values}
    more = {key: facts[key] for key in READING_KEYS if key not in values and key in facts}
    return Reading(**values | {
        "time": _moment(facts["time"]), "raw": b"", "estimated": tuple(facts["estimated"]), "more": more,
    })  # fmt: skip


def _settings(facts: Facts) -> Settings:
    more = {key: value for key, value in facts.items() if key not in _SETTINGS}
    return Settings(**{key: value for key, value in facts.items() if key in _SETTINGS}, more=more)


def _health(facts: Facts) -> Health:
    values = {field.name: facts[field.name] for field in fields(Health)}
    counts: Facts = {key: Counter(facts[key]) for key in ("garbage", "out_of_range")}
    return Health(**values | counts | {"last_frame": _moment(facts["last_frame"])})


def _moment(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text).timestamp()
