"""What is behind a link, and what is wrong with its wires; rule: it listens, and asks only where nobody else does.

It sends what every display sends (the requests R00, R50, R51), to one address after the other, and writes nothing.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from juntek.errors import LinkError, LinkLostError
from juntek.exchange import Query
from juntek.links import Link, open_link
from juntek.names import hide_secrets
from juntek.reading import Identity, Reading, Settings
from juntek.rs485.bus import Bus, Event
from juntek.rs485.framing import Frame, Garbage
from juntek.rs485.wiring import look_at

Cause = Literal[
    "meters", "display_only", "swapped", "speed", "converter", "device", "noise", "silent", "echo",
    "no_permission", "in_use", "gateway", "unreachable",
]  # fmt: skip

ADDRESSES = range(1, 100)
LIKELY = range(1, 9)
"""1 is what every meter has when it is new; few owners have more meters than these."""
MOST_HEARD = 4096
"""Bytes; more of them say no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds: to listen for others at first, for each address, and for the answers that a network holds up."""

    listen: float = 3.0
    answer: float = 0.1
    straggler: float = 0.6


@dataclass(slots=True)
class Station:
    """What one address has said."""

    identity: Identity | None = None
    settings: Settings | None = None
    reading: Reading | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return what is known, ready for JSON; secrets are left out."""
        identity, reading = self.identity, self.reading
        heard = identity or reading or self.settings
        return {
            "model": identity.model if identity else None,
            "family": heard.family if heard is not None else None,
            "firmware": identity.firmware if identity else None,
            "serial_number": identity.serial_number or None if identity else None,
            "voltage": reading.voltage if reading else None,
            "state_of_charge": reading.state_of_charge if reading else None,
            "nominal_capacity": reading.nominal_capacity if reading else None,
        }


@dataclass(slots=True)
class Survey:
    """What was found behind a link. `meters` and `asked_by_display` are addresses; `detail` says more of the cause."""

    link: str
    cause: Cause = "silent"
    detail: str = ""
    meters: dict[int, Station] = field(default_factory=dict)
    asked_by_display: set[int] = field(default_factory=set)
    frames: int = 0
    damaged: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the public keys and values, ready for JSON."""
        return {
            "link": self.link,
            "cause": self.cause,
            "detail": self.detail,
            "meters": [{"address": address, **meter.as_dict()} for address, meter in sorted(self.meters.items())],
            "display_asks": sorted(self.asked_by_display),
            "frames": self.frames,
            "damaged": self.damaged,
        }


async def survey(url: str, patience: Patience, tell: Callable[[str], None] = lambda _: None) -> Survey:
    """Look at a link: listen, then ask every address. Never raises for what is wrong with the link."""
    found = Survey(hide_secrets(url))
    try:
        async with await open_link(url) as link:
            surveyor = _Surveyor(found)
            reader = asyncio.create_task(surveyor.follow(link))
            tell("listening")
            await asyncio.wait([reader], timeout=patience.listen)
            if link.can_write and not reader.done():
                tell("asking")
                await surveyor.ask(link, patience)
            reader.cancel()
            with suppress(asyncio.CancelledError):
                await reader
    except LinkLostError as error:
        found.cause, found.detail = "unreachable", str(error)
    except LinkError as error:
        found.cause, found.detail = _cause_of(error), str(error)
        return found
    surveyor.judge()
    return found


def _cause_of(error: LinkError) -> Cause:
    reason = error.__cause__
    if isinstance(reason, PermissionError):
        return "no_permission"
    if "is in use" in str(error) or (isinstance(reason, OSError) and reason.errno in (errno.EBUSY, errno.EWOULDBLOCK)):
        return "in_use"
    return "unreachable"


class _Surveyor:
    """Takes the bytes of one link, and what they say."""

    def __init__(self, found: Survey) -> None:
        self._found = found
        self._bus = Bus(check=False)
        self._heard_bytes = bytearray()
        self._sent: set[bytes] = set()
        self._echoes = 0
        self._heard = asyncio.Event()

    async def follow(self, link: Link) -> None:
        while True:
            chunk = await link.read()
            self._heard_bytes += chunk.data if len(self._heard_bytes) < MOST_HEARD else b""
            self.take(self._bus.feed(chunk.data))

    def take(self, events: Sequence[Event]) -> None:
        found = self._found
        for event in events:
            match event:
                case Garbage():
                    found.damaged += event.raw.startswith(b":")
                case Frame() if event.raw in self._sent:
                    self._echoes += 1
                case Frame() if event.command[0] == "R":
                    found.asked_by_display.add(event.address)
                case Identity():
                    self._hear(event.address).identity = event
                case Settings():
                    self._hear(event.address).settings = event
                case Reading():
                    self._hear(event.address).reading = event

    def _hear(self, address: int) -> Station:
        self._found.frames += 1
        self._heard.set()
        return self._found.meters.setdefault(address, Station())

    async def ask(self, link: Link, patience: Patience) -> None:
        """Ask who is there: everybody, or beside a display that gets answers the likely ones, each behind an answer."""
        found = self._found
        beside = bool(found.asked_by_display and found.meters)
        for address in LIKELY if beside else ADDRESSES:
            if beside and address in found.meters:
                continue
            if beside:
                await self._wait_for_answer(patience.listen)
            await self._ask(link, "identity", address, patience.answer)
        await asyncio.sleep(patience.straggler)  # an answer says whose it is, so a late one is as good
        for address in sorted(found.meters):
            await self._ask(link, "settings", address, patience.straggler)
            await self._ask(link, "reading", address, patience.straggler)

    async def _ask(self, link: Link, query: Query, address: int, wait: float) -> None:
        request = self._bus.ask(query, address)
        self._sent.add(request.rstrip())
        await link.write(request)
        await self._wait_for_answer(wait)

    async def _wait_for_answer(self, seconds: float) -> None:
        self._heard.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._heard.wait()

    def judge(self) -> None:
        """Say what it is, from all that came."""
        found = self._found
        self.take(self._bus.finish())
        if found.meters:
            found.cause = "meters"
        elif found.asked_by_display:
            found.cause = "display_only"
        elif self._echoes:
            found.cause = "echo"
        elif self._heard_bytes:
            found.cause, found.detail = look_at(bytes(self._heard_bytes))
