"""Who connects, and how much each may have; rule: pure, needs no library.

What is scarce goes to the visitor who has least: one who takes all there is makes room for others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TypeVar

T = TypeVar("T")


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
