"""What the name of a meter says about it: family, voltage class, current range, resolution; rule: no state."""

from __future__ import annotations

import re
from dataclasses import dataclass

from juntek.errors import RequestError
from juntek.rs485.family import Model, find_models

_NAME = re.compile(r"([A-Z]{2})([1-9])([0-9]{2})F")
_FIRMWARE = {"KG-F": 110, "KL-F": 132, "KH-F": 139}  # as captured: MS, SC, SC


@dataclass(frozen=True, slots=True)
class Variant:
    """One meter of a family, such as KG140F: the second digit is its voltage in 100 V, the last two in 10 A."""

    name: str
    model: Model
    max_voltage: int
    max_current: int

    @property
    def code(self) -> int:
        """The model code of `r00`: series, voltage class and current range (protocol: r00)."""
        # KG-F and KL-F with a shunt share the series 2; 1 is the Hall sensor.
        return max(self.model.series) * 1000 + int(self.name[2:5])

    @property
    def firmware(self) -> int:
        """A firmware that this family was seen with, in hundredths."""
        return _FIRMWARE.get(self.model.family, 100)

    @property
    def resolution(self) -> float:
        """Amperes of the last digit shown: 0.01 up to 200 A, 0.1 above (KG-man p. 4)."""
        return 0.01 if self.max_current <= 200 else 0.1

    @property
    def fine_resolution(self) -> float:
        """Amperes of the step that the meter computes its time left with: 6.25 mA at 400 A (JK)."""
        return self.max_current / 64_000


def parse_variant(name: str) -> Variant:
    """Return the meter of that name; raises RequestError for a name that is not a meter's."""
    match = _NAME.fullmatch(name.strip().upper())
    model = match and next((model for model in find_models() if model.prefix == match[1]), None)
    if not match or not model or match[3] == "00":
        known = ", ".join(f"{model.prefix}140F" for model in find_models())
        raise RequestError(f"There is no meter {name!r} to simulate; write a name such as {known}.")
    # The 100 V class really takes 0-120 V (protocol: r00).
    voltage = 120 if match[2] == "1" else int(match[2]) * 100
    return Variant(match[0], model, voltage, int(match[3]) * 10)
