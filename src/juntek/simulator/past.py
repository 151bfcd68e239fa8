"""Days of a meter's replies at once, for tests, measurements and a history to look at; rule: pure, no I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from juntek.errors import RequestError
from juntek.rs485.framing import encode
from juntek.simulator.simulation_options import LONGEST_STEP, Options
from juntek.simulator.site import Site


def history(  # noqa: PLR0913  # a stretch of time, and two things that most calls leave alone
    options: Options,
    start: datetime,
    end: datetime,
    step: float,
    *,
    settings_every: float | None = None,
    site: Site | None = None,
) -> Iterator[tuple[float, bytes]]:
    """Yield the time, in seconds since 1970, and the `r50` reply of the first meter, every `step` seconds.

    From `start` up to, not including, `end`; both with the offset of the local time that the day follows. With
    `settings_every` an `r51` goes before the first reply of every so many seconds. A `site` from `make_site` is
    left as it is at the end, to be gone on with by `Simulation`.
    """
    if step < 1:
        raise RequestError(f"A meter samples once a second, so a step of {step} s is too short; take 1 or more.")
    site = site or make_site(options, start)
    first = start.timestamp()
    count = -int((first - end.timestamp()) // step)
    next_settings = 0.0
    pace = min(step, LONGEST_STEP)
    meter = site.meter
    for index in range(count):
        if index:
            site.advance(step, pace)
        elapsed = index * step
        if settings_every is not None and elapsed >= next_settings:
            next_settings = elapsed + settings_every
            yield first + elapsed, encode("r51", meter.address, meter.settings.numbers())
        yield first + elapsed, encode("r50", meter.address, meter.numbers())


def make_site(options: Options, start: datetime, index: int = 0) -> Site:
    """Return the meter number `index` of the options as it is at `start`."""
    return Site(replace(options, start=start), index)
