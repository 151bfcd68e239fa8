"""What the gateway said last of each meter and of itself, as the API shows it; rule: made into JSON when asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, tzinfo
from importlib.util import find_spec
from typing import Any, Final, cast

from juntek.metric import nothing_of
from juntek.outputs import Context
from juntek.outputs.web import api_types as types
from juntek.outputs.web.broadcast import Event
from juntek.reading import iso_time

GATEWAY = ""
"""The key of the gateway itself among those of the meters; no meter can have this name."""
LATE: Final = 10
"""s of lag below which no page is notified: between two batches there is always some."""


class LatestState:
    """The latest state of all meters, and of the gateway."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._started = asyncio.get_running_loop().time()
        self._exports = ["csv", "parquet"] if find_spec("pyarrow") is not None else ["csv"]

    def __contains__(self, name: object) -> bool:
        return name in self._context.meters or name in self._context.latest

    def names(self) -> list[str]:
        """Return the names as they stand in the configuration."""
        return [update.meter for update in self._context.updates()]

    def reading(self, name: str) -> types.Reading | None:
        """Return the latest reading of a meter, or None."""
        return self._state(name)["latest"]

    def meter(self, name: str, span: tuple[float, float] | None) -> types.Meter:
        """Return a meter as the list of meters has it. `span` is the first and last time in the history."""
        first, last = span or (None, None)
        is_configured = name in self._context.meters
        return {"name": name, "configured": is_configured, **self._state(name), "first": first, "last": last}

    def health(self) -> types.Health:
        """Return how the gateway, its links and its outputs do."""
        state, reason = self._context.look_at_history()
        return {
            "version": self._context.version,
            "gateway": self._context.gateway,
            "time": iso_time(self._context.time()) or "",
            "time_zone": name_of_zone(self._context.time_zone, self._context.time()),
            "uptime": round(asyncio.get_running_loop().time() - self._started, 1),
            "exports": self._exports,
            "history": {"state": state, "reason": reason},
            "sinks": sinks_of(self._context),
            "meters": {
                update.meter: cast("types.MeterHealth", {"available": update.available, **update.health.as_dict()})
                for update in self._context.updates()
            },
        }

    def event(self, key: str) -> Event | None:
        """Return the present event of a meter or of the gateway, for a stream."""
        if key == GATEWAY:
            return "gateway", self.health()
        if key not in self:
            return None
        update: types.LiveUpdate = {"meter": key, **self._state(key)}
        return "update", update

    def _state(self, name: str) -> types.MeterState:
        update = self._context.latest.get(name) or nothing_of(name)
        settings = update.settings.as_dict(secrets=False) if update.settings is not None else None
        return {
            "available": update.available,
            "identity": cast("types.Identity", update.identity.as_dict()) if update.identity is not None else None,
            "settings": cast("types.Settings | None", settings),
            "health": cast("types.LinkHealth", update.health.as_dict()),
            "latest": cast("types.Reading", update.reading.as_dict()) if update.reading is not None else None,
        }


def name_of_zone(zone: tzinfo, time: float) -> str:
    """Return the name that browsers know a zone by; where it has none, its present distance from UTC."""
    offset = datetime.fromtimestamp(time, zone).strftime("%z")
    return getattr(zone, "key", None) or ("UTC" if int(offset) == 0 else f"{offset[:3]}:{offset[3:5]}")


def sinks_of(context: Context) -> dict[str, types.SinkHealth]:
    """Return how each output does, by its name."""
    now = context.time()
    return {
        name: {
            "connected": sink.connected,
            "waiting": sink.waiting,
            "lag": round(sink.lag(now)),
            "failures": sink.failures,
            "lost": sink.lost,
            "refused": sink.refused,
            "error": context.errors.get(name),
        }
        for name, sink in context.sinks.items()
    }


class HealthMonitor:
    """Tells whether outputs or the history do otherwise than it said last; `clock` never steps.

    What counts is told no more often than `tell_every` s.
    """

    def __init__(self, context: Context, clock: Callable[[], float], tell_every: float) -> None:
        self._context = context
        self._clock = clock
        self._tell_every = tell_every
        self._states, self._counts = self._look()
        self._reported = clock()

    def has_news(self) -> bool:
        """Return whether there is something to tell, which counts as told from then on."""
        states, counts = self._look()
        if states == self._states and (counts == self._counts or self._clock() - self._reported < self._tell_every):
            return False
        self._states, self._counts, self._reported = states, counts, self._clock()
        return True

    def _look(self) -> tuple[Any, Any]:
        """Return what is told at once, and what may wait."""
        sinks = sinks_of(self._context).values()
        states = [(sink["connected"], sink["error"]) for sink in sinks]
        lags = [sink["lag"] if sink["lag"] >= LATE else 0 for sink in sinks]
        counts = [(sink["failures"], sink["lost"], sink["refused"]) for sink in sinks]
        return (states, self._context.look_at_history()), (counts, lags)
