"""What the gateway told last of each meter, as the API shows it; rule: kept as it came, made into JSON when asked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from juntek.outputs import Context
from juntek.outputs.web.health import show_sinks
from juntek.outputs.web.live import Event
from juntek.reading import Identity, Reading, Settings, iso_time
from juntek.update import Health, Update

GATEWAY = ""
"""The key of the gateway itself among those of the meters; no meter can have this name."""


@dataclass(slots=True)
class Present:
    """One meter. Where nothing was heard of it yet, there is its name only."""

    available: bool = False
    reading: Reading | None = None
    identity: Identity | None = None
    settings: Settings | None = None
    health: Health = field(default_factory=Health)

    def latest(self) -> dict[str, Any] | None:
        """Return the latest reading."""
        return self.reading.as_dict() if self.reading is not None else None


class Meters:
    """The present of all meters, and of the gateway."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._meters = {name: Present() for name in context.meters}
        self._started = asyncio.get_running_loop().time()

    def __contains__(self, name: object) -> bool:
        return name in self._meters

    def names(self) -> list[str]:
        """Return the names as they stand in the configuration."""
        return list(self._meters)

    def take(self, update: Update) -> None:
        """Remember an update."""
        meter = self._meters.setdefault(update.meter, Present())
        meter.available, meter.health = update.available, update.health
        meter.identity, meter.settings = update.identity, update.settings
        meter.reading = update.reading or meter.reading

    def get(self, name: str) -> Present:
        """Return what is known of a meter; nothing, where it is known from the history only."""
        return self._meters.get(name) or Present()

    def entry(self, name: str, span: tuple[float, float] | None) -> dict[str, Any]:
        """Return a meter as the list of meters has it. `span` is the first and last time in the history."""
        meter = self.get(name)
        first, last = span or (None, None)
        return {
            "name": name,
            "configured": name in self._context.meters,
            "available": meter.available,
            "identity": meter.identity.as_dict() if meter.identity is not None else None,
            "settings": meter.settings.as_dict(secrets=False) if meter.settings is not None else None,
            "health": meter.health.as_dict(),
            "latest": meter.latest(),
            "first": first,
            "last": last,
        }

    def health(self) -> dict[str, Any]:
        """Return how the gateway, its links and its sinks do."""
        state, reason = self._context.look_at_history()
        return {
            "version": self._context.version,
            "gateway": self._context.gateway,
            "time": iso_time(self._context.time()),
            "uptime": round(asyncio.get_running_loop().time() - self._started, 1),
            "history": {"state": state, "reason": reason},
            "sinks": show_sinks(self._context),
            "meters": {
                name: {"available": meter.available, **meter.health.as_dict()} for name, meter in self._meters.items()
            },
        }

    def describe(self, key: str) -> Event | None:
        """Return the present event of a meter or of the gateway, for a stream."""
        if key == GATEWAY:
            return "gateway", self.health()
        meter = self._meters.get(key)
        if meter is None:
            return None
        return "update", {
            "meter": key,
            "available": meter.available,
            "latest": meter.latest(),
            "health": meter.health.as_dict(),
            "identity": meter.identity.as_dict() if meter.identity is not None else None,
            "settings": meter.settings.as_dict(secrets=False) if meter.settings is not None else None,
        }
