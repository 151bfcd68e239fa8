"""Who may ask for what: sessions, tokens and passwords; rule: decides only, and sends nothing.

A session is known by a hash of its id that the password is a part of: who reads the file of sessions cannot sign in,
and with another password nobody is signed in any more.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from juntek.errors import counted
from juntek.files import write_private
from juntek.listening.visitors import network_of, parse_ip
from juntek.outputs.web.passwords import digest, matches
from juntek.outputs.web.refusal import Refusal

log = logging.getLogger(__name__)

COOKIE = "juntek_session"
DAY = 86400.0
MOST_SESSIONS: Final = 500
TRIES: Final = 5
"""Wrong passwords that one address may give in a `TRY_TIME`."""
TRY_TIME: Final = 60.0
NETWORK_TRIES: Final = 30
"""Wrong passwords that all addresses of one IPv6 network may give in a `TRY_TIME`: one computer has any number."""
MOST_TRIES: Final = 60
"""Wrong passwords of all together in a `TRY_TIME` after which each address has one try; nobody has none."""
MOST_CHECKS: Final = 64
"""Passwords that wait to be checked; each takes 16 MB and a part of a second, one after the other."""
RENEWED: Final = 0.01
"""Part of a lifetime after which a visit renews a session, so that not every visit is written."""


@dataclass(slots=True)
class Sessions:
    """Signed-in browsers. `lifetime` is s without a visit, `clock` gives s since 1970.

    With a `path` they are kept in that file, and `password_hash` is a part of what is kept.
    """

    lifetime: float
    clock: Callable[[], float]
    password_hash: str = ""
    path: Path | None = None
    changed: bool = False
    """Whether there is something to save."""
    _ends: dict[str, float] = field(default_factory=dict)

    def open(self) -> str:
        """Return the id of a new session; the oldest one ends where there are too many."""
        now = self.clock()
        self._ends = {key: end for key, end in self._ends.items() if end > now}
        while len(self._ends) >= MOST_SESSIONS:
            del self._ends[next(iter(self._ends))]
        session = secrets.token_urlsafe(32)
        self._ends[self._key(session)] = now + self.lifetime
        self.changed = True
        return session

    def visit(self, session: str) -> bool:
        """Return whether the session is open, and keep it open from now on."""
        key, now = self._key(session), self.clock()
        end = self._ends.get(key)
        if end is None or end <= now:
            return False
        if now + self.lifetime - end > RENEWED * self.lifetime:
            del self._ends[key]  # so that the one visited last stands last
            self._ends[key] = now + self.lifetime
            self.changed = True
        return True

    def close(self, session: str) -> None:
        """End a session; nothing happens where there is none."""
        if self._ends.pop(self._key(session), None) is not None:
            self.changed = True

    def load(self) -> None:
        """Go on with the sessions in the file, where there is one that can be read."""
        if self.path is None:
            return
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8"))
            self._ends = {str(key): float(end) for key, end in kept.items()}
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError, AttributeError):
            log.warning("web: %s cannot be read, so everybody has to sign in again.", self.path)

    def save(self) -> None:
        """Write the file, for this user only; another thread may go on using the sessions."""
        self.changed = False
        if self.path is None:
            return
        try:
            write_private(self.path, json.dumps(dict(self._ends)))
        except OSError as error:
            log.warning("web: cannot write %s (%s), so a restart signs everybody out.", self.path, error.strerror)

    def _key(self, session: str) -> str:
        secret = session.encode("utf-8", "surrogateescape")
        return hmac.new(self.password_hash.encode(), secret, "sha256").hexdigest()


@dataclass(slots=True)
class LoginThrottle:
    """Counts wrong passwords by address, so that guessing takes for ever."""

    clock: Callable[[], float]
    """Gives s, and never steps back."""
    _wrong: dict[str, list[float]] = field(default_factory=dict)

    def wait(self, address: str) -> float:
        """Return s that this address has to wait before its next try; 0 for none."""
        now = self.clock()
        self._wrong = {
            key: recent
            for key, times in self._wrong.items()
            if (recent := [time for time in times if time > now - TRY_TIME])
        }
        network = network_of(address)
        near = sorted(time for key, times in self._wrong.items() if network_of(key) == network for time in times)
        own_tries = TRIES if sum(map(len, self._wrong.values())) < MOST_TRIES else 1
        own = self._wrong.get(_key(address), [])
        waits = [
            times[-most] + TRY_TIME - now
            for times, most in ((own, own_tries), (near, NETWORK_TRIES))
            if len(times) >= most
        ]
        return max(waits, default=0.0)

    def count(self, address: str) -> None:
        """Count a try; `forgive` takes it back when the password was right."""
        self._wrong.setdefault(_key(address), []).append(self.clock())

    def forgive(self, address: str) -> None:
        """Forget the wrong passwords of an address."""
        self._wrong.pop(_key(address), None)


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Knows sessions, tokens and the password. Without a `password_hash` everybody may see the page.

    With `ingress` only these addresses may, which say whom they ask for: Home Assistant has signed them in.
    """

    password_hash: str | None
    sessions: Sessions
    throttle: LoginThrottle
    tokens: frozenset[str] = frozenset()
    """Hashes as `passwords.hash_token` makes them."""
    ingress: frozenset[str] = frozenset()
    _checking: list[None] = field(default_factory=list)
    _one_check: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def is_needed(self) -> bool:
        """Whether a visitor has to sign in."""
        return self.password_hash is not None

    def admits(self, headers: Mapping[str, str]) -> bool:
        """Return whether a request that only looks may be answered."""
        return not self.is_needed or self.knows_token(headers) or self.is_signed_in(headers)

    def user_of(self, headers: Mapping[str, str]) -> str | None:
        """Return the name of who asks, where somebody signs people in who has names for them."""
        name = headers.get("x-remote-user-name", "") if self.ingress else ""
        name = name.encode("latin-1", "replace").decode(errors="replace")
        return "".join(filter(str.isprintable, name)).strip()[:100] or None

    def is_signed_in(self, headers: Mapping[str, str]) -> bool:
        """Return whether the request comes from a browser with an open session."""
        session = session_of(headers)
        return session is not None and self.sessions.visit(session)

    def knows_token(self, headers: Mapping[str, str]) -> bool:
        """Return whether the request bears a token that is known."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        # Looked up under its hash, so that the time it takes tells nothing of those that are known.
        return scheme.lower() == "bearer" and f"sha256:{digest(token.strip())}" in self.tokens

    async def check(self, address: str, password: str) -> None:
        """Raise Refusal where this is not the password, or where it is not the time to try."""
        wait = self.throttle.wait(address)
        if wait > 0:
            seconds = int(wait) + 1
            raise Refusal(
                429,
                f"Too many wrong passwords; try again in {counted(seconds, 'second')}.",
                {"retry-after": str(seconds)},
            )
        if len(self._checking) >= MOST_CHECKS:
            raise Refusal(503, "Too many sign in at once; try again in a moment.", {"retry-after": "2"})
        self.throttle.count(address)  # before the check, as several may be under way
        self._checking.append(None)
        try:
            async with self._one_check:
                is_right = await asyncio.to_thread(matches, password, self.password_hash or "")
        finally:
            self._checking.pop()
        if not is_right:
            raise Refusal(401, "That is not the password.")
        self.throttle.forgive(address)


def session_of(headers: Mapping[str, str]) -> str | None:
    """Return the session id that a request shows."""
    for part in headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value
    return None


def is_own_origin(headers: Mapping[str, str]) -> bool:
    """Return whether a request that changes something comes from our own page or from no page at all."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or site == "same-origin" or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


def _key(address: str) -> str:
    return str(parse_ip(address) or address)
