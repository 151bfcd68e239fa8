"""The last minutes of three quantities, and how to draw them in blocks; rule: time comes from the readings."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from juntek.reading import Reading

LONGEST = 900
"""Seconds that are kept."""

STEPS = (1, 2, 5, 10, 15)
"""Seconds that one column may stand for."""

_BLOCKS = " ▁▂▃▄▅▆▇█"


@dataclass(slots=True)
class _Second:
    """The sums of one second's readings."""

    number: int
    sums: list[float]
    count: int = 0


@dataclass(slots=True)
class Trend:
    """Averages by the second."""

    keys: tuple[str, ...]
    _seconds: deque[_Second] = field(default_factory=lambda: deque(maxlen=LONGEST))

    def add(self, reading: Reading, time: float) -> None:
        """Take a reading received at `time`, in seconds."""
        number = int(time)
        if self._seconds and number < self._seconds[-1].number:
            self._seconds.clear()  # a recording that begins again, or a clock that was set back
        if not self._seconds or self._seconds[-1].number != number:
            self._seconds.append(_Second(number, [0.0] * len(self.keys)))
        second = self._seconds[-1]
        second.count += 1
        for place, key in enumerate(self.keys):
            second.sums[place] += getattr(reading, key)

    def span(self, width: int) -> int:
        """Return how many seconds one column stands for, so that all that is kept fits into the width."""
        if not self._seconds:
            return STEPS[0]
        elapsed = self._seconds[-1].number - self._seconds[0].number + 1
        return next((step for step in STEPS if elapsed <= step * width), STEPS[-1])

    def columns(self, key: str, width: int) -> list[float | None]:
        """Return the averages of a quantity, oldest first; None where nothing was received."""
        if not self._seconds:
            return [None] * width
        place, step = self.keys.index(key), self.span(width)
        # Columns begin at whole multiples of the step: so they do not flicker while time goes on.
        last = self._seconds[-1].number // step
        sums: list[list[float]] = [[0.0, 0] for _ in range(width)]
        for second in self._seconds:
            column = width - 1 - (last - second.number // step)
            if column >= 0:
                sums[column][0] += second.sums[place]
                sums[column][1] += second.count
        return [total / count if count else None for total, count in sums]


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
