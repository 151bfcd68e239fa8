"""Which names are this computer's; rule: a name that somebody else's name server points here (DNS rebinding) is none.

IP addresses are safe: a page of somebody else cannot have one of ours as its origin. A name in the local network is
when it is made of our own name and an ending that nobody can buy, or has no ending, and resolves to this computer.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from juntek.listening import parse_ip

LOCAL_ENDINGS: Final = (
    "local", "lan", "home", "home.arpa", "localdomain", "internal", "intranet", "private", "corp", "fritz.box",
    "speedport.ip",
)  # fmt: skip
"""What routers put behind the names of computers, besides what this computer was told."""
KEPT: Final = 60.0
"""s for which is remembered where a name leads."""
PATIENCE: Final = 3.0
"""s for a name server to answer."""
MOST_NAMES: Final = 2
"""Made-up names that are looked up at the same time."""

Resolve = Callable[[str], Iterable[str]]
_threads = ThreadPoolExecutor(MOST_NAMES, thread_name_prefix="juntek-names")


def resolve(name: str) -> set[str]:
    """Return the addresses of a name; raises OSError where it has none. It may take as long as it likes."""
    return {str(address[0]) for *_, address in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)}


class HostCheck:
    """Knows names of this computer: its own `machine`, those that are `allowed`, and those of the local network."""

    def __init__(self, machine: str, allowed: Iterable[str], resolve: Resolve = resolve) -> None:
        machine = machine.lower().rstrip(".")
        self._own = machine.partition(".")[0]
        names = {"localhost", machine, self._own, *(name.lower().strip("[]").rstrip(".") for name in allowed)}
        self._names = frozenset((names | {f"{self._own}.local"} if self._own else names) - {""})
        self._resolve = resolve
        self._looked_up: dict[str, tuple[float, asyncio.Future[bool]]] = {}

    async def knows(self, host: str) -> bool:
        """Return whether a Host header (with or without a port) names this computer."""
        name = name_in(host)
        if name is None:
            return False
        if name in self._names or parse_ip(name) is not None:
            return True
        return self._is_local(name) and await self._leads_here(name)

    def _is_local(self, name: str) -> bool:
        first, _, ending = name.partition(".")
        return not ending or (first == self._own and ending in self._endings)

    @cached_property
    def _endings(self) -> frozenset[str]:
        endings = set(LOCAL_ENDINGS)
        with suppress(OSError, UnicodeDecodeError):
            for line in Path("/etc/resolv.conf").read_text(encoding="ascii").splitlines():
                kind, *words = line.split() or [""]
                if kind in ("search", "domain"):
                    endings.update(word.lower().strip(".") for word in words)
        return frozenset(endings - {""})

    async def _leads_here(self, name: str) -> bool:
        """Return whether a name has an address of this computer; it is looked up beside the loop, once for all."""
        now = asyncio.get_running_loop().time()
        self._looked_up = {key: kept for key, kept in self._looked_up.items() if kept[0] > now}
        if name not in self._looked_up:
            if "." not in name and sum(not kept.done() for _, kept in self._looked_up.values()) >= MOST_NAMES:
                return False
            self._looked_up[name] = now + KEPT, asyncio.ensure_future(self._look_up(name))
        return await asyncio.shield(self._looked_up[name][1])

    async def _look_up(self, name: str) -> bool:
        try:
            async with asyncio.timeout(PATIENCE):
                found = await asyncio.get_running_loop().run_in_executor(_threads, self._resolve, name)
            return any(map(is_own_address, found))
        except (OSError, UnicodeError, TimeoutError):
            return False


def name_in(host: str) -> str | None:
    """Return the name in a Host header, None where it is no name."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # raises where it is no number
    except ValueError:
        return None
    if not parts.hostname or parts.path or parts.query or parts.fragment or "@" in host:
        return None
    return parts.hostname.removesuffix(".") or None


def is_own_address(address: str) -> bool:
    """Return whether this computer has an address: only its own can be listened at."""
    parsed = parse_ip(address)
    if parsed is None or parsed.is_unspecified or parsed.is_multicast:
        return False
    family = socket.AF_INET6 if parsed.version == 6 else socket.AF_INET
    try:
        where = socket.getaddrinfo(address, 0, family, socket.SOCK_DGRAM, 0, socket.AI_NUMERICHOST)[0][4]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind(where)
    except OSError:
        return False
    return True
