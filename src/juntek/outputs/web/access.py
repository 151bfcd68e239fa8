"""Who may ask for what; rule: decides only, from headers and a clock that it is given, and sends nothing.

Sessions live in memory under the hash of their id: who reads the memory of a stopped gateway cannot sign in.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from juntek.outputs.web.passwords import digest

COOKIE = "juntek_session"
DAY = 86400.0
MOST_SESSIONS: Final = 500
TRIES: Final = 5
"""Wrong passwords that one address may give in a `TRY_TIME`."""
TRY_TIME: Final = 60.0
MOST_TRIES: Final = 60
"""Wrong passwords that all addresses together may give in a `TRY_TIME`."""


@dataclass(slots=True)
class Sessions:
    """Signed-in browsers. `lifetime` is s without a visit; `clock` gives s and never steps back."""

    lifetime: float
    clock: Callable[[], float]
    _ends: dict[str, float] = field(default_factory=dict)

    def open(self) -> str:
        """Return the id of a new session; the oldest one ends where there are too many."""
        now = self.clock()
        self._ends = {key: end for key, end in self._ends.items() if end > now}
        while len(self._ends) >= MOST_SESSIONS:
            del self._ends[next(iter(self._ends))]
        session = secrets.token_urlsafe(32)
        self._ends[digest(session)] = now + self.lifetime
        return session

    def visit(self, session: str) -> bool:
        """Return whether the session is open, and keep it open from now on."""
        key = digest(session)
        end = self._ends.pop(key, None)
        if end is None or end <= self.clock():
            return False
        self._ends[key] = self.clock() + self.lifetime
        return True

    def close(self, session: str) -> None:
        """End a session; nothing happens where there is none."""
        self._ends.pop(digest(session), None)


@dataclass(slots=True)
class Tries:
    """Counts wrong passwords by address, so that guessing takes for ever."""

    clock: Callable[[], float]
    _wrong: dict[str, list[float]] = field(default_factory=dict)

    def wait(self, address: str) -> float:
        """Return s that this address has to wait before its next try; 0 for none."""
        now = self.clock()
        self._wrong = {
            key: recent
            for key, times in self._wrong.items()
            if (recent := [time for time in times if time > now - TRY_TIME])
        }
        own = self._wrong.get(_network(address), [])
        everybody = sorted(time for times in self._wrong.values() for time in times)
        waits = [times[-most] + TRY_TIME - now for times, most in ((own, TRIES), (everybody, MOST_TRIES))
                 if len(times) >= most]  # fmt: skip
        return max(waits, default=0.0)

    def note(self, address: str) -> None:
        """Count a try; `forgive` takes it back when the password was right."""
        self._wrong.setdefault(_network(address), []).append(self.clock())

    def forgive(self, address: str) -> None:
        """Forget the wrong passwords of an address."""
        self._wrong.pop(_network(address), None)


@dataclass(frozen=True, slots=True)
class Gate:
    """Knows sessions and tokens. `needed` is false where everybody may see the page."""

    needed: bool
    sessions: Sessions
    tries: Tries
    tokens: frozenset[str] = frozenset()
    """Hashes as `passwords.hash_token` makes them."""

    def admits(self, headers: Mapping[str, str]) -> bool:
        """Return whether a request that only looks may be answered."""
        return not self.needed or self.knows_token(headers) or self.is_signed_in(headers)

    def is_signed_in(self, headers: Mapping[str, str]) -> bool:
        """Return whether the request comes from a browser with an open session."""
        session = session_of(headers)
        return session is not None and self.sessions.visit(session)

    def knows_token(self, headers: Mapping[str, str]) -> bool:
        """Return whether the request bears a token that is known."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        # Looked up under its hash, so that the time it takes tells nothing of those that are known.
        return scheme.lower() == "bearer" and f"sha256:{digest(token.strip())}" in self.tokens


def session_of(headers: Mapping[str, str]) -> str | None:
    """Return the session id that a request shows."""
    for part in headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value
    return None


class HostCheck:
    """Tells names of this computer from names that somebody else's name server points to it (DNS rebinding).

    IP addresses are safe: a page of somebody else cannot have one of ours as its origin.
    """

    def __init__(self, machine: str, allowed: Iterable[str]) -> None:
        machine = machine.lower().removesuffix(".local")
        names = {
            "localhost",
            machine or "localhost",
            f"{machine}.local",
            *(name.lower().strip("[]") for name in allowed),
        }
        self._names = frozenset(name for name in names if not name.startswith("."))

    def knows(self, host: str) -> bool:
        """Return whether a Host header (with or without a port) names this computer."""
        name = _name_in(host)
        return name is not None and (name in self._names or _is_address(name))


def is_own_origin(headers: Mapping[str, str]) -> bool:
    """Return whether a request that changes something comes from our own page or from no page at all."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or site == "same-origin" or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


def _name_in(host: str) -> str | None:
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # raises where it is no number
    except ValueError:
        return None
    if parts.hostname is None or parts.path or parts.query or parts.fragment or "@" in host:
        return None
    return parts.hostname.removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _network(address: str) -> str:
    """Return what one visitor has: an IPv4 address, or all addresses of an IPv6 network."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
