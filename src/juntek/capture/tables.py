"""Tables whose first line names their columns; rule: a column that no name explains is left out, and told.

A table has a row for each reading (voltage and current are columns), a row for each value (its name is in a column), or
frames beside several times, of which only one is theirs.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from juntek.capture.decoded import NEEDED, Value, is_unit, make_reading, owned_quantity, quantity_of
from juntek.capture.forms import FRAME_START
from juntek.capture.named_values import METER_KEYS, Series, named
from juntek.capture.times import LineTimes, has_time
from juntek.exchange import Chunk
from juntek.quantity import QUANTITIES

_OF_INFLUXDB = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+")
"""In a table drawn by InfluxDB 3 times are UTC."""
_ZONE = re.compile(r"([A-Z]\w+/[\w/]+) \([+-]\d\d:\d\d\)$")
_NUMBER = re.compile(r"\s*\[\d+\]$")
_DAY_0 = datetime(1899, 12, 30)  # noqa: DTZ001 - local, as tables have it
_DAY_NUMBER = re.compile(r"[4-6]\d{4}[.,]\d+")
"""Days since then, as Excel counts them."""
_ONLY_OF_BATTERIES = {"state_of_charge", "remaining_capacity"}
_APART = 60.0
"""s between the parts of one reading in rows that have each a part."""
_BLANKS = " "
_DELIMITERS = ("\t", ";", ",", "|", _BLANKS)
_WHICH = ("entity_id", "_field", "metric", "item", "topic", "sensor", "statistic_id", "series", "name", "item_name")
_WHAT = ("state", "_value", "value", "payload", "mean", "avg")
_UNITS = ("unit", "unit_of_measurement")
_BEGINS = (
    "start",
    "start_ts",
    "start_time",
    "last_updated",
    "last_updated_ts",
    "last_changed_ts",
    "state_time",
    "_time",
)
_PERIOD = ("_start", "_stop", "start", "stop", "end", "created", "from", "to")


def _is_tag(name: str) -> bool:
    """Whether a column of InfluxDB tells whose a value is."""
    is_other = name in (*_WHICH, *_WHAT, *_UNITS, *_BEGINS, *_PERIOD, "", "result", "table", "time")
    return name == "_measurement" or not (name.startswith("_") or is_other)


class Table:
    """A table: what its rows say."""

    def __init__(self, names: Sequence[str], delimiter: str, times: LineTimes) -> None:
        self._delimiter = delimiter
        self._times = times
        self._series = Series()
        self._parts: dict[str, tuple[float, Value]] | None = {}
        """The last values of a table whose rows have each a part of a reading, and when; None for any other."""
        self._is_told = self._has_given_frames = False
        self._meter: list[str] | None = None
        """Of which meter the first row was, as its columns tell."""
        self._zone = ""
        """Of its times, as the name of their column tells."""
        self._take_names(names)

    def _take_names(self, names: Sequence[str]) -> None:
        self._names = list(names)
        plain = [name.lower().partition(":")[0] for name in names]
        self._which = next((plain.index(name) for name in _WHICH if name in plain), None)
        self._what = next((plain.index(name) for name in _WHAT if name in plain), None)
        self._unit = next((plain.index(name) for name in _UNITS if name in plain), None)
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
        self._is_utc = "time" in self._places and re.search(r"utc\W*$", plain[self._places["time"]]) is not None
        if not self._has_readings():
            self._find_owned()
        self._has_frames = self._delimiter == "|" or any(name in _PERIOD for name in plain)

    @classmethod
    def of(cls, line: str, times: LineTimes, above: str = "") -> Table | None:
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
        table = cls(names, delimiter, times)
        table._zone = zone[1] if zone is not None else ""
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
        owner = next((w for w in owners if keys_of[w] & _ONLY_OF_BATTERIES), owners[0] if owners else None)
        for place, (key, unit, whose) in enumerate(owned):
            if key is not None and owner is not None and whose == owner and key not in ("time", "raw"):
                self._places.setdefault(key, place)
                self._columns[place] = key, unit

    def frames_of(self, line: str) -> str:
        """Return a row with frames in it as the one time that is theirs, and them."""
        self._has_given_frames = True
        cells = _cells(line, self._delimiter)
        place = self._places.get("raw", self._what)
        time = self._places.get("time")
        if not self._has_frames or place is None or time is None or max(place, time) >= len(cells):
            return line
        has_frame = FRAME_START.search(cells[place].encode("utf-8", "replace")) and "," in cells[place]
        return f"{self._when(cells[time])} {cells[place]}" if has_frame else line

    def read(self, line: str) -> list[Chunk]:
        """Return the readings that a row completes."""
        cells = self._cells_of(line)
        if any(cells) and all(is_unit(cell) for cell in cells if cell):
            self._columns = [(key, cell or unit) for (key, unit), cell in zip(self._columns, cells, strict=False)]
            return []
        if "time" not in self._places:
            self._find_time(cells)
        if self._which is not None and self._what is not None and not self._has_readings():
            return self._read_value(cells, self._which, self._what)
        values: dict[str, Value] = {
            key: (cells[place], self._columns[place][1])
            for key, place in self._places.items()
            if place < len(cells) and cells[place]
        }
        time = self._time_of(values)
        reading = make_reading(values, time)
        whose = self._whose_of(cells)
        if self._meter is None and reading is not None:
            self._meter = whose
        if whose != (self._meter or whose):
            self._times.tell_other_meter(self._meter or [], whose)
            return []
        if reading is not None:
            self._parts = None
        elif self._parts is not None and time is not None:
            self._parts |= {key: (time, value) for key, value in values.items()}
            reading = make_reading({k: part for k, (at, part) in self._parts.items() if abs(time - at) <= _APART}, time)
            for key in NEEDED if reading is not None else ():
                del self._parts[key]  # each is of one reading only
        if reading is None:
            return []
        self._tell(self._describe())
        return [Chunk(reading.time, b"", reading)]

    def _cells_of(self, line: str) -> list[str]:
        """Return the cells of a row; where blanks part them a time has two."""
        cells, place = _cells(line, self._delimiter), self._places.get("time")
        if self._delimiter == _BLANKS and place is not None and len(cells) == len(self._names) + 1:
            cells[place : place + 2] = [" ".join(cells[place : place + 2])]
        return cells

    def _find_time(self, cells: list[str]) -> None:
        """Take what reads as a time for one, in a column whose name is not known, or a date and a time beside it."""
        for place, cell in enumerate(cells[: len(self._names)]):
            if place in self._places.values() and place != self._places.get("raw"):
                continue
            if ":" in cell and has_time(cell.encode()):
                self._places["time"] = place
                return
            if place + 1 < len(cells) and has_time(f"{cell} {_clock(cells[place + 1])}".encode()):
                self._places = {key: at for key, at in self._places.items() if at != place}
                self._places |= {"date": place, "time": place + 1}
                return

    def _whose_of(self, cells: list[str]) -> list[str]:
        return [cells[place] for place in self._whose if place < len(cells)]

    def finish(self) -> list[Chunk]:
        """Return the readings in values that came one by one."""
        chunks = self._series.finish() if not self._has_given_frames else []
        if chunks:
            self._tell(self._series.describe())
        return chunks

    def _read_value(self, cells: list[str], which: int, what: int) -> list[Chunk]:
        if max(which, what) >= len(cells):
            return []
        name, value = cells[which], cells[what]
        if name == self._names[which]:  # the names again, perhaps in another order
            self._take_names(cells)
        unit = cells[self._unit] if self._unit is not None and self._unit < len(cells) else ""
        one = named(name, f"{value} {unit}".strip())
        place = self._places.get("time")
        if one is None or place is None or place >= len(cells):
            return []
        one = one._replace(owner="_".join(filter(None, (*self._whose_of(cells), one.owner))))
        return self._series.hold(one, self._time_of({"time": (cells[place], self._columns[place][1])}))

    def _time_of(self, values: dict[str, Value]) -> float | None:
        when = " ".join(_clock(values[key][0]) for key in ("date", "time") if key in values)
        when = self._when(when, is_utc=self._is_utc and "time" in values)
        number = float(when) if re.fullmatch(r"\d{10,19}(\.\d+)?", when) else when
        if _DAY_NUMBER.fullmatch(when):
            number = f"{_DAY_0 + timedelta(round(float(when.replace(',', '.')) * 864e5) / 864e5):%Y-%m-%d %H:%M:%S.%f}"
        return self._times.read_value(number) if when else None

    def _when(self, text: str, *, is_utc: bool = False) -> str:
        is_utc = is_utc or (self._delimiter == "|" and _OF_INFLUXDB.fullmatch(text) is not None)
        zone = "UTC" if is_utc else self._zone
        return f"{text} {zone}" if zone and text[-1:].isdigit() else text

    def _tell(self, remark: str) -> None:
        if not self._is_told:
            self._is_told = True
            self._times.remarks.append(remark)

    def _describe(self) -> str:
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
