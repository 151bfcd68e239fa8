"""The way from the command line to a meter's settings: its link, or the gateway that holds the link.

Rule: both ways give and take the same, which is what the API has.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from juntek.cli.arguments import configuration_if_any
from juntek.cli.gateway_client import GatewayClient, find_gateway, user_name
from juntek.config import default_database
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
from juntek.errors import NoReplyError
from juntek.meter import ANSWER_TIMEOUT, LiveMeter, loop_in_thread, open_meter
from juntek.update import Update

if TYPE_CHECKING:
    from juntek.gateway.commands import Commands

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, T]], T]
Facts = dict[str, Any]

DESCRIBING = 2.0
"""s in which a meter that says its readings has to say who it is; beside a display it never may."""


class Access(Protocol):
    """A meter whose settings can be shown and written. Every method may raise JuntekError."""

    def describe(self) -> Facts:
        """Return all settings and actions, as GET …/settings does."""

    def plan(self, values: Mapping[str, Any]) -> list[Facts]:
        """Return what would be changed."""

    def plan_action(self, key: str, value: Any) -> Facts:  # noqa: ANN401 - what the action takes
        """Return what an action would change."""

    def write(self, values: Mapping[str, Any], confirmed: Sequence[str]) -> list[Facts]:
        """Write, and return what became of each."""

    def act(self, key: str, value: Any, confirmed: Sequence[str]) -> list[Facts]:  # noqa: ANN401
        """Let the meter act, and return what became of it."""


@dataclass(frozen=True, slots=True)
class Direct:
    """A meter on a link that this program has opened itself."""

    run: Callable[[Coroutine[Any, Any, Any]], Any]
    meter: LiveMeter
    name: str
    address: int
    commands: Commands

    def describe(self) -> Facts:
        """Return all settings and actions."""
        return describe(self._look(), ALL)

    def plan(self, values: Mapping[str, Any]) -> list[Facts]:
        """Return what would be changed."""
        return [change.as_dict() for change in self._plan(values)]

    def plan_action(self, key: str, value: Any) -> Facts:  # noqa: ANN401
        """Return what an action would change."""
        return plan_action(self._look(), key, value, ALL).as_dict()

    def write(self, values: Mapping[str, Any], confirmed: Sequence[str]) -> list[Facts]:
        """Write, and return what became of each."""
        changes = self._plan(values)
        require_confirmed(changes, confirmed)
        return self._carry_out(changes)

    def act(self, key: str, value: Any, confirmed: Sequence[str]) -> list[Facts]:  # noqa: ANN401
        """Let the meter act, and return what became of it."""
        change = plan_action(self._look(), key, value, ALL)
        require_confirmed([change], confirmed)
        return self._carry_out([change])

    def _plan(self, values: Mapping[str, Any]) -> list[Change]:
        controls = controls_of(self._look())
        for word in values:
            find_control(controls, word)  # before the meter is asked for anything
        self.run(self.meter.line.identify(self.address))
        return plan(self._look(), values, ALL)

    def _carry_out(self, changes: Sequence[Change]) -> list[Facts]:
        results = self.run(carry_out(self.commands.send, self._look, changes, who=f"command line {user_name()}"))
        return [result.as_dict() for result in results]

    def _look(self) -> Update:
        return self.meter.latest._replace(meter=self.name)


@contextmanager
def reach(link: str, address: int, config: Path | None) -> Iterator[Access]:
    """Yield the way to a meter: by the gateway where that runs and reads this link, else by the link itself.

    Raises LinkError, NoReplyError, or what a gateway says.
    """
    configuration = configuration_if_any(config)
    known = find_gateway(configuration, link, address) if configuration is not None else None
    if isinstance(known, GatewayClient):
        yield known
        return
    from juntek.gateway.commands import Commands  # noqa: PLC0415 - only whoever writes needs it

    name = known or f"{link.partition('?')[0]} address {address}"
    database = configuration.database if configuration is not None else default_database(os.environ)
    with loop_in_thread() as run:
        opening = open_meter(link, address, interval=0.5)
        meter = run(opening.__aenter__())
        try:
            run(_hear(meter))
            commands = Commands({name: (meter.line, address)}, lambda _: meter.latest, database, time.time)
            yield Direct(run, meter, name, address, commands)
        finally:
            run(opening.__aexit__(None, None, None))


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
