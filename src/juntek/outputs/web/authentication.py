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
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser

from juntek.control.controls import Permission
from juntek.errors import counted
from juntek.files import write_private
from juntek.listening import network_of, parse_ip
from juntek.names import plain
from juntek.outputs.web.passwords import WHO, Token, digest, hash_token, matches

log = logging.getLogger(__name__)

Headers = Mapping[str, str]

COOKIE: Final = "juntek_session"
PAGE_TOKEN: Final = "x-juntek-token"  # noqa: S105 - the name of a header
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

    With a `path` they are kept in that file, with `password_hash` as a part, and go on with those that are in it.
    """

    lifetime: float
    clock: Callable[[], float]
    password_hash: str = ""
    path: Path | None = None
    changed: bool = False
    """Whether there is something to save."""
    _ends: dict[str, float] = field(default_factory=dict)
    _saving: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        if self.path is None:
            return
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8"))
            self._ends = {str(key): float(end) for key, end in kept.items()}
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError, AttributeError):
            log.warning("web: %s cannot be read, so everybody has to sign in again.", self.path)

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

    def save(self) -> None:
        """Write the file, for this user only; another thread may go on using the sessions."""
        with self._saving:  # who saves last saves what is last
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
    _wrong: list[tuple[float, str]] = field(default_factory=list)
    """When, and from which address, the earliest first."""

    def wait(self, address: str) -> float:
        """Return s that this address has to wait before its next try; 0 for none."""
        now = self.clock()
        self._wrong = [(time, one) for time, one in self._wrong if time > now - TRY_TIME]
        own = [time for time, one in self._wrong if one == _key(address)]
        near = [time for time, one in self._wrong if network_of(one) == network_of(address)]
        tries = ((own, TRIES if len(self._wrong) < MOST_TRIES else 1), (near, NETWORK_TRIES))
        return max((times[-most] + TRY_TIME - now for times, most in tries if len(times) >= most), default=0.0)

    def count(self, address: str) -> None:
        """Count a try; `forgive` takes it back when the password was right."""
        self._wrong.append((self.clock(), _key(address)))

    def forgive(self, address: str) -> None:
        """Forget the wrong passwords of an address."""
        self._wrong = [(time, one) for time, one in self._wrong if one != _key(address)]


@dataclass(frozen=True, slots=True, repr=False)  # which would show the hash and the secret
class Authenticator:
    """Knows sessions, tokens and the password. Without a `password_hash` everybody may see the page.

    With `ingress` only these addresses may, which say whom they ask for: Home Assistant has signed them in.
    """

    password_hash: str | None
    sessions: Sessions
    throttle: LoginThrottle
    tokens: Mapping[str, Token] = field(default_factory=dict)
    """By their hashes, as `passwords.hash_token` makes them."""
    ingress: frozenset[str] = frozenset()
    permission: Permission = field(default_factory=Permission)
    """What those may write who may write at all."""
    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    _checks: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_CHECKS))
    _one_check: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def is_needed(self) -> bool:
        """Whether a visitor has to sign in."""
        return self.password_hash is not None

    def admits(self, headers: Headers) -> bool:
        """Return whether a request that only looks may be answered."""
        return not self.is_needed or self.token_of(headers) is not None or self.session_of(headers) is not None

    def user_of(self, headers: Headers) -> str | None:
        """Return the name of who asks, where somebody signs people in who has names for them."""
        name = headers.get("x-remote-user-name", "") if self.ingress else ""
        name = name.encode("latin-1", "replace").decode(errors="replace")
        return "".join(filter(str.isprintable, name)).strip()[:100] or None

    def session_of(self, headers: Headers) -> str | None:
        """Return the id of the session that the request comes from, which stays open from now on; None for none."""
        session = session_in(headers)
        return session if session is not None and self.sessions.visit(session) else None

    def token_of(self, headers: Headers) -> Token | None:
        """Return the token that the request bears, where it is known."""
        token = bearer_in(headers)
        # Looked up under its hash, so that the time it takes tells nothing of those that are known.
        return None if token is None else self.tokens.get(hash_token(token))

    def find_writer(self, headers: Headers) -> str:
        """Return who wants to write, in words. Raises HTTPException for who may not.

        A browser has to show a token that only our own page can read: no page of somebody else can use its session.
        """
        if not self.permission:
            raise HTTPException(403, "Nothing may be written here; set web.allow_control and a password.")
        if bearer_in(headers) is not None:
            token = self.token_of(headers)
            if token is None or not token.may_write:
                raise HTTPException(
                    403, "This token may only read; make one that may write: juntek web token NAME --write."
                )
            return f"token {token.name}" if token.name else f"command line {plain(headers.get(WHO, '')[:40])}"
        session, user = self.session_of(headers), headers.get("x-remote-user-id", "")
        expected = self.page_token_for(headers, session)
        if expected is None or not hmac.compare_digest(headers.get(PAGE_TOKEN, "").encode(), expected.encode()):
            raise HTTPException(403, "Only the gateway's own page may do this, signed in.")
        if self.ingress:
            return f"Home Assistant user {self.user_of(headers) or plain(user[:8])}"
        return f"page session {digest(session or '')[:8]}"

    def page_token_for(self, headers: Headers, session: str | None) -> str | None:
        """Return what our page has to show to write from a browser with this session; None where it may not write."""
        browser = headers.get("x-remote-user-id") if self.ingress else session
        if not browser or not self.permission:
            return None
        return hmac.new(self._secret, browser.encode("utf-8", "surrogateescape"), "sha256").hexdigest()

    async def check(self, address: str, password: str) -> None:
        """Raise HTTPException where this is not the password, or where it is not the time to try."""
        wait = self.throttle.wait(address)
        if wait > 0:
            seconds = int(wait) + 1
            sentence = f"Too many wrong passwords; try again in {counted(seconds, 'second')}."
            raise HTTPException(429, sentence, {"retry-after": str(seconds)})
        if self._checks.locked():
            raise HTTPException(503, "Too many sign in at once; try again in a moment.", {"retry-after": "2"})
        self.throttle.count(address)  # before the check, as several may be under way
        async with self._checks, self._one_check:
            is_right = await asyncio.to_thread(matches, password, self.password_hash or "")
        if not is_right:
            raise HTTPException(401, "That is not the password.")
        self.throttle.forgive(address)


def session_in(headers: Headers) -> str | None:
    """Return the session id that a request shows."""
    return cookie_parser(headers.get("cookie", "")).get(COOKIE)


def bearer_in(headers: Headers) -> str | None:
    """Return the token that a request bears."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def refuse_foreign(headers: Headers) -> None:
    """Raise HTTPException for what a page of somebody else asks; one that shows a token was given it."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    is_near = site in (None, "same-origin", "none")
    is_own = (
        origin is None or site == "same-origin" or origin.partition("://")[2].lower() == headers.get("host", "").lower()
    )
    if not (is_near and is_own) and bearer_in(headers) is None:
        raise HTTPException(403, "Only the gateway's own page may do this.")


def _key(address: str) -> str:
    return str(parse_ip(address) or address)
