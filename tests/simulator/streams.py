"""Right readings of batteries with lively loads, at a clean line; what is held back of them is lost for nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from juntek.simulator import Options, history
from juntek.simulator.registers import TIMES_LEFT, TimeLeft
from juntek.simulator.solar_day import LOADS

READINGS = 1200
NOON = datetime(2025, 6, 21, 12, tzinfo=UTC)
TWELVE_VOLT = ("starter",)
"""Profiles of a pack of 4 cells; the others are of 16."""

Stream = tuple[str, TimeLeft, list[tuple[float, bytes]]]


def stream(load: str, time_left: TimeLeft, *, model: str = "KG140F", seed: int = 1) -> list[tuple[float, bytes]]:
    """Return an `r51` and then an `r50` each second, with their times in seconds since 1970."""
    cells = 4 if load in TWELVE_VOLT else 16
    options = Options(models=(model,), load=load, time_left=time_left, seed=seed, cells=cells)
    return list(history(options, NOON, NOON + timedelta(seconds=READINGS), 1, settings_every=READINGS))


def streams(model: str = "KG140F", seed: int = 1) -> Iterator[Stream]:
    """Yield each load profile with each way of making the time left."""
    for load in LOADS:
        for time_left in TIMES_LEFT:
            yield load, time_left, stream(load, time_left, model=model, seed=seed)
