"""The keys of the [web] section; rule: checks values only, opens no file and no connection."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from juntek.errors import ConfigurationError
from juntek.listening.address import Address, parse_address
from juntek.outputs.web.passwords import is_hash

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_SESSION = 3650
_HOST = re.compile(r"[A-Za-z0-9_.-]+|\[?[0-9A-Fa-f:.]+\]?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Where to serve the page and who may see it; raises ConfigurationError where a value cannot be right.

    `listen`: IP address and port; `localhost` is 127.0.0.1.
    `auth`: "password", "none", or left out: a password is asked for where one is set, and any address but loopback
    needs one.
    `password_hash`: what `juntek web password` writes; from the environment only, and it goes before the file.
    `tokens_file`: one line `NAME HASH` for each token of a script, as `juntek web token` writes it.
    `allowed_hosts`: names beside those of this computer under which a browser may ask for the page.
    `session_days`: days without a visit after which a browser has to sign in again.
    """

    listen: str = "127.0.0.1:8140"
    auth: Literal["password", "none"] | None = None
    password_hash: str | None = field(default=None, repr=False)
    password_hash_file: Path | None = None
    tokens_file: Path | None = None
    allowed_hosts: tuple[str, ...] = ()
    session_days: int = 30

    def __post_init__(self) -> None:
        for complaint in self._complaints():
            raise ConfigurationError(complaint)

    @property
    def patience(self) -> float:
        """Seconds that a reading may come late."""
        return 0.1

    @property
    def address(self) -> Address:
        """Where to listen; raises ConfigurationError for what is no address."""
        return parse_address(self.listen, "web.listen", 8140)

    @property
    def needs_password(self) -> bool:
        """Whether a visitor has to sign in."""
        return self.auth == "password" or (self.auth is None and self._has_password)

    @property
    def _has_password(self) -> bool:
        return self.password_hash is not None or self.password_hash_file is not None

    def _complaints(self) -> Iterator[str]:
        address = self.address
        if self.auth not in (None, "password", "none"):
            yield f'web.auth is "password" or "none", not "{self.auth}".'
        if self.password_hash is not None and not is_hash(self.password_hash):
            yield "web.password_hash is not what juntek web password writes; make it with: juntek web password"
        if self.auth == "none" and (self._has_password or self.tokens_file is not None):
            yield 'web.auth = "none" asks for no password; leave it out, or the password and the tokens.'
        if self.auth == "password" and not self._has_password:
            yield 'web.auth = "password" needs web.password_hash_file; write it with: juntek web password'
        if self.auth is None and not self._has_password and not address.is_loopback:
            yield (
                f"web.listen {address} can be reached from the network and needs web.password_hash_file; write it with "
                'juntek web password, or set web.auth = "none" to let everybody in.'
            )
        if self.auth is None and not self._has_password and self.tokens_file is not None:
            yield "web.tokens_file is for a page with a password; set web.password_hash_file too, or leave it out."
        for host in self.allowed_hosts:
            if not _HOST.fullmatch(host):
                yield f'web.allowed_hosts has "{host}"; write names without http:// and without a port.'
        if not 1 <= self.session_days <= LONGEST_SESSION:
            yield f"web.session_days is 1 to {LONGEST_SESSION}, not {self.session_days}."
