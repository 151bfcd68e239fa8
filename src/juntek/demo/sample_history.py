"""Thirty days that the demo's meters have behind them; rule: made by the same simulation that then goes on live.

The days long ago are sampled more coarsely: enough for their charts, and made in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, tzinfo
from itertools import chain, islice
from pathlib import Path

from juntek.capture import Chunk
from juntek.history import Database
from juntek.importing import LogImport
from juntek.simulator import Options, history, make_site
from juntek.simulator.site import Site

STRETCHES = ((timedelta(days=30), 60.0), (timedelta(days=2), 20.0), (timedelta(hours=3), 2.0))
"""How long ago each stretch begins, and the s between its readings."""
SETTINGS_EVERY = 3600.0
_PIECE = 2000


def fill_past(
    path: Path,
    meters: Sequence[tuple[str, Options]],
    now: datetime,
    zone: tzinfo,
    tell: Callable[[int, int], None] = lambda _done, _of: None,
) -> list[Site]:
    """Write the past of the meters into a database; return the meters as they are now.

    `tell` hears how many of how many readings are made.
    """
    stretches = _stretches(now)
    of = len(meters) * sum((end - start) // timedelta(seconds=step) for start, end, step in stretches)
    done = 0
    sites = []
    with Database(path) as database:
        for name, options in meters:
            site = make_site(options, stretches[0][0])
            job = LogImport(database, name, zone, address=options.addresses[0])
            replies = chain.from_iterable(
                history(options, *stretch, settings_every=SETTINGS_EVERY, site=site) for stretch in stretches
            )
            while chunks := [Chunk(time, data) for time, data in islice(replies, _PIECE)]:
                job.add(chunks)
                done += len(chunks)
                tell(min(done, of), of)
            job.finish()
            sites.append(site)
    return sites


def _stretches(now: datetime) -> list[tuple[datetime, datetime, float]]:
    """Return start and end of each stretch, and the s between its readings."""
    starts = [now - ago for ago, _ in STRETCHES]
    steps = [step for _, step in STRETCHES]
    return list(zip(starts, [*starts[1:], now], steps, strict=True))
