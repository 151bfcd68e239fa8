"""Updates pushed to browsers as server-sent events; rule: each waits for itself, and nobody waits for a browser.

A browser that is slow finds the newest of each meter when it comes back, so what waits for it never grows. The
text of an event is made once for all browsers, and only when somebody takes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from juntek.listening.visitors import Limits, find_crowds
from juntek.outputs.web.responses import NEVER_KEPT, encode

COME_BACK: Final = 3000
"""ms after which a browser asks again when the connection broke."""

Event = tuple[str, Any]
"""Name and value."""


class Broadcaster:
    """All browsers that look on. `describe(key)` gives the present event of a key: a meter's name, or "" for us."""

    def __init__(self, describe: Callable[[str], Event | None], limits: Limits) -> None:
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

    def renew(self, key: str) -> None:
        """Let whoever comes next have the newest of a key that nobody is told of."""
        self._texts.pop(key, None)

    def join(self, visitor: str = "", keys: Iterable[str] = (), may_stay: Callable[[], bool] = lambda: True) -> Client:
        """Return a new browser of a visitor, for which one of who has more may have to go.

        It hears first of these keys, and stays while `may_stay()`. Raises HTTPException where there are too many and
        nobody has more.
        """
        if len(self._clients) >= self.limits.streams:
            most = find_crowds(self._clients, lambda one: one.visitor, visitor)[0]
            if most[0].visitor == visitor:
                raise HTTPException(503, "Too many browsers look on; close one and try again.", {"retry-after": "5"})
            most[0].end()
            self.leave(most[0])
        client = Client(self, visitor, keys, may_stay)
        client.closing = self._closed
        self._clients[client] = None
        return client

    def leave(self, client: Client) -> None:
        """Forget a browser."""
        self._clients.pop(client, None)

    def text_of(self, key: str) -> bytes:
        """Return the event of a key as it is sent; empty where there is nothing to tell."""
        if key not in self._texts:
            event = self._describe(key)
            text = b"" if event is None else b"event: %s\ndata: %s\n\n" % (event[0].encode(), encode(event[1]))
            self._texts[key] = text
        return self._texts[key]

    def close(self) -> None:
        """End every stream."""
        self._closed = True
        for client in self._clients:
            client.end()


class Client(StreamingResponse):
    """One browser: the keys that wait for it, in the order in which they became new, and the answer that has them."""

    def __init__(
        self, broadcaster: Broadcaster, visitor: str, keys: Iterable[str], may_stay: Callable[[], bool]
    ) -> None:
        self.visitor = visitor
        self.closing = False
        self._broadcaster = broadcaster
        self._may_stay = may_stay
        self._waiting = dict.fromkeys(keys)
        self._is_notified = asyncio.Event()
        headers = NEVER_KEPT | {"x-accel-buffering": "no"}
        super().__init__(self._texts(), headers=headers, media_type="text/event-stream")

    def put(self, key: str) -> None:
        """Let it have the newest of a key."""
        self._waiting[key] = None
        self._is_notified.set()

    def take(self) -> list[str]:
        """Return the keys that wait, and begin again."""
        keys, self._waiting = list(self._waiting), {}
        self._is_notified.clear()
        return keys

    def end(self) -> None:
        """End the stream."""
        self.closing = True
        self._is_notified.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer until the browser goes, may not stay, or the broadcaster closes."""

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
        while not self.closing and self._may_stay():
            text += b"".join(map(self._broadcaster.text_of, self.take()))
            yield text or b": still here\n\n"
            await asyncio.sleep(limits.shortest_gap)
            text = b""
            with suppress(TimeoutError):
                async with asyncio.timeout(limits.heartbeat):
                    await self._is_notified.wait()
