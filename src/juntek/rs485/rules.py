"""How far each number of a meter may move, and what bears out a switched load; rule: its facts come from the rows."""

from __future__ import annotations

from operator import sub

from juntek.rs485.family import Field, Layout

Numbers = tuple[int, ...]

Times = tuple[float | None, float | None]
"""When two frames came, s since 1970; None where that is not known."""

SHORT_GAP = 30.0
"""s that the run time alone may tell of a gap in a recording without times; four times as many on a clean line."""

LONGEST_GAP = 3600.0
"""s of silence that widen what may have changed; more than that does not widen it further."""

CLEAN = 10.0
"""How many times further a number may move where no frame was rejected."""

RESISTANCES_OF_NOTHING = (0, 30_000)
"""Raw internal resistances that a meter tells where it has no estimate."""

ANY = 2**40


class Rules:
    """How far each number of a layout may move; `highs` and `lows` bound the change of a second that is no surprise."""

    __slots__ = (
        "_bounds", "_counters", "_needed", "_output", "_rows", "current", "current_row", "direction", "highs", "lows",
        "moving", "pace", "resistance", "run_time", "stock", "time_left", "voltage",
    )  # fmt: skip

    def __init__(self, layout: Layout) -> None:
        self._rows, places = layout.rows, layout.places
        self.voltage, self.current = places["voltage"], places["current"]
        self.stock, self.direction = places["remaining_capacity"], places["direction"]
        self.resistance, self._output = places.get("internal_resistance"), places["output_state"]
        self.run_time, self.time_left = layout.run_time, layout.time_left
        self._counters = [row.place for row in layout.rows if row.kind == "counter" and row.scale != 1]
        self.moving = [row.place for row in layout.rows if row.kind in ("counter", "stock", "clock")]
        self.current_row = layout.rows[self.current]
        self.highs = [ANY if row.kind in ("free", "echo") else row.step for row in layout.rows]
        forward = ("counter", "clock")
        self.lows = [0 if row.kind in forward else -high for row, high in zip(layout.rows, self.highs, strict=True)]
        self._bounds = [(row.low, row.high) for row in layout.rows]
        self._needed = {self.voltage, self.current, self.stock, self.direction, self._output}
        self.pace = 1.0
        """Seconds between the last two believed frames: a meter that is asked seldom goes on so."""

    def limit(self, volts: int, amperes: int) -> None:
        """Narrow the ranges to what this model can measure, with room for what it shows beyond."""
        for place, most in ((self.voltage, volts * 105), (self.current, amperes * 125)):
            self._bounds[place] = self._bounds[place][0], most

    def impossible(self, numbers: Numbers) -> Field | None:
        """Return the row of a number without which there is no reading, and that no meter can send."""
        for place in self._needed:
            low, high = self._bounds[place]
            if not low <= numbers[place] <= high:
                return self._rows[place]
        return None

    def gap(self, before: Numbers, after: Numbers, times: Times, *, clean: bool = False) -> float:
        """Return the seconds in which something may have moved: 1 at least, since a meter samples once a second.

        On a clean line they are many more; any number where neither a time nor the run time tells them.
        """
        if clean and None in times and self._stands_still(before, after) and after[self._output]:
            return LONGEST_GAP
        return max(1.0, self.seconds(before, after, times, clean=clean)) * (CLEAN if clean else 1.0)

    def seconds(self, before: Numbers, after: Numbers, times: Times, *, clean: bool = False) -> float:
        """Return the seconds between two frames: by the meter's own run time where it counts, else by their times.

        A bridge gives frames out late and in bursts; a run time may stand still, or be damaged itself.
        """
        since, time = times
        gap = time - since if time is not None and since is not None else None
        ran = after[self.run_time] - before[self.run_time] if self.run_time is not None else 0
        alone = 4 * SHORT_GAP if clean else SHORT_GAP
        credible = max(alone if gap is None else 1.5 * gap + 2, 4 * self.pace)
        if ran > 0 and (ran <= credible or ((gap is None or clean) and self._has_flowed(before, after, ran))):
            gap = float(ran)
        elif gap is None and not self._stands_still(before, after):
            gap = 1.0
        elif gap is None:
            gap = self._seconds_of_charge(before, after) if after[self._output] else 0.0
        return max(0.0, min(gap, LONGEST_GAP))

    def _stands_still(self, before: Numbers, after: Numbers) -> bool:
        """Whether the run time does, as it also does while the output is off."""
        return self.run_time is not None and after[self.run_time] == before[self.run_time]

    def _seconds_of_charge(self, before: Numbers, after: Numbers) -> float:
        """Return the seconds that a current needs for what has moved, where a counter bears it out; else 1."""
        moved = self._moved(before, after)
        if len(moved) < 2 or max(moved) - min(moved) > 3 + abs(moved[0]) / 5:
            return 1.0
        return abs(moved[0]) * 360 / max(before[self.current], after[self.current], 1)

    def _has_flowed(self, before: Numbers, after: Numbers, gap: float) -> bool:
        """Whether the charge that has moved can belong to a gap that only the run time tells."""
        least, most = (way(before[self.current], after[self.current]) / 360 * gap for way in (min, max))
        if self.signed(before) * self.signed(after) < 0:
            return True
        stock, moved = after[self.stock] - before[self.stock], self._moved(before, after)
        if abs(stock) > 100 and self._counters and len(moved) == 1:
            return False  # what is left went alone
        moved.append(float(stock))
        if self._counts_agree(before, after):
            return max(map(abs, moved)) >= least / 10
        return all(least / 10 <= abs(change) <= 10 * (most + gap / 10) for change in moved)

    def _counts_agree(self, before: Numbers, after: Numbers) -> bool:
        """Whether the counters bear out what is left, whatever was switched in between."""
        stock = after[self.stock] - before[self.stock]
        return abs(stock) >= 10 and abs(self.net(before, after) - stock) <= 3 + abs(stock) / 5

    def signed(self, numbers: Numbers) -> int:
        """Return the current, 0.01 A, positive when charging."""
        return numbers[self.current] if numbers[self.direction] else -numbers[self.current]

    def jump(self, before: Numbers, after: Numbers, times: Times, *, clean: bool = False) -> Field | None:
        """Return the first row that moved by more than the battery, the flow and a switched load explain."""
        lows, highs, gap = self.lows, self.highs, 0.0
        for place, change in enumerate(map(sub, after, before)):
            if lows[place] <= change <= highs[place] or place in (self.current, self.direction):
                continue
            gap = gap or self.gap(before, after, times, clean=clean)
            if not self._explains(place, before, after, gap, clean=clean):
                return self._rows[place]
        return None

    def is_quiet(self, before: Numbers, after: Numbers) -> bool:
        """Whether current, voltage and internal resistance went on as they were."""
        push = self.signed(after) - self.signed(before)
        rise = after[self.voltage] - before[self.voltage]
        if abs(push) > self.highs[self.current] + after[self.current] // 1000:
            return False
        if abs(rise) > self.highs[self.voltage] + (abs(push) / 10 if rise * push > 0 else 0):
            return False
        place = self.resistance
        return place is None or abs(after[place] - before[place]) <= self.highs[place] + before[place] // 2

    def _explains(self, place: int, before: Numbers, after: Numbers, gap: float, *, clean: bool) -> bool:
        row, change = self._rows[place], after[place] - before[place]
        step = self.highs[place]
        match row.kind:
            case "counter":
                return 0 <= change <= (step + self._flow(row, before, after)) * gap
            case "stock":
                return abs(change) <= (step + self._flow(row, before, after)) * gap
            case "level":
                give = self._give(place, before, after, gap, clean=clean)
                return abs(change) <= step * (1 + min(gap, 600.0) / 10) + give
            case "clock":
                seconds = _seconds(after[place]) - _seconds(before[place])
                return 0 <= seconds <= 5 + 2 * gap or after[place - 1] != before[place - 1]
            case "date":
                return change > 0 and after[place + 1] < before[place + 1]
        return False

    def _flow(self, row: Field, before: Numbers, after: Numbers) -> float:
        """What the larger of two currents adds to an amount in a second, in its raw unit."""
        current = 1.25 * max(before[self.current], after[self.current])
        if row.key.endswith("capacity"):
            return current / 360
        return current * max(before[self.voltage], after[self.voltage]) / 360_000 if row.scale != 1 else 0

    def _give(self, place: int, before: Numbers, after: Numbers, gap: float, *, clean: bool) -> float:
        """How much further a level may go because a load was switched, perhaps between the two frames."""
        smaller = min(after[place], before[place])
        push = self.signed(after) - self.signed(before)
        if place == self.voltage:  # beyond a quarter, and what 0.1 ohm explain, it is another battery
            if clean:  # some measure it earlier than the current, so that it follows the one before
                return smaller / 3 + abs(push) / 10
            return smaller / 4 + (abs(push) / 10 if push * (after[place] - before[place]) > 0 else 0)
        if self._rows[place].key != "internal_resistance":
            return 0
        if abs(push) > 50 or gap >= (2 * CLEAN if clean else 2):  # estimated anew
            none = after[place] in RESISTANCES_OF_NOTHING or before[place] in RESISTANCES_OF_NOTHING
            return ANY if clean or none else 3 * smaller + 1000
        return smaller if clean else 0

    def net(self, before: Numbers, after: Numbers) -> float:
        """Return what the counters say has flowed, 0.001 Ah, positive when charging."""
        net, sign = 0.0, 1 if self.signed(before) + self.signed(after) > 0 else -1
        for place in self._counters:
            change, key = self._counted(place, before, after), self._rows[place].key
            if key.startswith("counted"):
                return sign * change
            net += change if key.startswith("charged") else -change
        return net

    def _moved(self, last: Numbers, after: Numbers) -> list[float]:
        """Return what has flowed by what is left and by the counters, 0.001 Ah; those that stand still tell nothing."""
        moved = [float(after[self.stock] - last[self.stock])]
        sign = 1 if self.signed(after) + self.signed(last) > 0 else -1
        moved += [sign * self._counted(place, last, after) for place in self._counters]
        return [change for change in moved if change]

    def _counted(self, place: int, before: Numbers, after: Numbers) -> float:
        """Return what a counter has counted, 0.001 Ah, of energy at the voltage that there was."""
        change = float(after[place] - before[place])
        is_energy = self._rows[place].key.endswith("energy")
        return change * 1000 / max(before[self.voltage], 1) if is_energy else change


def _seconds(clock: int) -> int:
    return clock // 10_000 * 3600 + clock // 100 % 100 * 60 + clock % 100
