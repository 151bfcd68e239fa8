"""The keys of the [web] section; rule: checks values only, opens no file and no connection."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from juntek.errors import ConfigurationError
from juntek.listening.address import Address, parse_address
from juntek.option import Option, check_options
from juntek.outputs.web.passwords import is_hash

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOST = re.compile(r"[A-Za-z0-9_.-]+|\[?[0-9A-Fa-f:.]+\]?")


def _hash_problem(text: str) -> str | None:
    return None if is_hash(text) else "is not what juntek web password writes; make it with: juntek web password"


def _hosts_problem(hosts: tuple[str, ...]) -> str | None:
    wrong = next((host for host in hosts if not _HOST.fullmatch(host)), None)
    return None if wrong is None else f'has "{wrong}"; write names without http:// and without a port.'


@dataclass(frozen=True, slots=True, kw_only=True)
class WebOptions:
    """Where to serve the page and who may see it; raises ConfigurationError where a value cannot be right.

    Without `auth` a password is asked for where one is set, and any address but loopback needs one. `password_hash` is
    what `juntek web password` writes; it comes from the environment only and takes precedence over the file.
    """

    listen: Annotated[str, Option('"0.0.0.0:8140": all addresses of this computer; needs a password', written=True)] = (
        "127.0.0.1:8140"
    )
    auth: Annotated[
        Literal["password", "none"] | None,
        Option("none: nobody is asked; default: a password, where one is set", example="password"),
    ] = None
    password_hash: Annotated[str | None, Option("", check=_hash_problem)] = field(default=None, repr=False)
    password_hash_file: Annotated[
        Path | None, Option("write it with: juntek web password -o web-password", example="web-password")
    ] = None
    tokens_file: Annotated[
        Path | None, Option("for scripts; write it with: juntek web token NAME -o web-tokens", example="web-tokens")
    ] = None
    allowed_hosts: Annotated[
        tuple[str, ...],
        Option("other names that this page has in browsers", check=_hosts_problem, example=["battery.example.org"]),
    ] = ()
    session_days: Annotated[
        int, Option("without a visit, until a browser has to sign in again", unit="days", low=1, high=3650)
    ] = 30

    def __post_init__(self) -> None:
        _ = self.address
        check_options("web", self)
        for problem in self._problems():
            raise ConfigurationError(problem)

    @property
    def address(self) -> Address:
        """Where to listen; raises ConfigurationError for what is no address."""
        return parse_address(self.listen, "web.listen", 8140)

    def page(self, machine: str) -> str | None:
        """Return where browsers in the network find the page, on a machine of this name; None where they cannot."""
        return None if self.address.is_loopback else f"http://{self.address.seen_from(machine)}/"

    @property
    def needs_password(self) -> bool:
        """Whether a visitor has to sign in."""
        return self.auth == "password" or (self.auth is None and self._has_password)

    @property
    def _has_password(self) -> bool:
        return self.password_hash is not None or self.password_hash_file is not None

    def _problems(self) -> Iterator[str]:
        address = self.address
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


Options = WebOptions
