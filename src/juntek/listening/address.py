"""Where to listen, as an owner writes it; rule: no I/O and no library."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import NamedTuple

from juntek.errors import ConfigurationError
from juntek.names import hide_secrets

_ADDRESS = re.compile(r"(?:\[(?P<six>[^\]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>\d{1,5})")

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
    form = f'{key} is an IP address and a port such as "127.0.0.1:{usual_port}" or "0.0.0.0:{usual_port}"'
    found = _ADDRESS.fullmatch(text.strip())
    if found is None:
        raise ConfigurationError(f'{form}, not "{hide_secrets(text)}".')
    host = found["six"] or found["host"]
    host = "127.0.0.1" if host == "localhost" else host
    port = int(found["port"])
    try:
        ip_address(host)
    except ValueError:
        raise ConfigurationError(f'{form}, not "{hide_secrets(text)}"; use 0.0.0.0 for all addresses.') from None
    if not 1 <= port <= 65535:
        raise ConfigurationError(f"The port in {key} is 1 to 65535, not {port}.")
    return Address(host, port)


def hosts_problem(hosts: tuple[str, ...]) -> str | None:
    """Return what is wrong with names of this computer, as the end of a sentence; None where they are right."""
    wrong = next((host for host in hosts if not _HOST.fullmatch(host)), None)
    return None if wrong is None else f'has "{wrong}"; write names without http:// and without a port.'
