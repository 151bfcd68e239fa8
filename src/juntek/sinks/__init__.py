"""Where readings go: leaves that know only the vocabulary; rule: found by being here, and no sibling imports another.

A sink module offers `SECTION` (its part of the configuration), `EXTRA` (what to install when its library is
missing), `Options` (its keys, checked by itself; where it has a `patience`, a reading may come so many seconds late)
and `open_sink(options, context)`, an asynchronous context manager that yields `handle(update)`. When its far end goes
away it raises a JuntekError, also out of a body that is only waiting; whoever runs it enters again later and hands over
the latest update of each meter once more.
"""

from __future__ import annotations

import importlib
import pkgutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Literal


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
    left: dict[str, Any] = field(default_factory=dict)
    """What a sink that failed has left for its next entry, by its section; nobody else looks at it."""
    sections: tuple[str, ...] = ()
    """Names of all configured sinks."""

    def look_at_history(self) -> tuple[Literal["ok", "paused", "off"], str | None]:
        """Return whether readings are kept at present, and why not where they should be."""
        if "history" not in self.sections:
            return "off", None
        reason = self.troubles.get("history")
        return ("paused" if reason else "ok"), reason


@cache
def find_sinks() -> dict[str, ModuleType]:
    """Return the sink modules by the name of their section; their libraries are not loaded by that."""
    modules = (importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__))
    return {module.SECTION: module for module in modules}
