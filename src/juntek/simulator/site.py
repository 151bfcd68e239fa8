"""A battery with panels, loads and a meter in front of it, moved through time; rule: pure, no clock, no I/O."""

from __future__ import annotations

from datetime import datetime

from juntek.simulator.battery import Battery
from juntek.simulator.day import DAY, Day
from juntek.simulator.meter import Meter, Sample
from juntek.simulator.options import LONGEST_STEP, Options
from juntek.simulator.settings import MeterSettings

_USUAL_ENERGY = 16 * 280.0  # cells times Ah of the pack that the day's panels and loads are made for
_LARGEST_CHARGE = 0.35  # of the capacity, in amperes: what the charge controller gives at most
_INVERTER_OFF, _INVERTER_ON = 4.0, 12.0  # percent of charge at which the loads go off and come back
_MANY = 100  # samples after which a catching up takes longer steps


class Site:
    """The meter number `index` of the options with all that hangs on it."""

    def __init__(self, options: Options, index: int = 0) -> None:
        variant = options.variants[index]
        self.battery = Battery(
            cells=options.cells,
            capacity=options.capacity,
            state_of_charge=options.state_of_charge,
        )
        self.meter = Meter(
            options.addresses[index],
            MeterSettings(variant, capacity=options.capacity, cells=options.cells),
            remaining=self.battery.remaining,
            serial_number=index + 1,
            relay=options.relay,
        )
        self.meter.output = options.output
        start = options.start
        self.ordinal = start.toordinal()
        self.second = _second_of_day(start)
        self._seed = options.seed * 100 + index
        self._size = options.cells * options.capacity / _USUAL_ENERGY
        self._probe = options.probe
        self._day = Day(self._seed, self.ordinal, self._size)
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
            self._day = Day(self._seed, self.ordinal, self._size)
        sun, load, surroundings = self._day.flow(self.second)
        battery = self.battery
        current = self._current(sun, load) if self.meter.connected else 0.0
        battery.step(seconds, current, surroundings)
        temperature = battery.temperature if self._probe else None
        self.meter.sample(seconds, Sample(battery.voltage, battery.current, temperature, self.ordinal, self.second))

    def _current(self, sun: float, load: float) -> float:
        """Return the battery's current: the charger gives at most a constant current, then a constant voltage."""
        battery = self.battery
        charge = battery.state_of_charge
        self._starved = charge < (_INVERTER_ON if self._starved else _INVERTER_OFF)
        if self._starved:
            load = 0.0
        current = (sun - load) / max(battery.voltage, 1.0)
        if current <= 0:
            return current
        taper = max(battery.current_at(battery.charge_voltage), 0.0)
        return min(current, taper, _LARGEST_CHARGE * battery.capacity)


def _second_of_day(moment: datetime) -> float:
    return moment.hour * 3600.0 + moment.minute * 60 + moment.second
