"""Where readings go: leaves that know only the vocabulary; rule: found by being here, and no sibling imports another.

An output is a module here, or in a `juntek/outputs` of another package, with an `OUTPUT` that says all that others need
to know of it. Importing it loads no library.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from juntek.control import Send
from juntek.errors import JuntekError, RequestError
from juntek.extras import find_modules
from juntek.metric import Sample, nothing_of, samples_of_gateway, samples_of_meter, samples_of_reading
from juntek.update import HistoryState, LatestUpdates, Outcome, Update

O = TypeVar("O")  # noqa: E741 - options
DATABASE = "database"
"""The key in `Context.errors` of what is wrong with the file of totals and history."""
Handle = Callable[[Update], Awaitable[None]]


class FarEndError(JuntekError):
    """The far end is away, or asks to be left alone for `wait` s."""

    def __init__(self, sentence: str, *, wait: float = 0.0) -> None:
        super().__init__(sentence)
        self.wait = wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Output(Generic[O]):
    """One kind of output.

    `section`: its part of the configuration. `options`: its keys (see `juntek.option`), checked by themselves.
    `open`: an asynchronous context manager that yields `handle(update)`. When its far end goes away it raises a
    JuntekError, also out of a body that is only waiting, a FarEndError where it asks for time; whoever runs it enters
    again later and hands over the latest update of each meter once more. It raises ModuleNotFoundError where a library
    is missing.
    `about`: what it is for, in one or two lines, above its section in the file of `juntek config init`.
    """

    section: str
    options: type[O]
    open: Callable[[O, Context], AbstractAsyncContextManager[Handle]]
    about: str = ""
    requires: tuple[str, ...] = ()
    """Names of the libraries that it imports when it is entered."""
    extra: str = ""
    """What to install when one of them is missing."""
    depends_on: tuple[str, ...] = ()
    """Sections that it cannot do without: where the configuration has none they are there with their defaults."""
    ready: str = "connected"
    """What is logged once it is entered."""
    has_queue: bool = True
    """Whether updates are handed to it, and wait while it is away; not where it looks by itself at what is known."""
    max_latency: Callable[[O], float] = lambda _: 0.0
    """Seconds that a reading may come late."""
    page: Callable[[O, str], str | None] = lambda _options, _machine: None
    """Where browsers in the network find its page, on a machine of this name."""
    label: Callable[[O], str] | None = None
    """Where there may be several of a kind, each with its own section and queue: what tells one from the other."""

    def names(self, configured: O | tuple[O, ...]) -> dict[str, O]:
        """Return the options of each output of this kind by its name: the section, or section and label."""
        if isinstance(configured, tuple):
            return {f"{self.section} {self.label(one) if self.label else ''}": one for one in configured}
        return {self.section: configured}


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

    def lag(self, now: float) -> float:
        """Return how old the oldest reading is that it does not have yet, s; 0 where it has all."""
        waits = next((update.reading.time for update in tuple(self.queue) if update.reading is not None), None)
        oldest = min((time for time in (waits, self.behind) if time is not None), default=now)
        return max(now - oldest, 0.0)


async def _send_nowhere(meter: str, key: str, value: Any, *, who: str = "") -> Outcome:  # noqa: ANN401, ARG001 - the door's
    raise RequestError(f"There is no gateway that could tell {meter} anything.")


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
    page: str | None = None
    """Where browsers in the network find the page of this gateway."""
    database: Path | None = None
    """The file of totals and history."""
    time_zone: tzinfo = UTC
    """Whose midnight begins a day."""
    errors: dict[str, str] = field(default_factory=dict)
    """Why an output is away at present, as a sentence, by its name; each supervisor keeps its own part up to date."""
    carry_over: dict[str, Any] = field(default_factory=dict)
    """What an output that failed has left for its next entry, by its name; nobody else looks at it."""
    batteries: frozenset[str] = frozenset()
    """Names of the meters whose battery is watched."""
    latest: LatestUpdates = field(default_factory=LatestUpdates)
    """The latest update of each meter that was heard; the gateway keeps it up to date."""
    send: Send = _send_nowhere
    """Sets a setting of a meter, or makes it act, by its name, a key and a value; returns what became of it. Who may
    do that is for the output to decide. Raises RequestError for what is not possible, LinkError without a link."""
    sections: tuple[str, ...] = ()
    """Sections of all configured sinks."""
    sinks: dict[str, SinkHealth] = field(default_factory=dict)
    """How each sink does, by its name."""

    def updates(self) -> list[Update]:
        """Return the latest update of every configured meter, and of any other that was heard; safe in any thread."""
        return list(({name: nothing_of(name) for name in self.meters} | self.latest).values())

    def samples(self, *, readings: bool = False) -> Iterator[Sample]:
        """Yield how the gateway, its sinks and its meters do and are set, and what those that answer have read."""
        yield from samples_of_gateway(self.site, self.gateway, self.version, self.sinks, self.time())
        for update in self.updates():
            yield from samples_of_meter(self.site, update)
            if readings and update.available and update.reading is not None:
                yield from samples_of_reading(self.site, update.meter, update.reading)

    def look_at_history(self) -> tuple[HistoryState, str | None]:
        """Return whether readings are kept at present, and what is wrong where they should be, or with the file."""
        damage = self.errors.get(DATABASE)
        is_kept = "history" in self.sections
        if is_kept and (reason := self.errors.get("history")):
            return "paused", reason
        return ("damaged" if damage else "ok" if is_kept else "off"), damage


async def take_nothing(_: Update) -> None:
    """Handle what is not needed, for an output that looks at `Context.latest` or the history by itself."""


@asynccontextmanager
async def run_beside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Let something run until the body ends; where it fails that ends the body, and comes out of it as it is."""
    try:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(work)
            try:
                yield
            finally:
                task.cancel()
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None


@cache
def find_outputs() -> dict[str, Output[Any]]:
    """Return every kind of output by the name of its section; their libraries are not loaded by that."""
    outputs = (module.OUTPUT for module in find_modules(__name__))
    return {output.section: output for output in outputs}
