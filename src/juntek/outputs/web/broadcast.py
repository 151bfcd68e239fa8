"""Updates pushed to browsers as server-sent events; rule: each waits for itself, and nobody waits for a browser.

A browser that is slow finds the newest of each meter when it comes back, so what waits for it never grows. The
text of an event is made once for all browsers, and only when somebody takes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

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

    def __len__(self) -> int:
        return len(self._clients)

    def notify(self, key: str) -> None:
        """Let every browser have the newest of a key; never waits."""
        self._texts.pop(key, None)
        for client in self._clients:
            client.waiting[key] = None
            client.is_notified.set()

    def renew(self, key: str) -> None:
        """Let whoever comes next have the newest of a key that nobody is told of."""
        self._texts.pop(key, None)

    def join(self, visitor: str = "") -> Client:
        """Return a new browser of a visitor, for which one of who has more may have to go.

        Raises HTTPException where there are too many and nobody has more.
        """
        if len(self._clients) >= self.limits.streams:
            crowds = find_crowds(self._clients, lambda one: one.visitor, visitor)
            if len(crowds[0]) == sum(one.visitor == visitor for one in self._clients):
                raise HTTPException(503, "Too many browsers look on; close one and try again.", {"retry-after": "5"})
            crowds[0][0].end()
            self.leave(crowds[0][0])
        client = Client(visitor)
        client.closing = self._closed
        self._clients[client] = None
        return client

    def leave(self, client: Client) -> None:
        """Forget a browser."""
        self._clients.pop(client, None)

    def text_of(self, key: str) -> bytes:
        """Return the event of a key as it is sent; empty where there is nothing to tell."""
        text = self._texts.get(key)
        if text is None:
            event = self._describe(key)
            text = b"" if event is None else b"event: %s\ndata: %s\n\n" % (event[0].encode(), encode(event[1]))
            self._texts[key] = text
        return text

    def close(self) -> None:
        """End every stream."""
        self._closed = True
        for client in self._clients:
            client.end()


class Client:
    """One browser: the keys that wait for it, in the order in which they became new."""

    def __init__(self, visitor: str) -> None:
        self.visitor = visitor
        self.waiting: dict[str, None] = {}
        self.is_notified = asyncio.Event()
        self.closing = False

    def end(self) -> None:
        """End the stream."""
        self.closing = True
        self.is_notified.set()

    def take(self) -> list[str]:
        """Return the keys that wait, and begin again."""
        keys, self.waiting = list(self.waiting), {}
        self.is_notified.clear()
        return keys


class Stream:
    """The answer to one browser; ends when it goes, when `may_stay()` says no, or when the broadcaster closes."""

    def __init__(
        self, broadcaster: Broadcaster, keys: list[str], may_stay: Callable[[], bool], visitor: str = ""
    ) -> None:
        self._broadcaster = broadcaster
        self._may_stay = may_stay
        self._client = broadcaster.join(visitor)
        self._client.waiting.update(dict.fromkeys(keys))
        self._client.is_notified.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as an ASGI application does."""
        del scope
        watcher = asyncio.ensure_future(self._watch(receive))
        try:
            await self._send(send)
        finally:
            watcher.cancel()
            self._broadcaster.leave(self._client)

    async def _watch(self, receive: Receive) -> None:
        # Whoever sends on and on instead of listening is not served either.
        while (message := await receive())["type"] != "http.disconnect" and not message.get("more_body"):
            pass
        self._client.end()

    async def _send(self, send: Send) -> None:
        headers = {"content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no"} | NEVER_KEPT
        encoded = [(key.encode(), value.encode()) for key, value in headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": encoded})
        text = b"retry: %d\n\n" % COME_BACK
        while True:
            text += b"".join(map(self._broadcaster.text_of, self._client.take()))
            await send({"type": "http.response.body", "body": text or b": still here\n\n", "more_body": True})
            await asyncio.sleep(self._broadcaster.limits.shortest_gap)
            text = b""
            try:
                async with asyncio.timeout(self._broadcaster.limits.heartbeat):
                    await self._client.is_notified.wait()
            except TimeoutError:
                pass
            if self._client.closing or not self._may_stay():
                break
        await send({"type": "http.response.body", "body": b"", "more_body": False})
