"""The pack: what the owner says of it, what is guessed, and what its readings are held against.

Rule: defaults by chemistry.
"""

from __future__ import annotations

from math import inf, isnan
from typing import NamedTuple

from juntek.battery import BatteryOptions
from juntek.battery.estimate.belief import CAPACITY_ERROR, Belief
from juntek.battery.estimate.chemistry import CHEMISTRIES, guess_cells, guess_chemistry, read_curve
from juntek.reading import Reading, Settings

AVERAGE_CAPACITY = 100.0
"""Ah of a battery of which nobody has said what it holds."""

TYPED_ERROR, UNKNOWN_ERROR = 0.005, 0.4
"""Parts by which a usable capacity is off that the owner says, and one that nobody says."""

IDLE = 0.2
"""A up to which a current is small."""

DRAWN = 0.03
"""Part of the capacity that was taken without a pause when a voltage gives a wrong guess away."""

LEAST_TOLD, MOST_TOLD = 0.985, 1.06
"""Parts of the usual charged voltage between which that of a meter's own settings is taken."""

OTHER_BATTERY = 0.06
"""Part of the voltage that a reading after a gap may be off while hardly a current flows."""

OTHER_STATE = 0.15
"""State of charge by which a voltage and the count contradict each other."""

SMALL = 0.05
"""Part of the capacity an hour that is hardly a current."""

STEEP = 0.015
"""V of a cell above where it is held full from which on no current flows unseen: it would move the voltage."""

HALF_STEP = 0.005
"""V by which what a meter shows is rounded."""

KNEE = 0.02
"""V of a cell above its steep end at which a low voltage is looked at: a load takes it off."""


class Moment(NamedTuple):
    """A reading; rates are parts of the capacity (Ah) an hour."""

    voltage: float
    current: float
    capacity: float
    rate: float
    lag: float
    """Rate, smoothed as the inside of the electrodes follows."""
    time: float
    seconds: float
    """Since the last reading."""
    flow: float
    """Ah that were counted since."""


