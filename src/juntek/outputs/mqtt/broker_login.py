"""Who we are to a broker, and why it does not let us in; rule: every failure is one sentence with the mend."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from juntek.errors import ConfigurationError, JuntekError
from juntek.files import at_home, read_bytes, read_secret
from juntek.network import Mend, explain_no_connection, make_tls_context

if TYPE_CHECKING:
    from paho.mqtt.reasoncodes import ReasonCode

    from juntek.outputs.mqtt import MqttOptions

_BAD_PROTOCOL, _BAD_LOGIN, _NOT_ALLOWED = 132, 134, 135
"""Reason codes of MQTT 5, section 2.4; those of 3.1.1 come translated."""

_MEND = Mend(
    host="mqtt.host",
    port="mqtt.host and mqtt.port",
    authority="mqtt.ca_file",
    tls="use its TLS port, usually 8883",
)


class BrokerError(JuntekError):
    """The broker cannot be reached, refuses us or went away."""


class LoginRefusedError(BrokerError):
    """The broker wants a user, or another one."""


class RefusedError(Exception):
    """The broker said no to our login, or closed the connection instead, as old ones do where they hear of MQTT 5."""

    def __init__(self, reason: ReasonCode | None = None) -> None:
        super().__init__(str(reason))
        self.code = None if reason is None else reason.value
        self.is_too_new = self.code in (None, _BAD_PROTOCOL)


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
            context.load_cert_chain(at_home(options.certificate_file), at_home(key_file), password="")
        except ssl.SSLError:
            raise ConfigurationError(
                f"mqtt.certificate_file {options.certificate_file} and mqtt.key_file {key_file} are not a certificate "
                "and its key in PEM form."
            ) from None
    return context


def explain_refusal(options: MqttOptions, error: Exception) -> BrokerError:
    """Return the error of a connection that did not come about."""
    broker = f"The MQTT broker at {options.host}:{options.port}"
    if not isinstance(error, RefusedError):
        return BrokerError(explain_no_connection(error, broker, _MEND, host=options.host, tls=options.tls))
    if error.code is None:
        return BrokerError(_explain_close(options, f"{broker} closes the connection before it answers"))
    if error.code == _BAD_PROTOCOL:
        return BrokerError(f'{broker} does not speak MQTT {options.protocol}; set mqtt.protocol = "auto".')
    if error.code not in (_BAD_LOGIN, _NOT_ALLOWED):
        return BrokerError(f"{broker} refuses the connection: {error}; its log says more.")
    if options.username is None:
        return LoginRefusedError(f"{broker} wants a user name; set mqtt.username and mqtt.password_file.")
    return LoginRefusedError(
        f'{broker} refuses the user "{options.username}"; check mqtt.username and the password in '
        "mqtt.password_file or JUNTEK_MQTT__PASSWORD."
    )


def _explain_close(options: MqttOptions, closed: str) -> str:
    if not options.tls:
        return f"{closed}; if that is its TLS port, set mqtt.tls = true."
    if options.certificate_file is None:
        return f"{closed}; if it asks for a client certificate, set mqtt.certificate_file and mqtt.key_file."
    return f"{closed}; check that it accepts the certificate in mqtt.certificate_file."


def explain_loss(options: MqttOptions, reason: str = "") -> str:
    """Return the sentence for a connection that broke; few brokers say why they close one."""
    said = f" ({reason})" if reason else ""
    return (
        f"The connection to the MQTT broker at {options.host}:{options.port} broke{said}; check that it runs and that "
        f'no other gateway uses the base topic "{options.base_topic}".'
    )


def explain_no_right(options: MqttOptions, what: str) -> str:
    """Return the sentence for something that the broker does not let us do."""
    who = "us" if options.username is None else f'the user "{options.username}"'
    return f"The MQTT broker does not {what}; give {who} the right to in the broker's settings."
