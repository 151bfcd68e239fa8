"""The way from the command line to a meter: by its link, or by the gateway that holds the link.

Rule: both ways give and take the same, which is what the API has.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from juntek.cli.arguments import configuration_if_any, database_of
from juntek.cli.gateway_client import Action, Facts, GatewayClient, find_gateway, meters_on, user_name
from juntek.cli.gateway_meter import GatewayMeter
from juntek.control import (
    ALL,
    Change,
    carry_out,
    controls_of,
    describe,
    find_control,
    plan,
    plan_action,
    require_confirmed,
)
from juntek.errors import LinkLostError, NoReplyError
from juntek.meter import ANSWER_TIMEOUT, LiveMeter, Mode, loop_in_thread, open_meter
from juntek.reading import Reading
from juntek.update import Update

if TYPE_CHECKING:
    from juntek.gateway.commands import Commands

DESCRIBING = 2.0
"""s in which a meter that says its readings has to say who it is; beside a display it never may."""


class Followed(Protocol):
    """A meter that is being read, by whichever way."""

    def __aiter__(self) -> AsyncIterator[Reading]:
        """Iterate over its readings."""

    def updates(self) -> AsyncIterator[Update]:
        """Iterate over everything that changes."""


def follow(  # noqa: PLR0913, PLR0917 - each is an option of the command
    link: str,
    address: int,
    config: Path | None,
    mode: Mode,
    interval: float,
    timeout: float | None,
) -> AbstractAsyncContextManager[Followed]:
    """Read one meter: by the gateway where that runs and reads this link, else by the link itself.

    Raises LinkError, or ConfigurationError where the gateway cannot be asked.
    """
    configuration = None if link.startswith("replay:") else configuration_if_any(config)
    known = find_gateway(configuration, link, address)
    if known is None:
        return open_meter(link, address, mode=mode, interval=interval, timeout=timeout)
    sys.stderr.write(f"The gateway reads {known.meter}, so it is asked, and shown as often as it reads.\n")

    def find() -> GatewayClient:
        found = find_gateway(configuration, link, address)
        if found is None:
            raise LinkLostError("The gateway was stopped; start it again, or run this again to read the meter itself.")
        return found

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
    from juntek.gateway.commands import Commands  # noqa: PLC0415 - only whoever writes needs it

    names = [meter.name for meter in meters_on(configuration, link) if meter.address == address]
    name = names[0] if names else f"{link.partition('?')[0]} address {address}"
    with loop_in_thread() as run:
        opening = open_meter(link, address, interval=0.5)
        meter = run(opening.__aenter__())
        try:
            run(_hear(meter))
            places = {name: (meter.line, address)}
            commands = Commands(places, lambda _: meter.latest, database_of(configuration), time.time)
            yield Direct(run, meter, name, address, commands)
        finally:
            run(opening.__aexit__(None, None, None))


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
        return describe(self._look(), ALL)

    def plan(self, values: Mapping[str, Any], action: Action | None = None) -> list[Facts]:
        """Return what would be changed."""
        return [change.as_dict() for change in self._plan(values, action)]

    def write(self, values: Mapping[str, Any], action: Action | None, confirmed: Sequence[str]) -> list[Facts]:
        """Write the values, or let the meter act, and return what became of each."""
        changes = self._plan(values, action)
        require_confirmed(changes, confirmed)
        results = self.run(carry_out(self.commands.send, self._look, changes, who=f"command line {user_name()}"))
        return [result.as_dict() for result in results]

    def _plan(self, values: Mapping[str, Any], action: Action | None) -> list[Change]:
        if action is not None:
            return [plan_action(self._look(), *action, ALL)]
        controls = controls_of(self._look())
        for word in values:
            find_control(controls, word)  # before the meter is asked for anything
        self.run(self.meter.line.identify(self.address))
        return plan(self._look(), values, ALL)

    def _look(self) -> Update:
        return self.meter.latest._replace(meter=self.name)


async def _hear(meter: LiveMeter) -> None:
    """Wait until the meter has said how it is set. Raises NoReplyError and the like where it does not."""
    if await anext(meter, None) is None:
        raise NoReplyError("There is no reading in this recording; give the link of a meter.")
    if not await _wait(meter, lambda: meter.settings is not None, ANSWER_TIMEOUT):
        raise NoReplyError("The meter does not say how it is set; try again.")
    await _wait(meter, lambda: meter.identity is not None, DESCRIBING)


async def _wait(meter: LiveMeter, condition: Callable[[], bool], seconds: float) -> bool:
    """Return whether something becomes known in time."""
    updates = meter.updates()
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                if await anext(updates, None) is None:
                    return False
    except TimeoutError:
        return False
    return True
