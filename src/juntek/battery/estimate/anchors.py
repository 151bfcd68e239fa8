"""Where the voltage tells the charge: full, held full, low; rule: only where it is honest, and each thing once.

Full is not a high voltage alone, which weak sun reaches, nor a small current alone, which a load leaves over: the
current has fallen to its tail while the voltage stayed up, for the detection time. Low is where the curve is steep,
with what a small load takes off the voltage given back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import hypot, sqrt
from typing import Literal, NamedTuple

from juntek.battery.estimate.belief import Look
from juntek.battery.estimate.chemistry import Chemistry, read_curve
from juntek.battery.estimate.pack import Moment, Pack
from juntek.battery.estimate.zero import ZeroDetection

LOOK_AGAIN = 600.0
"""s between two looks at a low voltage."""

HOLD_AGAIN = 6 * 3600.0
"""s between two looks at a voltage that is held at the top."""

HOLD_TIME = 1800.0
"""s for which a voltage has to be held."""

HELD_CURRENT = 0.015
"""Part of the capacity an hour below which a high voltage is held, and not pushed up."""

LARGEST_LOAD, LARGEST_LAG = 0.12, 0.03
"""Part of the capacity an hour, and part of the capacity, up to which a voltage under load is honest."""

EMPTY = 0.06
"""State of charge at and below which a battery is empty."""

BETTER = 0.8
"""Part of its error to which what was told has to get better to be told again."""

HONEST = 0.7
"""Part of the voltage of an empty cell below which a wire has come off."""

CONTRADICTED = 3.0
"""Times its error by which a low point is away from what is believed, so that it is news although told before."""

PUSHED_TIME = 30.0
"""s at the charged voltage after which a charge that goes on is nearly over."""

PUSHED = 0.15
"""h: part of the capacity by which a full at its voltage may be missed, for each part an hour that still flows in."""


class Anchor(NamedTuple):
    """A state of charge (0 to 1) that the voltage tells, and its error; what is neither full nor empty is held."""

    kind: Literal["full", "empty", "held"]
    state: float
    error: float


@dataclass(slots=True)
class Told:
    """How sure the voltage has told the charge: the curve is wrong as it was before, so only what is new counts."""

    error: float = 0.0
    at: float = 0.0

    def new(self, error: float, time: float, *, anyhow: bool = False) -> float | None:
        """Return the error of what is new, None where that is too little; `anyhow` it is at least half as sure."""
        told = self.error
        if told and error > BETTER * told and not anyhow:
            return None
        self.at, self.error = time, min(error, told or error)
        gain = 1 / error**2 - (1 / told**2 if told else 0.0)
        least = 0.25 / error**2 if anyhow else 1.0
        return 1 / sqrt(max(gain, least))


@dataclass(slots=True)
class FullDetection:
    """Finds the end of a charge: `seconds` at the tail current while the voltage stays up."""

    highest: float = 0.0
    largest: float = 0.0
    seconds: float = 0.0
    found: bool = False
    above: float = 0.0
    """s at the charged voltage at any current that flows in."""
    state: float = 0.0
    error: float = 0.0
    """Of the charge until now, 0 where that is not known."""
    told: Told = field(default_factory=Told)

    def leave(self) -> None:
        """The voltage is not high any more."""
        self.highest = self.largest = self.seconds = self.above = self.error = 0.0
        self.found = False

    def go_on(self, chemistry: Chemistry, state: float, at: Moment) -> None:
        """Remember how nearly full a charge is that goes on."""
        self.above += at.seconds
        if self.above >= PUSHED_TIME:
            self.state, self.error = state, hypot(chemistry.full_error, PUSHED * at.rate)

    def end(self, time: float) -> Anchor | None:
        """Return how nearly full a battery is whose charge has ended before its tail, where that is news."""
        error, self.above, self.error = self.error, 0.0, 0.0
        if not error:
            return None
        if not 0 <= time - self.told.at < HOLD_AGAIN:
            self.told = Told()
        new = self.told.new(error, time)
        return None if new is None else Anchor("held", self.state, new)

    def look(self, pack: Pack, at: Moment) -> bool:
        """Return whether a full was found now."""
        voltage, rate, seconds = at.voltage, at.rate, at.seconds
        self.highest = max(self.highest, voltage)
        self.largest = max(self.largest, rate)
        is_sagging = voltage < self.highest * (1 - pack.chemistry.sag)
        if is_sagging or not -pack.tail / 2 <= rate <= pack.tail:
            self.seconds = 0.0
            if is_sagging:
                # What is held from now on is another voltage: slowly, so that a load does not look like a charger.
                self.highest += (voltage - self.highest) * min(seconds / 7200, 1.0)
            return False
        self.seconds += seconds
        if self.found or self.seconds < pack.detection_time or rate > 0.7 * self.largest + 0.002:
            return False
        self.found = True
        return True


@dataclass(slots=True)
class LowDetection:
    """Finds low points, and tells one again only as far as it has become surer."""

    told: Told = field(default_factory=Told)
    was_empty: bool = False

    def leave(self) -> None:
        """The voltage is not low any more."""
        self.told, self.was_empty = Told(), False

    def look(self, chemistry: Chemistry, voltage: float, at: Moment, believed: float) -> Anchor | None:
        """Return an anchor for a cell's voltage with the load given back; what contradicts what is believed is news."""
        rate, lag = at.rate, at.lag
        ahead = -lag * chemistry.lag
        if abs(rate) > LARGEST_LOAD or abs(ahead) > LARGEST_LAG or rate > 0.01:
            return None
        state, error = read_curve(chemistry.low, voltage)
        error = (error * error + (0.5 * ahead) ** 2 + (0.03 * rate) ** 2) ** 0.5
        state = max(state + ahead, -0.02)
        is_empty = state <= EMPTY and not self.was_empty
        new = self.told.new(error, at.time, anyhow=is_empty or abs(state - believed) > CONTRADICTED * error)
        if new is None:
            return None
        self.was_empty |= is_empty
        return Anchor("empty" if is_empty else "held", max(state, 0.0), new)


