"""Values that come one by one, each with its name, joined to readings; rule: those of two meters are never mixed.

A name ends with its quantity, and begins with whose it is: `sensor.kg_voltage`, `house/battery/current`. The meter is
the first that has a voltage and a current. A value holds until the next of its name, as programs write changes only;
those of one moment are one reading.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from juntek.capture.decoded import NEEDED, ONLY_OF_BATTERIES, Value, make_reading, owned_quantity, unit_of
from juntek.capture.records import NAME_KEYS
from juntek.exchange import Chunk
from juntek.quantity import QUANTITIES

MOMENT = 0.5
"""s within which values are of one moment."""
_LONGEST_LINE = 2048
"""Bytes of a line that is searched for values."""
_MOST_NAMES = 4096
_MOST_VALUES = 1_000_000
"""Values that wait for the end, to be put in the order of time."""
_MOST_TOLD = 8
_DOMAIN = re.compile(r"^(?:(?:homeassistant|sensor|stat|tele)_)+")
"""What stands before whose a value is, and says nothing."""

_NUMBER = rb"[+-]?\d+(?:[.,]\d+)?"
_VALUE = rb"(?P<value>" + _NUMBER + rb"(?: ?[A-Za-z%\xb0-\xff]+)?|unavailable|unknown|NULL|UNDEF|(?:dis)?charging|idle)"
_LINES = tuple(
    re.compile(before + _VALUE + after)
    for before, after in (
        (rb"'(?P<name>[^']+)'(?: >>|: Sending state) ", rb""),  # ESPHome
        (rb"Item '(?P<name>\w+)' (?:changed from .* to|updated to|received update) ", rb"(?: \(.*\))?$"),  # openHAB
        (rb"new_state=<state (?P<name>[\w.]+)=", rb";"),  # Home Assistant
        (rb"(?:^|\s)(?P<name>[\w-]+(?:[/.][\w-]+)+)\s*[:=]?\s+", rb"$"),  # mosquitto_sub -v, ioBroker
        (rb"^\d{4}-\d\d-\d\d_\S+ (?P<name>\S+ [\w.-]+): ", rb"$"),  # FHEM
        (rb"^(?P<name>[A-Za-z_:][\w:]*\{[^}]*\}) ", rb"(?: \d{10,13})?$"),  # Prometheus
        (rb"^(?:- )?(?P<name>[A-Za-z\x80-\xff][\w \x80-\xff]{0,30}?) *[:=] *", rb",?$"),  # a line for each
    )
)
"""One value on a line, with its name."""
_PAIR = re.compile(
    rb"(?<![A-Za-z0-9_\x80-\xff])((?:[A-Za-z\x80-\xff]+[ _])?[A-Za-z\x80-\xff][\w\x80-\xff]*) ?[=:] ?\"?"
    rb"([+-]?\d+(?:\.\d+)?(?: ?[A-Za-z%\xb0-\xff]{1,3}(?![\w=:]))?)"
)
"""Of several values on a line, each with its name."""
_SAYS_NOTHING = re.compile(
    r"^(?:(?:and|und|et|y|e|info|debug|warn(?:ing)?|error"
    r"|[ap]m|utc|gmt|cet|cest|mez|mesz|[ecmp][sd]t)_)+"
)
"""What may stand before a name on a line."""
METER_KEYS = ("meter", "device", "device_id", "device_name", "battery_id")
"""Names beside values of what they belong to."""
_METER_IN_LINE = re.compile(rf"\b(?:{'|'.join(METER_KEYS)})[=:] ?\"?([\w.-]+)".encode())
_OF_NO_METER = ("time", "date", "address", "raw")
_VALUE_KEYS = ("payload", "state", "_value", "value")


class Named(NamedTuple):
    """A value of a meter: whose and which it is, and how it was written."""

    owner: str
    key: str
    value: Value


def named(name: str, value: str) -> Named | None:
    """Return a value by its name; None where the name is of no quantity."""
    key, unit, owner = owned_quantity(name)
    owner = _DOMAIN.sub("", f"{owner}_").strip("_")
    return None if key is None else Named(owner, key, (value, unit_of(value) or unit))


def values_in_line(content: bytes) -> tuple[list[Named], bytes]:
    """Return the values in a line of a log, none in most, and the line without them."""
    if len(content) > _LONGEST_LINE:
        return [], content
    for form in _LINES:
        found = form.search(content)
        if found and (one := named(_text(found["name"]), _text(found["value"]))) and one.key not in _OF_NO_METER:
            return [one], content[: found.start("name")] + b" " + content[found.end("value") :]
    return _values_in_pairs(content)


def _values_in_pairs(content: bytes) -> tuple[list[Named], bytes]:
    """Return the values of a line with a voltage and a current of one owner, and the line without them."""
    values, rest, end = [], b"", 0
    for pair in _PAIR.finditer(content):
        one = named(_text(pair[1]), _text(pair[2]))
        if one is None or one.key not in QUANTITIES or (len(pair[1]) == 1 and pair[1].islower() and not one.value[1]):
            continue
        values.append(one._replace(owner=_SAYS_NOTHING.sub("", f"{one.owner}_").strip("_")))
        rest += content[end : pair.start(2)]  # the word before may be the zone of the time
        end = pair.end()
    whose = [one.owner for one in values if one.key in NEEDED]
    ours = [one for one in values if one.owner in ("", *whose[:1])]
    if {one.key for one in ours}.issuperset(NEEDED) and len(whose) == len(NEEDED):
        meter = _METER_IN_LINE.search(content)
        owner = _text(meter[1]) if meter else whose[0]
        return [one._replace(owner=owner) for one in ours], rest + content[end:]
    return [], content


def value_in_record(record: Mapping[str, Any]) -> Named | None:
    """Return the one value in a record with a name and a value; None for any other record."""
    name = next((record[key] for key in NAME_KEYS if isinstance(record.get(key), str)), None)
    value = next((record[key] for key in _VALUE_KEYS if isinstance(record.get(key), str | int | float)), None)
    if name is None or value is None or isinstance(value, bool):
        return None
    whose = [str(record[key]) for key in METER_KEYS if isinstance(record.get(key), str | int)]
    one = named(name, str(value))
    return one and one._replace(owner="_".join(filter(None, (*whose, one.owner))))


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


class Series:
    """Joins the values of one meter, in the order of time."""

    def __init__(self) -> None:
        self._owner: str | None = None
        self._known: dict[tuple[str, str], Value] = {}
        self._owner_of: dict[str, str] = {}
        """Whose value each quantity of the meter is."""
        self._new: set[str] = set()
        self._time: float | None = None
        self._held: list[tuple[float | None, Named]] = []
        self._is_full = False

    def hold(self, one: Named, time: float | None) -> list[Chunk]:
        """Take a value that may be older than those before: it waits for the end."""
        self._is_full = len(self._held) >= _MOST_VALUES  # what is older than what was told would get wrong times
        if not self._is_full:
            self._held.append((time, one))
        return []

    def add(self, one: Named, time: float | None) -> list[Chunk]:
        """Take the next value; return the reading of the moment that it ends, where it ends one."""
        is_later = time is not None and self._time is not None and time - self._time > MOMENT
        ended = self._end_moment() if (one.key in self._new and self._is_of_meter(one)) or is_later else []
        if len(self._known) < _MOST_NAMES or (one.owner, one.key) in self._known:
            self._known[one.owner, one.key] = one.value
        if self._owner is None and all((one.owner, key) in self._known for key in NEEDED):
            self._choose(one.owner)
        if self._is_of_meter(one):
            self._new.add(one.key)
            self._time = time if not self._new or self._time is None or is_later else max(self._time, time or 0)
        return ended

    def finish(self) -> list[Chunk]:
        """Return the readings that are left."""
        held, self._held = self._held, []
        held.sort(key=lambda pair: pair[0] or 0.0)
        return [chunk for time, one in held for chunk in self.add(one, time)] + self._end_moment()

    def _end_moment(self) -> list[Chunk]:
        time, self._time = self._time, None
        if not self._new or self._owner is None:
            return []
        self._new.clear()
        owners = ((k, o) for k, o in self._owner_of.items() if o == self._owner or not self._is_meter(o))
        values = {key: self._known[owner, key] for key, owner in owners if (owner, key) in self._known}
        reading = make_reading(values, time)
        return [] if reading is None else [Chunk(time, b"", reading)]

    def describe(self) -> str:
        """Return what was read, as a sentence for the owner."""
        others = sorted({owner for owner, _ in self._known if owner not in self._owner_of.values()} - {""})
        left = f" Not used: what belongs to {', '.join(others[:_MOST_TOLD])}." if others else ""
        if self._is_full:
            left += f" Only the first {_MOST_VALUES:,} values were read; export a shorter time at once."
        return (
            f"Values were joined to readings{f' of {self._owner}' if self._owner else ''}: {', '.join(self._owner_of)}."
            f" Current above 0 is charging.{left}"
        )

    def _choose(self, owner: str) -> None:
        self._owner = owner
        self._owner_of = dict.fromkeys(NEEDED, owner)
        for other, key in self._known:
            if self._is_related(other, key) and (other == owner or (owner, key) not in self._known):
                self._owner_of[key] = other
        self._new = set(self._owner_of)

    def _is_of_meter(self, one: Named) -> bool:
        if self._owner is not None and self._is_related(one.owner, one.key):
            if one.owner == self._owner:
                self._owner_of[one.key] = one.owner
            self._owner_of.setdefault(one.key, one.owner)
        return self._owner_of.get(one.key) == one.owner

    def _is_related(self, owner: str, key: str) -> bool:
        """Whether a value is one of the meter: whose name ends with more words may have what only batteries have."""
        if self._owner is None or owner == self._owner:
            return owner == self._owner
        shorter, longer = sorted((owner, self._owner), key=len)
        return (
            not self._is_meter(owner)
            and key in ONLY_OF_BATTERIES
            and shorter != ""
            and longer.startswith(f"{shorter}_")
        )

    def _is_meter(self, owner: str) -> bool:
        return any((owner, key) in self._known for key in NEEDED)
