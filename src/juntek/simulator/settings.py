"""The settings that a simulated meter keeps, as raw numbers of `r51`; rule: the model's rows say what is allowed."""

from __future__ import annotations

from juntek.rs485.decode import value_of
from juntek.simulator.encoding import Value, make_encoder
from juntek.simulator.protection import Limits
from juntek.simulator.variant import Variant

RESET_CAPACITY = 100.0
"""Ah after a factory reset. No manual page at hand names it."""


class MeterSettings:
    """The settings of one meter for a pack of `cells` with `capacity` Ah."""

    __slots__ = ("_cells", "_numbers", "limits", "variant")

    def __init__(self, variant: Variant, *, capacity: float, cells: int) -> None:
        self.variant = variant
        self._cells = cells
        self._numbers: dict[int, int] = {}
        self.limits = Limits()
        self.reset(capacity)

    def reset(self, capacity: float = RESET_CAPACITY) -> None:
        """Set everything as the factory does: no protection, no calibration."""
        values: dict[str | int, Value] = {
            "nominal_capacity": capacity,
            "current_ratio": 1,
            "voltage_curve_scale": 1,
            "current_curve_scale": 1,
            "full_voltage": 3.40 * self._cells,
            "empty_voltage": 2.80 * self._cells,
            "full_current": 2,
            "full_detection_time": 2.0,
            "log_interval": 60,
        }
        rows = self.variant.model.settings.rows
        off: dict[str | int, Value] = {row.key: None for row in rows if row.off is not None}
        numbers = make_encoder(self.variant.model.settings)(values | off)
        self._numbers = dict(zip((row.index for row in rows), numbers, strict=True))
        self._refresh()

    def numbers(self) -> list[int]:
        """Return the numbers after the checksum of `r51`."""
        # The curve scales of KG-F and KL-F stand in the manuals and in no capture; KH-F's last number is in both.
        return [self._numbers[row.index] for row in self.variant.model.settings.rows if not (row.optional and row.key)]

    def value(self, key: str) -> float | None:
        """Return a setting in its unit, or None where it is off, a word, or nothing that this family has."""
        for row in self.variant.model.settings.rows:
            if row.key == key and isinstance(value := value_of(row, self._numbers[row.index]), (int, float)):
                return value
        return None

    def write(self, number: int, raw: int) -> bool:
        """Set what the W command `number` sets and return True; False where its row does not allow it."""
        for row in self.variant.model.settable.values():
            if row.write == number and row.low <= raw <= row.high:
                self._numbers[row.index] = raw
                self._refresh()
                return True
        return False

    def _refresh(self) -> None:
        self.limits = Limits(
            over_voltage=self.value("over_voltage_protection"),
            over_current=self.value("over_current_protection"),
            under_voltage=self.value("under_voltage_protection"),
            negative_over_current=self.value("negative_over_current_protection"),
            over_power=self.value("over_power_protection"),
            over_temperature=self.value("over_temperature_protection"),
            delay=self.value("protection_delay") or 0,
            recovery=self.value("protection_recovery_time") or 0,
        )
