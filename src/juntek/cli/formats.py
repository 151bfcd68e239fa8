"""Events as JSON, CSV or a table; rule: what was read goes to stdout, what is said about it to stderr.

JSON has one object a line for every kind of event. CSV has the readings only, as the kinds have little in common;
the columns are those of `CSV_COLUMNS` and do not change with the meter. The table is for people.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, tzinfo
from typing import Any, Literal

from juntek.errors import counted
from juntek.history.days import By, Day
from juntek.quantity import QUANTITIES, READING_KEYS
from juntek.reading import Reading, Settings, iso_time
from juntek.rs485.bus import Event
from juntek.rs485.framing import Frame, Garbage

Format = Literal["json", "csv", "table"]
"""How to write what was read."""
Facts = dict[str, Any]
"""Public keys and values."""
Columns = Mapping[str, tuple[str, int]]
"""Headings and widths of the quantities in a table, by key."""

CSV_COLUMNS = ("time", "address", "family", *READING_KEYS, "output_code", "clock", "raw")

_encode = json.JSONEncoder().encode
_NOT_PRINTABLE = re.compile(r"[^ -~]")
_FONT = (
    "┌─┐ ┐ ╶─┐╶─┐╷ ╷┌─╴┌─╴╶─┐┌─┐┌─┐    ",
    "│ │ │ ┌─┘╶─┤└─┤└─┐├─┐  │├─┤└─┤╶─╴ ",
    "└─┘ ┴ └─╴╶─┘  ╵╶─┘└─┘  ╵└─┘╶─┘   .",
)
"""The lines of large numbers: three characters for each digit and the minus, and one for the point."""
_BLOCKS = " ▁▂▃▄▅▆▇█"
_LONGEST_RAW = 48
_IN_WORDS = {
    "garbage": ("rejected frame", "rejected frames"),
    "settings": ("settings", "settings"),
    "identity": ("identity", "identities"),
}
"""What one and several of a kind are called where it is not for programs, or not made with an s."""


class Lines:
    """Writes facts to stdout, one a line: all as JSON, `keys` as CSV, or what `draw` makes of them, below a heading."""

    def __init__(self, chosen: Format, keys: Sequence[str], heading: str, draw: Callable[[Facts], str]) -> None:
        self.chosen = chosen
        self._csv = csv.DictWriter(sys.stdout, keys, extrasaction="ignore", lineterminator="\n")
        self._draw = _encode if chosen == "json" else draw
        if chosen == "csv":
            self._csv.writeheader()
        elif chosen == "table":
            sys.stdout.write(heading)

    def write(self, facts: Facts) -> None:
        """Write a line."""
        if self.chosen == "csv":
            self._csv.writerow(facts)
        else:
            sys.stdout.write(f"{self._draw(facts)}\n")


def draw_heading(columns: Columns) -> str:
    """Return the headings of a table's quantities."""
    return "".join(f"{heading:>{width}}" for heading, width in columns.values())


def draw_cells(columns: Columns, facts: Facts) -> str:
    """Return the quantities in a table's line; a - for what is not known."""
    digits = {key: QUANTITIES[key.removeprefix("meter_")].digits for key in columns}
    texts = ("-" if facts[key] is None else f"{facts[key]:.{digits[key]}f}" for key in columns)
    return "".join(f"{text:>{width}}" for text, (_, width) in zip(texts, columns.values(), strict=True))


def draw_time(time: str | None, form: str) -> str:
    """Return a time as people see it, who look at the clock on their wall."""
    return "" if time is None else datetime.fromisoformat(time).astimezone().strftime(form)


# Events -----------------------------------------------------------------------------------------------------

_COLUMNS: Columns = {
    "voltage": ("voltage", 8),
    "current": ("current", 9),
    "power": ("power", 9),
    "state_of_charge": ("charge", 7),
    "remaining_capacity": ("remaining", 10),
    "temperature": ("temp.", 6),
}
_HEADING = (
    f"{'time':8} {'no.':>3} {draw_heading(_COLUMNS)}  direction\n"
    f"{'':13}{draw_heading({key: (QUANTITIES[key].unit, width) for key, (_, width) in _COLUMNS.items()})}\n"
)


def describe(event: Event, time: float | None = None) -> Facts:
    """Return the public keys and values; `time` is that of the chunk, for events that know none."""
    raw = event.raw.decode("latin-1")
    if isinstance(event, Reading):
        return {"kind": "reading", **event.as_dict(), "raw": raw}
    own_time = getattr(event, "time", None)
    when = iso_time(time if own_time is None else own_time)
    if isinstance(event, Garbage | Frame):
        head = {"time": when, "address": getattr(event, "address", None), "family": None}
        if isinstance(event, Garbage):
            return {"kind": "garbage", **head, "reason": event.reason, "detail": event.detail, "raw": raw}
        kind = "acknowledgement" if event.command[0] == "w" else "request"
        return {"kind": kind, **head, "command": event.command, "numbers": list(event.fields), "raw": raw}
    kind = "settings" if isinstance(event, Settings) else "identity"
    return {"kind": kind, "time": when, **event.as_dict(), "raw": raw}


class Writer(Lines):
    """Writes events, and counts their kinds and the reasons of what was rejected."""

    def __init__(self, chosen: Format) -> None:
        super().__init__(chosen, CSV_COLUMNS, _HEADING, _draw_event)
        self.kinds: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()

    def add(self, events: Sequence[Event], time: float | None = None) -> None:
        """Write the events that came in one chunk at `time`."""
        if events and getattr(events[0], "time", None) not in (None, time):
            time = None  # these have waited for a decision; when a request among them came is not known any more
        for facts in (describe(event, time) for event in events):
            self.kinds[facts["kind"]] += 1
            if facts["kind"] == "garbage":
                self.reasons[facts["reason"]] += 1
            if self.chosen != "csv" or facts["kind"] == "reading":
                self.write(facts)

    def summary(self) -> str:
        """Return how many of each kind there were, as a sentence for stderr."""
        if not self.kinds:
            return "There was nothing in it."
        counts = ", ".join(
            f"{count} {_IN_WORDS[kind][count != 1]}" if kind in _IN_WORDS else counted(count, kind)
            for kind, count in self.kinds.most_common()
        )
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.reasons.most_common())
        return f"{counts}{f' ({reasons})' if reasons else ''}."


def _draw_event(facts: Facts) -> str:
    address = facts["address"]
    head = f"{draw_time(facts['time'], '%H:%M:%S'):8} {'' if address is None else address:>3} "
    if facts["kind"] != "reading":
        return f"{head} {_say(facts)}"
    state = "" if facts["output_state"] in ("on", None) else f", output {facts['output_state']}"
    return f"{head}{draw_cells(_COLUMNS, facts)}  {facts['direction']}{state}"


def _say(facts: Facts) -> str:
    match facts["kind"]:
        case "garbage":
            return f"rejected ({facts['reason']}) {_readable(facts['raw'])}"
        case "identity":
            return "identity: {model}, {max_voltage} V, {max_current} A, {sensor}, firmware {firmware}".format(**facts)
        case "settings":
            return f"settings: {facts['nominal_capacity']:g} Ah nominal capacity"
        case kind:
            return f"{kind} {_readable(facts['raw'])}"


def _readable(raw: str) -> str:
    text = _NOT_PRINTABLE.sub(lambda found: f"\\x{ord(found[0]):02x}", raw)
    return text if len(text) <= _LONGEST_RAW else f"{text[: _LONGEST_RAW - 1]}…"


# Tables and pictures ----------------------------------------------------------------------------------------


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
