"""Trouble of a network in one sentence, and how long to wait after it; rule: pure, the same for whoever connects."""

from __future__ import annotations

import random
import socket
import ssl
from collections.abc import Callable, Iterator

SHORTEST_WAIT, LONGEST_WAIT = 1.0, 30.0
"""s between two attempts; it doubles from the first to the second."""


class Backoff:
    """How long to wait after each failure in a row.

    Each wait is shortened by chance, so that all who lost the same server do not come back at once.
    """

    def __init__(
        self,
        shortest: float = SHORTEST_WAIT,
        longest: float = LONGEST_WAIT,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._shortest, self._longest = shortest, longest
        self._chance = chance
        self._wait = shortest

    def next(self) -> float:
        """Return the s to wait after one more failure."""
        wait, self._wait = self._wait, min(2 * self._wait, self._longest)
        return wait * (0.5 + self._chance() / 2)

    def reset(self) -> None:
        """It went well."""
        self._wait = self._shortest


def explain_no_connection(error: BaseException, who: str, *, host: str, key: str, authority: str) -> str:  # noqa: PLR0911 - one a cause
    """Return why no connection came about, with the mend: `who` begins the sentence.

    `key` is what the owner wrote the address into, `authority` where the certificate of an authority would go.
    """
    for cause in causes_of(error):
        match cause:
            case ssl.SSLCertVerificationError():
                return _explain_certificate(cause, who, key, authority)
            case ssl.SSLError():
                return f"{who} does not speak TLS there; begin {key} with http://, or correct its port."
            case socket.gaierror():
                return f'{who} is at "{host}", a name that is not known; check {key}.'
            case ConnectionRefusedError():
                return f"{who} is not there; start it, or check host and port in {key}."
            case TimeoutError():
                return f"{who} does not answer; check {key} and the network."
            case OSError() if cause.errno:
                return f"{who} cannot be reached ({cause.strerror}); check {key} and the network."
    return f"{who} cannot be reached; check host and port in {key}."


def _explain_certificate(error: ssl.SSLCertVerificationError, who: str, key: str, authority: str) -> str:
    what = error.verify_message.rstrip(".")
    if "match" in what or "not valid for" in what:
        return f"{who} shows a certificate of another name ({what}); write the name in it into {key}."
    if "expired" in what or "not yet valid" in what:
        return f"{who} shows a certificate that is out of date ({what}); renew it, or set this machine's clock."
    return f"{who} shows a certificate that is not trusted ({what}); give its authority as {authority}."


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
