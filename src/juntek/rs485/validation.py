"""Which frames of a meter are believed; rule: doubt in proportion to the noise of the line.

The checksum is order-blind and lets one in 255 damaged frames through, so what has to be doubted is how much of the
line is damaged. Where nothing was rejected, a frame with a right checksum is right, whatever its current did. What
does not follow from the frame before waits for the next one, and that bears it out or not:

- A load or a charger was switched: only current, voltage and what follows from them moved. The charge that has moved
  since, the voltage that gave way, or a time left that this meter is known to work out at once speak for it. A change
  by a multiple of 255 in one number alone looks like damage, since that is what the checksum cannot see.
- Anything else jumped (a counter was cleared, a capacity set): believed when the next frame follows from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from operator import le, sub
from typing import Literal

from juntek.reading import Reading
from juntek.rs485.family import Field, Layout
from juntek.rs485.framing import Frame, Garbage

Numbers = tuple[int, ...]
Verdict = Literal["believed", "rejected"]

MEMORY = 20_000
"""Frames over which the noise of a line is counted: a rejected one in a thousand has to show."""

NOISY = 0.2
"""Share of rejected frames from which on a switched load needs something that speaks for it."""

FIRST = 10
"""Good frames that a line has to its credit, so that the piece of a frame with which it begins says little."""

UNEASY = 0.03
"""Share from which on nothing may speak against it."""

DOUBTFUL = 0.004
"""Share from which on one that looks like damage needs something that speaks for it."""

CLEAN = 10.0
"""How many times further a number may move where no frame was rejected."""

MODULUS = 255
"""What a damaged number may be wrong by without the checksum telling."""

UNVERIFIED_AGREEMENTS = 3
"""Frames that must agree where their checksum field says: not verified."""

LONGEST_GAP = 3600.0
"""s of silence that widen what may have changed; more than that does not widen it further."""

SHORT_GAP = 30.0
"""s that the run time alone may tell of a gap in a recording without times."""

LONGEST_WAIT = 8.0
"""s that a frame waits for the next one; of a meter that is asked seldom, three times as long as it takes."""

MOST_OTHERS = 2
"""Later frames that may wait with one, until one of them is of use."""

ANY = 2**40


class Noise:
    """How much of a line is damaged: rejected frames among all, the latest counting most."""

    __slots__ = ("_at", "_rejected", "frames")

    def __init__(self) -> None:
        self.frames = 0
        """Good frames so far; who takes them counts them here."""
        self._rejected = 0.0
        self._at = 0

    def add_rejected(self) -> None:
        """Count a frame that was damaged."""
        self._rejected = self._remembered() + 1
        self._at = self.frames

    @property
    def share(self) -> float:
        """Rejected frames among all, 0 to 1; 0 where none was rejected for long."""
        rejected = self._remembered()
        return rejected / (rejected + min(self.frames, MEMORY) + FIRST) if rejected >= 0.5 else 0.0

    def _remembered(self) -> float:
        return self._rejected * exp((self._at - self.frames) / MEMORY) if self._rejected else 0.0


class Held:
    """A frame that waits to be borne out, in its place among the events; `event` is what becomes of it."""

    __slots__ = ("doubt", "event", "frame", "numbers", "time", "verified")

    def __init__(self, frame: Frame, numbers: Numbers, time: float | None, *, verified: bool) -> None:
        self.frame = frame
        self.numbers = numbers
        self.time = time
        self.verified = verified
        self.doubt = ""
        self.event: Reading | Garbage | None = None


class Validator:
    """The memory of one meter's frames, as raw numbers of one layout.

    `take` returns frames with their verdicts as soon as they are decided, in their order; the rest waits in `held`.
    """

    __slots__ = ("_last", "_last_time", "_noise", "_rules", "held")

    def __init__(self, layout: Layout, noise: Noise) -> None:
        self._rules = Rules(layout)
        self._noise = noise
        self._last: Numbers | None = None
        self._last_time: float | None = None
        self.held: list[Held] = []

    def limit(self, *, max_voltage: float, max_current: float) -> None:
        """Narrow the ranges to what this model can measure (V, A), with room for what it shows beyond."""
        self._rules.limit(round(max_voltage * 105), round(max_current * 125))

    def follows(self, numbers: Numbers, time: float | None) -> bool:
        """Take a frame with a right checksum that follows from the last one without any surprise, if it does."""
        last = self._last
        if last is None or self.held:
            return False
        changes = list(map(sub, numbers, last))
        rules = self._rules
        if all(map(le, changes, rules.highs)) and all(map(le, rules.lows, changes)):
            self._last, self._last_time = numbers, time
            return True
        return False

    def impossible(self, numbers: Numbers) -> Field | None:
        """Return the row of a number without which there is no reading, and that no meter can send."""
        return self._rules.impossible(numbers)

    def take(self, new: Held) -> list[tuple[Held, Verdict]]:
        """Return what is decided now that a frame has come: earlier ones, and the new one unless it waits."""
        decided: list[tuple[Held, Verdict]] = []
        self.held.append(new)
        while self.held and (verdict := self._judge_first()) is not None:
            held = self.held.pop(0)
            if verdict == "believed":
                if self._last is not None:
                    self._rules.pace = self._rules.gap(self._last, held.numbers, self._last_time, held.time)
                self._last, self._last_time = held.numbers, held.time
            decided.append((held, verdict))
        return decided

    def finish(self) -> list[tuple[Held, Verdict]]:
        """Decide what waits with what is known: nothing more comes of this meter, or not in time."""
        decided: list[tuple[Held, Verdict]] = []
        while self.held:
            held = self.held.pop(0)
            verdict: Verdict = "rejected"
            if self._last is None and not self.held and held.verified:
                verdict = "believed"
                self._last, self._last_time = held.numbers, held.time
            decided.append((held, verdict))
        return decided

    def _judge_first(self) -> Verdict | None:
        """Return what is thought of the first frame that waits; None where the next one has to tell."""
        first, *others = self.held
        if not first.verified and not self._follows_last(first):
            return self._judge_unverified(first, others)
        share = self._noise.share
        last, rules = self._last, self._rules
        if last is None:
            return self._count_agreeing(first, others, 2) if share else "believed"
        gap = rules.gap(last, first.numbers, self._last_time, first.time)
        surprise = rules.jump(last, first.numbers, gap if share else CLEAN * gap)
        if surprise is None and (not share or rules.is_quiet(last, first.numbers, gap)):
            rules.learn(last, first.numbers)
            return "believed"
        first.doubt = _doubt(surprise or rules.current_row, last, first.numbers)
        if surprise is None:
            return self._judge_load(last, first, others, share) if others else None
        return self._judge_jump(last, first, others, 2 if share < NOISY else 3)

    def _follows_last(self, held: Held) -> bool:
        return self._last is not None and self._agree(self._last, self._last_time, held)

    def _agree(self, numbers: Numbers, time: float | None, held: Held) -> bool:
        """Whether a frame follows from other numbers, and nothing was switched in between."""
        gap = self._rules.gap(numbers, held.numbers, time, held.time)
        return self._rules.jump(numbers, held.numbers, gap) is None and self._rules.is_quiet(numbers, held.numbers, gap)

    def _judge_unverified(self, first: Held, others: Sequence[Held]) -> Verdict | None:
        """Judge a frame whose checksum says nothing by the next one whose checksum is right, or by several like it."""
        first.doubt = "its checksum says: not verified"
        for other in others:
            if other.verified:
                return "believed" if self._agree(first.numbers, first.time, other) else "rejected"
        verdict = self._count_agreeing(first, others, UNVERIFIED_AGREEMENTS)
        if verdict == "believed":
            for other in others:
                other.verified = True
        return verdict

    def _judge_load(self, last: Numbers, first: Held, others: Sequence[Held], share: float) -> Verdict | None:
        """Judge a frame in which only a load or a charger was switched, by the frame after it."""
        rules = self._rules
        for after in others:
            gap = rules.gap(first.numbers, after.numbers, first.time, after.time)
            if rules.jump(first.numbers, after.numbers, gap) is None:
                break
        else:
            return "rejected" if len(others) > MOST_OTHERS else None
        if rules.is_quiet(first.numbers, after.numbers, gap):
            rules.learn(last, first.numbers)
            return "believed"
        gaps = (
            rules.seconds(last, first.numbers, self._last_time, first.time),
            rules.seconds(first.numbers, after.numbers, first.time, after.time),
        )
        evidence = rules.evidence(last, first.numbers, after.numbers, gaps)
        suspect = rules.looks_damaged(last, first.numbers) or rules.looks_damaged(after.numbers, first.numbers)
        least = 1 if share >= (DOUBTFUL if suspect else NOISY) else 0 if share >= UNEASY else -1
        if evidence < least:
            return "rejected"
        rules.learn(last, first.numbers)
        return "believed"

    def _judge_jump(self, last: Numbers, first: Held, others: Sequence[Held], agreements: int) -> Verdict | None:
        """Judge a frame in which something jumped: the next ones follow from it, or from what was before it."""
        if others:
            after = others[-1]
            gap = self._rules.gap(last, after.numbers, self._last_time, after.time)
            if self._rules.jump(last, after.numbers, gap) is None:
                return "rejected"
        return self._count_agreeing(first, others, agreements)

    def _count_agreeing(self, first: Held, others: Sequence[Held], needed: int) -> Verdict | None:
        """Believe a frame that `needed` - 1 later ones follow from; what keeps too many waiting is rejected."""
        rules, agreeing, before = self._rules, 1, first
        for other in others:
            gap = rules.gap(before.numbers, other.numbers, before.time, other.time)
            if rules.jump(before.numbers, other.numbers, gap) is None:
                agreeing, before = agreeing + 1, other
        if agreeing >= needed:
            return "believed"
        return "rejected" if len(others) > needed else None


class Habit:
    """How often something was as it should be; the latest times count most."""

    __slots__ = ("_not", "_was")

    def __init__(self) -> None:
        self._was = self._not = 0.0

    def add(self, was: bool) -> None:  # noqa: FBT001 - it is what is counted
        """Count one time."""
        self._was, self._not = 0.98 * self._was + was, 0.98 * self._not + (not was)

    @property
    def is_reliable(self) -> bool:
        """Whether it was so often enough, and hardly ever not."""
        return self._was >= 8 and self._not * 8 <= self._was


class Rules:
    """How far each number of a layout may move; `highs` and `lows` bound the change of a second that is no surprise."""

    __slots__ = (
        "_counters", "_current", "_direction", "_gave_way", "_least", "_limits", "_needed", "_resistance", "_rows",
        "_run_time", "_stock", "_time_left", "_told_at_once", "_voltage", "current_row", "highs", "lows", "pace",
    )  # fmt: skip

    def __init__(self, layout: Layout) -> None:
        self._rows = layout.rows
        self._voltage, self._current = layout.place("voltage"), layout.place("current")
        self._stock, self._direction = layout.place("remaining_capacity"), layout.place("direction")
        kinds = [row.kind for row in layout.rows]
        self._time_left = kinds.index("echo") if "echo" in kinds else None
        self._counters = [place for place, row in enumerate(layout.rows) if row.kind == "counter" and row.scale != 1]
        clocks = [place for place, row in enumerate(layout.rows) if row.kind == "counter" and row.scale == 1]
        self._run_time = clocks[0] if clocks else None
        self.current_row = layout.rows[self._current]
        self.highs = [ANY if row.kind in ("free", "echo") else row.step for row in layout.rows]
        forward = ("counter", "clock")
        self.lows = [0 if row.kind in forward else -high for row, high in zip(layout.rows, self.highs, strict=True)]
        self._limits = [row.high for row in layout.rows]
        self._least = [row.low for row in layout.rows]
        self._needed = {self._voltage, self._current, self._stock, self._direction, layout.place("output_state")}
        self._told_at_once, self._gave_way = Habit(), Habit()
        """Whether the time left follows a switched load at once, and the voltage as it did before."""
        self._resistance = 0.0
        self.pace = 1.0
        """Seconds between the last two believed frames: a meter that is asked seldom goes on so."""

    def limit(self, voltage: int, current: int) -> None:
        """Narrow the ranges of two raw numbers."""
        self._limits[self._voltage] = voltage
        self._limits[self._current] = current

    def impossible(self, numbers: Numbers) -> Field | None:
        """Return the row of a needed number that is out of its range."""
        for place in self._needed:
            if not self._least[place] <= numbers[place] <= self._limits[place]:
                return self._rows[place]
        return None

    def gap(self, before: Numbers, after: Numbers, since: float | None, time: float | None) -> float:
        """Return the seconds in which something may have moved: 1 at least, since a meter samples once a second."""
        return max(1.0, self.seconds(before, after, since, time))

    def seconds(self, before: Numbers, after: Numbers, since: float | None, time: float | None) -> float:
        """Return the seconds between two frames: by the meter's own run time where it counts, else by their times.

        A bridge gives frames out late and in bursts; a run time may stand still, or be damaged itself.
        """
        gap = time - since if time is not None and since is not None else None
        ran = after[self._run_time] - before[self._run_time] if self._run_time is not None else 0
        credible = max(SHORT_GAP if gap is None else 1.5 * gap + 2, 4 * self.pace)
        if ran > 0 and (ran <= credible or self._has_flowed(before, after, ran)):
            gap = float(ran)
        elif gap is None:
            gap = 0.0 if ran == 0 and self._run_time is not None else 1.0
        return max(0.0, min(gap, LONGEST_GAP))

    def _has_flowed(self, before: Numbers, after: Numbers, gap: float) -> bool:
        """Whether the charge that has moved can belong to a gap that only the run time tells."""
        least, most = (way(before[self._current], after[self._current]) / 360 * gap for way in (min, max))
        if self.signed(before) * self.signed(after) < 0:
            return True
        moved = [float(after[self._stock] - before[self._stock]), *self._moved(before, after)]
        return all(least / 10 <= abs(change) <= 10 * (most + gap / 10) for change in moved)

    def signed(self, numbers: Numbers) -> int:
        """Return the current, 0.01 A, positive when charging."""
        return numbers[self._current] if numbers[self._direction] else -numbers[self._current]

    def jump(self, before: Numbers, after: Numbers, gap: float) -> Field | None:
        """Return the first row that moved by more than the battery, the flow and a switched load explain."""
        lows, highs = self.lows, self.highs
        for place, change in enumerate(map(sub, after, before)):
            if lows[place] <= change <= highs[place] or place in (self._current, self._direction):
                continue
            if not self._explains(place, change, before, after, gap):
                return self._rows[place]
        return None

    def is_quiet(self, before: Numbers, after: Numbers, gap: float) -> bool:
        """Whether the current went on as it was."""
        push = self.signed(after) - self.signed(before)
        rise = after[self._voltage] - before[self._voltage]
        gap = min(gap, 8.0)
        return abs(push) <= self.highs[self._current] * gap + after[self._current] // 40 and (
            abs(rise) <= self.highs[self._voltage] * gap + (abs(push) / 10 if rise * push > 0 else 0)
        )

    def _explains(self, place: int, change: int, before: Numbers, after: Numbers, gap: float) -> bool:
        row = self._rows[place]
        step = self.highs[place]
        match row.kind:
            case "counter":
                return 0 <= change <= (step + self._flow(row, before, after)) * gap
            case "stock":
                return abs(change) <= (step + self._flow(row, before, after)) * gap
            case "level":
                return abs(change) <= step * (1 + min(gap, 600.0) / 10) + self._give(place, before, after)
            case "clock":
                seconds = _seconds(after[place]) - _seconds(before[place])
                return 0 <= seconds <= 5 + 2 * gap or after[place - 1] != before[place - 1]
            case "date":
                return change > 0 and after[place + 1] < before[place + 1]
        return False

    def _flow(self, row: Field, before: Numbers, after: Numbers) -> float:
        """What the larger of two currents adds to an amount in a second, in its raw unit."""
        current = 1.25 * max(before[self._current], after[self._current])
        if row.key.endswith("capacity"):
            return current / 360
        return current * max(before[self._voltage], after[self._voltage]) / 360_000 if row.scale != 1 else 0

    def _give(self, place: int, before: Numbers, after: Numbers) -> float:
        """How much further a level may go because a load was switched."""
        smaller = min(after[place], before[place])
        push = self.signed(after) - self.signed(before)
        if place == self._voltage:  # beyond a quarter, and what 0.1 ohm explain, it is another battery
            return smaller / 4 + (abs(push) / 10 if push * (after[place] - before[place]) > 0 else 0)
        if self._rows[place].key == "internal_resistance" and abs(push) > 50:
            return 3 * smaller + 1000  # estimated anew when a load is switched
        return 0

    def looks_damaged(self, before: Numbers, after: Numbers) -> bool:
        """Whether current or voltage moved by what the checksum cannot see, as near as it can be told."""
        changes = (abs(after[place] - before[place]) + 3 for place in (self._current, self._voltage))
        return any(change >= MODULUS and change % MODULUS <= 6 for change in changes)

    def evidence(self, last: Numbers, first: Numbers, after: Numbers | None, gaps: tuple[float, float]) -> int:
        """Return what speaks for (above 0) or against (below 0) a switched load in `first`."""
        return (
            self._by_voltage(last, first)
            + (self._by_charge(last, first, after, gaps) if after is not None else 0)
            + self._by_time_left(last, first)
        )

    def _by_voltage(self, last: Numbers, first: Numbers) -> int:
        """Compare how the voltage gave way with how it does at this battery, if it is known by now."""
        push, rise = self.signed(first) - self.signed(last), first[self._voltage] - last[self._voltage]
        expected = self._resistance * push
        if self._gave_way.is_reliable and abs(expected) >= 6:
            part = rise / expected
            return 2 if 0.5 <= part <= 2 else -2 if part < 0.25 else 0
        if abs(rise) < 2:
            return 0
        # 0.1 ohm at most, and never the other way.
        return 1 if 0 < rise * push <= push * push / 10 else -2 if abs(rise) > 3 * self.highs[self._voltage] else 0

    def _by_charge(self, last: Numbers, first: Numbers, after: Numbers, gaps: tuple[float, float]) -> int:
        """Compare what has moved with what the currents with and without `first` would have moved, 0.001 Ah."""
        if not gaps[0]:
            return 0
        currents = [self.signed(numbers) / 360 for numbers in (last, first, after)]
        without = (currents[0] + currents[2]) / 2 * sum(gaps)
        with_it = (currents[0] + currents[1]) / 2 * gaps[0] + (currents[1] + currents[2]) / 2 * gaps[1]
        expected = with_it - without
        if abs(expected) < 2.5:
            return 0
        parts = [(moved - without) / expected for moved in self._moved(last, after)]
        if any(0.4 <= part <= 2.6 for part in parts):
            return 2
        return -2 if abs(expected) >= 8 and parts and all(part < 0.25 for part in parts) else 0

    def _moved(self, last: Numbers, after: Numbers) -> list[float]:
        """Return what has flowed by what is left and by the counters, 0.001 Ah; those that stand still tell nothing."""
        moved = [float(after[self._stock] - last[self._stock])]
        sign = 1 if self.signed(after) + self.signed(last) > 0 else -1
        for place in self._counters:
            change = after[place] - last[place]
            if change:
                in_ah = change if self._rows[place].key.endswith("capacity") else change * 1000 / last[self._voltage]
                moved.append(sign * in_ah)
        return [change for change in moved if change]

    def learn(self, before: Numbers, after: Numbers) -> None:
        """Remember from a believed step how the voltage gives way, and whether the time left follows at once."""
        told = self._time_follows(before, after)
        if told is not None:
            self._told_at_once.add(told)
        push, rise = self.signed(after) - self.signed(before), after[self._voltage] - before[self._voltage]
        if abs(push) >= 200:
            resistance = rise / push
            known = self._resistance
            if abs(known * push) >= 4 or abs(rise) >= 4:
                self._gave_way.add(0.5 * known <= resistance <= 2 * known)
            self._resistance += (resistance - known) / 8

    def _by_time_left(self, last: Numbers, first: Numbers) -> int:
        if not self._told_at_once.is_reliable:
            return 0
        told = self._time_follows(last, first)
        return 0 if told is None else 2 if told else -2

    def _time_follows(self, before: Numbers, after: Numbers) -> bool | None:
        """Whether capacity over current is the time left after a step as before it; None where it cannot be told."""
        if self._time_left is None or after[self._direction] or before[self._direction]:
            return None
        (old, new), (minutes, told) = (
            (numbers[self._current] for numbers in (before, after)),
            (numbers[self._time_left] for numbers in (before, after)),
        )
        if min(old, new) < 50 or abs(new - old) * 5 < old or not 0 < told < 60_000 or not 0 < minutes < 60_000:
            return None
        expected = after[self._stock] * 6 / new
        return abs(told - expected) <= 2 + expected * (0.04 + 10 / new)


def _seconds(clock: int) -> int:
    return clock // 10_000 * 3600 + clock // 100 % 100 * 60 + clock % 100


def _doubt(row: Field, before: Numbers, after: Numbers) -> str:
    name = row.key or ("time left" if row.kind == "echo" else "a reserved number")
    place = row.index - 2
    return f"{name} went from {before[place]} to {after[place]} at once, and nothing bears it out"
