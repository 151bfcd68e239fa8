"""A broker that is far away: what is on the way to it at once, and what becomes of that when it goes away."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from juntek.outputs.mqtt import MqttOptions, Timing, open_sink
from juntek.outputs.mqtt.mqtt_connection import MOST_UNCONFIRMED
from outputs.opened import context, next_on
from outputs.updates import kg_update
from servers.recorder import record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from servers.mosquitto import Mosquitto

pytestmark = pytest.mark.broker

NAMES = tuple(f"meter{number}" for number in range(40))
PUBLISH, CONFIRMATION = 0x30, 0x40


class FarBroker:
    """Passes packets on between a client and the broker; what the broker confirms only while it `answers`."""

    def __init__(self, broker: Mosquitto) -> None:
        self.port = 0
        self.topics: list[str] = []
        """Of all messages, as they were sent."""
        self.unconfirmed = 0
        self.most_unconfirmed = 0
        self.answers = asyncio.Event()
        self._broker = broker
        self._serving: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        there_reader, there_writer = await asyncio.open_connection(self._broker.host, self._broker.port)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await asyncio.gather(self._pass_on(reader, there_writer), self._pass_back(there_reader, writer))
        for end in (writer, there_writer):
            end.close()
            with suppress(ConnectionError):
                await end.wait_closed()

    async def rest(self) -> None:
        """Return once all connections are closed."""
        async with asyncio.timeout(30):
            await asyncio.gather(*self._serving)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, body = await read_packet(reader)
            if head[0] & 0xF0 == PUBLISH:
                self.topics.append(body[2 : 2 + int.from_bytes(body[:2], "big")].decode())
                self.unconfirmed += head[0] & 0x06 != 0
                self.most_unconfirmed = max(self.most_unconfirmed, self.unconfirmed)
            writer.write(head + body)

    async def _pass_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, body = await read_packet(reader)
            if head[0] & 0xF0 == CONFIRMATION:
                await self.answers.wait()
                self.unconfirmed -= 1
            writer.write(head + body)


async def read_packet(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Return the header and what follows it."""
    head = await reader.readexactly(2)
    length, shift = head[1] & 0x7F, 7
    while head[-1] & 0x80:
        head += await reader.readexactly(1)
        length |= (head[-1] & 0x7F) << shift
        shift += 7
    return head, await reader.readexactly(length)


@asynccontextmanager
async def far(broker: Mosquitto) -> AsyncIterator[FarBroker]:
    between = FarBroker(broker)
    server = await asyncio.start_server(between.serve, "127.0.0.1", 0)
    between.port = server.sockets[0].getsockname()[1]
    try:
        yield between
    finally:
        server.close()
        await between.rest()


async def until_unconfirmed(broker: FarBroker, count: int) -> None:
    async with asyncio.timeout(60):
        while broker.unconfirmed < count:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


async def test_a_broker_far_away_is_not_waited_for_at_each_message(mosquitto: Mosquitto) -> None:
    async def tell_all(port: int) -> None:
        async with open_sink(MqttOptions(port=port), context(*NAMES), Timing(answer=60)) as handle:
            for name in NAMES:
                await handle(kg_update(meter=name))

    async with record(mosquitto) as recorder, far(mosquitto) as broker:
        telling = asyncio.create_task(tell_all(broker.port))
        await until_unconfirmed(broker, MOST_UNCONFIRMED)
        broker.answers.set()
        await telling
        assert broker.most_unconfirmed == MOST_UNCONFIRMED
        assert broker.unconfirmed == 0
        for name in NAMES:
            assert (await next_on(recorder, f"juntek/{name}/state"))["voltage"] == 13.2
            order = (f"homeassistant/device/juntek_{name}/config", f"juntek/{name}/link", f"juntek/{name}/state")
            assert sorted(order, key=broker.topics.index) == list(order)
            assert await next_on(recorder, f"juntek/{name}/availability", "online") == "online"
