"""What a simulation is made of; rule: frozen, checked once, with every figure that a test or an owner may choose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Literal, get_args

from juntek.errors import RequestError
from juntek.simulator.meter_settings import Variant, parse_variant
from juntek.simulator.registers import TIMES_LEFT, TimeLeft, Writes
from juntek.simulator.solar_day import LOADS

Display = Literal["none", "newer", "older"]
LONGEST_STEP = 30.0
"""Seconds of simulated time that one step of the physics may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """A line with one meter for each of `models`, each with its own battery, sun and loads.

    `listen` is `tcp://HOST:PORT` (0: a free one) and `pty` the path of a link to a pseudo-terminal; with neither,
    a free port of 127.0.0.1. `display` polls the first meter, in the spelling of newer or of older units.
    `noise` is the probability that a frame is damaged, `latency` the seconds a meter takes to answer, `speed` the
    simulated seconds in one second. `start` is the date and the local time of day at which the simulation begins.
    `capacity` in Ah, `state_of_charge` in percent. Without a `relay` the output's state switches nothing, as with
    many owners. `load` is one of `day.LOADS`. `time_left` is how the meters make their time left; by default each has
    its way by the seed. `writes` is what the meters do with a setting that is written: obey, ignore it though they
    acknowledge it, or alter it. Raises RequestError for what cannot be.
    """

    models: tuple[str, ...] = ("KG140F",)
    addresses: tuple[int, ...] = (1,)
    listen: str | None = None
    pty: Path | None = None
    display: Display = "none"
    speed: float = 1.0
    seed: int = 1
    noise: float = 0.0
    latency: float = 0.01
    start: datetime = datetime(2025, 6, 21, 9, 0, tzinfo=UTC)
    state_of_charge: float = 60.0
    cells: int = 16
    capacity: float = 280.0
    output: bool = True
    relay: bool = True
    probe: bool = True
    load: str = "mixed"
    time_left: TimeLeft | None = None
    writes: Writes = "obeyed"

    def __post_init__(self) -> None:
        for wrong, sentence in (
            (not self.models, "A simulation needs at least one meter, such as KG140F."),
            (
                len(self.models) != len(self.addresses),
                f"Give one address per meter, not {len(self.addresses)} for {len(self.models)} meters.",
            ),
            (
                len(set(self.addresses)) != len(self.addresses),
                "Two meters on one line need two different addresses.",
            ),
            (any(not 1 <= a <= 99 for a in self.addresses), "A meter's address is 1 to 99."),
            (not 0 <= self.noise <= 1, f"The noise is a probability from 0 to 1, not {self.noise}."),
            (not 0 < self.speed <= 1e6, f"The speed is above 0 and at most 1000000, not {self.speed}."),
            (not 0 <= self.latency <= 10, f"The latency is 0 to 10 seconds, not {self.latency}."),
            (
                not 0 <= self.state_of_charge <= 100,
                f"The state of charge is 0 to 100 percent, not {self.state_of_charge}.",
            ),
            (not 1 <= self.cells <= 200, f"A battery has 1 to 200 cells, not {self.cells}."),
            (
                not 1 <= self.capacity <= 9999.9,
                f"The capacity is 1 to 9999.9 Ah, not {self.capacity}.",
            ),
            (self.load not in LOADS, f"There is no load {self.load!r}; choose one of {', '.join(LOADS)}."),
            (
                self.time_left not in (None, *TIMES_LEFT),
                f"There is no way {self.time_left!r} to make the time left; choose one of {', '.join(TIMES_LEFT)}.",
            ),
            (
                self.writes not in get_args(Writes),
                f"Writes are {', '.join(get_args(Writes))}, not {self.writes!r}.",
            ),
        ):
            if wrong:
                raise RequestError(sentence)
        for variant in self.variants:
            if self.cells * 3.65 > variant.max_voltage:
                raise RequestError(
                    f"A {variant.name} takes {variant.max_voltage} V, too little for {self.cells} cells; "
                    "choose fewer cells or another meter."
                )

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The meters by their names."""
        return tuple(parse_variant(model) for model in self.models)

    def time_left_of(self, index: int) -> TimeLeft:
        """Return how the meter number `index` makes its time left."""
        if self.time_left is not None:
            return self.time_left
        return Random(f"time left/{self.seed}/{index}").choice(TIMES_LEFT)
