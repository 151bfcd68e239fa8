"""The protections that open the meter's relay; rule: pure, one watch per sample, codes as in the reply's status."""

from __future__ import annotations

from dataclasses import dataclass

OVER_VOLTAGE, OVER_CURRENT, LOW_VOLTAGE, NEGATIVE_OVER_CURRENT, OVER_POWER, OVER_TEMPERATURE = range(1, 7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits in V, A, W and °C, None where switched off; `delay` and `recovery` in seconds.

    A recovery of 0 means that a trip stays until the output is switched on again.
    """

    over_voltage: float | None = None
    over_current: float | None = None
    under_voltage: float | None = None
    negative_over_current: float | None = None
    over_power: float | None = None
    over_temperature: float | None = None
    delay: float = 0
    recovery: float = 0

    def find_violation(self, voltage: float, current: float, temperature: float) -> int:
        """Return the status code of the first limit that is passed, 0 if none is."""
        for code, value, limit in (
            (OVER_VOLTAGE, voltage, self.over_voltage),
            (OVER_CURRENT, -current, self.over_current),
            (NEGATIVE_OVER_CURRENT, current, self.negative_over_current),
            (OVER_POWER, abs(voltage * current), self.over_power),
            (OVER_TEMPERATURE, temperature, self.over_temperature),
        ):
            if limit is not None and value > limit:
                return code
        if self.under_voltage is not None and voltage < self.under_voltage:
            return LOW_VOLTAGE
        return 0


class Protection:
    """Remembers how long a limit has been passed; `code` is the status of a trip, 0 while there is none."""

    __slots__ = ("_seconds", "_violation", "code")

    def __init__(self) -> None:
        self.code = 0
        self._violation = 0
        self._seconds = 0.0

    def watch(self, limits: Limits, seconds: float, violation: int) -> None:
        """Take what `limits` found passed during the last `seconds`."""
        if self.code:
            self._seconds += seconds
            if limits.recovery and self._seconds >= limits.recovery and not violation:
                self.clear()
            return
        if violation != self._violation:
            self._violation = violation
            self._seconds = 0.0
        self._seconds += seconds
        if violation and self._seconds > limits.delay:
            self.code = violation
            self._seconds = 0.0

    def clear(self) -> None:
        """Forget a trip, as the OK button does."""
        self.code = 0
        self._violation = 0
        self._seconds = 0.0
