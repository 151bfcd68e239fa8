"""Numbers, sentences and curves as text for a screen; rule: only characters that a Linux console has too."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from operator import add

from rich.text import Text

from juntek.reading import Reading

HEIGHT = 3
"""Lines of a large number."""

_GLYPHS = {
    "0": ("┌─┐", "│ │", "└─┘"),
    "1": (" ┐ ", " │ ", " ┴ "),
    "2": ("╶─┐", "┌─┘", "└─╴"),
    "3": ("╶─┐", "╶─┤", "╶─┘"),
    "4": ("╷ ╷", "└─┤", "  ╵"),
    "5": ("┌─╴", "└─┐", "╶─┘"),
    "6": ("┌─╴", "├─┐", "└─┘"),
    "7": ("╶─┐", "  │", "  ╵"),
    "8": ("┌─┐", "├─┤", "└─┘"),
    "9": ("┌─┐", "└─┤", "╶─┘"),
    "-": ("   ", "╶─╴", "   "),
    ".": (" ", " ", "."),
    " ": (" ", " ", " "),
}


def draw_number(text: str) -> list[str]:
    """Return the lines of a number; anything but digits, point and minus becomes a blank."""
    glyphs = [_GLYPHS.get(character, _GLYPHS[" "]) for character in text]
    return ["".join(glyph[row] for glyph in glyphs) for row in range(HEIGHT)]


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


def spread(left: Text, right: Text, width: int) -> Text:
    """Return a line with two ends; where there is no room for both, the right one."""
    gap = width - len(left) - len(right)
    return Text.assemble(left, " " * gap, right) if gap > 0 else right


def wrap(text: str, width: int, style: str) -> list[Text]:
    """Return the lines of a sentence, the later ones with a blank in front."""
    lines = textwrap.wrap(text, max(width - 1, 2), subsequent_indent=" ", break_on_hyphens=False)
    return [Text(line[:width], style) for line in lines]


# Curves ----------------------------------------------------------------------------------------------------

LONGEST = 900
"""Seconds that are kept."""

STEPS = (1, 2, 5, 10, 15)
"""Seconds that one column may stand for."""

_BLOCKS = " ▁▂▃▄▅▆▇█"


class Trend:
    """Averages by the second."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = keys
        self._seconds: dict[int, list[float]] = {}
        """How many readings came in each second, and the sums of their values."""

    def add(self, reading: Reading, time: float) -> None:
        """Take a reading received at `time`, in seconds."""
        second = int(time)
        if self._seconds and second < max(self._seconds):
            self._seconds.clear()  # a recording that begins again, or a clock that was set back
        values = (1.0, *(getattr(reading, key) for key in self._keys))
        sums = self._seconds.get(second, [0.0] * len(values))
        self._seconds[second] = list(map(add, sums, values))
        if len(self._seconds) > LONGEST:
            del self._seconds[min(self._seconds)]

    def span(self, width: int) -> int:
        """Return how many seconds one column stands for, so that all that is kept fits into the width."""
        elapsed = max(self._seconds, default=0) - min(self._seconds, default=0) + 1
        return next((step for step in STEPS if elapsed <= step * width), STEPS[-1])

    def columns(self, key: str, width: int) -> list[float | None]:
        """Return the averages of a quantity, oldest first; None where nothing was received."""
        place, step = self._keys.index(key) + 1, self.span(width)
        # Columns begin at whole multiples of the step: so they do not flicker while time goes on.
        first = max(self._seconds, default=0) // step - width + 1
        counts, sums = [0.0] * width, [0.0] * width
        for second, values in self._seconds.items():
            if (column := second // step - first) >= 0:
                counts[column] += values[0]
                sums[column] += values[place]
        return [total / count if count else None for total, count in zip(sums, counts, strict=True)]


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
