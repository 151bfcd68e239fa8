"""Values that a program has decoded already, in a table or in JSON; rule: what no name explains is left out, and told.

A name is read without its unit, its case and what it belongs to: `Voltage (V)`, `battery_voltage` and `Spannung [V]`
are the voltage. A current is positive while charging; one without a sign has that of a direction beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from juntek.capture.records import records_in
from juntek.quantity import DIRECTIONS, QUANTITIES
from juntek.reading import Reading
from juntek.rs485.family import OUTPUT_STATE_OF_CODE

_NAMES = {
    "time": r"(date_?|unix_)?time(stamp|_utc)?|ts|when|received(_at)?|last_changed|epoch|unix|(uhr)?zeit(stempel)?",
    "date": r"date|day|datum|tag",
    "address": r"address|addr|adresse|slave|no",
    "raw": r"raw|frame|line|message|msg|payload|data|bytes|rohdaten",
    "voltage": r"voltage|volts?|u|v|vbat|ubat|spannung|tensi[oóã][no]?e?|spanning",
    "current": r"current|amps?|amperes?|i|a|ibat|strom|stroom|courant|cor?riente|corrente",
    "power": r"power|watts?|w|p|leistung|puissance|potencia|potenza|vermogen",
    "remaining_capacity": r"remaining(_(capacity|ah|charge))?|(capacity|ah)(_(ah|remaining|left))?|rest(kapazität)?",
    "state_of_charge": r"state_of_charge|soc|charge|capacity_pct|percent|battery(_level)?|ladezustand|ladung|ladestand",
    "temperature": r"temperature|temp|temperatur|température|temperatura|temperatuur|t|°c",
    "nominal_capacity": r"(nominal|full|total|rated|preset(_battery)?)_capacity(_ah)?|nennkapazität",
    "internal_resistance": r"(battery_)?(internal_)?resistance|innenwiderstand",
    "run_time": r"run_?time(_record)?|laufzeit",
    "discharged_capacity": r"discharged_capacity|cumulative(_ah|_capacity)?|(dis)?charged_ah_out|ah_out|discharged_ah",
    "charged_capacity": r"charged_capacity|ah_in|charged_ah",
    "discharged_energy": r"discharged_energy|energy_out|discharged_k?wh|k?wh_out",
    "charged_energy": r"charged_energy|energy_in|charged?_k?wh|k?wh_in",
    "direction": r"direction|richtung",
    "output_state": r"output_state|relay_state|output|relay",
}
_PATTERNS = {key: re.compile(pattern) for key, pattern in _NAMES.items()}
_OWNER = re.compile(
    r"^(?:(?:mean|sensor|batt|battery|batterie|bat|akku|house|bank|juntek|junctek|meter|shunt|bms|pack|dc)_)+"
)
_ENDING = re.compile(
    r"_(state|value|now|mean|volts|amperes|watts|celsius|ampere_hours|batt(?:ery)?|bat|percent|pct|[ck]?wh|m?ah|m?v|m?a|k?w|c|s)$"
)
"""A unit, or what says nothing, at the end of a name."""
_TYPE = re.compile(r":(?:time|string|float|int|uint|bool)$")
"""Of a column, as InfluxDB writes it."""
_SERIES = re.compile(r"^(\w+)\s*\{.*\}$|^\{.*?__name__=\"?(\w+).*\}$")
"""A name with its labels, as Grafana writes it."""
_ANOTHER = frozenset(
    ("max", "min", "maximum", "minimum", "cell", "limit", "charge", "discharge", "charging", "discharging", "set",
     "over", "under", "alarm", "full", "low", "high", "total", "today", "last", "lowest", "highest", "nominal", "rated")
)  # fmt: skip
"""Words before a name that make another quantity of it."""
_UNIT = re.compile(r"[\[(]\s*([^\])]*?)\s*[\])]")
_SCALES = {"mv": 1e-3, "ma": 1e-3, "kw": 1e3, "mah": 1e-3, "kwh": 1e3, "mohm": 1, "min": 60, "h": 3600}
_NUMBER = re.compile(r"\s*([+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?)\s*([^\d\s].*)?")
_WORDS = {
    "charging": "charging", "charge": "charging", "in": "charging", "1": "charging", "laden": "charging",
    "discharging": "discharging", "discharge": "discharging", "out": "discharging", "0": "discharging",
    "entladen": "discharging", "idle": "idle",
}  # fmt: skip
NEEDED = ("voltage", "current")
_NESTING = 4

Value = tuple[str, str]
"""A value as it was written, and its unit."""


def quantity_of(name: str) -> tuple[str | None, str]:
    """Return what a column is by its name, None for what is not known, and its unit."""
    key, unit, owner = owned_quantity(name)
    return (None, "") if _OWNER.sub("", f"{owner}_").strip("_") else (key, unit)


@lru_cache(1024)
def owned_quantity(name: str) -> tuple[str | None, str, str]:
    """Return what a value is by the end of its name, None for what is not known, its unit, and whose it is."""
    unit, words = _UNIT.search(name), _plain(name).split("_")
    number = words.pop() if len(words) > 1 and words[-1].isdecimal() else ""
    for at in range(len(words)):
        plain = "_".join(words[at:])
        ending = _ENDING.search(plain)
        said = (unit[1] if unit else ending[1] if ending else "").lower()
        owner = "_".join([*words[:at], *number.split()])
        if plain in ("charged", "discharged"):
            return f"{plain}_{'energy' if 'wh' in said else 'capacity'}", said, owner
        for candidate in (plain, _ENDING.sub("", plain)):
            key = next((key for key, pattern in _PATTERNS.items() if pattern.fullmatch(candidate)), None)
            if key is not None and not (at and words[at - 1] in _ANOTHER):
                return key, said, owner
    return None, "", ""


def _plain(name: str) -> str:
    """Return a name in small letters with one line between its words."""
    name = _SERIES.sub(lambda found: found[1] or found[2] or "", _TYPE.sub("", name))
    return re.sub(r"[^\w°]+", "_", _UNIT.sub("", name).strip().lower().replace("%", "_percent")).strip("_")


def is_decoded(record: Any) -> bool:  # noqa: ANN401 - any JSON
    """Whether a record has values of a meter."""
    return _values_of(record) is not None


def reading_of(record: Any, time: float | None) -> Reading | None:  # noqa: ANN401 - any JSON
    """Return the reading in the names and values of a record, also one inside; None where there is none."""
    values = _values_of(record)
    return None if values is None else make_reading(values, time)


def says_what_is_left(reading: Reading) -> bool:
    """Whether a reading has a remaining capacity; a decoded one may lack it."""
    return isinstance(reading.remaining_capacity, float | int)


def _values_of(record: Any, depth: int = 0) -> dict[str, Value] | None:  # noqa: ANN401 - any JSON
    if not isinstance(record, Mapping) or depth > _NESTING:
        return None
    values: dict[str, Value] = {}
    for name, value in record.items():
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            key, unit = quantity_of(str(name))
            if key is not None:
                values.setdefault(key, (str(value), unit))
    if all(key in values and _number(values[key]) is not None for key in NEEDED):
        return values
    inside = (_values_of(nested, depth + 1) for value in record.values() for nested in records_in(value))
    return next((found for found in inside if found is not None), None)


def unit_of(value: str) -> str:
    """Return the unit behind a number, empty where there is none."""
    found = _NUMBER.fullmatch(value)
    return (found[2] or "").strip().lower() if found else ""


def _number(value: Value | None) -> float | None:
    """Return a number on the scale of its quantity."""
    found = _NUMBER.fullmatch(value[0]) if value is not None else None
    if found is None or value is None:
        return None
    unit = (found[2] or value[1]).strip().lower()
    return round(float(found[1].replace(",", ".")) * _SCALES.get(unit, 1), 6)


def make_reading(values: Mapping[str, Value], time: float | None) -> Reading | None:
    """Return the reading of values by their quantities; None without a voltage and a current."""
    numbers = {key: _number(value) for key, value in values.items()}
    voltage, current = numbers.get("voltage"), numbers.get("current")
    if voltage is None or current is None:
        return None
    told = _WORDS.get(values["direction"][0].strip().lower()) if "direction" in values else None
    if told == "discharging":
        current = -abs(current)
    direction = DIRECTIONS[0 if current > 0 else 1 if current < 0 else 2]
    left, nominal, percent = (numbers.get(k) for k in ("remaining_capacity", "nominal_capacity", "state_of_charge"))
    if left is None and nominal and percent is not None:
        left = round(nominal * percent / 100, 3)
    state, code = _output(values["output_state"][0]) if "output_state" in values else (None, None)
    power = numbers.get("power")
    more: dict[str, Any] = {} if percent is None or nominal else {"state_of_charge": percent}
    if left is None:
        more |= {"time_to_empty": None, "time_to_full": None}
    known: dict[str, Any] = {key: numbers.get(key) for key in Reading._fields if key in QUANTITIES}
    known |= {"temperature": _short(numbers.get("temperature")), "run_time": _short(numbers.get("run_time"))}
    return Reading(**dict.fromkeys(Reading._fields) | known | {
        "time": time, "address": _short(numbers.get("address")), "voltage": voltage,
        "current": current, "power": round(voltage * current, 2) if power is None else _signed(power, current),
        "remaining_capacity": left, "direction": direction, "output_state": state, "output_code": code,
        "raw": b"", "estimated": (), "more": more,
    })  # fmt: skip


def _signed(power: float, current: float) -> float:
    return -abs(power) if current < 0 else power


def _short(number: float | None) -> float | None:
    return int(number) if number is not None and number.is_integer() else number


def _output(text: str) -> tuple[str, int]:
    """Return the output's state and its code, which may be told as either."""
    if text.isdecimal():
        return OUTPUT_STATE_OF_CODE.get(int(text), "unknown"), int(text)
    code = next((code for code, state in OUTPUT_STATE_OF_CODE.items() if state == text), 0)
    return OUTPUT_STATE_OF_CODE[code], code
