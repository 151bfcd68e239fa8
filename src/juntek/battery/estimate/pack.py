"""The pack: what the owner says of it, what is guessed, and what its readings are held against."""

from __future__ import annotations

from juntek.battery.estimate.anchors import Limits
from juntek.battery.estimate.battery_options import BatteryOptions
from juntek.battery.estimate.belief import Belief
from juntek.battery.estimate.chemistry import CHEMISTRIES, guess_cells, guess_chemistry
from juntek.reading import Reading, Settings

AVERAGE_CAPACITY = 100.0
"""Ah of a battery of which nobody has said what it holds."""

TYPED_ERROR, UNKNOWN_ERROR = 0.005, 0.4
"""Parts by which a usable capacity is off that the owner says, and one that nobody says."""

IDLE = 0.2
"""A up to which a current is small."""

LEAST_TOLD, MOST_TOLD = 0.985, 1.06
"""Parts of the usual charged voltage between which that of a meter's own settings is taken."""

OTHER_BATTERY = 0.06
"""Part of the voltage that a reading after a gap may be off while hardly a current flows."""

SMALL = 0.05
"""Part of the capacity an hour that is hardly a current."""

KNEE = 0.02
"""V of a cell above its steep end at which a low voltage is looked at: a load takes it off."""


class Pack:
    """Cells in series of one chemistry; voltages are those of all of them."""

    __slots__ = ("_told", "cells", "chemistry", "high", "is_unsure", "limits", "low", "options", "safe")

    def __init__(self, options: BatteryOptions) -> None:
        self.options = options
        self.chemistry = CHEMISTRIES[options.chemistry or "lifepo4"]
        self.cells = options.cells or 0
        self.is_unsure = options.chemistry is None
        """Whether the chemistry was guessed while the battery was charged, which tells little."""
        self._told: Settings | None = None
        self.set_limits()

    @property
    def is_guessed(self) -> bool:
        """Whether nobody has said the chemistry."""
        return self.options.chemistry is None

    @property
    def efficiency(self) -> float:
        """Part of what flows in that can flow out."""
        return (self.options.charge_efficiency or self.chemistry.charge_efficiency) / 100

    def guess(self, voltage: float, current: float) -> None:
        """Guess what nobody has said; the chemistry again when the battery is first discharged."""
        if self.is_unsure and current <= IDLE:
            self.chemistry = guess_chemistry(voltage)
            self.is_unsure = current >= 0
        self.cells = self.options.cells or guess_cells(self.chemistry, voltage)
        self.set_limits()

    def restore(self, chemistry: str, cells: int, *, is_unsure: bool) -> None:
        """Take a guess up again; where the owner names another chemistry or number of cells, that holds."""
        if self.is_guessed:
            self.chemistry, self.is_unsure = CHEMISTRIES[chemistry], is_unsure
        self.cells = self.cells or cells
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
        charged = options.charged_voltage or (told and told.full_voltage) or usual
        self.high = charged if chemistry.held is None else min(chemistry.held * self.cells, charged)
        self.safe = chemistry.safe[0] * self.cells, chemistry.safe[1] * self.cells
        self.low = (chemistry.low[-1][0] + KNEE) * self.cells
        self.limits = Limits(
            charged,
            (options.tail_current or (told and told.full_current) or chemistry.tail_current) / 100,
            60 * (options.charged_detection_time or (told and told.full_detection_time) or chemistry.detection_time),
        )

    def is_other(self, before: float, reading: Reading, capacity: float) -> bool:
        """Whether a reading after a gap, before which there were so many V, gives another battery away."""
        moved = abs(reading.voltage - before)
        return moved > OTHER_BATTERY * before and abs(reading.current) < SMALL * capacity

    def begin(self, reading: Reading) -> Belief:
        """Return what is believed at a first reading: what the meter says, and that it may be very wrong."""
        told = self.options.usable_capacity or reading.nominal_capacity
        capacity = told or max(reading.remaining_capacity, AVERAGE_CAPACITY)
        nominal = reading.nominal_capacity or capacity
        belief = Belief(min(max(reading.remaining_capacity / nominal, 0.0), 1.0), capacity)
        if self.options.usable_capacity:
            belief.cc = (TYPED_ERROR * capacity) ** 2
        elif told is None:
            belief.cc = (UNKNOWN_ERROR * capacity) ** 2
        return belief
