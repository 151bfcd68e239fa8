"""Thirty days that the demo's meters have behind them; rule: made by the same simulation that then goes on live.

The days long ago are sampled more coarsely: enough for their charts, and made in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, tzinfo
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
    of = len(meters) * sum(count for _, _, count in _stretches(now))
    done = 0
    sites = []
    with Database(path) as database:
        for name, options in meters:
            site = make_site(options, now - STRETCHES[0][0])
            address = options.addresses[0]
            job = LogImport(database, name, zone, address=address)
            for chunks in _pieces(options, site, now):
                job.add(chunks)
                done += len(chunks)
                tell(min(done, of), of)
            job.finish()
            sites.append(site)
    return sites


def _stretches(now: datetime) -> list[tuple[datetime, float, int]]:
    ends = [*(now - ago for ago, _ in STRETCHES[1:]), now]
    return [
        (end, step, int((end - (now - ago)).total_seconds() / step))
        for (ago, step), end in zip(STRETCHES, ends, strict=True)
    ]


def _pieces(options: Options, site: Site, now: datetime) -> Iterator[list[Chunk]]:
    start = now - STRETCHES[0][0]
    for end, step, _ in _stretches(now):
        chunks: list[Chunk] = []
        for time, data in history(options, start, end, step, settings_every=SETTINGS_EVERY, site=site):
            chunks.append(Chunk(time, data))
            if len(chunks) >= _PIECE:
                yield chunks
                chunks = []
        yield chunks
        start = end
