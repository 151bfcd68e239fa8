"""A client of the broker that remembers every message, and can publish what a test wants to see answered.

Rule: hears what passes the broker and judges nothing; comes back by itself when the broker was away.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from aiomqtt import Client, MqttError, ProtocolVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

MqttVersion = Literal["3.1.1", "5"]


class User(Protocol):
    """Name and password, as `mosquitto.User` has them."""

    @property
    def name(self) -> str: ...
    @property
    def password(self) -> str: ...


class Broker(Protocol):
    """What the recorder must know of a broker; `mosquitto.Mosquitto` is one."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def user(self) -> User | None: ...
    def tls_context(self) -> ssl.SSLContext | None: ...


@dataclass(frozen=True, slots=True)
class RecordedMessage:
    """One message as the broker handed it on.

    `retain`: with MQTT 5 what the publisher asked for; with 3.1.1 true only for a message that was kept from
    before the subscription. `moment`: seconds of the monotonic clock.
    """

    topic: str
    payload: bytes
    retain: bool
    qos: int
    moment: float

    @property
    def text(self) -> str:
        return self.payload.decode()

    def json(self) -> Any:  # noqa: ANN401 - whatever JSON holds
        return json.loads(self.payload)


class Recorder:
    """The messages of one subscription, oldest first, and a way to wait for the next ones."""

    def __init__(self, make_client: Callable[[], Client], topic_filter: str, version: MqttVersion) -> None:
        self.messages: list[RecordedMessage] = []
        self.connections = 0
        self._make_client = make_client
        self._topic_filter = topic_filter
        self._version = version
        self._changed = asyncio.Condition()
        self._client: Client | None = None

    def on(self, topic: str) -> list[RecordedMessage]:
        """The messages of one topic so far."""
        return [message for message in self.messages if message.topic == topic]

    async def publish(self, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
        """Publish with QoS 1; returns when the broker has it. Retained and empty clears the topic."""
        if self._client is None:
            raise MqttError("the recorder is not connected at this moment")
        await self._client.publish(topic, payload, qos=1, retain=retain)

    async def wait_for(
        self,
        predicate: Callable[[RecordedMessage], bool],
        timeout: float = 30,  # noqa: ASYNC109 - its end is told with what did come
        *,
        since: int = 0,
    ) -> RecordedMessage:
        """The first message, counted from message number `since`, that the predicate accepts.

        Raises AssertionError with the topics that did come when there is none in `timeout` s.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout), self._changed:
                while True:
                    for message in self.messages[since:]:
                        if predicate(message):
                            return message
                    since = max(since, len(self.messages))
                    await self._changed.wait()
        seen = sorted({message.topic for message in self.messages})
        raise AssertionError(f"no such message in {timeout} s; {len(self.messages)} others came, on {seen}")

    async def wait_for_connection(self, number: int) -> None:
        """Return when the recorder has connected and subscribed `number` times; TimeoutError after 30 s."""
        async with asyncio.timeout(30), self._changed:
            await self._changed.wait_for(lambda: self.connections >= number)

    async def record(self) -> None:
        """Connect, subscribe, listen; raises MqttError when the broker goes away or refuses."""
        async with self._make_client() as client:
            if self._version == "5":
                await client.subscribe(self._topic_filter, options=SubscribeOptions(qos=1, retainAsPublished=True))
            else:
                await client.subscribe(self._topic_filter, qos=1)
            self._client = client
            try:
                await self._note_connection()
                async for message in client.messages:
                    payload = message.payload if isinstance(message.payload, bytes) else b""
                    moment = time.monotonic()
                    await self._note(RecordedMessage(message.topic.value, payload, message.retain, message.qos, moment))
            finally:
                self._client = None

    async def _note_connection(self) -> None:
        async with self._changed:
            self.connections += 1
            self._changed.notify_all()

    async def _note(self, message: RecordedMessage) -> None:
        async with self._changed:
            self.messages.append(message)
            self._changed.notify_all()


@contextlib.asynccontextmanager
async def record(
    broker: Broker,
    topic_filter: str = "#",
    *,
    version: MqttVersion = "5",
    tls_context: ssl.SSLContext | None = None,
) -> AsyncIterator[Recorder]:
    """A recorder that is subscribed already, and stays so over restarts of the broker.

    Raises MqttError when the broker cannot be reached or refuses. `tls_context` in place of the broker's own.
    """
    context = tls_context or broker.tls_context()
    if context is not None:
        await _shake_hands(broker, context)

    def make_client() -> Client:
        name, password = (broker.user.name, broker.user.password) if broker.user else (None, None)
        protocol = ProtocolVersion.V5 if version == "5" else ProtocolVersion.V311
        return Client(
            broker.host,
            broker.port,
            username=name,
            password=password,
            protocol=protocol,
            tls_context=context,
            timeout=10,
        )

    recorder = Recorder(make_client, topic_filter, version)
    task = asyncio.create_task(_keep_recording(recorder))
    connected = asyncio.create_task(recorder.wait_for_connection(1))
    try:
        await asyncio.wait({task, connected}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        await connected
        yield recorder
    finally:
        for each in (task, connected):
            each.cancel()
        await asyncio.gather(task, connected, return_exceptions=True)


async def _shake_hands(broker: Broker, context: ssl.SSLContext) -> None:
    """Raise MqttError when one side does not like the other's certificate.

    Tried before the client does, because paho never closes the socket of a handshake that failed.
    """
    try:
        _, writer = await asyncio.open_connection(broker.host, broker.port, ssl=context)
        writer.close()
        await writer.wait_closed()
    except OSError as error:
        raise MqttError(str(error)) from error


async def _keep_recording(recorder: Recorder) -> None:
    while True:
        try:
            await recorder.record()
        except MqttError:
            if not recorder.connections:
                raise
        await asyncio.sleep(0.05)
