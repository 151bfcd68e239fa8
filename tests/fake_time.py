"""A loop whose time passes at once whenever everybody waits, and a link that a test is the other end of."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from functools import partial, wraps
from typing import Any, ParamSpec

from juntek.capture import Chunk
from juntek.errors import LinkLostError
from juntek.links import Link

P = ParamSpec("P")


class FakeTime(asyncio.SelectorEventLoop):
    """Hours in milliseconds: where nothing is to be done it is the time of the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        selector: Any = self._selector  # type: ignore[attr-defined]
        select = selector.select

        def pass_time(timeout: float | None) -> Any:  # noqa: ANN401 - the selector's
            self.now += max(timeout or 0.0, 0.0)
            return select(0)

        selector.select = pass_time

    def time(self) -> float:
        return self.now


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test in time that passes at once."""
    with asyncio.Runner(loop_factory=FakeTime) as runner:
        runner.run(test())


def in_fake_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Make a test one of `run`."""

    @wraps(test)
    def run_test(*args: P.args, **kwargs: P.kwargs) -> None:
        run(partial(test, *args, **kwargs))

    return run_test


class FakeLink(Link):
    """A link without a wire: `answer` is called with what is written, `put` brings bytes, `lose` ends it."""

    def __init__(self, answer: Callable[[bytes], bytes | None]) -> None:
        super().__init__("socket://converter:1")
        self.closed = False
        self.is_dead = False
        self.opened = asyncio.get_running_loop().time()
        self.asked: list[float] = []
        self._answer = answer
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def read(self) -> Chunk:
        data = None if self.closed else await self._queue.get()
        if data is None:
            raise LinkLostError("The link was lost.")
        return Chunk(START + asyncio.get_running_loop().time(), data)

    async def write(self, data: bytes) -> None:
        if self.closed:
            raise LinkLostError("The link was lost.")
        self.asked.append(asyncio.get_running_loop().time())
        if answer := self._answer(data):
            asyncio.get_running_loop().call_later(0.05, self.put, answer)

    def put(self, data: bytes) -> None:
        self._queue.put_nowait(data)

    async def close(self) -> None:
        self.closed = True
        self._queue.put_nowait(None)

    def lose(self) -> None:
        self.closed = True
        self._queue.put_nowait(None)


START = time.time() - 1000.0
"""The computer's clock as ours begins, s since 1970."""
