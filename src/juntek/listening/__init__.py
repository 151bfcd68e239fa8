"""Where to listen, who connects, and how much each may have: what the page and the metrics have in common.

Rule: no library here, and nothing is looked up; `http_server` needs uvicorn. What is scarce goes to the visitor who has
least: one who takes all there is makes room for others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from juntek.errors import ConfigurationError
from juntek.names import hide_secrets

T = TypeVar("T")

_HOST_AND_PORT = re.compile(r"(?:\[(?P<six>[^][]+)\]|(?P<host>[^][:/?#@,\s]+))(?::(?P<port>[0-9]{0,5}))?")
_HOST = re.compile(r"[A-Za-z0-9_.-]+|\[?[0-9A-Fa-f:.]+\]?")


class Address(NamedTuple):
    """Where to listen: an IP address and a TCP port."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this computer can reach it."""
        return ip_address(self.host).is_loopback

    @property
    def is_any(self) -> bool:
        """Whether it stands for all addresses of this computer."""
        return ip_address(self.host).is_unspecified

    def seen_from(self, machine: str) -> str:
        """Return what to write into a browser; nobody can ask for all addresses at once, so it is the machine then."""
        return f"{machine}:{self.port}" if self.is_any else str(self)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str, key: str, usual_port: int) -> Address:
    """Return what the value of a key means; `localhost` is 127.0.0.1.

    Raises ConfigurationError, which names the key and shows an address with its `usual_port`.
    """
    found = _HOST_AND_PORT.fullmatch(text.strip())
    six, name, number = found.groups("") if found is not None else ("", "", "")
    host = "127.0.0.1" if name == "localhost" else six or name
    try:
        ip_address(host)
        port = int(number)
    except ValueError:
        raise ConfigurationError(
            f'{key} is an IP address and a port such as "127.0.0.1:{usual_port}", or "0.0.0.0:{usual_port}" for all '
            f'addresses, not "{hide_secrets(text)}".'
        ) from None
    if not 1 <= port <= 65535:
        raise ConfigurationError(f"The port in {key} is 1 to 65535, not {port}.")
    return Address(host, port)


def hosts_problem(hosts: tuple[str, ...]) -> str | None:
    """Return what is wrong with names of this computer, as the end of a sentence; None where they are right."""
    wrong = next((host for host in hosts if not _HOST.fullmatch(host)), None)
    return None if wrong is None else f'has "{wrong}"; write names without http:// and without a port.'


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is given at once, and how long a client may take; times in s."""

    connections: int = 256
    """Far fewer than the files a process may open, which the meters and the database need too."""
    request_time: float = 10.0
    """For the first line and headers of a request, and again for what is sent with it."""
    stall_time: float = 60.0
    """In which a client has to take something of what waits for it."""
    look_every: float = 1.0
    """Between two looks at all that waits, and at what a page has to be told."""
    tell_every: float = 5.0
    """Between two events about counts and lags that change."""
    streams: int = 128
    """Browsers that look on."""
    heartbeat: float = 15.0
    """After which a stream says that it is still there, so that both sides notice when the other is gone."""
    shortest_gap: float = 0.1
    """Between two messages to one browser."""


def parse_ip(address: str) -> IPv4Address | IPv6Address | None:
    """Return an IP address in its one form, without the name of a network card; None for what is none."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return (parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None) or parsed


def network_of(address: str) -> str:
    """Return what one visitor has: an IPv4 address, or all addresses of an IPv6 network."""
    parsed = parse_ip(address)
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else str(parsed or address)


def find_crowds(holders: Iterable[T], visitor_of: Callable[[T], str], newcomer: str) -> list[list[T]]:
    """Return what visitors hold who hold no less than the newcomer, who holds most first."""
    crowds: dict[str, list[T]] = {newcomer: []}
    for holder in holders:
        crowds.setdefault(visitor_of(holder), []).append(holder)
    least = len(crowds[newcomer])
    return sorted((crowd for crowd in crowds.values() if len(crowd) >= least), key=len, reverse=True)


# Names -----------------------------------------------------------------------------------------------------------

NOBODYS: Final = frozenset(
    ("local", "lan", "home", "home.arpa", "localdomain", "internal", "intranet", "private", "corp")
)
"""What routers put behind the names of computers, and nobody can buy."""
RESOLVER = Path("/etc/resolv.conf")
"""Where this computer was told what its network puts there."""


class HostCheck:
    """Knows names of this computer: its own `machine`, those that are `allowed`, and those of the local network.

    A name that somebody else's name server points here (DNS rebinding) is none. IP addresses and names without an
    ending are safe: nobody elsewhere can have a page of that origin. With an ending it has to be our own name.
    """

    def __init__(self, machine: str, allowed: Iterable[str]) -> None:
        machine = machine.lower().rstrip(".")
        self._own = machine.partition(".")[0]
        self._names = frozenset((machine, *(name.lower().strip("[]").rstrip(".") for name in allowed)))

    def knows(self, host: str) -> bool:
        """Return whether a Host header (with or without a port) names this computer."""
        name = name_in(host)
        if name is None:
            return False
        if name in self._names or parse_ip(name) is not None:
            return True
        first, dot, ending = name.partition(".")
        if not dot:
            return _HOST.fullmatch(name) is not None
        return first != "" and first == self._own and (ending in NOBODYS or ending in _endings_here())


def name_in(host: str) -> str | None:
    """Return the name in a Host header, None where it is no name."""
    found = _HOST_AND_PORT.fullmatch(host)
    return (found["six"] or found["host"]).lower().removesuffix(".") or None if found is not None else None


def _endings_here() -> set[str]:
    endings: set[str] = set()
    with suppress(OSError, UnicodeDecodeError):
        for line in RESOLVER.read_text(encoding="ascii").splitlines():
            kind, *words = line.split() or [""]
            if kind in ("search", "domain"):
                endings.update(word.lower().strip(".") for word in words)
    return endings - {""}
