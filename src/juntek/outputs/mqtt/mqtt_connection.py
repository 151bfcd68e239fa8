"""One connection to a broker: paho's client in the event loop; rule: what breaks it ends whoever waits, in a sentence.

A message goes out when it is given, and what the socket does not take then, when it does. Those of QoS 1 are confirmed
later, so that a broker far away is not waited for at each of them: a thousand meters have five thousand at a start,
which take four minutes one after the other where it is 50 ms away.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from juntek.names import slug
from juntek.outputs import run_beside
from juntek.outputs.mqtt import MqttOptions, Timing
from juntek.outputs.mqtt.broker_login import (
    BrokerError,
    RefusedError,
    explain_loss,
    explain_no_right,
    explain_refusal,
    make_context,
    read_password,
)

log = logging.getLogger(__name__)

KEEP_ALIVE: Final = 30
"""Seconds: after one and a half times this the broker speaks the last will of a machine that lost its power."""
LARGEST_MESSAGE: Final = 128 * 1024
"""Bytes that a broker may send us at once, where MQTT 5 lets us say so; our own discovery is a third of it."""
MOST_UNREAD: Final = 50_000
"""Messages that wait to be looked at; a thousand meters have left 40,000 where the form of discovery changes."""
MOST_UNCONFIRMED: Final = 10
"""Messages on their way that the broker has not confirmed; some brokers take no more (MQTT 5, Receive Maximum)."""


@asynccontextmanager
async def connect(
    options: MqttOptions, timing: Timing, *, will: tuple[str, str] | None = None
) -> AsyncIterator[Connection]:
    """Yield a connection; `will` is a topic, and what the broker is to keep there when we are gone without a word.

    Raises ConfigurationError for bad files and BrokerError for everything else, also out of a body that only waits.
    """
    connection = await _log_in(options, timing, will)
    try:
        async with run_beside(connection.watch()):
            yield connection
    finally:
        connection.close()


async def _log_in(options: MqttOptions, timing: Timing, will: tuple[str, str] | None) -> Connection:
    password, context = read_password(options), make_context(options) if options.tls else None
    newest, oldest = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
    versions = {"auto": (newest, oldest), "5": (newest,), "3.1.1": (oldest,)}[options.protocol]
    for version in versions:
        name = options.client_id or f"{slug(options.base_topic)}_gateway"
        paho = Client(CallbackAPIVersion.VERSION2, name, protocol=version, reconnect_on_failure=False)
        if options.username is not None:
            paho.username_pw_set(options.username, password)
        if context is not None:
            paho.tls_set_context(context)
        if will is not None:
            paho.will_set(*will, qos=1, retain=True)
        connection = Connection(options, paho, timing.answer)
        try:
            await connection.open()
        except (RefusedError, OSError, ValueError) as error:  # a TimeoutError is one, a strange name of a host another
            if version is versions[-1] or not (isinstance(error, RefusedError) and error.is_too_new):
                raise explain_refusal(options, error) from None
        else:
            return connection
    raise AssertionError  # pragma: no cover - the last version returns or raises


class Connection:
    """One connection, once it is `open`; messages are sent in the order in which they are given.

    One that is not confirmed in `answer` seconds ends it. With QoS 0 there is nothing to confirm: a broker that takes
    nothing more is found out by the next other message.
    """

    def __init__(self, options: MqttOptions, paho: Client, answer: float) -> None:
        self.messages: asyncio.Queue[tuple[str, bytes, bool]] = asyncio.Queue(MOST_UNREAD)
        """Topic and payload of what came, and whether it was retained."""
        self.refusal = ""
        """The sentence about the first message that the broker did not take, or topic that it does not let us hear."""
        self._options, self._paho, self._answer = options, paho, answer
        self._loop = asyncio.get_running_loop()
        self._login: asyncio.Future[None] = self._loop.create_future()
        self._unconfirmed: dict[int, tuple[float, str]] = {}
        """When what was sent, by its number."""
        self._confirmed, self._lost = asyncio.Event(), asyncio.Event()
        self._is_writing = False
        self._reason = ""
        """Why the broker has ended it, where it said so."""

    async def open(self) -> None:
        """Log in; the broker has its time from when the connection stands. Raises RefusedError, OSError, ValueError."""
        limits = None
        if self._paho.protocol is MQTTProtocolVersion.MQTTv5:
            limits = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # the library's own, without types
            limits.MaximumPacketSize = LARGEST_MESSAGE
        place = self._options.host, self._options.port, KEEP_ALIVE
        try:
            await asyncio.to_thread(self._paho.connect, *place, properties=limits)
            self._listen()
            async with asyncio.timeout(self._answer):
                await self._login
        except BaseException:  # where the thread still connects the client closes its socket when it is let go of
            self.close()
            raise

    def close(self) -> None:
        """Say that we go, as far as that goes out at once, and close the socket.

        Of what broke nothing is said, so that the broker speaks the last will.
        """
        self._login.cancel()
        if not self._lost.is_set():
            self._paho.disconnect()
        if (sock := self._paho.socket()) is not None:
            self._forget(sock)
            sock.close()

    async def watch(self) -> None:
        """Keep the connection alive, and raise BrokerError when it breaks."""
        while not self._lost.is_set():
            self._paho.loop_misc()
            sent, _ = next(iter(self._unconfirmed.values()), (self._loop.time(), ""))
            if self._loop.time() - sent > self._answer:
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(min(1.0, self._answer)):
                    await self._lost.wait()
        self._lose()
        self._check()

    def send(self, topic: str, payload: str, *, retain: bool = True) -> None:
        """Send a message that may be lost, with QoS 0."""
        own, self._paho.on_publish = self._paho.on_publish, None  # to be told of it costs half the time
        self._paho.publish(topic, payload, 0, retain)
        self._paho.on_publish = own
        self._write()

    async def publish(self, topic: str, payload: str | bytes, *, retain: bool = True) -> None:
        """Send a message with QoS 1, which is confirmed later. Raises BrokerError."""
        await self._wait_for_room()
        self._note(self._paho.publish(topic, payload, 1, retain).mid, topic)

    async def subscribe(self, topic: str, *, qos: int = 1, commands: bool = False) -> None:
        """Subscribe, which is confirmed later. Raises BrokerError.

        What we say ourselves comes too: with MQTT 5 it need not, but then nothing may come that an earlier run of the
        same name has left. Of `commands` nothing comes that was retained before, and of those to come it is told
        whether they are retained.
        """
        await self._wait_for_room()
        options = SubscribeOptions(qos, retainAsPublished=commands)
        options.retainHandling = options.RETAIN_DO_NOT_SEND if commands else options.RETAIN_SEND_ON_SUBSCRIBE
        is_new = self._paho.protocol is MQTTProtocolVersion.MQTTv5
        _, number = self._paho.subscribe(topic, options=options) if is_new else self._paho.subscribe(topic, qos)
        self._note(number, topic)

    async def flush(self) -> None:
        """Wait until all that was sent is confirmed. Raises BrokerError."""
        await self._wait_for_room(of=1)

    async def _wait_for_room(self, of: int = MOST_UNCONFIRMED) -> None:
        self._check()
        while len(self._unconfirmed) >= of:
            self._confirmed.clear()
            await self._confirmed.wait()
            self._check()

    def _note(self, number: int | None, topic: str) -> None:
        self._unconfirmed[number or 0] = self._loop.time(), topic
        self._write()

    def _check(self) -> None:
        if self._lost.is_set():
            raise BrokerError(explain_loss(self._options, self._reason))

    def _lose(self) -> None:
        self._lost.set()
        self._confirmed.set()

    # Between paho and the loop -------------------------------------------------------------------------------------

    def _listen(self) -> None:
        paho, sock = self._paho, self._paho.socket()
        if not isinstance(sock, socket.socket):  # it is closed already
            raise RefusedError
        # Small messages must not wait for the answer to the one before.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        paho.on_connect = lambda _paho, _data, _flags, reason, _more: self._answer_login(reason)
        paho.on_disconnect = lambda _paho, _data, flags, reason, _more: self._end(
            str(reason) if flags.is_disconnect_packet_from_server else ""
        )
        paho.on_message = lambda _paho, _data, message: self._hear(message)
        paho.on_publish = lambda _paho, _data, number, reason, _more: self._confirm(
            number, [reason], "take what we say"
        )
        paho.on_subscribe = lambda _paho, _data, number, reasons, _more: self._confirm(number, reasons, "let us listen")
        paho.on_socket_close = lambda _paho, _data, closed: self._forget(closed)
        self._loop.add_reader(sock, self._read)

    def _read(self) -> None:
        try:
            self._paho.loop_read()
            while isinstance(sock := self._paho.socket(), ssl.SSLSocket) and sock.pending():
                self._paho.loop_read()
        except Exception:  # noqa: BLE001 - what nobody can read comes from no broker
            self._end("")
        self._write()

    def _write(self) -> None:
        """Let the loop send what the socket has not taken; to ask it for all, as paho would, costs a quarter more."""
        sock, waits = self._paho.socket(), self._paho.want_write()
        if sock is None or waits == self._is_writing:
            return
        self._is_writing = waits
        if waits:
            self._loop.add_writer(sock, self._write_more)
        else:
            self._loop.remove_writer(sock)

    def _write_more(self) -> None:
        self._paho.loop_write()
        self._write()

    def _forget(self, sock: Any) -> None:  # noqa: ANN401 - the library's own kind
        self._loop.remove_reader(sock)
        self._loop.remove_writer(sock)

    def _answer_login(self, reason: ReasonCode) -> None:
        if not self._login.done():
            self._login.set_exception(RefusedError(reason)) if reason.is_failure else self._login.set_result(None)

    def _end(self, reason: str) -> None:
        if not self._login.done():
            self._login.set_exception(RefusedError())
        self._reason = reason
        self._lose()

    def _hear(self, message: MQTTMessage) -> None:
        with suppress(UnicodeDecodeError, asyncio.QueueFull):
            self.messages.put_nowait((message.topic, bytes(message.payload), message.retain))

    def _confirm(self, number: int, reasons: Iterable[ReasonCode], what: str) -> None:
        _, topic = self._unconfirmed.pop(number, (0.0, ""))
        self._confirmed.set()
        for reason in reasons:
            if reason.is_failure and not self.refusal:
                self.refusal = explain_no_right(self._options, f"{what} at {topic} ({reason})")
                log.warning("mqtt: %s", self.refusal)
