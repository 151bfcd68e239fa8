"""Where readings go: leaves that know only the vocabulary; rule: found by being here, and no sibling imports another.

A sink module offers `SECTION` (its part of the configuration), `LIBRARIES` (names of what it imports when it is
entered, so that whoever checks a configuration can look whether they are there), `EXTRA` (what to install when one is
missing), `Options` (its keys, checked by itself; where it has a `patience`, a reading may come so many seconds late)
and `open_sink(options, context)`, an asynchronous context manager that yields `handle(update)`. When its far end goes
away it raises a JuntekError, also out of a body that is only waiting; whoever runs it enters again later and hands over
the latest update of each meter once more. `ENTERED` is what is said once it is entered, where that is not `connected`.

Where there may be several of a kind, each with a section and a queue of its own, its `Options` have a `label` that
tells one from the other. A module with `NEEDS` names the sections that it cannot do without: they are there then, with
their defaults, where the configuration has none.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from juntek.discovery import find_modules
from juntek.update import Update


@dataclass(slots=True)
class SinkHealth:
    """How one sink does; counted in place by who runs it, and by the sink itself where it knows more.

    `failures`: how often it failed and was entered again. `lost`: updates that never reached it. `refused`: readings
    that its far end would not take. `behind`: when the oldest reading was received that its far end does not have yet,
    s since 1970, beside those that wait; None where it has all.
    """

    connected: bool = False
    failures: int = 0
    lost: int = 0
    refused: int = 0
    behind: float | None = None
    queue: deque[Update] = field(default_factory=deque)
    """What waits for it."""

    @property
    def waiting(self) -> int:
        """Updates in its queue."""
        return len(self.queue)

    def fall_behind(self, *times: float | None) -> None:
        """Set `behind` to the oldest of these, but for those that are None."""
        self.behind = min((time for time in times if time is not None), default=None)

    def lag(self, now: float) -> float:
        """Return how old the oldest reading is that it does not have yet, s; 0 where it has all."""
        waits = next((update.reading.time for update in tuple(self.queue) if update.reading is not None), None)
        oldest = min((time for time in (waits, self.behind) if time is not None), default=now)
        return max(now - oldest, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What every sink may know of the gateway it runs in."""

    version: str
    gateway: str
    """Name of the machine; tells what this gateway left behind from what another one did."""
    meters: tuple[str, ...]
    """Names of all configured meters, whether they answer or not."""
    site: str = "home"
    """What tells the meters here from those of the same name elsewhere."""
    time: Callable[[], float] = time.time
    """Seconds since 1970."""
    database: Path | None = None
    """The file of totals and history."""
    time_zone: tzinfo = UTC
    """Whose midnight begins a day."""
    troubles: dict[str, str] = field(default_factory=dict)
    """Why a sink is away at present, as a sentence, by its name; each supervisor keeps its own part up to date."""
    left: dict[str, Any] = field(default_factory=dict)
    """What a sink that failed has left for its next entry, by its name; nobody else looks at it."""
    sections: tuple[str, ...] = ()
    """Sections of all configured sinks."""
    sinks: dict[str, SinkHealth] = field(default_factory=dict)
    """How each sink does, by its name."""

    def look_at_history(self) -> tuple[Literal["ok", "paused", "off"], str | None]:
        """Return whether readings are kept at present, and why not where they should be."""
        if "history" not in self.sections:
            return "off", None
        reason = self.troubles.get("history")
        return ("paused" if reason else "ok"), reason


def names_of(section: str, options: object) -> Mapping[str, Any]:
    """Return the options of each sink of a section by the name of the sink: the section, or section and label."""
    if isinstance(options, tuple):
        return {f"{section} {one.label}": one for one in options}
    return {section: options}


@cache
def find_sinks() -> dict[str, ModuleType]:
    """Return the sink modules by the name of their section; their libraries are not loaded by that."""
    return {module.SECTION: module for module in find_modules(__name__)}
