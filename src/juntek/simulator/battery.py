"""A LiFePO4 battery: voltage, charge and temperature from the current; rule: pure, seconds are an argument.

Charging is positive, discharging negative.
"""

from __future__ import annotations

from bisect import bisect_right
from math import exp

# Percent of charge and volts of a rested LiFePO4 cell: the table that sellers of such packs commonly print, rounded
# to 10 mV. The last percent is raised from 3.40 V to the charge voltage, so that a charge at constant voltage ends.
CELL_VOLTAGES = (
    (0, 2.50),
    (10, 3.00),
    (20, 3.20),
    (30, 3.22),
    (40, 3.25),
    (50, 3.26),
    (60, 3.27),
    (70, 3.30),
    (80, 3.32),
    (90, 3.35),
    (99, 3.40),
    (100, 3.45),
)
CHARGE_VOLTAGE = 3.45  # volts of a cell, where the charger holds the voltage
_CELL_RESISTANCE = 0.21  # ohm times Ah: 0.75 milliohms for a 280 Ah cell with its share of bars, cables and fuse
_RELAXATION = 0.6  # of the resistance, that appears and fades slowly
_RELAXATION_TIME = 300.0  # seconds
_COOLING_TIME = 4 * 3600.0  # seconds
_CELL_HEAT = 19.0  # joules per kelvin and Ah: 5.4 kg at 1000 J/(kg K) for a 280 Ah cell
_CHARGES = [charge for charge, _ in CELL_VOLTAGES]


class Battery:
    """A pack of `cells` in series; `remaining` in Ah, `voltage` in V, `current` in A, `temperature` in °C."""

    def __init__(
        self, *, cells: int = 16, capacity: float = 280.0, state_of_charge: float = 60.0, temperature: float = 20.0
    ) -> None:
        self.cells = cells
        self.capacity = capacity
        self.remaining = capacity * state_of_charge / 100
        self.resistance = cells * _CELL_RESISTANCE / capacity
        self.temperature = temperature
        self.current = 0.0
        self._relaxation = 0.0
        self.voltage = self.voltage_at(0.0)

    @property
    def state_of_charge(self) -> float:
        """Percent of the capacity, 0 to 100."""
        return 100 * self.remaining / self.capacity

    @property
    def charge_voltage(self) -> float:
        """Volts at which a charger holds the pack."""
        return self.cells * CHARGE_VOLTAGE

    def open_circuit_voltage(self) -> float:
        """Return the volts that the pack comes to when it is left alone."""
        charge = self.state_of_charge
        right = min(bisect_right(_CHARGES, charge), len(_CHARGES) - 1)
        (before, low), (after, high) = CELL_VOLTAGES[right - 1 : right + 1]
        return self.cells * (low + (high - low) * (charge - before) / (after - before))

    def voltage_at(self, current: float) -> float:
        """Return the volts at the terminals when `current` flows now."""
        return self.open_circuit_voltage() + self._relaxation + current * self.resistance

    def current_at(self, voltage: float) -> float:
        """Return the current that brings the terminals to `voltage` now."""
        return (voltage - self.open_circuit_voltage() - self._relaxation) / self.resistance

    def step(self, seconds: float, current: float, surroundings: float = 20.0) -> None:
        """Let `current` flow for `seconds`, less of it where the battery would become fuller than full or emptier.

        `voltage` and `current` are then those during these seconds, so their product is the power that flowed.
        """
        if seconds > 0:
            hours = seconds / 3600
            current = max(min(current, (self.capacity - self.remaining) / hours), -self.remaining / hours)
        self.current = current
        self.voltage = self.voltage_at(current)
        if seconds <= 0:
            return
        self.remaining = min(max(self.remaining + current * hours, 0.0), self.capacity)
        target = current * self.resistance * _RELAXATION
        self._relaxation = target + (self._relaxation - target) * exp(-seconds / _RELAXATION_TIME)
        warming = current * current * self.resistance / (self.cells * self.capacity * _CELL_HEAT)
        cooling = (self.temperature - surroundings) / _COOLING_TIME
        self.temperature += (warming - cooling) * seconds
