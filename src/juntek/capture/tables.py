"""Tables whose first line names their columns: each row becomes a record, as JSON has; rule: what was taken is told.

A table has a row for each reading (voltage and current are columns), a row for each value (its name is in a column), or
frames beside several times, of which only one is theirs.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from juntek.capture.decoded import NEEDED, ONLY_OF_BATTERIES, is_direction, is_unit, owned_quantity, quantity_of
from juntek.capture.forms import FRAME_START
from juntek.capture.named_values import METER_KEYS
from juntek.capture.records import Record
from juntek.capture.times import has_time
from juntek.quantity import QUANTITIES

_OF_INFLUXDB = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+")
"""In a table drawn by InfluxDB 3 times are UTC."""
_EPOCH = re.compile(r"\d{10,19}(\.\d+)?")
_ZONE = re.compile(r"([A-Z]\w+(?:/[\w/]+)?) \([+-]\d\d:\d\d\)$")
_NUMBER = re.compile(r"\s*\[\d+\]$")
_DAY_0 = datetime(1899, 12, 30)  # noqa: DTZ001 - local, as tables have it
_DAY_NUMBER = re.compile(r"[4-6]\d{4}[.,]\d+")
"""Days since then, as Excel counts them."""
_BLANKS = " "
_DELIMITERS = ("\t", ";", ",", "|", _BLANKS)
_WHICH = ("entity_id", "_field", "metric", "item", "topic", "sensor", "statistic_id", "series", "name", "item_name")
_WHAT = ("state", "_value", "value", "payload", "mean", "avg")
_UNITS = ("unit", "unit_of_measurement")
_BEGINS = (
    "start", "start_ts", "start_time", "last_updated", "last_updated_ts", "last_changed_ts", "state_time", "_time",
)  # fmt: skip
_PERIOD = ("_start", "_stop", "start", "stop", "end", "created", "from", "to")


def _is_tag(name: str) -> bool:
    """Whether a column of InfluxDB tells whose a value is."""
    is_other = name in (*_WHICH, *_WHAT, *_UNITS, *_BEGINS, *_PERIOD, "", "result", "table", "time")
    return name == "_measurement" or not (name.startswith("_") or is_other)


class Table:
    """A table: what its rows say."""

    def __init__(self, names: Sequence[str], delimiter: str, zone: str = "") -> None:
        self._delimiter = delimiter
        self._zone = zone
        """Of its times, as the name of their column tells."""
        self._is_first = True
        """Whether no row of values was read as yet."""
        self._take_names(names)

    def _take_names(self, names: Sequence[str]) -> None:
        self._names = list(names)
        plain = [name.lower().partition(":")[0] for name in names]
        self._which, self._what, self._unit = (
            next((plain.index(name) for name in known if name in plain), None) for known in (_WHICH, _WHAT, _UNITS)
        )
        self._columns = [quantity_of(name) for name in names]
        of_influxdb = self._which is not None and plain[self._which] == "_field"
        self._whose = [
            place for place, name in enumerate(plain) if name in METER_KEYS or (of_influxdb and _is_tag(name))
        ]
        self._places: dict[str, int] = {}
        for place, (key, _) in enumerate(self._columns):
            if key is not None:
                self._places.setdefault(key, place)
        for name in _BEGINS:
            if "time" not in self._places and name in plain:
                self._places["time"] = plain.index(name)
        if "time" in self._places and re.search(r"utc\W*$", plain[self._places["time"]]):
            self._zone = "UTC"
        if not self._has_readings():
            self._find_owned()
        self._has_frames = self._delimiter == "|" or any(name in _PERIOD for name in plain)

    @classmethod
    def of(cls, line: str, above: str = "") -> Table | None:
        """Return the table that a line begins; None where its columns have no name of a reading, a value or a frame.

        In the line `above`, where the first column is named by a zone, stands of which device each column is.
        """
        delimiter = next((mark for mark in _DELIMITERS if mark in line.strip()), None)
        if delimiter is None:
            return None
        names = _cells(line, delimiter)
        zone = _ZONE.match(names[0]) if names else None
        if zone is not None:
            pairs = zip(_cells(above, delimiter)[1:], names[1:], strict=False)
            names = ["time", *(f"{_NUMBER.sub('', device)} {name}" for device, name in pairs)]
        table = cls(names, delimiter, zone[1] if zone is not None else "")
        has_time, has_what = "time" in table._places, table._what is not None
        has_values = has_time and table._which is not None and has_what
        has_frames = has_time and table._has_frames and ("raw" in table._places or has_what)
        is_one = table._has_readings() or has_values or has_frames
        return table if is_one and (has_time or delimiter != _BLANKS) else None

    def _has_readings(self) -> bool:
        return all(key in self._places for key in NEEDED)

    def _find_owned(self) -> None:
        """Take the columns of the first meter, where names begin with whose they are."""
        owned = [owned_quantity(name) for name in self._names]
        keys_of: dict[str, set[str | None]] = {}
        for key, _, whose in owned:
            keys_of.setdefault(whose, set()).add(key)
        owners = [whose for whose, keys in keys_of.items() if keys.issuperset(NEEDED)]
        owner = next((w for w in owners if keys_of[w].intersection(ONLY_OF_BATTERIES)), owners[0] if owners else None)
        for place, (key, unit, whose) in enumerate(owned):
            if key is not None and owner is not None and whose == owner and key not in ("time", "raw"):
                self._places.setdefault(key, place)
                self._columns[place] = key, unit

    def frame_in(self, line: str) -> Record | None:
        """Return the frame in a row that has several times with the one that is its own; None for any other row."""
        cells, place = self._cells_of(line), self._places.get("raw", self._what)
        if not self._has_frames or place is None or "time" not in self._places or place >= len(cells):
            return None
        has_frame = FRAME_START.search(cells[place].encode("utf-8", "replace")) and "," in cells[place]
        return {"raw": cells[place], "time": self._time_in(cells)} if has_frame else None

    def row(self, line: str) -> Record | None:
        """Return what a row says; None for one that is empty, or has units or the names again."""
        cells = self._cells_of(line)
        if not any(cells):
            return None
        if all(is_unit(cell) for cell in cells if cell):
            cells += [""] * len(self._columns)
            self._columns = [(key, cell or unit) for (key, unit), cell in zip(self._columns, cells, strict=False)]
            return None
        if "time" not in self._places:
            self._find_time(cells)
        if self._is_first:
            self._is_first = False
            for place in (place for place, cell in enumerate(cells) if is_direction(cell)):
                self._places.setdefault("direction", place)
        whose = " ".join(cells[place] for place in self._whose if place < len(cells))
        record: Record = {"time": self._time_in(cells)} | ({"meter": whose} if whose else {})
        if self._which is None or self._what is None or self._has_readings():
            return record | {
                key: f"{cells[place]} {self._columns[place][1]}".strip()
                for key, place in self._places.items()
                if place < len(cells) and cells[place] and key not in ("time", "date", "raw")
            }
        if max(self._which, self._what) >= len(cells):
            return None
        name, value = cells[self._which], cells[self._what]
        if name == self._names[self._which]:  # perhaps in another order
            self._take_names(cells)
            return None
        unit = cells[self._unit] if self._unit is not None and self._unit < len(cells) else ""
        return record | {"name": name, "value": f"{value} {unit}".strip()}

    def _cells_of(self, line: str) -> list[str]:
        """Return the cells of a row; where blanks part them a time has two."""
        cells, place = _cells(line, self._delimiter), self._places.get("time")
        if self._delimiter == _BLANKS and place is not None and len(cells) == len(self._names) + 1:
            cells[place : place + 2] = [" ".join(cells[place : place + 2])]
        return cells[: len(self._names)]

    def _find_time(self, cells: list[str]) -> None:
        """Take what reads as a time for one, in a column whose name is not known, or a date and a time beside it."""
        for place, cell in enumerate(cells):
            if place in self._places.values() and place != self._places.get("raw"):
                continue
            if ":" in cell and has_time(cell.encode()):
                self._places["time"] = place
                return
            if place + 1 < len(cells) and has_time(f"{cell} {_clock(cells[place + 1])}".encode()):
                self._places = {key: at for key, at in self._places.items() if at != place}
                self._places |= {"date": place, "time": place + 1}
                return

    def _time_in(self, cells: list[str]) -> str | float:
        places = (self._places[key] for key in ("date", "time") if key in self._places)
        when = " ".join(_clock(cells[place]) for place in places if place < len(cells))
        if _DAY_NUMBER.fullmatch(when):
            return f"{_DAY_0 + timedelta(round(float(when.replace(',', '.')) * 864e5) / 864e5):%Y-%m-%d %H:%M:%S.%f}"
        if _EPOCH.fullmatch(when):
            return float(when)
        zone = "UTC" if self._delimiter == "|" and _OF_INFLUXDB.fullmatch(when) else self._zone
        return f"{when} {zone}" if zone and when[-1:].isdigit() else when

    def describe(self) -> str:
        """Return what each column was taken for, as sentences for the owner."""
        taken = []
        for key, place in self._places.items():
            row = QUANTITIES.get(key)
            meaning = "" if self._names[place] == key else f" as {row.label.lower() if row else key}"
            taken.append(f"{self._names[place]}{meaning}{f' in {row.unit}' if row and row.unit else ''}")
        other = [name for place, name in enumerate(self._names) if name and place not in self._places.values()]
        left = f" Not used: {', '.join(other)}." if other else ""
        return f"A table of decoded values was read: {', '.join(taken)}. Current above 0 is charging.{left}"


def _clock(text: str) -> str:
    """Return a time of day with its colons, for which some write dots."""
    return text.replace(".", ":") if re.fullmatch(r"\d\d\.\d\d\.\d\d", text) else text


def _cells(line: str, delimiter: str) -> list[str]:
    if delimiter == _BLANKS:
        return line.split()
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:  # longer than any cell
        return []
