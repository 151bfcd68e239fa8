"""The page and its API over HTTP, and the keys of [web]; rule: importing this loads no library and opens nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from juntek.control.controls import check_words
from juntek.errors import ConfigurationError
from juntek.listening import Address, Limits, hosts_problem, parse_address, parse_ip
from juntek.option import Option, check_options
from juntek.outputs import Context, Handle, Output
from juntek.outputs.web.passwords import is_hash

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractAsyncContextManager

__all__ = ["OUTPUT", "WebOptions", "open_sink"]

_ORIGIN = re.compile(r"https?://(\*\.)?[A-Za-z0-9_.-]+(:\d{1,5})?")


def _hash_problem(text: str) -> str | None:
    return None if is_hash(text) else "is not what juntek web password writes; make it with: juntek web password"


def _origins_problem(origins: tuple[str, ...]) -> str | None:
    wrong = next((origin for origin in origins if not _ORIGIN.fullmatch(origin)), None)
    return None if wrong is None else f'has "{wrong}"; write it as "http://homeassistant.local:8123", without a path.'


def _addresses_problem(addresses: tuple[str, ...]) -> str | None:
    wrong = next((address for address in addresses if parse_ip(address) is None), None)
    if wrong is not None:
        return f'has "{wrong}"; write IP addresses.'
    return None if addresses else "names nobody; leave it out."


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
        Literal["password", "none", "ingress"] | None,
        Option(
            "none: nobody is asked; ingress: within Home Assistant; default: a password, if set", example="password"
        ),
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
        Option("other names that this page has in browsers", check=hosts_problem, example=["battery.example.org"]),
    ] = ()
    allow_control: Annotated[
        tuple[str, ...],
        Option('what the page may write: "settings", or keys; needs a password or ingress', check=check_words),
    ] = ()
    frame_ancestors: Annotated[
        tuple[str, ...],
        Option("whose pages may show this one in a frame", check=_origins_problem,
               example=["http://homeassistant.local:8123"]),
    ] = ()  # fmt: skip
    ingress_from: Annotated[
        tuple[str, ...], Option('who may ask with auth = "ingress": the Supervisor', check=_addresses_problem)
    ] = ("172.30.32.2",)
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
    def ingress(self) -> frozenset[str]:
        """Addresses that may ask, which are those of Home Assistant then; empty where everybody may."""
        return frozenset(str(parse_ip(address)) for address in self.ingress_from if self.auth == "ingress")

    @property
    def _has_password(self) -> bool:
        return self.password_hash is not None or self.password_hash_file is not None

    def _problems(self) -> Iterator[str]:
        address = self.address
        if self.allow_control and not self.needs_password and not self.ingress:
            yield "web.allow_control needs a password; write one with: juntek web password, or leave it out."
        if self.auth in ("none", "ingress") and (self._has_password or self.tokens_file is not None):
            yield f'web.auth = "{self.auth}" asks for no password; leave it out, or the password and the tokens.'
        if self.auth == "password" and not self._has_password:
            yield 'web.auth = "password" needs web.password_hash_file; write it with: juntek web password'
        if self.auth is None and not self._has_password and not address.is_loopback:
            yield (
                f"web.listen {address} can be reached from the network and needs web.password_hash_file; write it with "
                'juntek web password, or set web.auth = "none" to let everybody in.'
            )
        if self.auth is None and not self._has_password and self.tokens_file is not None:
            yield "web.tokens_file is for a page with a password; set web.password_hash_file too, or leave it out."


def open_sink(
    options: WebOptions,
    context: Context,
    limits: Limits = Limits(),  # noqa: B008 - it cannot change
) -> AbstractAsyncContextManager[Handle]:
    """Serve the page at `options.listen` and yield `handle(update)`; leaving closes every connection.

    Raises ConfigurationError for what the owner must mend in the configuration or its files, ListenError where the
    address cannot be listened at. Raises ModuleNotFoundError where the library is missing.
    """
    from juntek.outputs.web.app import serve  # noqa: PLC0415 - only whoever serves a page needs the library

    return serve(options, context, limits)


def is_page_built() -> bool:
    """Whether there is a page to serve; it is left out where the network was away when juntek was installed."""
    return (Path(__file__).with_name("static") / "index.html").exists()


OUTPUT = Output(
    section="web",
    options=WebOptions,
    open=open_sink,
    about="A page with the battery now and its past, and an API for scripts: http://127.0.0.1:8140",
    requires=("starlette", "uvicorn"),
    extra="web",
    ready="ready",
    max_latency=lambda _: 0.1,
    page=WebOptions.page,
)
