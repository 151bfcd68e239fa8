"""Trouble of a network: one sentence with its mend for each kind, and how long is waited after it."""

from __future__ import annotations

import socket
import ssl

import pytest

from juntek.network import Backoff, explain_no_connection


def explain(error: BaseException) -> str:
    try:
        try:
            raise error
        except type(error) as cause:
            raise ExceptionGroup("tries", [OSError("one of several")]) from cause  # as a library wraps it
    except ExceptionGroup as group:
        return explain_no_connection(group, "The broker", host="pi.local", key="mqtt.host", authority="mqtt.ca_file")


def certificate(message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(message)
    error.verify_message = message
    return error


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "is not there; start it, or check host and port in"),
        (socket.gaierror(-2, "Name or service not known"), 'is at "pi.local", a name that is not known; check mqtt'),
        (OSError(113, "No route to host"), "cannot be reached (No route to host); check mqtt.host and the network."),
        (TimeoutError(), "does not answer; check mqtt.host and the network."),
        (ssl.SSLError(1, "wrong version number"), "does not speak TLS there; begin mqtt.host with http://"),
        (certificate("certificate has expired"), "out of date (certificate has expired); renew it, or set this"),
        (certificate("Hostname mismatch"), "of another name (Hostname mismatch); write the name in it into mqtt.host"),
        (certificate("self-signed certificate"), "not trusted (self-signed certificate); give its authority as mqtt."),
        (ValueError("?"), "cannot be reached; check host and port in mqtt.host."),
    ],
)
def test_each_kind_has_its_sentence(error: BaseException, part: str) -> None:
    sentence = explain(error)
    assert sentence.startswith("The broker ")
    assert part in sentence


def test_each_wait_is_twice_the_last_up_to_the_longest_and_begins_anew_when_it_went_well() -> None:
    backoff = Backoff(1.0, 5.0, chance=lambda: 1.0)
    assert [backoff.next() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    backoff.reset()
    assert backoff.next() == 1.0
    assert Backoff(8.0, 8.0, chance=lambda: 0.0).next() == 4.0