@dataclass(slots=True)
class Anchors:
    """Looks for anchors while the voltage is high or low."""

    full: FullDetection = field(default_factory=FullDetection)
    low: LowDetection = field(default_factory=LowDetection)
    zero: ZeroDetection = field(default_factory=ZeroDetection)
    held: float = 0.0
    """s for which a high voltage was held."""
    look_at: float = 0.0

    def leave_high(self, time: float) -> Anchor | None:
        """The voltage is not high any more; return what that tells."""
        anchor = self.full.end(time)
        self.full.leave()
        return anchor

    def look_high(self, pack: Pack, at: Moment) -> Anchor | None:
        """Return what a high voltage tells, None where it tells nothing now."""
        chemistry, full = pack.chemistry, self.full
        if self.low.told.error:
            self.low.leave()
        if at.voltage >= pack.charged:
            if full.look(pack, at):
                self.look_at, full.error = at.time + HOLD_AGAIN / 6, 0.0
                return Anchor("full", self._top(pack, at), chemistry.full_error)
            if not full.found and at.rate > 0 and chemistry.held is not None:  # of lead nobody knows
                full.go_on(chemistry, self._top(pack, at), at)
        if full.error and (at.rate <= 0 or at.voltage < pack.charged) and (anchor := full.end(at.time)):
            return anchor
        if at.voltage < pack.held:
            return None
        if abs(at.rate) >= HELD_CURRENT or abs(at.lag) >= HELD_CURRENT:
            self.held = 0.0
            return None
        self.held += at.seconds
        if self.held < HOLD_TIME or self._is_too_early(at.time, HOLD_AGAIN):
            return None
        return Anchor("held", *read_curve(chemistry.high, at.voltage / pack.cells))

    @staticmethod
    def _top(pack: Pack, at: Moment) -> float:
        """Return the state of charge at a charger's voltage; where the owner says which is full, it is."""
        high = pack.chemistry.high
        told = not high or pack.options.charged_voltage is not None
        state = 1.0 if told else read_curve(high, at.voltage / pack.cells)[0]
        return state - max(at.rate, 0.0) * pack.chemistry.tail_time

    def look_low(self, pack: Pack, at: Moment, resistance: float, look: Callable[[], Look]) -> Anchor | None:
        """Return what a low voltage tells, None where it tells nothing now; `resistance` is in V at a rate of 1."""
        if self._is_too_early(at.time, LOOK_AGAIN):
            return None
        cell, chemistry = (at.voltage - at.rate * resistance) / pack.cells, pack.chemistry
        low = chemistry.low
        if not HONEST * low[0][0] < cell <= low[-1][0]:
            return None
        return self.low.look(chemistry, cell, at, look().state)

    def _is_too_early(self, time: float, again: float) -> bool:
        if self.look_at - HOLD_AGAIN < time < self.look_at:
            return True
        self.look_at = time + again
        return False
