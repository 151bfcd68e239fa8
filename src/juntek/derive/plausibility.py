"""Tells a reading that follows from those before it from one that does not; rule: nothing right is held back for long.

The checksum of a frame is order-blind and one in 255 damaged frames passes it by chance, so a frame with a right
checksum may still be wrong. Each number has a gate: how far it may move from one reading to the next. Gates start at
the `step` of their row and follow the battery: a real step opens them, quiet closes them slowly. A reading outside of
its gates is believed at once if it explains itself (a load was switched: current, time left and voltage agree), else
when the next ones agree with it. So a real step is delayed by two readings at most, and no single
wrong frame shows.
"""

from __future__ import annotations

from operator import le, sub

from juntek.model import Field, Layout

CONFIRMATIONS = 3
"""Consecutive readings that must agree before a surprising value is believed."""

QUIET = 64
"""Readings without a surprise after which the gates close by a quarter."""

LONGEST_GAP = 3600.0
"""s; after a longer silence the battery may be anywhere, and any reading is a new start that must be confirmed."""

Numbers = tuple[int, ...]


class Plausibility:
    """The memory of one meter's readings, as raw numbers of one layout."""

    __slots__ = (
        "_base_high",
        "_base_low",
        "_held",
        "_highs",
        "_last",
        "_last_time",
        "_learned_nominal",
        "_limits",
        "_lows",
        "_missed",
        "_places",
        "_quiet",
        "_rows",
        "_unverified",
        "nominal",
    )  # fmt: skip

    def __init__(self, layout: Layout) -> None:
        self._rows = layout.rows
        self._places = _Places(layout)
        self._base_high = [_gate(row) for row in layout.rows]
        self._base_low = [0 if row.kind == "counter" else -_gate(row) for row in layout.rows]
        self._highs = list(self._base_high)
        self._lows = list(self._base_low)
        self._limits = [row.high for row in layout.rows]
        self._last: Numbers | None = None
        self._last_time: float | None = None
        self._held: list[Numbers] = []
        self._missed = 0
        self._quiet = 0
        self._unverified = 0
        self._learned_nominal: int | None = None
        self.nominal: int | None = None
        """Nominal capacity as the meter sends it in `r51`, 0.1 Ah; it makes the time to full checkable."""

    def limit(self, *, max_voltage: float, max_current: float) -> None:
        """Narrow the ranges to what this model can measure, with room for what it shows beyond (V, A)."""
        self._limits[self._places.voltage] = round(max_voltage * 105)
        self._limits[self._places.current] = round(max_current * 125)

    def judge(self, numbers: Numbers, time: float | None, *, verified: bool = True) -> str | None:
        """Return None when the reading is believed, else a sentence on why it is held back.

        `verified` is False for a frame whose checksum field is 0: legal, but no captured meter does it.
        """
        last = self._last
        if not verified:
            self._unverified += 1
            if self._unverified < CONFIRMATIONS:
                return "its checksum says: not verified"
        elif self._unverified:
            self._unverified = 0
        if last is not None:
            changes = list(map(sub, numbers, last))
            if all(map(le, changes, self._highs)) and all(map(le, self._lows, changes)):
                self._believe(numbers, time)
                self._quiet += 1
                if self._quiet >= QUIET:
                    self._close_gates()
                return None
            return self._out_of_range(numbers) or self._judge_surprise(numbers, last, changes, time)
        if doubt := self._out_of_range(numbers):
            return doubt
        self._believe(numbers, time)
        return None

    def _out_of_range(self, numbers: Numbers) -> str | None:
        for row, number, limit in zip(self._rows, numbers, self._limits, strict=True):
            if not row.low <= number <= limit:
                return f"{row.key or 'a reserved number'} cannot be {number} here"
        return None

    def _believe(self, numbers: Numbers, time: float | None) -> None:
        self._last = numbers
        self._last_time = time
        if self._missed:
            self._missed = 0
            self._held.clear()

    def _judge_surprise(self, numbers: Numbers, last: Numbers, changes: list[int], time: float | None) -> str | None:
        gap = self._gap(time)
        surprises = [
            row
            for row, change, low, high in zip(self._rows, changes, self._lows, self._highs, strict=True)
            if not low <= change <= high
        ]
        surprises = [row for row in surprises if not self._explained(row, numbers, last, gap)]
        if not surprises or self._is_load_step(surprises, numbers, last, gap):
            self._believe(numbers, time)
            return None
        row = surprises[0]
        place = row.index - 2
        return self._hold(
            numbers, time, f"{row.key or 'a reserved number'} went from {last[place]} to {numbers[place]} at once"
        )

    def _gap(self, time: float | None) -> float:
        """How many readings' worth of change may lie between the last believed reading and this one."""
        if time is None or self._last_time is None:
            return 1.0 + self._missed
        return max(1.0, min(time - self._last_time, LONGEST_GAP))

    def _explained(  # noqa: PLR0911 - one answer for each kind of row
        self, row: Field, numbers: Numbers, last: Numbers, gap: float
    ) -> bool:
        """Whether a change outside of the gate is nothing to wonder at."""
        place = row.index - 2
        change = numbers[place] - last[place]
        gate = self._highs[place]
        if row.kind in ("counter", "stock"):
            return (row.kind == "stock" or change >= 0) and abs(change) <= gate * gap
        if row.kind == "level" and row.key == "internal_resistance":
            # An estimate, made anew now and then: it may double or halve, digits lost or gained do more.
            if numbers[place] > 2 * last[place] + gate or last[place] > 2 * numbers[place] + gate:
                return False
            return not self._places.compensates(numbers, last, change)
        if row.kind == "echo":
            return self._places.time_left_agrees(numbers, self.nominal or self._learned_nominal) is not False
        if row.kind == "level":
            return abs(change) <= max(gate * min(gap, 8.0), numbers[place] // 12)
        if row.key == "direction":
            signed = numbers[self._places.current] + last[self._places.current]
            return signed <= self._highs[self._places.current]
        if row.kind == "clock":
            return 0 <= _seconds(numbers[place]) - _seconds(last[place]) <= 5 + 2 * gap or (
                numbers[place - 1] != last[place - 1]
            )
        return row.kind == "date" and change > 0 and numbers[place + 1] < last[place + 1]

    def _is_load_step(self, surprises: list[Field], numbers: Numbers, last: Numbers, gap: float) -> bool:
        """Whether current, voltage and time left tell the same story of a load or a charger that was switched."""
        places = self._places
        keys = {row.key for row in surprises}
        if not keys <= _MOVED_BY_LOAD or keys.isdisjoint(("current", "direction")):
            return False
        if not places.time_left_agrees(numbers, self.nominal or self._learned_nominal):
            return False  # it disagrees, or it cannot be told
        before, after = places.signed_current(last), places.signed_current(numbers)
        rise = numbers[places.voltage] - last[places.voltage]
        allowed = self._base_high[places.voltage] * min(gap, 8.0) + last[places.voltage] // 8
        return abs(rise) <= allowed and rise * (after - before) >= -self._base_high[places.voltage] * abs(
            after - before
        )

    def _hold(self, numbers: Numbers, time: float | None, why: str) -> str | None:
        self._missed += 1
        if self._held and self._agrees_with_held(numbers):
            self._held.append(numbers)
        else:
            self._held = [numbers]
        if len(self._held) < CONFIRMATIONS:
            return f"{why}; believed when {CONFIRMATIONS} readings agree"
        if self._last is not None:
            self._open_gates(numbers, self._last)
        self._learned_nominal = self._places.nominal(numbers) or self._learned_nominal
        self._believe(numbers, time)
        return None

    def _agrees_with_held(self, numbers: Numbers) -> bool:
        changes = map(sub, numbers, self._held[-1])
        return all(
            low <= change <= high or self._explained(row, numbers, self._held[-1], 1.0)
            for row, change, low, high in zip(self._rows, changes, self._base_low, self._base_high, strict=True)
        )

    def _open_gates(self, numbers: Numbers, last: Numbers) -> None:
        """Let a battery that really jumps about have wider gates: double those that were in the way."""
        for place, row in enumerate(self._rows):
            change = abs(numbers[place] - last[place])
            if row.kind in ("level", "stock") and change > self._highs[place]:
                self._highs[place] = min(2 * self._highs[place], change)
                self._lows[place] = -self._highs[place]
        self._quiet = 0

    def _close_gates(self) -> None:
        self._quiet = 0
        for place, base in enumerate(self._base_high):
            if self._highs[place] > base:
                self._highs[place] = max(base, self._highs[place] * 3 // 4)
                self._lows[place] = -self._highs[place] if self._base_low[place] else 0


_MOVED_BY_LOAD = frozenset({"voltage", "current", "direction", "internal_resistance"})


class _Places:
    """Where the numbers that physics ties together stand in a layout."""

    __slots__ = ("current", "direction", "remaining", "time_left", "voltage")

    def __init__(self, layout: Layout) -> None:
        self.voltage, self.current = layout.place("voltage"), layout.place("current")
        self.remaining, self.direction = layout.place("remaining_capacity"), layout.place("direction")
        self.time_left = self.direction + 1

    def signed_current(self, numbers: Numbers) -> int:
        return numbers[self.current] if numbers[self.direction] else -numbers[self.current]

    def compensates(self, numbers: Numbers, last: Numbers, change: int) -> bool:
        """Whether a change makes up for that of voltage or current in the checksum, as two damaged digits may."""
        others = (0, numbers[self.voltage] - last[self.voltage], numbers[self.current] - last[self.current])
        return any((change + other + 1) % 255 <= 2 for other in others if not other or abs(other) > 10)

    def nominal(self, numbers: Numbers) -> int | None:
        """Return the nominal capacity, 0.1 Ah, that the time to full of a charging reading speaks of."""
        if not numbers[self.direction] or not 1 < numbers[self.time_left] < 10_000:
            return None
        return round((numbers[self.remaining] + numbers[self.time_left] * numbers[self.current] / 6) / 100)

    def time_left_agrees(self, numbers: Numbers, nominal: int | None) -> bool | None:
        """Whether the meter's time left is what its remaining capacity and current make; None if it cannot be told.

        It uses a finer current than it shows (JK), so the tolerance is a display step of 0.1 A plus 3 %.
        """
        current, minutes = numbers[self.current], numbers[self.time_left]
        capacity = numbers[self.remaining]
        if current == 0:
            return minutes == 0
        if numbers[self.direction]:
            if nominal is None:
                return None
            capacity = nominal * 100 - capacity
        expected = max(capacity, 0) * 6 / current
        if expected > 60_000 or current < 10:
            return None
        return abs(minutes - expected) <= 1.5 + expected * (0.03 + min(10 / current, 0.5))


def _gate(row: Field) -> int:
    return 2**40 if row.kind == "free" else row.step


def _seconds(clock: int) -> int:
    return clock // 10_000 * 3600 + clock // 100 % 100 * 60 + clock % 100
