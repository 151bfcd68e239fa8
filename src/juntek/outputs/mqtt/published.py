"""What is on the broker of one meter, and what waits to go there; rule: kept for one connection only."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from juntek.outputs.mqtt.discovery import Topics
    from juntek.reading import Identity, Reading, Settings
    from juntek.update import Health, Update


@dataclass(slots=True)
class Published:
    """The latest of one meter. `discovery`, `state` and `link` are the messages as they were sent, or empty."""

    topics: Topics
    family: str | None = None
    available: bool | None = None
    identity: Identity | None = None
    settings: Settings | None = None
    health: Health | None = None
    situation: tuple[object, ...] = ()
    """What of the health is told at once when it changes."""
    discovery: str = ""
    discovery_time: float = 0.0
    discovery_is_old: bool = True
    state: str = ""
    link: str = ""
    link_time: float = 0.0
    pending: list[Reading] = field(default_factory=list)
    something_pending: asyncio.Event = field(default_factory=asyncio.Event)

    def differs(self, update: Update) -> bool:
        """Return whether anything but the reading is new. Asked for every reading, so it must be cheap."""
        health, reading = update.health, update.reading
        return (
            update.available is not self.available
            or update.identity is not self.identity
            or update.settings is not self.settings
            or (health.mode, health.connected, health.reconnects, health.error) != self.situation
            or (reading is not None and reading.family != self.family)
        )

    def take(self, update: Update) -> None:
        """Remember everything but the reading, and whether discovery has to tell of it."""
        known = update.reading or update.identity
        family = known.family if known else self.family
        if update.identity is not self.identity or family != self.family:
            self.discovery_is_old = True
        self.family = family
        self.available = update.available
        self.identity = update.identity
        self.settings = update.settings
        self.health = health = update.health
        self.situation = (health.mode, health.connected, health.reconnects, health.error)
