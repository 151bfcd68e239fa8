"""Trouble of a network: one sentence with its mend for each kind, and how long is waited after it."""

from __future__ import annotations

import socket
import ssl

import pytest

from juntek.network import Mend, explain_no_connection

MEND = Mend("mqtt.host", "mqtt.host and mqtt.port", "mqtt.ca_file", "use its TLS port, usually 8883")


def explain(error: BaseException) -> str:
    try:
        try:
            raise error
        except type(error) as cause:
            raise ExceptionGroup("tries", [OSError("one of several")]) from cause  # as a library wraps it
    except ExceptionGroup as group:
        return explain_no_connection(group, "The broker", MEND, host="pi.local", tls=True)


def certificate(message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(message)
    error.verify_message = message
    return error


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (
            ConnectionRefusedError(111, "Connection refused"),
            "is not there; start it, or check mqtt.host and mqtt.port.",
        ),
        (socket.gaierror(-2, "Name or service not known"), 'as the name "pi.local" is not known; check mqtt.host.'),
        (OSError(113, "No route to host"), "cannot be reached (No route to host); check mqtt.host and the network."),
        (ConnectionResetError(104, "Connection reset by peer"), "does not speak TLS there; use its TLS port"),
        (TimeoutError(), "does not answer; check mqtt.host and mqtt.port and the network."),
        (ssl.SSLError(1, "wrong version number"), "does not speak TLS there; use its TLS port"),
        (certificate("certificate has expired"), "out of date (certificate has expired); renew it, or set this"),
        (certificate("Hostname mismatch"), "of another name (Hostname mismatch); write the name in it into mqtt.host"),
        (certificate("self-signed certificate"), "not trusted (self-signed certificate); give its authority as mqtt."),
        (ValueError("?"), "cannot be reached; check mqtt.host and mqtt.port."),
    ],
)
def test_each_kind_has_its_sentence(error: BaseException, part: str) -> None:
    sentence = explain(error)
    assert sentence.startswith("The broker ")
    assert part in sentence
