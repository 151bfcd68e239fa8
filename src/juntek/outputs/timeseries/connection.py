"""How a connection to a target ends; rule: seen from the connection alone, so that it costs no request.

An engine that is killed and at once started again answers the next request as if nothing had happened, and has lost
what it took last. It gives itself away by the connection, which is a new one.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import httpx

IDLE_TIME: Final = 9.0
"""s after which we give up an idle connection: Telegraf hangs up after 10, and a write must not meet that."""

WHOLE: Final = 1_000
"""Bytes that, with the words before them, travel in one packet."""
_FORGET, _FINISH = struct.pack("ii", 1, 0), struct.pack("ii", 0, 0)

HABIT: Final = 5
"""Times in HABIT_TIME s: who hangs up so often does it with everybody."""
HABIT_TIME: Final = 60.0


class Connection:
    """The connections to one target, of which there is one at a time."""

    def __init__(self) -> None:
        self._answered: float | None = None
        """When the last answer came on a connection that was to stay, on the clock of the loop."""
        self._hung_up: deque[float] = deque(maxlen=HABIT)
        self._is_news = False
        self._socket: socket.socket | None = None
        self._linger = _FINISH
        self.has_answered = False
        """Whether there was ever an answer."""

    def begin(self, size: int) -> None:
        """A request with a body of `size` bytes comes next.

        When it is given up, the system would go on sending for up to two minutes what it has of it, and that arrives
        after the target was asked for it and was sent it again. So what fits in a packet is forgotten at once. The end
        of what is longer may not be: VictoriaMetrics 1.79.5 takes the piece of a line before the break for a reading
        of now, unless the connection ends in order.
        """
        self._linger = _FORGET if size <= WHOLE else _FINISH
        self._set_linger()

    def _set_linger(self) -> None:
        if self._socket is not None:
            with suppress(OSError):  # it is closed
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, self._linger)

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        """Hear from the library what it does."""
        if event != "connection.connect_tcp.complete":
            return
        self._socket = info["return_value"].get_extra_info("socket")
        self._set_linger()
        now = asyncio.get_running_loop().time()
        answered, self._answered = self._answered, None
        # A little less than the time for which we keep it ourselves leaves no doubt who hung up.
        if answered is not None and now - answered < 0.9 * IDLE_TIME:
            self._hung_up.append(now)
            self._is_news = True

    def note_answer(self, response: httpx.Response) -> None:
        """An answer came to its end."""
        self.has_answered = True
        stays = response.http_version == "HTTP/1.1" and response.headers.get("connection", "").lower() != "close"
        self._answered = asyncio.get_running_loop().time() if stays else None

    def take_hang_up(self) -> bool:
        """Return whether the target hung up since this was last asked, and does not do so all the time."""
        if not self._is_news:
            return False
        self._is_news = False
        return len(self._hung_up) < HABIT or self._hung_up[-1] - self._hung_up[0] > HABIT_TIME
