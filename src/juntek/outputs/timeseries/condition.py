"""How a target does, as the ways to it find out; rule: each way waits for itself, and a sentence is told once.

A way that has its own trouble (large requests are not answered, what is held cannot be asked for) does not hold up the
other.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from juntek.outputs import Context
    from juntek.outputs.timeseries.target import TargetError

log = logging.getLogger(__name__)

SHORTEST_WAIT, LONGEST_WAIT = 1.0, 30.0
"""s between two tries at a target that is away; it doubles from the first to the second."""
SETTLING = 5.0
"""s after which a target shows what it was sent before it went away: VictoriaMetrics takes one. One that hung works off
then what it was sent in that time."""
REFUSED_TOLD_EVERY = 60.0
LOST_TOLD_EVERY = 86_400.0
"""s between two sentences about readings that were refused, or are gone."""

TOLD_BEYOND = 300.0
"""s: what is owed since longer is told of; what is less is over at once."""

ACCOUNTS = "accounts"


@dataclass(slots=True)
class Way:
    """One way to the target. `retry`: when it may be tried again, on the clock of the loop."""

    name: str
    retry: float = 0.0
    wait: float = SHORTEST_WAIT


@dataclass(slots=True)
class _Tally:
    """Readings that something is to be said about, now and then."""

    every: float
    count: int = 0
    due: float = 0.0

    def add(self, count: int) -> int:
        """Return how many to speak of now; 0 for none yet."""
        self.count += count
        now = asyncio.get_running_loop().time()
        if not self.count or now < self.due:
            return 0
        self.due = now + self.every
        told, self.count = self.count, 0
        return told


class Condition:
    """How one target does; `doubt` is called when it may have lost what it took last."""

    def __init__(self, context: Context, name: str, label: str, doubt: Callable[[], None]) -> None:
        self.live, self.owed = Way("live", wait=SHORTEST_WAIT), Way("owed", wait=SHORTEST_WAIT)
        self._context = context
        self._troubles = context.troubles
        self._health = context.sinks[name]
        self._name = name
        self._label = label
        self._doubt = doubt
        self._sentences: dict[str, str] = {}
        self.is_silent = False
        """Whether it has not answered since it went away: it may get only later what it was sent meanwhile."""
        self._is_gone = False
        self._is_catching_up = self._is_denied = False
        self._refused, self._lost = _Tally(REFUSED_TOLD_EVERY), _Tally(LOST_TOLD_EVERY)

    def go_well(self, way: Way) -> None:
        """The target has taken something."""
        if self.is_silent:
            self.hear()
        if self._is_gone:  # it is there again for the other way too
            self._is_gone = False
            if way is self.owed:
                self.live.retry = 0.0
            self.end((self.live if way is self.owed else self.owed).name)
        way.wait = SHORTEST_WAIT
        self.end(way.name)

    def hear(self) -> None:
        """The target has answered; whether it takes something is another matter."""
        self.is_silent = False
        self.wait_for_owed()

    def go_wrong(self, way: Way, error: TargetError) -> None:
        """The target has not taken something."""
        now = asyncio.get_running_loop().time()
        if self._is_well:
            self._health.failures += 1
        self._health.connected = False
        # All gateways that an engine has lost at once do not come back at once.
        way.retry = now + max(error.wait or 0.0, way.wait * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
        way.wait = min(2 * way.wait, LONGEST_WAIT)
        if error.wait is not None:
            for other in (self.live, self.owed):
                other.retry = max(other.retry, now + error.wait)
        if not error.lives:
            self.is_silent = True
            if not self._is_gone:
                self._is_gone = True
                self.doubt()
        self.tell(way.name, f"{error} Nothing is lost: it is sent later.")

    def doubt(self) -> None:
        """The target may have lost what it took last."""
        self._doubt()
        self.wait_for_owed()

    def wait_for_owed(self) -> None:
        """Give the target time to show what it took before it is asked for it."""
        self.owed.retry = max(self.owed.retry, asyncio.get_running_loop().time() + SETTLING)

    def tell(self, what: str, sentence: str) -> None:
        """Say what is wrong, once for both ways, and to whoever looks for as long as it is so."""
        if _gist(sentence) not in map(_gist, self._sentences.values()):
            log.warning("%s: %s", self._name, sentence)
        self._sentences[what] = sentence
        self._show()

    def end(self, what: str) -> None:
        """Say no more that something is wrong."""
        if self._sentences.pop(what, None) is None:
            return
        self._show()
        if what != ACCOUNTS and self._is_well:
            self._is_catching_up = True
            log.info("%s: it takes readings again; what it missed is sent now.", self._name)

    def fall_behind(self, since: float) -> None:
        """The target is owed readings since this time, s since 1970, of which nothing was said yet."""
        if self._is_well and not self._is_catching_up and self._context.time() - since > TOLD_BEYOND:
            self._is_catching_up = True
            start = datetime.fromtimestamp(since, self._context.time_zone)
            log.info("%s: it gets what it missed since %s now.", self._name, f"{start:%Y-%m-%d %H:%M}")

    def catch_up(self) -> None:
        """The target is owed nothing."""
        if self._is_catching_up and self._is_well:
            self._is_catching_up = False
            log.info("%s: it has all that it missed.", self._name)

    @property
    def _is_well(self) -> bool:
        return not self._sentences.keys() & {self.live.name, self.owed.name}

    def _show(self) -> None:
        sentences = self._sentences
        self._health.connected = self._is_well
        if sentences:
            self._troubles[self._name] = next(iter(sentences.values()))
        else:
            self._troubles.pop(self._name, None)

    def tell_denied(self, why: str) -> None:
        """Say once that the target does not let itself be asked, where that matters."""
        if why and not self._is_denied:
            self._is_denied = True
            log.warning(
                "%s: it does not say what it has (%s), so after an outage some readings may be there twice; give this "
                "login /api/v1/export too, or start VictoriaMetrics with -dedup.minScrapeInterval=1ms.",
                self._name,
                why,
            )

    def tell_refused(self, count: int, why: str) -> None:
        """Count readings that were refused, and say so now and then."""
        self._health.refused += count
        if told := self._refused.add(count):
            log.warning("%s: %d readings were refused (%s); all others are sent.", self._name, told, why)

    def tell_lost(self, count: int) -> None:
        """Count readings that were gone before they could be sent, and say so now and then."""
        self._health.lost += count
        if told := self._lost.add(count):
            log.warning(
                "%s: %d readings can be sent no more, as the history has dropped them; raise history.keep_raw_days "
                "above the longest time that %s is away.",
                self._name,
                told,
                self._label,
            )


def _gist(sentence: str) -> str:
    """Return a sentence without the target's own words, which may be others every time and mean the same."""
    return re.sub(r" \(.*\)", "", sentence)
