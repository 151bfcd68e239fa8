"""A connection to the broker, MQTT 5 where it can and 3.1.1 where it must; rule: every failure is one sentence.

The library's own errors end here. What it logs about the wire is left out: the sentence says it once.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

import aiomqtt
from paho.mqtt.reasoncodes import ReasonCode

from juntek.errors import ConfigurationError, JuntekError
from juntek.names import slug

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable
    from pathlib import Path

    from juntek.outputs.mqtt.options import Options

T = TypeVar("T")

KEEP_ALIVE: Final = 30
"""Seconds: after one and a half times this the broker speaks the last will of a machine that lost its power."""

ANSWER_TIME: Final = 10.0
"""Seconds that a broker has for an answer."""

_BAD_PROTOCOL, _BAD_LOGIN, _NOT_ALLOWED = 132, 134, 135
"""Reason codes of MQTT 5, section 2.4; those of 3.1.1 come translated."""

_WIRE_LOG = logging.getLogger("juntek.outputs.mqtt.wire")
_WIRE_LOG.setLevel(logging.CRITICAL)


class BrokerError(JuntekError):
    """The broker cannot be reached, refuses us or went away."""


class ClosedUnansweredError(aiomqtt.MqttError):
    """The broker closed the connection instead of answering our CONNECT, as 3.1.1 asks for an unknown version."""


class _Client(aiomqtt.Client):
    """Knows at once when the broker hangs up during the login, never swallows a cancellation, and writes at once."""

    def _on_disconnect(
        self, client: Any, userdata: Any, flags: Any, reason_code: ReasonCode, properties: Any = None,  # noqa: ANN401
    ) -> None:  # fmt: skip
        if not self._connected.done():
            self._connected.set_exception(ClosedUnansweredError("closed before the login was answered"))
        super()._on_disconnect(client, userdata, flags, reason_code, properties)

    def _on_socket_register_write(self, client: Any, userdata: Any, sock: Any) -> None:  # noqa: ANN401
        # The parent asks the loop to say when the socket takes more, which takes four turns of the loop for each
        # message. It nearly always takes a message at once.
        if _is_in_loop():
            # To tell of what was written takes the library half of its time; here it is seen without being told.
            nobody_waits = not self._pending_publishes
            if nobody_waits:
                client.on_publish = None
            try:
                client.loop_write()
            except Exception as error:  # noqa: BLE001 - as the parent does where it writes
                if not self._disconnected.done():
                    self._disconnected.set_exception(error)
            finally:
                if nobody_waits:
                    client.on_publish = self._on_publish
            if not client.want_write() or client.socket() is None:  # all is written, or it broke
                return
        super()._on_socket_register_write(client, userdata, sock)

    async def _wait_for(self, fut: Awaitable[T], timeout: float | None) -> T:  # noqa: ASYNC109 - the parent's signature
        # The parent's asyncio.wait_for loses a cancellation that meets the answer (Python 3.11), and takes a task more.
        try:
            async with asyncio.timeout(self.timeout if timeout is None else timeout):
                return await fut
        except TimeoutError:
            raise aiomqtt.MqttError("no answer in time")  # noqa: B904 - explain_refusal looks at the context


def _is_in_loop() -> bool:
    """Whether this is the thread of a loop, and not the one that connects."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class _TidySocket(ssl.SSLSocket):
    """Closes itself when the handshake fails, which the library does not."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the signature of the parent
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


@asynccontextmanager
async def connect(options: Options, will: aiomqtt.Will) -> AsyncIterator[aiomqtt.Client]:
    """Yield a connected client; raises ConfigurationError for bad files and BrokerError for everything else."""
    password = read_password(options)
    context = make_tls_context(options)
    client = await _log_in(options, password, context, will)
    try:
        yield client
    finally:
        with suppress(aiomqtt.MqttError):  # what broke has been told where it broke
            await client.__aexit__(None, None, None)


async def _log_in(
    options: Options, password: str | None, context: ssl.SSLContext | None, will: aiomqtt.Will
) -> aiomqtt.Client:
    newest, oldest = aiomqtt.ProtocolVersion.V5, aiomqtt.ProtocolVersion.V311
    versions = {"auto": (newest, oldest), "5": (newest,), "3.1.1": (oldest,)}[options.protocol]
    for version in versions:
        client = _Client(
            options.host,
            options.port,
            username=options.username,
            password=password,
            identifier=options.client_id or f"{slug(options.base_topic)}_gateway",
            protocol=version,
            will=will,
            tls_context=context,
            keepalive=KEEP_ALIVE,
            timeout=ANSWER_TIME,
            logger=_WIRE_LOG,
            # Small messages must not wait for the answer to the one before.
            socket_options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
        )
        try:
            return await client.__aenter__()
        except aiomqtt.MqttError as error:
            if version is versions[-1] or not _asks_for_older(error):
                raise BrokerError(explain_refusal(options, error)) from None
    raise AssertionError  # pragma: no cover - the last version returns or raises


def _asks_for_older(error: aiomqtt.MqttError) -> bool:
    return isinstance(error, ClosedUnansweredError) or _reason(error) == _BAD_PROTOCOL


def _reason(error: BaseException | None) -> int | None:
    code = getattr(error, "rc", None)
    return code.value if isinstance(code, ReasonCode) else None


def explain_refusal(options: Options, error: aiomqtt.MqttError) -> str:
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
        return _explain_hang_up(options, broker)
    # The library keeps the cause only as the context of its own error.
    return _explain_cause(options, broker, error.__context__)


def _explain_hang_up(options: Options, broker: str) -> str:
    hung_up = f"{broker} hangs up before it answers"
    if not options.tls:
        return f"{hung_up}; if that is its TLS port, set mqtt.tls = true."
    if options.certificate_file is None:
        return f"{hung_up}; if it asks for a client certificate, set mqtt.certificate_file and mqtt.key_file."
    return f"{hung_up}; check that it accepts the certificate in mqtt.certificate_file."


def _explain_cause(options: Options, broker: str, cause: BaseException | None) -> str:  # noqa: PLR0911 - one a cause
    match cause:
        case ssl.SSLCertVerificationError():
            return _explain_certificate(broker, cause)
        case ssl.SSLError():
            return f"{broker} does not speak TLS there ({cause.reason}); use its TLS port, usually 8883."
        case socket.gaierror():
            return f'The MQTT broker\'s name "{options.host}" is not known; check mqtt.host.'
        case ConnectionRefusedError():
            return f"{broker} is not there; start it, or check mqtt.host and mqtt.port."
        case ConnectionResetError() if options.tls:
            return f"{broker} does not speak TLS there; use its TLS port, usually 8883."
        case TimeoutError():
            return f"{broker} does not answer; check mqtt.host, mqtt.port and the network."
        case OSError():
            return f"{broker} cannot be reached ({cause.strerror or cause}); check mqtt.host and the network."
        case _:
            return f"{broker} cannot be reached; check mqtt.host and mqtt.port."


def _explain_certificate(broker: str, error: ssl.SSLCertVerificationError) -> str:
    what = error.verify_message.rstrip(".")
    if "match" in what or "not valid for" in what:
        return f"{broker} shows a certificate of another name ({what}); set mqtt.host to the name in it."
    if "expired" in what or "not yet valid" in what:
        return f"{broker} shows a certificate that is out of date ({what}); renew it, or set this machine's clock."
    return f"{broker} shows a certificate that is not trusted ({what}); give its authority as mqtt.ca_file."


def explain_loss(options: Options) -> str:
    """Return the sentence for a connection that broke; few brokers say why they close one."""
    return (
        f"The connection to the MQTT broker at {options.host}:{options.port} broke; check that it runs and that no "
        f'other gateway uses the base topic "{options.base_topic}".'
    )


def read_password(options: Options) -> str | None:
    """Return the password from the environment or its file; raises ConfigurationError for a file that is no use."""
    if options.password is not None or options.password_file is None:
        return options.password
    lines = _read("password_file", options.password_file).splitlines()
    try:
        return lines[0].decode()
    except (IndexError, UnicodeDecodeError):
        raise ConfigurationError(
            f"mqtt.password_file {options.password_file} holds no password; write it there as one line of text."
        ) from None


def make_tls_context(options: Options) -> ssl.SSLContext | None:
    """Return what TLS needs, or None without TLS; raises ConfigurationError for a file that is no use."""
    if not options.tls:
        return None
    if options.ca_file is not None:
        _read("ca_file", options.ca_file)
    try:
        context = ssl.create_default_context(cafile=options.ca_file and options.ca_file.expanduser())
    except ssl.SSLError:
        raise ConfigurationError(f"mqtt.ca_file {options.ca_file} holds no certificate in PEM form.") from None
    context.sslsocket_class = _TidySocket
    if options.certificate_file is not None:
        key_file = options.key_file or options.certificate_file
        _read("certificate_file", options.certificate_file)
        _read("key_file", key_file)
        try:
            # An empty password: with none at all, a key that needs one would be asked for on the terminal.
            context.load_cert_chain(options.certificate_file.expanduser(), key_file.expanduser(), password="")
        except ssl.SSLError:
            raise ConfigurationError(
                f"mqtt.certificate_file {options.certificate_file} and mqtt.key_file {key_file} are not a certificate "
                "and its key in PEM form."
            ) from None
    return context


def _read(key: str, path: Path) -> bytes:
    try:
        return path.expanduser().read_bytes()
    except FileNotFoundError:
        raise ConfigurationError(f"mqtt.{key} {path} does not exist; write it or correct the key.") from None
    except PermissionError:
        raise ConfigurationError(f"mqtt.{key} {path} may not be read; give its user the right to.") from None
    except OSError as error:
        raise ConfigurationError(f"mqtt.{key} {path} cannot be read ({error.strerror}); correct the key.") from None
