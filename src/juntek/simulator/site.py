"""A battery with panels, loads and a meter in front of it, moved through time; rule: pure, no clock, no I/O."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

from juntek.errors import RequestError
from juntek.option import Option, keys_of
from juntek.rs485.framing import encode
from juntek.simulator.battery import Battery
from juntek.simulator.meter import Meter, Sample
from juntek.simulator.meter_settings import MeterSettings, Variant, parse_variant
from juntek.simulator.solar_day import DAY, LOADS, STARTER_CURRENT, STARTER_SAG, Day, Flow
from juntek.simulator.wires import Display

LONGEST_STEP = 30.0
"""Seconds of simulated time that one step of the physics may be."""
_USUAL_CAPACITY = 280.0
_USUAL_ENERGY = 16 * _USUAL_CAPACITY  # cells times Ah of the pack that the day's panels and loads are made for
_LARGEST_CHARGE = 0.35  # of the capacity, in amperes: what the charge controller gives at most
_INVERTER_OFF, _INVERTER_ON = 4.0, 12.0  # percent of charge at which the loads go off and come back
_STARTED_CELLS = 8  # packs of more than 24 V start no engine, unless they are asked to
_MANY = 100  # samples after which a catching up takes longer steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """A line with one meter for each of `models`, each with its own battery, sun and loads.

    `start` is the date and the local time of day at which it begins. Raises RequestError for what cannot be.
    """

    models: tuple[str, ...] = ("KG140F",)
    addresses: tuple[int, ...] = (1,)
    listen: Annotated[str | None, Option("tcp://HOST:PORT; without it and pty a free port of 127.0.0.1")] = None
    pty: Annotated[Path | None, Option("of a link to a pseudo-terminal")] = None
    display: Annotated[Display, Option("polls the first meter, as newer or older units spell it")] = "none"
    speed: Annotated[float, Option("simulated seconds in one second", low=0.001, high=1_000_000)] = 1.0
    seed: int = 1
    noise: Annotated[float, Option("probability that a frame is damaged", low=0, high=1)] = 0.0
    latency: Annotated[float, Option("until a meter answers", unit="s", low=0, high=10)] = 0.01
    start: datetime = datetime(2025, 6, 21, 9, 0, tzinfo=UTC)
    state_of_charge: Annotated[float, Option("at the start", unit="%", low=0, high=100)] = 60.0
    cells: Annotated[int, Option("in series", low=1, high=200)] = 16
    capacity: Annotated[float, Option("of each battery", unit="Ah", low=1, high=9999.9)] = 280.0
    load: Annotated[str, Option("what comes and goes", choices=partial(tuple, LOADS))] = "mixed"

    def __post_init__(self) -> None:
        if not self.models or len(self.models) != len(self.addresses):
            raise RequestError(
                "A simulation needs at least one meter, such as KG140F, and one address for each meter, "
                f"not {len(self.addresses)} for {len(self.models)}."
            )
        if len(set(self.addresses)) != len(self.addresses) or not all(1 <= one <= 99 for one in self.addresses):
            raise RequestError("A meter's address is 1 to 99, and two meters on one line have two different ones.")
        for name, key in keys_of(Options).items():
            value = getattr(self, name)
            if value is not None and (problem := key.find_problem(value)):
                raise RequestError(f"A simulation's {name.replace('_', ' ')} {problem}")
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


class Site:
    """The meter number `index` of the options with all that hangs on it."""

    def __init__(self, options: Options, index: int = 0) -> None:
        cells, capacity = options.cells, options.capacity
        self.battery = Battery(cells=cells, capacity=capacity, state_of_charge=options.state_of_charge)
        self.meter = Meter(
            options.addresses[index],
            MeterSettings(options.variants[index], capacity=capacity, cells=cells),
            remaining=self.battery.remaining,
            serial_number=index + 1,
        )
        start = options.start
        self.ordinal = start.toordinal()
        self.second = start.hour * 3600.0 + start.minute * 60 + start.second
        size = cells * capacity / _USUAL_ENERGY
        self._make_day = partial(Day, options.seed * 100 + index, size=size, load=options.load)
        self._day = self._make_day(self.ordinal)
        self._starts = options.load == "starter" or cells <= _STARTED_CELLS
        self._starved = False
        self._due = 0.0
        self.step(0.0)

    def advance(self, seconds: float, step: float | None = None) -> None:
        """Move on by `seconds`; the meter samples once a second, so what is less than that waits for its rest.

        Long stretches go in longer steps; `step` forces them, at most 30 s.
        """
        self._due += seconds
        due = float(int(self._due))
        self._due -= due
        pace = min(step or max(due // _MANY, 1.0), LONGEST_STEP)
        while due > 0:
            length = min(pace, due)
            self.step(length)
            due -= length

    def step(self, seconds: float) -> None:
        """Let everything be as it is for `seconds`, at most 30, and take one sample of it."""
        self.second += seconds
        while self.second >= DAY:
            self.second -= DAY
            self.ordinal += 1
            self._day = self._make_day(self.ordinal)
        flow = self._day.flow(self.second)
        battery = self.battery
        current, sag = self._current(flow, seconds) if self.meter.connected else (0.0, 0.0)
        battery.step(seconds, current, flow.surroundings)
        voltage = battery.voltage * (1 - sag)
        self.meter.sample(seconds, Sample(voltage, battery.current, battery.temperature, self.ordinal, self.second))

    def _current(self, flow: Flow, seconds: float) -> tuple[float, float]:
        """Return the battery's current, and the part of its voltage that is lost to a starter.

        The charger gives at most a constant current, then a constant voltage; a starter runs beside the inverter.
        """
        battery = self.battery
        charge = battery.state_of_charge
        self._starved = charge < (_INVERTER_ON if self._starved else _INVERTER_OFF)
        sun = flow.sun
        drawn = started = 0.0
        for pulse, part in self._day.pulses(self.second, seconds):
            sun *= 1 - part * pulse.shade
            if not pulse.starter:
                drawn += part * pulse.amperes * battery.capacity / _USUAL_CAPACITY
            elif self._starts:
                started += part
        if self._starved:
            return self._charge(sun / max(battery.voltage, 1.0)), 0.0
        current = self._charge((sun - flow.load) / max(battery.voltage, 1.0) - drawn)
        return current - started * min(STARTER_CURRENT, self.meter.variant.max_current), started * STARTER_SAG

    def _charge(self, current: float) -> float:
        if current <= 0:
            return current
        battery = self.battery
        taper = max(battery.current_at(battery.charge_voltage), 0.0)
        return min(current, taper, _LARGEST_CHARGE * battery.capacity)


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


def make_site(options: Options, start: datetime) -> Site:
    """Return the first meter of the options as it is at `start`."""
    return Site(replace(options, start=start))
