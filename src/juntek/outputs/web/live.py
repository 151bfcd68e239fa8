"""What is known now of each meter and of the gateway, and the browsers that look on; rule: nobody waits for a browser.

A browser that is slow finds the newest of each meter when it comes back, so what waits for it never grows. The
text of an event is made once for all browsers, and only when somebody takes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from datetime import datetime, tzinfo
from importlib.util import find_spec
from typing import Any, Final, cast

from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from juntek.listening import Limits, find_crowds
from juntek.metric import nothing_of
from juntek.outputs import Context
from juntek.outputs.web import api_types as types
from juntek.outputs.web.responses import NEVER_KEPT, encode
from juntek.reading import iso_time

GATEWAY: Final = ""
"""The key of the gateway itself among those of the meters; no meter can have this name."""
LATE: Final = 10
"""s of lag below which no page is notified: between two batches there is always some."""
COME_BACK: Final = 3000
"""ms after which a browser asks again when the connection broke."""

Event = tuple[str, Any]
"""Name and value."""


class LatestState:
    """The latest state of all meters, and of the gateway."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._started = asyncio.get_running_loop().time()
        self._exports = ["csv", "parquet"] if find_spec("pyarrow") is not None else ["csv"]

    def names(self) -> list[str]:
        """Return the names as they stand in the configuration."""
        return list(dict.fromkeys((*self._context.meters, *self._context.latest)))

    def meter(self, name: str) -> types.MeterState:
        """Return what is known of a meter."""
        update = self._context.latest.get(name) or nothing_of(name)
        state = {
            "available": update.available,
            "identity": update.identity.as_dict() if update.identity is not None else None,
            "settings": update.settings.as_dict(secrets=False) if update.settings is not None else None,
            "health": update.health.as_dict(),
            "latest": update.reading.as_dict() if update.reading is not None else None,
        }
        return cast("types.MeterState", state)

    def health(self) -> types.Health:
        """Return how the gateway, its links and its outputs do."""
        context = self._context
        state, reason = context.look_at_history()
        return {
            "version": context.version,
            "gateway": context.gateway,
            "time": iso_time(context.time()) or "",
            "time_zone": name_of_zone(context.time_zone, context.time()),
            "uptime": round(asyncio.get_running_loop().time() - self._started, 1),
            "exports": self._exports,
            "history": {"state": state, "reason": reason},
            "sinks": sinks_of(context),
            "meters": {
                update.meter: cast("types.MeterHealth", {"available": update.available, **update.health.as_dict()})
                for update in context.updates()
            },
        }

    def event(self, key: str) -> Event:
        """Return the present event of a meter or of the gateway, for a stream."""
        return ("update", {"meter": key, **self.meter(key)}) if key != GATEWAY else ("gateway", self.health())


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
        self._state: Any = None
        self._counts: Any = None
        self._told_at = 0.0
        self.has_news()  # how it all begins is none

    def has_news(self) -> bool:
        """Return whether there is something to tell, which counts as told from then on."""
        sinks, now = sinks_of(self._context).values(), self._clock()
        state = [(sink["connected"], sink["error"]) for sink in sinks], self._context.look_at_history()
        counts = [(sink["failures"], sink["lost"], sink["refused"], max(sink["lag"], LATE)) for sink in sinks]
        is_early = now - self._told_at < self._tell_every
        if state == self._state and (is_early or counts == self._counts):
            return False
        self._state, self._counts, self._told_at = state, counts, now
        return True


class Broadcaster:
    """All browsers that look on. `describe(key)` gives the present event of a key: a meter's name, or "" for us."""

    def __init__(self, describe: Callable[[str], Event], limits: Limits) -> None:
        self._describe = describe
        self.limits = limits
        self._texts: dict[str, bytes] = {}
        self._clients: dict[Client, None] = {}
        self._closed = False

    def notify(self, key: str) -> None:
        """Let every browser have the newest of a key; never waits."""
        self._texts.pop(key, None)
        for client in self._clients:
            client.put(key)

    def join(self, visitor: str = "", keys: Iterable[str] = (), may_stay: Callable[[], bool] = lambda: True) -> Client:
        """Return a new browser of a visitor, for which one of who has more may have to go.

        It hears first of these keys, and stays while `may_stay()`. Raises HTTPException where there are too many and
        nobody has more.
        """
        if len(self._clients) >= self.limits.streams:
            most = find_crowds(self._clients, lambda one: one.visitor, visitor)[0]
            if most[0].visitor == visitor:
                raise HTTPException(503, "Too many browsers look on; close one and try again.", {"retry-after": "5"})
            self.leave(most[0])
        self._texts.pop(GATEWAY, None)  # its uptime and lags change untold
        client = Client(self, visitor, keys, lambda: client in self._clients and may_stay())
        if not self._closed:
            self._clients[client] = None
        return client

    def leave(self, client: Client) -> None:
        """Forget a browser, whose stream ends."""
        self._clients.pop(client, None)
        client.is_notified.set()

    def text_of(self, key: str) -> bytes:
        """Return the event of a key as it is sent."""
        if key not in self._texts:
            name, value = self._describe(key)
            self._texts[key] = b"event: %s\ndata: %s\n\n" % (name.encode(), encode(value))
        return self._texts[key]

    def close(self) -> None:
        """End every stream."""
        self._closed = True
        for client in list(self._clients):
            self.leave(client)


class Client(StreamingResponse):
    """One browser: the keys that wait for it, in the order in which they became new, and the answer that has them."""

    def __init__(
        self, broadcaster: Broadcaster, visitor: str, keys: Iterable[str], may_stay: Callable[[], bool]
    ) -> None:
        self.visitor = visitor
        self._broadcaster = broadcaster
        self._may_stay = may_stay
        self._waiting = dict.fromkeys(keys)
        self.is_notified = asyncio.Event()
        headers = NEVER_KEPT | {"x-accel-buffering": "no"}
        super().__init__(self._texts(), headers=headers, media_type="text/event-stream")

    def put(self, key: str) -> None:
        """Let it have the newest of a key."""
        self._waiting[key] = None
        self.is_notified.set()

    def take(self) -> list[str]:
        """Return the keys that wait, and begin again."""
        keys, self._waiting = list(self._waiting), {}
        self.is_notified.clear()
        return keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer until the browser goes, or may not stay."""

        async def hear() -> Message:
            message = await receive()
            # Whoever sends on and on instead of listening would keep the gateway busy for as long as it likes.
            return {"type": "http.disconnect"} if message.get("more_body") else message

        try:
            await super().__call__(scope, hear, send)
        finally:
            self._broadcaster.leave(self)  # also when it went before the first text

    async def _texts(self) -> AsyncIterator[bytes]:
        limits = self._broadcaster.limits
        text = b"retry: %d\n\n" % COME_BACK
        while self._may_stay():
            text += b"".join(map(self._broadcaster.text_of, self.take()))
            yield text or b": still here\n\n"
            await asyncio.sleep(limits.shortest_gap)
            text = b""
            with suppress(TimeoutError):
                async with asyncio.timeout(limits.heartbeat):
                    await self.is_notified.wait()
