"""Which frames of a meter are believed; rule: doubt in proportion to the noise of the line.

The checksum is order-blind and lets one in 255 damaged frames through, so what has to be doubted is how much of the
line is damaged. Where nothing was rejected, a frame with a right checksum is right, whatever its current did. What
does not follow from the frame before waits for the next one, and that bears it out or not:

- A load or a charger was switched: only current, voltage and what follows from them moved. Where it stays so, it is
  right; where it comes and goes, `clues` tell how likely it is right.
- Anything else jumped (a counter was cleared, a capacity set): believed when the next frame follows from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter, le, sub

from juntek.reading import Reading
from juntek.rs485.clues import LEAST_ODDS, Clues, Noise
from juntek.rs485.family import Field, Layout
from juntek.rs485.framing import Frame, Garbage
from juntek.rs485.rules import Numbers, Rules

NOISY = 0.2
"""Share of rejected frames from which on a jump has to be told three times."""

DOUBTFUL = 0.004
"""Share from which on the last frame of a recording is not believed if nothing behind it bears it out."""

UNVERIFIED_AGREEMENTS = 3
"""Frames that must agree where their checksum field says: not verified."""

LONGEST_WAIT = 8.0
"""s that a frame waits for the next one; of a meter that is asked seldom, three times as long as it takes."""

MOST_OTHERS = 2
"""Later frames that may wait with one, until one of them is of use."""


@dataclass(slots=True, eq=False)
class Held:
    """A frame that waits to be borne out, in its place among the events; `event` is what becomes of it."""

    frame: Frame
    time: float | None
    doubt: str = ""
    event: Reading | Garbage | None = None
    numbers: Numbers = field(init=False)
    verified: bool = field(init=False)

    def __post_init__(self) -> None:
        self.numbers, self.verified = self.frame.fields, bool(self.frame.checksum)


class Validator:
    """The memory of one meter's frames, as raw numbers of one layout; `read` makes a reading of a believed one."""

    __slots__ = ("_before", "_clues", "_doubted", "_held", "_last", "_last_time", "_noise", "_read", "rules")

    def __init__(self, layout: Layout, noise: Noise, read: Callable[[Frame, float | None], Reading | Garbage]) -> None:
        self.rules = Rules(layout)
        self._clues = Clues(self.rules, noise)
        self._noise = noise
        self._read = read
        self._last: Numbers | None = None
        self._before: Numbers | None = None
        """The frame before the last one."""
        self._last_time: float | None = None
        self._held: list[Held] = []
        self._doubted: Held | None = None
        """A frame right behind the last one, in which a load was switched that was not believed."""

    def follows(self, numbers: Numbers, time: float | None) -> bool:
        """Take a frame with a right checksum that follows from the last one without any surprise, if it does."""
        last = self._last
        if last is None or self._held:
            return False
        if numbers == last:  # a display asks more often than a meter measures
            self._last_time = time
            return True
        changes = list(map(sub, numbers, last))
        rules = self.rules
        if all(map(le, changes, rules.highs)) and all(map(le, rules.lows, changes)):
            self._before, self._last, self._last_time = last, numbers, time
            return True
        return False

    def take(self, frame: Frame, time: float | None) -> Held:
        """Take a frame, and decide on those that wait as far as it tells; return its place."""
        new = Held(frame, time)
        self._held.append(new)
        while self._held and (is_believed := self._judge_first()) is not None:
            self._decide(self._held.pop(0), is_believed=is_believed)
        return new

    def finish(self) -> None:
        """Decide what waits with what is known: nothing more comes of this meter, or not in time."""
        while self._held:
            held = self._held.pop(0)
            self._decide(held, is_believed=held.verified and not self._held and self._is_likely(held))

    def waits_too_long(self, time: float | None) -> bool:
        """Whether the first of the frames that wait has had its time, as of `time`."""
        since = self._held[0].time if self._held else None
        if since is None or time is None:
            return False
        pace = since - self._last_time if self._last_time is not None else 0.0
        return time - since > max(LONGEST_WAIT, 3 * pace)

    def _decide(self, held: Held, *, is_believed: bool) -> None:
        if not is_believed:
            held.event = Garbage("implausible", held.frame.raw, held.doubt, held.time)
            return
        if self._last is not None:
            self.rules.pace = self.rules.gap(self._last, held.numbers, (self._last_time, held.time))
        self._before, self._last, self._last_time = self._last, held.numbers, held.time
        self._doubted = None
        held.event = self._read(held.frame, held.time)

    def _is_likely(self, held: Held) -> bool:
        """Whether a frame is more likely right than damaged, with nothing behind it that could tell."""
        if self._last is None:
            return True
        jump = self.rules.jump(self._last, held.numbers, (self._last_time, held.time))
        return jump is None and self._noise.share < DOUBTFUL

    def _judge_first(self) -> bool | None:
        """Whether the first frame that waits is believed; None where the next one has to tell."""
        first, *others = self._held
        last, rules, share = self._last, self.rules, self._noise.share
        if not first.verified and (last is None or not self._agree(last, self._last_time, first)):
            return self._judge_unverified(first, others)
        if last is None:
            return self._count_agreeing(first, others, 2) if share else True
        surprise = rules.jump(last, first.numbers, (self._last_time, first.time), clean=not share)
        if surprise is None and (not share or rules.is_quiet(last, first.numbers)):
            return True
        first.doubt = _doubt(surprise or rules.current_row, last, first.numbers)
        if surprise is None:
            return self._judge_load(last, first, others) if others else None
        return self._judge_jump(surprise, last, first, others)

    def _agree(self, numbers: Numbers, time: float | None, held: Held) -> bool:
        """Whether a frame follows from other numbers, and nothing was switched in between."""
        rules = self.rules
        return rules.jump(numbers, held.numbers, (time, held.time)) is None and rules.is_quiet(numbers, held.numbers)

    def _judge_unverified(self, first: Held, others: Sequence[Held]) -> bool | None:
        """Judge a frame whose checksum says nothing by the next one whose checksum is right, or by several like it."""
        first.doubt = "its checksum says: not verified"
        for other in others:
            if other.verified:
                return self._agree(first.numbers, first.time, other)
        is_believed = self._count_agreeing(first, others, UNVERIFIED_AGREEMENTS)
        if is_believed:
            for other in others:
                other.verified = True
        return is_believed

    def _judge_load(self, last: Numbers, first: Held, others: Sequence[Held]) -> bool | None:
        """Judge a frame in which only a load or a charger was switched, by the frame after it."""
        rules, clues = self.rules, self._clues
        for after in others:
            if rules.jump(first.numbers, after.numbers, (first.time, after.time)) is None:
                break
        else:
            return False if len(others) > MOST_OTHERS else None
        contexts = [(self._before or last, last, self._last_time)]
        if (doubted := self._doubted) is not None:
            contexts.append((last, doubted.numbers, doubted.time))
        looks = []
        for before, other, since in contexts:
            gap = rules.seconds(other, first.numbers, (since, first.time))
            gap = gap if gap <= 1.5 * rules.pace else 0.0  # a frame is missing
            looks.append(clues.weigh((before, other, first.numbers, after.numbers), gap))
        best = max(looks, key=itemgetter(0))
        returned = not rules.is_quiet(first.numbers, after.numbers)
        clues.learn(best, returned=returned)
        is_believed = not returned or best.odds >= LEAST_ODDS
        self._doubted = None if is_believed else first
        return is_believed

    def _judge_jump(self, row: Field, last: Numbers, first: Held, others: Sequence[Held]) -> bool | None:
        """Judge a frame in which a row jumped: the next ones follow from it, or from what was before it.

        They may follow from both where a strong load came and went between two frames: then it counts where it stays.
        """
        if others:
            after, place = others[-1], row.place
            ways = [abs(after.numbers[place] - numbers[place]) for numbers in (first.numbers, last)]
            is_back = 2 * ways[0] >= ways[1]
            if is_back and self.rules.jump(last, after.numbers, (self._last_time, after.time)) is None:
                return False
        return self._count_agreeing(first, others, 2 if self._noise.share < NOISY else 3)

    def _count_agreeing(self, first: Held, others: Sequence[Held], needed: int) -> bool | None:
        """Believe a frame that `needed` - 1 later ones follow from; what keeps too many waiting is rejected."""
        rules, agreeing, before, clean = self.rules, 1, first, not self._noise.share
        for other in others:
            if rules.jump(before.numbers, other.numbers, (before.time, other.time), clean=clean) is None:
                agreeing, before = agreeing + 1, other
        if agreeing >= needed:
            return True
        return False if len(others) > needed else None


def _doubt(row: Field, before: Numbers, after: Numbers) -> str:
    name = row.key or ("time left" if row.kind == "echo" else "a reserved number")
    return f"{name} went from {before[row.place]} to {after[row.place]} at once, and nothing bears it out"
