"""A connection to the broker, MQTT 5 where it can and 3.1.1 where it must; rule: every failure is one sentence.

The library's own errors end here. What it logs about the wire is left out: the sentence says it once.
"""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import ssl
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from juntek.errors import ConfigurationError, JuntekError
from juntek.files import read_bytes, read_secret
from juntek.names import slug
from juntek.network import Mend, explain_no_connection, make_tls_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from paho.mqtt.client import Client as PahoClient

    from juntek.outputs.mqtt import MqttOptions, Timing

KEEP_ALIVE: Final = 30
"""Seconds: after one and a half times this the broker speaks the last will of a machine that lost its power."""
LARGEST_MESSAGE: Final = 128 * 1024
"""Bytes that a broker may send us at once, where MQTT 5 lets us say so; our own discovery is a third of it."""
MOST_UNREAD: Final = 10_000
"""Messages that wait to be looked at; a thousand meters have two thousand at a start."""

_BAD_PROTOCOL, _BAD_LOGIN, _NOT_ALLOWED = 132, 134, 135
"""Reason codes of MQTT 5, section 2.4; those of 3.1.1 come translated."""

_MEND = Mend(
    host="mqtt.host",
    port="mqtt.host and mqtt.port",
    authority="mqtt.ca_file",
    tls="use its TLS port, usually 8883",
)
_WIRE_LOG = logging.getLogger("juntek.outputs.mqtt.wire")
_WIRE_LOG.setLevel(logging.CRITICAL)


class BrokerError(JuntekError):
    """The broker cannot be reached, refuses us or went away."""


class LoginRefusedError(BrokerError):
    """The broker wants a user, or another one."""


class ClosedUnansweredError(aiomqtt.MqttError):
    """The broker closed the connection instead of answering our CONNECT, as 3.1.1 asks for an unknown version."""


@asynccontextmanager
async def connect(options: MqttOptions, will: aiomqtt.Will, timing: Timing) -> AsyncIterator[aiomqtt.Client]:
    """Yield a connected client; raises ConfigurationError for bad files and BrokerError for everything else.

    Its calls wait for ever: whoever makes one says how long.
    """
    client = await _log_in(options, will, timing)
    _write_at_once(paho_of(client))
    try:
        yield client
    finally:
        with suppress(aiomqtt.MqttError, TimeoutError):  # what broke was said where it broke
            async with asyncio.timeout(timing.goodbye):
                await client.__aexit__(None, None, None)


async def _log_in(options: MqttOptions, will: aiomqtt.Will, timing: Timing) -> aiomqtt.Client:
    password, context = read_password(options), make_context(options) if options.tls else None
    limits = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # the library's own, without types
    limits.MaximumPacketSize = LARGEST_MESSAGE
    newest, oldest = aiomqtt.ProtocolVersion.V5, aiomqtt.ProtocolVersion.V311
    versions = {"auto": (newest, oldest), "5": (newest,), "3.1.1": (oldest,)}[options.protocol]
    for version in versions:
        client = aiomqtt.Client(
            options.host,
            options.port,
            username=options.username,
            password=password,
            identifier=options.client_id or f"{slug(options.base_topic)}_gateway",
            protocol=version,
            will=will,
            tls_context=context,
            keepalive=KEEP_ALIVE,
            # Its own waiting loses a cancellation that meets the answer (asyncio.wait_for of Python 3.11).
            timeout=math.inf,
            logger=_WIRE_LOG,
            max_queued_incoming_messages=MOST_UNREAD,
            properties=limits if version is newest else None,
            # Small messages must not wait for the answer to the one before.
            socket_options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
        )
        try:
            await _enter(client, timing.answer)
        except (aiomqtt.MqttError, TimeoutError) as error:
            if version is versions[-1] or not _asks_for_older(error):
                is_login = _reason(error) in (_BAD_LOGIN, _NOT_ALLOWED)
                raise (LoginRefusedError if is_login else BrokerError)(explain_refusal(options, error)) from None
        else:
            return client
    raise AssertionError  # pragma: no cover - the last version returns or raises


def read_password(options: MqttOptions) -> str | None:
    """Return the password from the environment or its file; raises ConfigurationError for a file that is no use."""
    if options.password is not None or options.password_file is None:
        return options.password
    return read_secret("mqtt.password", None, options.password_file)