class Pack:
    """Cells in series of one chemistry; voltages (V) are those of all of them.

    A full is at least `charged`, with a current up to `tail` (part of the capacity an hour), for `detection_time` (s).
    """

    __slots__ = (
        "_drawn", "_told", "cells", "charged", "chemistry", "detection_time", "held", "high", "is_counted",
        "is_unsure", "low", "options", "safe", "steep", "tail",
    )  # fmt: skip

    def __init__(self, options: BatteryOptions) -> None:
        self.options = options
        self.chemistry = CHEMISTRIES[options.chemistry or "lifepo4"]
        self.cells = options.cells or 0
        self.is_unsure = options.chemistry is None
        """Whether the chemistry was guessed while the battery was charged, which tells little."""
        self.is_counted = options.cells is not None
        """Whether the cells were told, or guessed from a voltage that tells them."""
        self._drawn = 0.0
        self._told: Settings | None = None
        self.set_limits()

    @property
    def label(self) -> str:
        """What the battery is, and whether that was guessed."""
        guessed = ", guessed from the voltage" if self.options.chemistry is None or self.options.cells is None else ""
        return f"{self.chemistry.label}, {self.cells} cells{guessed}"

    @property
    def loss(self) -> tuple[float, float]:
        """Part of what flows in that cannot flow out, and its error."""
        told, chemistry = self.options.charge_efficiency, self.chemistry
        if told is not None:
            return 1 - told / 100, TYPED_ERROR
        return 1 - chemistry.charge_efficiency / 100, chemistry.efficiency_error / 100

    def guess(self, voltage: float, current: float) -> None:
        """Guess what nobody has said; the chemistry again when the battery is first discharged."""
        if self.is_unsure and current <= IDLE:
            self.chemistry = guess_chemistry(voltage)
            self.is_unsure = current >= 0
        self.cells = self.options.cells or guess_cells(self.chemistry, voltage)
        self.set_limits()

    def review(self, voltage: float, rate: float, hours: float) -> bool:
        """Look at a guess again, at a rate (parts of the capacity an hour); return whether it was wrong.

        LiFePO4 that is nearly empty looks like lead, and as fewer cells; a charger makes them look like more.
        """
        self._drawn = self._drawn - rate * hours if rate < 0 else 0.0
        cells, chemistry = self.cells, self.chemistry
        if self._drawn > DRAWN and (not self.is_counted or voltage > chemistry.above * cells):
            if self.options.chemistry is None and voltage > chemistry.above * cells:
                self.chemistry = CHEMISTRIES["lifepo4"]
            self.cells, self.is_counted = self.options.cells or guess_cells(self.chemistry, voltage), True
        if (self.cells, self.chemistry) == (cells, chemistry):
            return False
        self.set_limits()
        return True

    def be_lead(self) -> bool:
        """Give up a guess of lithium, whose voltage would be higher; return False where it was none."""
        if self.options.chemistry is not None or self.chemistry.held is None or self.options.cells is not None:
            return False
        volts = self.cells * self.chemistry.nominal
        self.chemistry = CHEMISTRIES["agm"]
        self.cells = guess_cells(self.chemistry, volts)
        self.set_limits()
        return True

    def restore(self, chemistry: str, cells: int, *, is_unsure: bool, is_counted: bool) -> None:
        """Take a guess up again; where the owner names another chemistry or number of cells, that holds."""
        if self.options.chemistry is None:
            self.chemistry, self.is_unsure = CHEMISTRIES[chemistry], is_unsure
        self.cells, self.is_counted = self.cells or cells, self.is_counted or is_counted
        self.set_limits()

    def hear(self, settings: Settings) -> None:
        """Take what a meter that finds its own fulls (KH-F) is set to, where the owner says nothing else."""
        if settings is not self._told:
            self._told = settings
            self.set_limits()

    def set_limits(self) -> None:
        """Work out from which voltages on something may be told, and what a full is."""
        chemistry, options = self.chemistry, self.options
        usual, told = chemistry.charged_voltage * self.cells, self._told
        voltage = told.full_voltage if told is not None else None
        # What was never set, or set for another battery, would give false fulls.
        if told is None or voltage is None or not LEAST_TOLD * usual <= voltage <= MOST_TOLD * usual:
            told = None
        tail = options.tail_current or (told and told.full_current) or chemistry.tail_current
        minutes = options.charged_detection_time or (told and told.full_detection_time) or chemistry.detection_time
        self.charged = (options.charged_voltage or (told and told.full_voltage) or usual) - HALF_STEP
        self.tail, self.detection_time = tail / 100, 60 * minutes
        self.held = inf if chemistry.held is None else chemistry.held * self.cells
        self.steep = self.held + STEEP * self.cells
        self.high = min(self.held, self.charged)
        self.safe = chemistry.safe[0] * self.cells, chemistry.safe[1] * self.cells
        self.low = (chemistry.low[-1][0] + KNEE) * self.cells

    def is_other(self, before: float, reading: Reading, state: float) -> bool:
        """Whether a reading after a gap, before which there were so many V, gives another battery away.

        Its voltage is another one at hardly a current, and not one of the `state` (0 to 1) that the count says.
        """
        capacity, cell = reading.nominal_capacity or AVERAGE_CAPACITY, reading.voltage / self.cells
        if abs(reading.voltage - before) <= OTHER_BATTERY * before or abs(reading.current) >= SMALL * capacity:
            return False
        low = self.chemistry.low
        if cell < low[-1][0]:
            return abs(state - read_curve(low, cell)[0]) > OTHER_STATE
        return state < (1.0 - OTHER_STATE if self.high <= reading.voltage else low[-1][1] - OTHER_STATE)

    def begin(self, reading: Reading) -> Belief:
        """Return what is believed at a first reading: what the meter says, and that it may be very wrong."""
        own, typed, left = self.options.usable_capacity, reading.nominal_capacity, reading.remaining_capacity
        capacity = own or typed or max(AVERAGE_CAPACITY, left)
        left = capacity / 2 if isnan(left) else left
        error = TYPED_ERROR if own else CAPACITY_ERROR if typed else UNKNOWN_ERROR
        state = min(max(left / (typed or capacity), 0.0), 1.0)
        return Belief(state, capacity, error, *self.loss)
