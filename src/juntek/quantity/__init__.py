"""The vocabulary: every quantity once, as a row; rule: no other file invents a key, unit or label.

Keys, units and signs are the same in Python, JSON, MQTT topics, columns and documents. Charging is positive,
discharging negative. A file here with ROWS is found by being here, also in a `juntek/quantity` folder of another
package.
"""

from __future__ import annotations

from juntek.extras import find_modules
from juntek.quantity.readings import DIRECTIONS, OUTPUT_STATES
from juntek.quantity.row import Accumulation, Chart, Quantity
from juntek.quantity.settings import SENSORS

__all__ = [
    "BATTERY_KEYS", "DIRECTIONS", "OUTPUT_STATES", "QUANTITIES", "READING_KEYS", "SENSORS", "SETTING_KEYS",
    "Accumulation", "Chart", "Quantity",
]  # fmt: skip

QUANTITIES: dict[str, Quantity] = {
    row.key: row for module in find_modules(__name__) for row in getattr(module, "ROWS", ())
}
"""All quantities by key, in the order in which they are shown."""

SETTING_KEYS = tuple(key for key, row in QUANTITIES.items() if row.accumulation == "setting")
BATTERY_KEYS = tuple(key for key, row in QUANTITIES.items() if row.optional)
"""What a reading has besides where its battery is watched."""

READING_KEYS = (*(key for key in QUANTITIES if key not in SETTING_KEYS + BATTERY_KEYS), "nominal_capacity")
