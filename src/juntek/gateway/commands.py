"""The one door for commands; rule: each is in the audit before it is sent, with what became of it afterwards."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from juntek.control import value_before
from juntek.errors import ConfigurationError, DatabaseError, RequestError
from juntek.history import AuditEntry, Database
from juntek.meter.line import Line
from juntek.update import Outcome, Update

log = logging.getLogger(__name__)

T = TypeVar("T")


class Commands:
    """Sends to the meters of `places`, each on its line with its address; `look` gives what is known of one."""

    def __init__(
        self,
        places: Mapping[str, tuple[Line, int]],
        look: Callable[[str], Update | None],
        database: Path,
    ) -> None:
        self._places = places
        self._look = look
        self._database = database

    async def send(self, meter: str, key: str, value: Any, *, who: str = "juntek") -> Outcome:  # noqa: ANN401 - what the key takes
        """Set a setting of a meter, or make it act, when its line is free; return what became of it.

        Whoever sends has decided that it may be sent. Raises RequestError for what the meter has not or cannot take,
        and LinkError where its link is down.
        """
        if meter not in self._places:
            raise RequestError(f"There is no meter {meter}; there are {', '.join(self._places)}.")
        line, address = self._places[meter]
        line.check(address, key, value)
        update = self._look(meter)
        old = value_before(key, update) if update is not None else None
        entry = AuditEntry(time.time(), meter, who, key, old, value)
        number = await self._keep(f"{meter}: the command", lambda database: database.begin_command(entry))
        outcome: Outcome = "unknown"
        try:
            outcome = await line.send(address, key, value)
        except RequestError:
            outcome = "refused"
            raise
        finally:
            wish = "off" if value is None and key.endswith("protection") else value
            log.info("%s: %s, sent by %s, was %s", meter, key if wish is None else f"{key} = {wish}", who, outcome)
            if number is not None:
                what = f"{meter}: what became of the command"
                await asyncio.shield(self._keep(what, lambda database: database.finish_command(number, outcome)))
        return outcome

    async def _keep(self, what: str, write: Callable[[Database], T]) -> T | None:
        """Write to the audit; an owner who has to switch something off is not held up by a full disk."""

        def work() -> T:
            with Database(self._database, check=False) as database:
                return write(database)

        try:
            return await asyncio.to_thread(work)
        except (ConfigurationError, DatabaseError) as error:
            log.warning("%s cannot be kept: %s", what, error)
            return None
