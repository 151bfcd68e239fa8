"""Events as JSON, CSV or a table; rule: what was read goes to stdout, what is said about it to stderr.

JSON has one object a line for every kind of event. CSV has the readings only, as the kinds have little in common;
the columns are those of `CSV_COLUMNS` and do not change with the meter. The table is for people.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Any

from juntek.errors import counted
from juntek.history.days import By, Day
from juntek.quantity import QUANTITIES, READING_KEYS
from juntek.reading import Identity, Reading, Settings, iso_time
from juntek.rs485.bus import Event
from juntek.rs485.framing import Frame, Garbage


class Format(StrEnum):
    """How to write what was read."""

    JSON = "json"
    CSV = "csv"
    TABLE = "table"


CSV_COLUMNS = ("time", "address", "family", *READING_KEYS, "output_code", "clock", "raw")

_encode = json.JSONEncoder().encode
_NOT_PRINTABLE = re.compile(r"[^ -~]")
_COLUMNS = (
    # key, heading, width
    ("voltage", "voltage", 8),
    ("current", "current", 9),
    ("power", "power", 9),
    ("state_of_charge", "charge", 7),
    ("remaining_capacity", "remaining", 10),
    ("temperature", "temp.", 6),
)
_FONT = (
    "┌─┐ ┐ ╶─┐╶─┐╷ ╷┌─╴┌─╴╶─┐┌─┐┌─┐    ",
    "│ │ │ ┌─┘╶─┤└─┤└─┐├─┐  │├─┤└─┤╶─╴ ",
    "└─┘ ┴ └─╴╶─┘  ╵╶─┘└─┘  ╵└─┘╶─┘   .",
)
"""The lines of large numbers: three characters for each digit and the minus, and one for the point."""
_BLOCKS = " ▁▂▃▄▅▆▇█"
_LONGEST_RAW = 48
_MANY = {"settings": "settings", "identity": "identities"}
"""What is not made with an s."""
_IN_WORDS = {"garbage": "rejected frame"}
"""What a kind is called where it is not for programs."""


def kind_of(event: Event) -> str:
    """Return the word for the kind of an event."""
    if isinstance(event, Reading):
        return "reading"
    if isinstance(event, Garbage):
        return "garbage"
    if isinstance(event, Frame):
        return "acknowledgement" if event.command[0] == "w" else "request"
    return "settings" if isinstance(event, Settings) else "identity"


def describe(event: Event, time: float | None = None) -> dict[str, Any]:
    """Return the public keys and values; `time` is that of the chunk, for events that know none."""
    kind = kind_of(event)
    if isinstance(event, Reading):
        return {"kind": kind, **event.as_dict(), "raw": event.raw.decode("latin-1")}
    own_time = getattr(event, "time", None)
    head = {"kind": kind, "time": iso_time(time if own_time is None else own_time)}
    raw = event.raw.decode("latin-1")
    if isinstance(event, Garbage):
        return {**head, "address": None, "family": None, "reason": event.reason, "detail": event.detail, "raw": raw}
    if isinstance(event, Frame):
        address, numbers = event.address, list(event.fields)
        return {**head, "address": address, "family": None, "command": event.command, "numbers": numbers, "raw": raw}
    return {**head, **event.as_dict(), "raw": raw}


class Writer:
    """Turns events into lines of one format and counts their kinds and the reasons of what was rejected."""

    def __init__(self, chosen: Format, write: Callable[[str], object]) -> None:
        self.kinds: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self._chosen = chosen
        self._write = write
        write(begin(chosen, CSV_COLUMNS, _HEADING))

    def add(self, events: Sequence[Event], time: float | None = None) -> None:
        """Write the events that came in one chunk at `time`."""
        if events and getattr(events[0], "time", None) not in (None, time):
            time = None  # these have waited for a decision; when a request among them came is not known any more
        self.kinds.update(map(kind_of, events))
        self.reasons.update(event.reason for event in events if isinstance(event, Garbage))
        if lines := "".join(self._line(event, time) for event in events):
            self._write(lines)

    def summary(self) -> str:
        """Return how many of each kind there were, as a sentence for stderr."""
        if not self.kinds:
            return "There was nothing in it."
        counts = ", ".join(_counted(count, _IN_WORDS.get(kind, kind)) for kind, count in self.kinds.most_common())
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.reasons.most_common())
        return f"{counts}{f' ({reasons})' if reasons else ''}."

    def _line(self, event: Event, time: float | None) -> str:
        if self._chosen is Format.TABLE:
            return _table_line(event, time)
        is_left_out = self._chosen is Format.CSV and not isinstance(event, Reading)
        return "" if is_left_out else line_of(self._chosen, describe(event, time), CSV_COLUMNS)


def begin(chosen: Format, columns: Sequence[str], heading: str) -> str:
    """Return what stands above the first line of a format; `heading` is that of a table."""
    return {Format.CSV: _in_csv(columns), Format.TABLE: heading, Format.JSON: ""}[chosen]


def line_of(chosen: Format, facts: Mapping[str, object], columns: Sequence[str]) -> str:
    """Return a line of JSON with all facts, or one of CSV with the columns."""
    return f"{_encode(facts)}\n" if chosen is Format.JSON else _in_csv([facts[key] for key in columns])


def _in_csv(values: Sequence[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()


def _counted(count: int, kind: str) -> str:
    return f"{count} {_MANY[kind]}" if kind in _MANY and count != 1 else counted(count, kind)


def _table_line(event: Event, time: float | None) -> str:
    own_time = getattr(event, "time", None)
    moment = time if own_time is None else own_time
    # People look at the clock on their wall.
    clock = datetime.fromtimestamp(moment).astimezone().strftime("%H:%M:%S") if moment is not None else ""
    address = getattr(event, "address", None)
    head = f"{clock:8} {'' if address is None else address:>3} "
    if not isinstance(event, Reading):
        return f"{head} {_say(event)}\n"
    cells = "".join(f"{_number(key, getattr(event, key)):>{width}}" for key, _, width in _COLUMNS)
    state = "" if event.output_state in ("on", None) else f", output {event.output_state}"
    return f"{head}{cells}  {event.direction}{state}\n"


def _say(event: Event) -> str:
    match event:
        case Garbage():
            return f"rejected ({event.reason}) {_readable(event.raw)}"
        case Identity():
            return (
                f"identity: {event.model}, {event.max_voltage} V, {event.max_current} A, {event.sensor}, "
                f"firmware {event.firmware}"
            )
        case Settings():
            return f"settings: {event.nominal_capacity:g} Ah nominal capacity"
        case _:
            return f"{kind_of(event)} {_readable(event.raw)}"


def _readable(raw: bytes) -> str:
    text = _NOT_PRINTABLE.sub(lambda found: f"\\x{ord(found[0]):02x}", raw.decode("latin-1"))
    return text if len(text) <= _LONGEST_RAW else f"{text[: _LONGEST_RAW - 1]}…"


def _number(key: str, value: float | None) -> str:
    return "-" if value is None else f"{value:.{QUANTITIES[key].digits}f}"


_HEADING = (
    f"{'time':8} {'no.':>3} {''.join(f'{heading:>{width}}' for _, heading, width in _COLUMNS)}  direction\n"
    f"{'':13}{''.join(f'{QUANTITIES[key].unit:>{width}}' for key, _, width in _COLUMNS)}\n"
)


def draw_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows below their headings in columns as wide as they need to be, without colour, fit for a pipe."""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    lines = [headings, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def minute_of(moment: float, zone: tzinfo) -> str:
    """Return a moment as it is shown."""
    return f"{datetime.fromtimestamp(moment, zone):%Y-%m-%d %H:%M}"


def short(value: float, digits: int) -> str:
    """Return a number with fewer decimals the larger it is, so that the width stays about the same."""
    size = abs(value)
    return f"{value:.{0 if size >= 1000 else min(digits, 1) if size >= 100 else digits}f}"


def amount(value: float | None, unit: str) -> str:
    """Return an energy or capacity in a unit that keeps it short; empty when it is not known."""
    if value is None:
        return ""
    return f"{value / 1000:.2f} k{unit}" if value >= 1000 else f"{value:.1f} {unit}"


def duration(seconds: float) -> str:
    """Return a time in its two largest units."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 60:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h {minutes % 60} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def draw_number(text: str) -> list[str]:
    """Return the lines of a large number."""
    places = {character: slice(3 * at, 3 * at + 3) for at, character in enumerate("0123456789-.")}
    return ["".join(line[places[character]] for character in text) for line in _FONT]


def draw_bars(values: Sequence[float | None], low: float, high: float, rows: int) -> list[str]:
    """Return lines of blocks, top first; `low` is a bare line at the bottom, `high` fills all rows."""
    steps = 8 * rows
    heights = [
        None if value is None else 1 + round((steps - 1) * min(max((value - low) / ((high - low) or 1), 0), 1))
        for value in values
    ]
    return [
        "".join(_BLOCKS[0 if height is None else min(max(height - 8 * row, 0), 8)] for height in heights)
        for row in reversed(range(rows))
    ]


def draw_days(days: list[Day], by: By) -> str:
    """Return a table with a line for each day, month or year."""
    headings = (by, "in kWh", "out kWh", "in Ah", "out Ah", "efficiency", "V", "A", "charge %", "°C")
    length = {"day": 10, "month": 7, "year": 4}[by]
    rows = [
        (
            day.date.isoformat()[:length],
            f"{day.charged_energy / 1000:.2f}",
            f"{day.discharged_energy / 1000:.2f}",
            f"{day.charged_capacity:.1f}",
            f"{day.discharged_capacity:.1f}",
            "-" if day.efficiency is None else f"{100 * day.efficiency:.1f} %",
            *(
                "-" if part.minimum is None or part.maximum is None else f"{part.minimum:g}…{part.maximum:g}"
                for part in (day.voltage, day.current, day.state_of_charge, day.temperature)
            ),
        )
        for day in days
    ]
    return draw_table(headings, rows)


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show on a terminal how far a file is."""
    if not sys.stderr.isatty():
        yield lambda _done, _of: None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what)
        yield lambda done, of: bar.update(task, completed=done, total=of)
