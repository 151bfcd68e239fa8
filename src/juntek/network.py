"""Trouble of a network in one sentence, and whom to trust in it; rule: the same for whoever connects."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from juntek.errors import ConfigurationError
from juntek.files import at_home, read_bytes


class Mend(NamedTuple):
    """What an owner can do: keys of the name, of name and port together, and of the authority of a certificate."""

    host: str
    port: str
    authority: str
    tls: str
    """What to do where no TLS is spoken, as the end of a sentence."""


def make_tls_context(ca_file: Path | None, key: str) -> ssl.SSLContext:
    """Return what trusts the authorities in the file that a key gives, by default those that the system trusts.

    Raises ConfigurationError for a file that is no use.
    """
    if ca_file is not None:
        read_bytes(ca_file, key)
    try:
        return ssl.create_default_context(cafile=ca_file and at_home(ca_file))
    except ssl.SSLError:
        raise ConfigurationError(f"{key} {ca_file} holds no certificate in PEM form.") from None


def explain_no_connection(  # noqa: PLR0911 - one a cause
    error: BaseException, who: str, mend: Mend, *, host: str, tls: bool = False
) -> str:
    """Return why no connection came about, with the mend: `who` begins the sentence.

    `tls`: it was to be spoken, so that who breaks off does not speak it.
    """
    for cause in causes_of(error):
        match cause:
            case ssl.SSLCertVerificationError():
                return _explain_certificate(cause, who, mend)
            case ssl.SSLError():
                return f"{who} does not speak TLS there; {mend.tls}."
            case socket.gaierror() | UnicodeError():
                return f'{who} cannot be found, as the name "{host}" is not known; check {mend.host}.'
            case OSError() if _is_refused(cause):
                return f"{who} is not there; start it, or check {mend.port}."
            case ConnectionResetError() if tls:
                return f"{who} does not speak TLS there; {mend.tls}."
            case TimeoutError():
                return f"{who} does not answer; check {mend.port} and the network."
            case OSError() if cause.errno:
                return f"{who} cannot be reached ({cause.strerror}); check {mend.host} and the network."
    return f"{who} cannot be reached; check {mend.port}."


def _is_refused(error: OSError) -> bool:
    # Where a host has several addresses, asyncio joins the errors of all of them into one text.
    return isinstance(error, ConnectionRefusedError) or f"[Errno {errno.ECONNREFUSED}]" in str(error)


def _explain_certificate(error: ssl.SSLCertVerificationError, who: str, mend: Mend) -> str:
    what = error.verify_message.rstrip(".")
    if "match" in what or "not valid for" in what:
        return f"{who} shows a certificate of another name ({what}); write the name in it into {mend.host}."
    if "expired" in what or "not yet valid" in what:
        return f"{who} shows a certificate that is out of date ({what}); renew it, or set this machine's clock."
    return f"{who} shows a certificate that is not trusted ({what}); give its authority as {mend.authority}."


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what lies behind it; a library keeps that under one or two of its own."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += one.exceptions if isinstance(one, BaseExceptionGroup) else ()
        waiting += one.__cause__, one.__context__
