"""Opens the wire to a meter; rule: one module a kind of link, named as its URL scheme, and no kind knows another.

`device` is the kind for a path without a scheme. A module offers `async def open_link(url: str) -> Link` and is
imported when its scheme is first asked for, so that nobody pays for a library that is not used. What kinds share
stands in `stream`.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from abc import ABC, abstractmethod
from typing import Self, cast
from urllib.parse import urlsplit

from juntek.errors import LinkError
from juntek.exchange import Chunk
from juntek.names import hide_secrets

__all__ = ["Chunk", "Link", "check_link", "find_kinds", "kind_of", "open_link", "parse_address"]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_HOST_AND_PORT = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\]):\d{1,5}")
_ALIASES = {"tcp": "socket"}
_PORTS = {"esphome": 6053}
"""What a link has where its URL names no port."""
_HOST = re.compile(r"[\w.:%-]+")
_NO_DEVICE = re.compile(r"(?![/.~]).*//|//|[^/]*@|.*\?")
"""What is meant as a URL, though its scheme or the colon behind it is missing."""


class Link(ABC):
    """An open link; `async with await open_link(url) as link:` closes it at the end.

    `name` is the URL without its secrets, for messages. `can_write` is False where nobody listens (a replay): a
    meter behind it can only be listened to. `gather` is the seconds after some bytes in which the next ones may wait,
    to be taken together: to wake up for each piece of a reply costs more than all that is done with it.
    """

    least_silence = 0.0
    """Seconds without a byte for which it is not opened anew in any case."""
    can_write = True
    gather = 0.0

    def __init__(self, url: str) -> None:
        self.url = url
        self.name = hide_secrets(url)

    @abstractmethod
    async def read(self) -> Chunk:
        """Wait for at least one byte and return what is there; one reader at a time, and safe to cancel.

        The chunk's time is when its last byte was received, by this computer's clock. For a replay it is the
        recorded time, or None where there is none. Raises LinkLostError when the link is gone or closed.
        """

    @abstractmethod
    async def write(self, data: bytes) -> None:
        """Send bytes and wait while too many are on their way.

        Raises LinkLostError when the link is gone or closed, RequestError when it cannot be written to.
        """

    @abstractmethod
    async def close(self) -> None:
        """Give the port or connection free; once is enough, twice does no harm, and it never raises."""

    async def reopen(self) -> Link:
        """Open the same link anew once it is lost; as `open_link`, but a device is found under its new name, too."""
        return await open_link(self.url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def open_link(url: str) -> Link:
    """Open a link by its URL: a device path, or `scheme:…` with one of this package's modules as the scheme.

    Raises LinkError with a sentence on what to do about it.
    """
    kind = importlib.import_module(f"{__name__}.{kind_of(url)}")
    return cast("Link", await kind.open_link(url))


def find_kinds() -> set[str]:
    """Return the names of the modules that are a kind of link."""
    return {module.name for module in pkgutil.iter_modules(__path__)} - {"stream"}


def check_link(url: str) -> None:
    """Look at a URL without opening anything; raises LinkError for one that can never be opened."""
    if kind_of(url) not in {"device", "replay"}:
        parse_address(url)


def parse_address(url: str) -> tuple[str, int]:
    """Take host and port from the URL of a bridge; raises LinkError with an example of a right one."""
    scheme = url.partition(":")[0].lower()
    default_port = _PORTS.get(scheme)
    example = f"{scheme}://192.168.1.20" + (":4001" if default_port is None else "")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or default_port
    except ValueError:
        host, port = None, None
    if not host or not port or not _HOST.fullmatch(host):
        raise LinkError(f"'{hide_secrets(url)}' lacks a host or a right port; write it like {example}.")
    if "@" in parts.netloc:
        raise LinkError(f"'{hide_secrets(url)}' has a user or a password, which this link does not take; {example}.")
    return host, port


def kind_of(url: str) -> str:
    """Return the name of the module for a URL; raises LinkError for what is no link at all."""
    found, kinds = _SCHEME.match(url), find_kinds()
    scheme = found[1].lower() if found else ""
    scheme = _ALIASES.get(scheme, scheme)
    if scheme in kinds - {"device"}:
        return scheme
    if _HOST_AND_PORT.fullmatch(url):
        raise LinkError(f"'{url}' is a network address; write socket://{url} for it.")
    if found or not url.strip() or _NO_DEVICE.match(url):
        known = ", ".join(f"{kind}:" for kind in sorted((kinds | _ALIASES.keys()) - {"device"}))
        raise LinkError(
            f"'{hide_secrets(url)}' is not a link: give a device path such as /dev/ttyUSB0, "
            f"or a URL that begins with one of {known}."
        )
    return "device"
