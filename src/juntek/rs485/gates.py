"""How far each raw number of a meter may move from one reading to the next; rule: wide only where the battery is.

Gates start at the `step` of their row, open to what was confirmed, and close again slowly while nothing happens.
"""

from __future__ import annotations

from operator import le, sub

from juntek.rs485.family import Field, Layout

QUIET = 64
"""Readings without a surprise after which open gates close by a quarter."""

ANY = 2**40

SELDOM = 5.0
"""s between readings from which on a load may have been switched unseen."""

LONGEST_GAP = 3600.0
"""s of silence that widen the gates; more than that does not widen them further."""

Numbers = tuple[int, ...]

_FORWARD = ("counter", "clock")
"""Kinds of numbers that do not go back."""


class Places:
    """Where the numbers that physics ties together stand in a layout, and what ties them."""

    __slots__ = ("_learned", "current", "direction", "nominal_capacity", "remaining", "time_left", "voltage")

    def __init__(self, layout: Layout) -> None:
        self.voltage, self.current = layout.place("voltage"), layout.place("current")
        self.remaining, self.direction = layout.place("remaining_capacity"), layout.place("direction")
        self.time_left = self.direction + 1
        self.nominal_capacity: int | None = None
        """0.1 Ah, as in `r51`; None while unknown."""
        self._learned: int | None = None

    def signed_current(self, numbers: Numbers) -> int:
        """0.01 A, positive when charging."""
        return numbers[self.current] if numbers[self.direction] else -numbers[self.current]

    def learn_nominal(self, numbers: Numbers) -> None:
        """Take the nominal capacity that a time to full speaks of, for as long as no `r51` has told it."""
        if numbers[self.direction] and 60 <= numbers[self.time_left] < 10_000:
            self._learned = (numbers[self.remaining] + numbers[self.time_left] * numbers[self.current] // 6) // 100

    def time_left_agrees(self, numbers: Numbers) -> bool | None:
        """Whether the meter's time left is what its remaining capacity and current make; None if it cannot be told.

        It uses a finer current than it shows (JK), so the current is taken to be within a display step of 0.1 A,
        and it wraps at 65536 minutes. Without any current both are 0.
        """
        current, minutes = numbers[self.current], numbers[self.time_left]
        if current == minutes == 0:
            return True
        capacity = numbers[self.remaining]
        if numbers[self.direction]:
            nominal = self.nominal_capacity or self._learned
            if nominal is None:
                return None
            capacity = max(nominal * 100 - capacity, 0)
        if current < 10 or capacity * 6 > 65_000 * (current - 8):
            return None
        shortest, longest = capacity * 6 / (current + 10), capacity * 6 / (current - 8)
        return shortest * 0.97 - 1.5 <= minutes <= longest * 1.03 + 1.5


class Gates:
    """The gates of one layout's numbers; `highs` and `lows` bound the change that is no surprise."""

    __slots__ = ("_least", "_places", "_quiet", "_rows", "_run_time", "_wide", "base", "highs", "limits", "lows")

    def __init__(self, layout: Layout, places: Places) -> None:
        self._rows = layout.rows
        self._places = places
        self._quiet = 0
        self._run_time = next((row.index - 2 for row in layout.rows if row.kind == "counter" and row.scale == 1), None)
        self.base = [ANY if row.kind == "free" else row.step for row in layout.rows]
        self.highs = list(self.base)
        self.lows = [0 if row.kind in _FORWARD else -gate for row, gate in zip(layout.rows, self.base, strict=True)]
        self.limits = [row.high for row in layout.rows]
        """Largest number that this meter can send, each."""
        self._least = [row.low for row in layout.rows]
        self._wide = [0 if row.kind == "clock" else 10 * gate for row, gate in zip(layout.rows, self.base, strict=True)]

    def row_out_of_range(self, numbers: Numbers) -> Field | None:
        """Return the first row whose number this meter cannot send."""
        if all(map(le, numbers, self.limits)) and all(map(le, self._least, numbers)):
            return None
        for row, number, limit in zip(self._rows, numbers, self.limits, strict=True):
            if not row.low <= number <= limit:
                return row
        return None

    def surprises(self, numbers: Numbers, last: Numbers, gap: float) -> list[Field]:
        """Return the rows whose change, over a gap of so many readings, is something to wonder at."""
        rows, lows, highs = self._rows, self.lows, self.highs
        return [
            rows[place]
            for place, change in enumerate(map(sub, numbers, last))
            if not lows[place] <= change <= highs[place] and not self._explained(rows[place], numbers, last, gap)
        ]

    def agree(self, numbers: Numbers, other: Numbers) -> bool:
        """Whether one reading could follow the other, by gates ten times as wide as at the start.

        Where the run time tells that they are far apart in time the gates are wider still.
        """
        gap = 10.0
        if self._run_time is not None:
            gap = min(max(gap, numbers[self._run_time] - other[self._run_time]), LONGEST_GAP)
        return all(
            abs(change) <= gate or self._explained(row, numbers, other, gap)
            for row, change, gate in zip(self._rows, map(sub, numbers, other), self._wide, strict=True)
        )

    @property
    def pace(self) -> float:
        """Seconds between readings, as the run time has shown it; 1 while it shows nothing else."""
        if self._run_time is None or self.highs[self._run_time] == self.base[self._run_time]:
            return 1.0
        return float(self.highs[self._run_time])

    def fell(self, numbers: Numbers, earlier: Numbers) -> bool:
        """Whether a counter is lower than in an earlier reading."""
        return any(
            row.kind == "counter" and number < before
            for row, number, before in zip(self._rows, numbers, earlier, strict=True)
        )

    def open(self, numbers: Numbers, last: Numbers, previous: Numbers) -> None:
        """Give twice the room to a battery that really jumps about, or that is polled seldom.

        How seldom, the run time tells since the `previous` of the readings that agree.
        """
        for place, row in enumerate(self._rows):
            change = abs(numbers[place] - (previous if place == self._run_time else last)[place])
            if change <= self.highs[place] or row.kind not in ("level", "stock", "counter"):
                continue
            most = change if place == self._run_time else 2 * self.highs[place]
            self.highs[place] = min(most, change)
            self.lows[place] = 0 if row.kind == "counter" else -self.highs[place]
        self._quiet = 0

    def count_quiet(self, changes: list[int]) -> None:
        """Count a reading that surprised nobody; many of them close what was opened."""
        self._quiet += 1
        if self._quiet < QUIET:
            return
        self._quiet = 0
        for place, base in enumerate(self.base):
            if self.highs[place] > base and abs(changes[place]) <= self.highs[place] * 3 // 4:
                self.highs[place] = max(base, self.highs[place] * 3 // 4)
                self.lows[place] = -self.highs[place] if self.lows[place] else 0

    def _explained(  # noqa: PLR0911 - one answer for each kind
        self, row: Field, numbers: Numbers, last: Numbers, gap: float
    ) -> bool:
        """Whether a change outside of the gate is nothing to wonder at."""
        place = row.index - 2
        change = numbers[place] - last[place]
        gate = self.highs[place]
        places = self._places
        match row.kind:
            case "counter":
                return 0 <= change <= (gate + self._flow(row, numbers, last)) * gap
            case "stock":
                return abs(change) <= (gate + self._flow(row, numbers, last)) * gap
            case "echo":
                known = self._places.nominal_capacity is not None or not numbers[places.direction]
                return not known or places.time_left_agrees(numbers) is not False
            case "level":
                return abs(change) <= gate * min(gap, 8.0) + self._slack(row, numbers, last, gap)
            case "clock":
                seconds = _seconds(numbers[place]) - _seconds(last[place])
                return 0 <= seconds <= 5 + 2 * gap or numbers[place - 1] != last[place - 1]
            case "date":
                return change > 0 and numbers[place + 1] < last[place + 1]
        if row.key == "direction":  # it turns where the current goes through zero, or while nobody looks
            through_zero = numbers[places.current] + last[places.current] <= self.highs[places.current]
            return through_zero or (gap >= SELDOM and places.time_left_agrees(numbers) is not False)
        return False

    def _flow(self, row: Field, numbers: Numbers, last: Numbers) -> float:
        """What the larger of the two currents adds to an amount of Ah or Wh in a second."""
        places = self._places
        current = max(numbers[places.current], last[places.current])
        if row.key.endswith("capacity"):
            return current / 360
        return current * numbers[places.voltage] / 360_000 if row.key.endswith("energy") else 0

    def _slack(self, row: Field, numbers: Numbers, last: Numbers, gap: float) -> float:
        """How much further than its gate a level may go for a reason, such as a load that was switched."""
        place, places = row.index - 2, self._places
        smaller = min(numbers[place], last[place])
        push = abs(places.signed_current(numbers) - places.signed_current(last))
        if row.key == "voltage":
            if gap >= SELDOM:
                return smaller / 8
            rises = numbers[place] > last[place]
            charges = places.signed_current(numbers) > places.signed_current(last)
            return push / 10 if rises == charges else 0  # it gives way to the current, by 0.1 ohm at most
        if row.key == "current":
            if places.time_left_agrees(numbers) is False:
                return 0
            return ANY if gap >= SELDOM else numbers[place] / 12
        if row.key == "internal_resistance" and (push > 50 or gap >= SELDOM):
            return 3 * smaller + 1000  # estimated anew at a load step
        return 0


def _seconds(clock: int) -> int:
    return clock // 10_000 * 3600 + clock // 100 % 100 * 60 + clock % 100
