"""Where readings go: leaves that know only the vocabulary; rule: found by being here, and no sibling imports another.

A sink module offers `SECTION` (its part of the configuration), `EXTRA` (what to install when its library is
missing), `Options` (its keys, checked by itself) and `open_sink(options, context)`, an asynchronous context
manager that yields `handle(update)`. When its far end goes away it raises a JuntekError, also out of a body that
is only waiting; whoever runs it enters again later and hands over the latest update of each meter once more.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, field
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Literal
from datetime import tzinfo
from pathlib import Path
from typing import Literal


@dataclass(slots=True)
class HistoryState:
    """Whether the history is being kept: the history sink says so, and whoever shows it looks here."""

    state: Literal["off", "ok", "paused"] = "off"
    reason: str | None = None
    """Why it is paused, as a sentence."""

    def as_dict(self) -> dict[str, str | None]:
        """Return the public keys and values, ready for JSON."""
        return {"state": self.state, "reason": self.reason}


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What every sink may know of the gateway it runs in."""

    version: str
    gateway: str
    """Name of the machine; tells what this gateway left behind from what another one did."""
    meters: tuple[str, ...]
    """Names of all configured meters, whether they answer or not."""
    time: Callable[[], float] = time.time
    """Seconds since 1970."""
    database: Path | None = None
    """The file of totals and history."""
    time_zone: tzinfo = UTC
    """Whose midnight begins a day."""
    troubles: dict[str, str] = field(default_factory=dict)
    """Why a sink is away at present, as a sentence, by its section; each supervisor keeps its own part up to date."""
    database: Path | None = None
    """Where totals and history are kept."""
    history: HistoryState = field(default_factory=HistoryState)
    time_zone: tzinfo | None = None
    """Whose midnight begins a day; None for that of the system."""