class _TidySocket(ssl.SSLSocket):
    """Closes itself when the handshake fails, which the library does not."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the signature of the parent
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def make_context(options: MqttOptions) -> ssl.SSLContext:
    """Return what TLS needs; raises ConfigurationError for a file that is no use."""
    context = make_tls_context(options.ca_file, "mqtt.ca_file")
    context.sslsocket_class = _TidySocket
    if options.certificate_file is not None:
        key_file = options.key_file or options.certificate_file
        read_bytes(options.certificate_file, "mqtt.certificate_file")
        read_bytes(key_file, "mqtt.key_file")
        try:
            # An empty password: with none at all, a key that needs one would be asked for on the terminal.
            context.load_cert_chain(options.certificate_file.expanduser(), key_file.expanduser(), password="")
        except ssl.SSLError:
            raise ConfigurationError(
                f"mqtt.certificate_file {options.certificate_file} and mqtt.key_file {key_file} are not a certificate "
                "and its key in PEM form."
            ) from None
    return context


async def _enter(client: aiomqtt.Client, answer_timeout: float) -> None:
    """Log in; the broker has its time from when the connection stands. Raises MqttError or TimeoutError."""
    paho, loop = paho_of(client), asyncio.get_running_loop()
    is_answered = is_closed = False
    try:
        async with asyncio.timeout(None) as limit:

            def end_in(seconds: float) -> None:
                with suppress(RuntimeError):  # it has answered meanwhile
                    limit.reschedule(loop.time() + seconds)

            def end() -> None:
                nonlocal is_closed
                if not is_answered:  # else what it said is on its way here: it closes after a refusal
                    is_closed = True
                    end_in(0)

            own = paho.on_disconnect
            answer = paho.on_connect

            def take_answer(*arguments: Any) -> None:  # noqa: ANN401 - those of the library
                nonlocal is_answered
                is_answered = True
                if answer is not None:
                    answer(*arguments)

            paho.on_connect = take_answer
            paho.on_socket_open = _after(paho.on_socket_open, lambda: end_in(answer_timeout))
            paho.on_disconnect = _after(own, end)
            paho.on_socket_register_write = write_when_ready(loop)
            await client.__aenter__()
            paho.on_disconnect = own
    except BaseException as error:
        paho.on_disconnect = None  # the library's own cannot bear that nobody waits for the login any more
        paho.disconnect()  # it leaves the socket open
        if is_closed and isinstance(error, TimeoutError):
            raise ClosedUnansweredError("closed before the login was answered") from None
        raise


def paho_of(client: aiomqtt.Client) -> PahoClient:
    """Return the client of paho within; the one private name that is used, so pyproject.toml bounds the version."""
    return client._client  # noqa: SLF001


def _after(first: Callable[..., None] | None, then: Callable[[], None]) -> Callable[..., None]:
    """Return a callback that the library may call from its thread, and which then does something in the loop."""
    loop = asyncio.get_running_loop()

    def both(*arguments: Any) -> None:  # noqa: ANN401 - those of the library
        if first is not None:
            first(*arguments)
        loop.call_soon_threadsafe(then)

    return both


def write_when_ready(loop: asyncio.AbstractEventLoop) -> Callable[[PahoClient, Any, Any], None]:
    """Return what lets the loop send when a socket takes something.

    The library's own breaks where the socket is closed before the loop comes to that.
    """

    def register(paho: PahoClient, userdata: Any, sock: Any) -> None:  # noqa: ANN401 - those of the library
        del userdata
        number: int = sock.fileno()

        def write() -> None:
            try:
                paho.loop_write()
            except Exception:  # noqa: BLE001 - who reads notices that the connection broke
                loop.remove_writer(number)

        def add() -> None:
            if sock.fileno() == number:  # else it is closed
                with suppress(OSError, ValueError):
                    loop.add_writer(number, write)

        loop.call_soon_threadsafe(add)

    return register


def _write_at_once(paho: PahoClient) -> None:
    """Let messages go out when they are published.

    The library asks the loop to say when the socket takes more, which takes four turns of the loop for each message.
    It nearly always takes a message at once (75 us a message without this, 16 us with it).
    """
    wait = paho.on_socket_register_write

    def write(client: PahoClient, userdata: Any, sock: Any) -> None:  # noqa: ANN401 - those of the library
        # Called when nothing waits to be written, so nobody waits to be told what was; to tell it takes half the time.
        own, client.on_publish = client.on_publish, None
        try:
            client.loop_write()
        finally:
            client.on_publish = own
        if wait is not None and client.want_write() and client.socket() is not None:
            wait(client, userdata, sock)

    paho.on_socket_register_write = write


def _asks_for_older(error: Exception) -> bool:
    return isinstance(error, ClosedUnansweredError) or _reason(error) == _BAD_PROTOCOL


def _reason(error: BaseException | None) -> int | None:
    code = getattr(error, "rc", None)
    return code.value if isinstance(code, ReasonCode) else None


def explain_refusal(options: MqttOptions, error: Exception) -> str:
    """Return the sentence for a connection that did not come about."""
    broker = f"The MQTT broker at {options.host}:{options.port}"
    reason = _reason(error)
    if reason in (_BAD_LOGIN, _NOT_ALLOWED):
        if options.username is None:
            return f"{broker} wants a user name; set mqtt.username and mqtt.password_file."
        return (
            f'{broker} refuses the user "{options.username}"; check mqtt.username and the password in '
            "mqtt.password_file or JUNTEK_MQTT__PASSWORD."
        )
    if reason == _BAD_PROTOCOL:
        return f'{broker} does not speak MQTT {options.protocol}; set mqtt.protocol = "auto".'
    if reason is not None:
        return f"{broker} refuses the connection: {error}; its log says more."
    if isinstance(error, ClosedUnansweredError):
        return _explain_close(options, broker)
    return explain_no_connection(error, broker, _MEND, host=options.host, tls=options.tls)


def _explain_close(options: MqttOptions, broker: str) -> str:
    closed = f"{broker} closes the connection before it answers"
    if not options.tls:
        return f"{closed}; if that is its TLS port, set mqtt.tls = true."
    if options.certificate_file is None:
        return f"{closed}; if it asks for a client certificate, set mqtt.certificate_file and mqtt.key_file."
    return f"{closed}; check that it accepts the certificate in mqtt.certificate_file."


def explain_loss(options: MqttOptions) -> str:
    """Return the sentence for a connection that broke; few brokers say why they close one."""
    return (
        f"The connection to the MQTT broker at {options.host}:{options.port} broke; check that it runs and that no "
        f'other gateway uses the base topic "{options.base_topic}".'
    )
