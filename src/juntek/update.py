"""What the gateway tells its sinks about one meter; rule: vocabulary only, so that a sink needs nothing else.

The health of a link is counted in place and shared by reference: whoever reads it sees the present counts.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from juntek.reading import Identity, Reading, Settings, iso_time

Mode = Literal["starting", "listen", "poll", "closed"]

Outcome = Literal["obeyed", "refused", "unknown"]
"""What became of a command, by what the meter says afterwards; unknown where it says nothing of it."""

HistoryState = Literal["ok", "paused", "damaged", "off"]
"""Off: no history is configured. Paused: the disk is full or read-only, or the clock is wrong. Damaged: readings are
kept, but a part of the past cannot be read."""


@dataclass(slots=True)
class Health:
    """How a meter's link does. `garbage` counts rejected frames, by reason (`framing.Reason`)."""

    mode: Mode = "starting"
    connected: bool = False
    frames: int = 0
    garbage: Counter[str] = field(default_factory=Counter)
    out_of_range: Counter[str] = field(default_factory=Counter)
    """How often a number was out of its range and is null in a reading, by key."""
    reconnects: int = 0
    last_frame: float | None = None
    """Seconds since 1970 of the last good frame of this meter."""
    error: str | None = None
    """Why the link is down or the meter silent, as a sentence; None when all is well."""
    notice: str | None = None
    """What an owner should know of a meter that answers, as a sentence: it is stuck, was replaced, or miscounts."""

    def as_dict(self) -> dict[str, Any]:
        """Return the public keys and values, ready for JSON."""
        return {
            "mode": self.mode,
            "connected": self.connected,
            "frames": self.frames,
            "garbage": dict(self.garbage),
            "garbage_count": sum(self.garbage.values()),
            "out_of_range": dict(self.out_of_range),
            "reconnects": self.reconnects,
            "last_frame": iso_time(self.last_frame),
            "error": self.error,
            "notice": self.notice,
        }


class Update(NamedTuple):
    """All that is known of a meter when something changed.

    `reading` is the new reading, or None when it is something else that changed: the identity, the settings or
    whether the meter answers.
    """

    meter: str
    available: bool
    reading: Reading | None
    identity: Identity | None
    settings: Settings | None
    health: Health


class LatestUpdates(dict[str, Update]):
    """The latest update of each meter, by its name."""

    def take(self, update: Update) -> Update:
        """Keep an update and return it; one without a reading keeps the reading before it."""
        if update.reading is None and (before := self.get(update.meter)) is not None:
            update = update._replace(reading=before.reading)
        self[update.meter] = update
        return update
