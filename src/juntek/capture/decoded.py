"""Values that a program has decoded already, in a table or in JSON; rule: what no name explains is left out, and told.

A name is read without its unit, its case and what it belongs to: `Voltage (V)`, `battery_voltage` and `Spannung [V]`
are the voltage. A current is positive while charging; one without a sign has that of a direction beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from math import copysign, isfinite
from typing import Any

from juntek.capture.records import records_in
from juntek.quantity import DIRECTIONS, QUANTITIES
from juntek.reading import Reading, fill_reading
from juntek.rs485.family import OUTPUT_STATE_OF_CODE

_NAMES = {
    "time": r"(date_?|unix_)?time(stamp|_utc)?|ts|when|received(_at)?|last_changed|epoch|unix|(uhr)?zeit(stempel)?",
    "date": r"date|day|datum|tag",
    "address": r"address|addr|adresse|slave|no",
    "raw": r"raw|frame|line|message|msg|payload|data|bytes|rohdaten",
    "voltage": r"volt(age|s|aje)?|u|v|vbat|ubat|spann(ung|ing)|tensi[oó]ne?|tensão|spänning|napięcie|电压|電[圧壓]",
    "current": r"current|amps?|amperes?|i|a|ibat|stroo?m|ström|courant|cor?riente|corrente|prąd|[电電]流",
    "power": r"power|watts?|w|p|leistung|puissance|potencia|potenza|vermogen|effekt|moc|功率|電力",
    "remaining_capacity": r"remaining(_(capacity|ah|charge))?|(capacity|ah|amp_hours)(_(ah|remaining|left))?"
    r"|rest(kapazität)?|capaci(té|tà|dade?)_(restante|residua)|resterende_capaciteit|återstående_kapacitet|pozostała_pojemność|[剩残][余餘]?容量",
    "state_of_charge": r"state_of_charge|soc|charge|capacity_pct|percent|battery(_level)?|lad(ezustand|ung|estand)"
    r"|état_de_charge|estado_de_carga|stato_di_carica|laadtoestand|stan_naładowania|[电電]量",
    "temperature": r"temp|temperatuu?r[ae]?|température|t|°c|温度|溫度",
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
_SERIES = re.compile(r"^(\w+)\s*(\{.*\})$|^(\{.*?)__name__=\"?(\w+)(.*\})$")
"""A name with its labels, which tell whose it is, as Prometheus and Grafana write it."""
_LONGEST_NAME = 200
_ANOTHER = frozenset(
    ("max", "min", "maximum", "minimum", "cell", "limit", "charge", "discharge", "charging", "discharging", "set",
     "over", "under", "alarm", "full", "low", "high", "total", "today", "last", "lowest", "highest", "nominal", "rated")
)  # fmt: skip
"""Words before a name that make another quantity of it."""
_UNIT = re.compile(r"[\[(\uff08]\s*([^\])\uff09]*?)\s*[\])\uff09]")
_UNITS = {
    unit: (of, scale)
    for of, scale, units in (
        ("V", 1, "v volts"), ("V", 1e-3, "mv"), ("A", 1, "a amperes"), ("A", 1e-3, "ma"),
        ("W", 1, "w watts"), ("W", 1e-3, "mw"), ("W", 1e3, "kw"), ("Wh", 1, "wh"), ("Wh", 1e3, "kwh"),
        ("Ah", 1, "ah ampere_hours"), ("Ah", 1e-3, "mah"), ("%", 1, "% percent pct"), ("mΩ", 1, "mω mohm"),
        ("mΩ", 1e3, "ω ohm"), ("s", 60, "min"), ("s", 3600, "h"), ("°C", 1, "°c c celsius"),
        ("°C", 1, "℃"), ("°F", 1, "°f f fahrenheit"), ("K", 1, "k"), ("Hz", 1, "hz"),
    )
    for unit in units.split()
}  # fmt: skip
"""Of what each unit is one, and its scale; a quantity in a unit of another is none."""
_NUMBER = re.compile(r"\s*([+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?)\s*((?:[^\W\d_]|[%°]).*)?")
_DECIMALS = re.compile(r"\d([.,])(?!\d{3}(?!\d))\d+(?![\d.,])")
"""Not three digits after a mark, which so stands before decimals; the other mark then is one of thousands."""
_GROUPS = {mark: re.compile(rf"\s*[+-]?\d{{1,3}}(?:[{mark}]\d{{3}})+(?!\d)") for mark in ",."}
_WORDS = {
    "charging": "charging", "charge": "charging", "in": "charging", "1": "charging", "laden": "charging",
    "discharging": "discharging", "discharge": "discharging", "out": "discharging", "0": "discharging",
    "entladen": "discharging", "idle": "idle",
}  # fmt: skip
NEEDED = ("voltage", "current")
ONLY_OF_BATTERIES = ("state_of_charge", "remaining_capacity", "nominal_capacity")
_KEPT = [key for key in Reading._fields if key in QUANTITIES]
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
    if len(name) > _LONGEST_NAME:
        return None, "", ""
    labels = _SERIES.match(name)
    whose = _plain_words(f"{labels[2] or ''}{labels[3] or ''}{labels[5] or ''}") if labels else ""
    unit, words = _UNIT.search(name), _plain(name).split("_")
    number = words.pop() if len(words) > 1 and words[-1].isdecimal() else ""
    for at in range(len(words)):
        plain = "_".join(words[at:])
        ending = _ENDING.search(plain)
        said = (unit[1] if unit else ending[1] if ending else "").lower()
        owner = "_".join([*words[:at], *number.split(), *whose.split()])
        if plain in ("charged", "discharged"):
            return f"{plain}_{'energy' if 'wh' in said else 'capacity'}", said, owner
        for candidate in (plain, _ENDING.sub("", plain)):
            key = next((key for key, pattern in _PATTERNS.items() if pattern.fullmatch(candidate)), None)
            if key is not None and not (at and words[at - 1] in _ANOTHER) and _may_have(key, said):
                return key, said, owner
    return None, "", ""


def _may_have(key: str, unit: str) -> bool:
    """Whether a unit is none of another quantity, as that of `battery_volts` is."""
    of, own = _UNITS.get(unit, ("", 1))[0], QUANTITIES[key].unit if key in QUANTITIES else ""
    return not of or not own or key == "remaining_capacity" or {of, own} <= {"°C", "°F", "K"} or of == own


def _plain(name: str) -> str:
    """Return a name in small letters with one line between its words."""
    name = _SERIES.sub(lambda found: found[1] or found[4] or "", _TYPE.sub("", name))
    return _plain_words(_UNIT.sub("", name).replace("%", "_percent"))


def _plain_words(text: str) -> str:
    return re.sub(r"[^\w°]+", "_", text.lower()).strip("_")


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
            key = "direction" if key is None and is_direction(str(value)) else key
            if key is not None:
                values.setdefault(key, (str(value), unit))
    if all(key in values and _number(key, values[key]) is not None for key in NEEDED):
        return values
    inside = (_values_of(nested, depth + 1) for value in record.values() for nested in records_in(value))
    found = [values for values in inside if values is not None]
    return next((values for values in found if values.keys() & ONLY_OF_BATTERIES), found[0] if found else None)


def is_unit(text: str) -> bool:
    """Whether a text is the name of a unit and nothing else."""
    return text.strip("[() ]").lower() in _UNITS


def is_direction(text: str) -> bool:
    """Whether a text says nothing but whether a battery is charged or discharged, whatever its name is."""
    return len(text) > len("in") and text.strip().lower() in _WORDS


def unit_of(value: str) -> str:
    """Return the unit behind a number, empty where there is none."""
    found = _NUMBER.fullmatch(value)
    return (found[2] or "").strip().lower() if found else ""


def _number(key: str, value: Value, thousands: str = "") -> float | None:
    """Return a number on the scale of its quantity; None for what is none, or has a unit of another quantity.

    `thousands` is the mark that stands between them.
    """
    text = value[0].replace("\u2212", "-")
    if thousands and thousands in text and _GROUPS[thousands].match(text):
        text = text.replace(thousands, "")
    found = _NUMBER.fullmatch(text)
    if found is None or not isfinite(number := float(found[1].replace(",", "."))):
        return None
    own = QUANTITIES[key].unit if key in QUANTITIES else ""
    unit, scale = _UNITS.get((found[2] or value[1]).strip().lower(), (own, 1))
    if unit == "°F" and own == "°C":
        return round((number - 32) / 1.8, 2)
    return round(number * scale, 6) if unit == own or not own else None


def make_reading(values: Mapping[str, Value], time: float | None) -> Reading | None:
    """Return the reading of values by their quantities; None without a voltage and a current."""
    told = (_DECIMALS.search(text) for key, (text, _) in values.items() if key in QUANTITIES)
    thousands = next(("," if mark[1] == "." else "." for mark in told if mark), "")
    numbers = {key: _number(key, value, thousands) for key, value in values.items()}
    if "remaining_capacity" in values and numbers["remaining_capacity"] is None:  # some call a percentage so
        numbers.setdefault("state_of_charge", _number("state_of_charge", values["remaining_capacity"]))
    voltage, current = numbers.get("voltage"), numbers.get("current")
    if voltage is None or current is None:
        return None
    said = _WORDS.get(values["direction"][0].strip().lower()) if "direction" in values else None
    if said in ("charging", "discharging"):
        current = abs(current) if said == "charging" else -abs(current)
    direction = DIRECTIONS[0 if current > 0 else 1 if current < 0 else 2]
    left, nominal, percent = (numbers.get(k) for k in ("remaining_capacity", "nominal_capacity", "state_of_charge"))
    if left is None and nominal and percent is not None:
        left = round(nominal * percent / 100, 3)
    state, code = _output(values["output_state"][0]) if "output_state" in values else (None, None)
    power = numbers.get("power")
    power = round(voltage * current, 2) if power is None else copysign(power, current) if current else power
    more: dict[str, Any] = {} if percent is None or nominal else {"state_of_charge": percent}
    if left is None:
        more |= {"time_to_empty": None, "time_to_full": None}
    known: dict[str, Any] = {key: numbers.get(key) for key in _KEPT}
    known |= {"temperature": _short(numbers.get("temperature")), "run_time": _short(numbers.get("run_time"))}
    return fill_reading(**known | {
        "time": time, "address": _short(numbers.get("address")), "voltage": voltage,
        "current": current, "power": power,
        "remaining_capacity": left, "direction": direction, "output_state": state, "output_code": code, "more": more,
    })  # fmt: skip


def _short(number: float | None) -> float | None:
    return int(number) if number is not None and number.is_integer() else number


def _output(text: str) -> tuple[str | None, int | None]:
    """Return the output's state and its code, which may be told as either; None where they are not known."""
    if text.isdecimal() and len(text) < len("1000"):
        return OUTPUT_STATE_OF_CODE.get(int(text), "unknown"), int(text)
    code = next((code for code, state in OUTPUT_STATE_OF_CODE.items() if state == text.lower()), None)
    return (None, None) if code is None else (OUTPUT_STATE_OF_CODE[code], code)
