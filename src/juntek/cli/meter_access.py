"""The way from the command line to a meter: by its link, or by the gateway that holds the link.

Rule: both ways give and take the same, which is what the API has.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

from juntek import control
from juntek.cli.arguments import configuration_if_any, database_of
from juntek.cli.formats import Facts
from juntek.cli.gateway_client import (
    Action,
    GatewayClient,
    find_gateway,
    meters_on,
    read_events,
    update_of,
    user_name,
)
from juntek.control.controls import ALL, controls_of, find_control
from juntek.errors import JuntekError, LinkLostError, NoReplyError
from juntek.gateway.commands import Commands
from juntek.meter import ANSWER_TIMEOUT, LiveMeter, Mode, open_in_thread, open_meter
from juntek.reading import Reading
from juntek.update import Health, Update

DESCRIBING = 2.0
"""s in which a meter that says its readings has to say who it is; beside a display it never may."""
SILENCE = 45.0
"""s without a word after which the gateway is gone; it says every 15 s that it is there."""
COME_BACK = 3.0
"""s before the gateway is asked again."""


def follow(
    link: str, address: int, config: Path | None, mode: Mode, interval: float, timeout: float | None
) -> AbstractAsyncContextManager[Followed]:
    """Read one meter: by the gateway where that runs and reads this link, else by the link itself.

    Raises LinkError, or ConfigurationError where the gateway cannot be asked.
    """
    configuration = None if link.startswith("replay:") else configuration_if_any(config)
    known = find_gateway(configuration, link, address)
    if known is None:
        return open_meter(link, address, mode=mode, interval=interval, timeout=timeout)
    sys.stderr.write(f"The gateway reads {known.meter}, so it is asked, and shown as often as it reads.\n")
    find = partial(find_gateway, configuration, link, address)
    return GatewayMeter(find, None if timeout is None else timeout + known.interval)


@contextmanager
def reach(link: str, address: int, config: Path | None) -> Iterator[Direct | GatewayClient]:
    """Yield the way to a meter's settings: by the gateway where that runs and reads this link, else by the link itself.

    Raises LinkError, NoReplyError, or what a gateway says.
    """
    configuration = configuration_if_any(config)
    known = find_gateway(configuration, link, address)
    if known is not None:
        yield known
        return
    names = (meter.name for meter in meters_on(configuration, link) if meter.address == address)
    name = next(names, f"{link.partition('?')[0]} address {address}")
    with open_in_thread(open_meter(link, address, interval=0.5)) as (meter, run):
        run(_hear(meter))
        commands = Commands({name: (meter.line, address)}, lambda _: meter.latest, database_of(configuration))
        yield Direct(run, meter, name, address, commands)


@dataclass(frozen=True, slots=True)
class Direct:
    """A meter on a link that this program has opened itself. Every method may raise JuntekError."""

    run: Callable[[Coroutine[Any, Any, Any]], Any]
    meter: LiveMeter
    name: str
    address: int
    commands: Commands

    def describe(self) -> Facts:
        """Return all settings and actions, as GET …/settings does."""
        return control.describe(self._look(), ALL)

    def plan(self, values: Mapping[str, Any], action: Action | None = None) -> list[Facts]:
        """Return what would be changed."""
        return [change.as_dict() for change in self._plan(values, action)]

    def write(self, values: Mapping[str, Any], action: Action | None, confirmed: Sequence[str]) -> list[Facts]:
        """Write the values, or let the meter act, and return what became of each."""
        changes = self._plan(values, action)
        control.require_confirmed(changes, confirmed)
        who = f"command line {user_name()}"
        results = self.run(control.carry_out(self.commands.send, self._look, changes, who=who))
        return [result.as_dict() for result in results]

    def _plan(self, values: Mapping[str, Any], action: Action | None) -> list[control.Change]:
        if action is not None:
            return control.plan(self._look(), dict([action]), ALL, "action")
        known = controls_of(self._look())
        for word in values:
            find_control(known, word)  # before the meter is asked for anything
        self.run(self.meter.line.identify(self.address))
        return control.plan(self._look(), values, ALL)

    def _look(self) -> Update:
        return self.meter.latest._replace(meter=self.name)


class GatewayMeter:
    """A meter by way of its gateway, as long as the context lasts; one that goes away is found anew when it is back.

    A reading may be `overdue` seconds after the one before (None: for ever).
    """

    def __init__(self, find: Callable[[], GatewayClient | None], overdue: float | None) -> None:
        self._find = find
        self._overdue = overdue
        self._ended = threading.Event()
        self._waiting: asyncio.Queue[Update | JuntekError] = asyncio.Queue()
        self._health = Health()
        self._said: Facts | None = None

    async def __aenter__(self) -> Self:
        # In a thread, as the standard library's client waits; it goes with the program.
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._follow, args=(loop,), name="gateway", daemon=True).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ended.set()

    async def updates(self) -> AsyncIterator[Update]:
        """Iterate over everything that changes. Raises what the gateway says where it cannot be asked at all."""
        while True:
            update = await self._waiting.get()
            if isinstance(update, JuntekError):
                raise update
            self._health = update.health
            yield update

    async def __aiter__(self) -> AsyncIterator[Reading]:
        """Iterate over readings; raises NoReplyError where one is overdue, LinkLostError where the link is down."""
        updates = self.updates()
        while True:
            try:
                async with asyncio.timeout(self._overdue):
                    while (reading := (await anext(updates)).reading) is None:
                        pass
            except TimeoutError:
                sentence = self._health.error or "The gateway has no reading of this meter; look at its log."
                raise (NoReplyError if self._health.connected else LinkLostError)(sentence) from None
            yield reading

    def _follow(self, loop: asyncio.AbstractEventLoop) -> None:
        def put(update: Update | JuntekError) -> None:
            with suppress(RuntimeError):  # the loop has ended, and the program with it
                loop.call_soon_threadsafe(self._waiting.put_nowait, update)

        is_known, reconnects = False, 0
        while not self._ended.is_set():
            try:
                client = self._find()
                if client is None:
                    raise LinkLostError(
                        "The gateway was stopped; start it again, or run this again to read the meter itself."
                    )
                with client.open("live", timeout=SILENCE) as stream:
                    for facts in read_events(stream):
                        if facts.get("meter") == client.meter:
                            is_known = True
                            put(self._update(facts))
                raise LinkLostError("The gateway has ended; waiting until it is back.")
            except JuntekError as error:
                reconnects += 1
                lost = Health(mode="poll", error=str(error), reconnects=reconnects)
                gone = Update("meter", available=False, reading=None, identity=None, settings=None, health=lost)
                put(gone if is_known else error)
            self._ended.wait(COME_BACK)

    def _update(self, facts: Facts) -> Update:
        """Return an update with a reading only where that is new, and of a meter that answers."""
        latest = facts["latest"]
        is_new = facts["available"] and latest != self._said
        self._said = latest
        update = update_of(facts)
        return update if is_new else update._replace(reading=None)


Followed = LiveMeter | GatewayMeter
"""A meter that is being read, by whichever way."""


async def _hear(meter: LiveMeter) -> None:
    """Wait until the meter has said how it is set. Raises NoReplyError and the like where it does not."""
    if await anext(meter, None) is None:
        raise NoReplyError("There is no reading in this recording; give the link of a meter.")
    for key, seconds in (("settings", ANSWER_TIMEOUT), ("identity", DESCRIBING)):
        updates = meter.updates()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while getattr(meter, key) is None and await anext(updates, None) is not None:
                    pass
    if meter.settings is None:
        raise NoReplyError("The meter does not say how it is set; try again.")
