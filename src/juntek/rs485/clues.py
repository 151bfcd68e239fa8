"""What speaks for a number that jumped and jumped back; rule: a clue counts for what it was worth before.

Such a frame is right, or damaged so that its checksum fits all the same. Several things can tell, and none of them on
every meter: the charge that moved, the voltage that gave way, the time left. So of each is remembered how often it
agreed. One that always agreed and does not now speaks strongly against a frame; one that agrees by chance says nothing.
And jumps that come more often than damage can bring them are right.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from math import copysign, exp, log
from typing import NamedTuple

from juntek.rs485.rules import Numbers, Rules

FORGET = 0.02
"""Share of what a clue remembers that it forgets with each jump."""

LEAST_ODDS = 3.3
"""Logarithm of how many times likelier right than damaged a frame has to be."""

BLIND = 0.3 / 255
"""Share of damaged frames whose checksum fits and in which the number in question is wrong."""

LEAST_SURE = 0.1
"""How likely right a jump is at least, before any clue."""

FRAMES = 1000
"""Frames over which it is counted how often a number jumps and jumps back."""

FIRST = 100
"""Frames without a jump that a meter has to its credit."""

SMALL = 120
"""Raw steps of the current: as small as that only one digit of it can be damaged."""

NEAR = 4
"""Raw steps that a number moves in a second without any cause."""

MEMORY = 20_000
"""Frames over which the noise of a line is counted: a rejected one in a thousand has to show."""

CREDIT = 10
"""Good frames that a line has to its credit, so that the piece of a frame with which it begins says little."""

Seen = Sequence[Numbers]
"""Four frames: two that are believed, the one that jumped, and the next one."""

Fits = bool | None
"""What a clue says of a number: that it fits, that it does not, or nothing."""

Answers = list[tuple["Clue", Fits]]
"""What the clues say of one number."""


class Weighed(NamedTuple):
    """Four frames, what the clues say of each number in question, and what follows: `odds`, as a logarithm."""

    odds: float
    seen: Seen
    answers: list[Answers]


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
        return rejected / (rejected + min(self.frames, MEMORY) + CREDIT) if rejected >= 0.5 else 0.0

    def _remembered(self) -> float:
        return self._rejected * exp((self._at - self.frames) / MEMORY) if self._rejected else 0.0


class Clue:
    """Something that fits a right number, usually; `chance` is how often it fits a damaged one."""

    __slots__ = ("_causes", "_effects", "_fitted", "_seen", "chance")

    def __init__(self, chance: float, usual: float = 0.6) -> None:
        self.chance = chance
        self._seen = 4.0
        self._fitted = usual * self._seen
        self._effects = self._causes = 0.0

    def weigh(self, fits: Fits) -> float:
        """Return what it says for a frame, as the logarithm of odds."""
        if fits is None:
            return 0.0
        usual = min(0.98, max(0.02, self._fitted / self._seen))
        return log(usual / self.chance) if fits else log((1 - usual) / (1 - self.chance))

    def learn(self, fits: Fits, sure: float) -> None:
        """Remember what it said of a frame that is right with a probability of `sure`."""
        if fits is not None:
            self._fitted += sure * (fits - FORGET * self._fitted)
            self._seen += sure * (1 - FORGET * self._seen)

    def learn_slope(self, cause: float, effect: float, sure: float) -> None:
        """Remember how much a cause brought about; what moves without one says nothing."""
        if cause:
            self._effects += sure * (copysign(effect, cause * effect) - FORGET * self._effects)
            self._causes += sure * (abs(cause) - FORGET * self._causes)

    def expect(self, cause: float) -> float:
        """Return what a cause usually brings about; 0 where that is not known."""
        return cause * self._effects / self._causes if self._causes else 0.0

    def brings(self, cause: float, effect: float) -> bool:
        """Whether an effect is what a cause usually brings about."""
        expected = self.expect(cause)
        return abs(effect - expected) <= NEAR + abs(expected) / 5


class Clues:
    """What the clues of one meter were worth so far, on a line with so much `noise`."""

    def __init__(self, rules: Rules, noise: Noise) -> None:
        self._rules = rules
        self._noise = noise
        self._charge, self._time_left = Clue(0.3, 0.8), Clue(0.1, 0.4)
        self._gives, self._gives_late = Clue(0.25), Clue(0.25)
        self._explained, self._explained_late = Clue(0.1), Clue(0.1)
        self._edited = Clue(0.8, 0.25), Clue(0.8, 0.25), Clue(0.8, 0.25)
        self._small = Clue(0.2)
        self._stays, self._moved = Clue(0.05), Clue(0.4, 0.8)
        self._full = 0.0
        """What the meter takes for a full battery, raw, by its time left."""
        self._jumps, self._at = 0.0, 0

    def weigh(self, seen: Seen, gap: float) -> Weighed:
        """Return how many times likelier right than damaged the third of four frames is, on a line with noise.

        `gap` is the time (s) since the one before it, 0 where it is not known.
        """
        rate, damaged, answers = self._rate(), self._damaged(), self._answers(seen, gap)
        odds, rest = [], max(rate - damaged, LEAST_SURE * rate)
        for suspect in answers:
            if len(suspect) > 1:
                odds.append(log(rest / damaged) + sum(clue.weigh(fits) for clue, fits in suspect))
                rest = 1.0  # what else would be damaged, would be so beside a jump that is right
        return Weighed(min(odds, default=log(rest / damaged)), seen, answers)

    def learn(self, weighed: Weighed, *, returned: bool) -> None:
        """Remember what the clues said: of a number that stays, or of one that `returned`, by how often one does."""
        rules, seen, sure = self._rules, weighed.seen, 1.0
        if returned:
            rate, frames = self._rate(), self._noise.frames
            sure = max(LEAST_SURE, 1 - self._damaged() / rate)
            self._jumps, self._at = rate * (min(frames, FRAMES) + FIRST), frames
        for clue, fits in chain.from_iterable(weighed.answers):
            clue.learn(fits, sure)
        volts, currents = [numbers[rules.voltage] for numbers in seen], [rules.signed(numbers) for numbers in seen]
        push, rise = currents[2] - currents[1], volts[2] - volts[1]
        self._gives.learn_slope(push, rise, sure)
        self._explained.learn_slope(push, rise, sure)
        self._gives_late.learn_slope(push, volts[3] - volts[2], sure)
        self._explained_late.learn_slope(currents[1] - currents[0], rise, sure)
        first = seen[2]
        if first[rules.direction] and rules.time_left is not None:
            self._full = first[rules.stock] + first[rules.time_left] * first[rules.current] / 6

    def _rate(self) -> float:
        """Return how often a number jumps and jumps back, with one that does so now."""
        frames = self._noise.frames
        return (self._jumps * exp((self._at - frames) / FRAMES) + 1) / (min(frames, FRAMES) + FIRST)

    def _damaged(self) -> float:
        """Return how often damage brings that."""
        share = self._noise.share
        return BLIND * share / (1 - share)

    def _answers(self, seen: Seen, gap: float) -> list[Answers]:
        rules = self._rules
        _, last, first, after = seen
        volts, currents = [numbers[rules.voltage] for numbers in seen], [rules.signed(numbers) for numbers in seen]
        push, rise = currents[2] - currents[1], volts[2] - volts[1]
        answers: list[Answers] = []
        moved = self._has_moved(last, first)

        def edited(place: int) -> bool | None:
            return _edited(last[place], first[place], after[place])

        if abs(push) > rules.highs[rules.current]:
            turned = first[rules.direction] != last[rules.direction] and first[rules.current] == last[rules.current]
            give, late = self._gives.expect(push), self._gives_late.expect(push)
            answers.append([
                (self._charge, self._charge_fits(last, first, gap)),
                (self._gives, self._gives.brings(push, rise) if abs(give) > NEAR else None),
                (self._gives_late, self._gives_late.brings(push, volts[3] - volts[2]) if abs(late) > NEAR else None),
                (self._time_left, self._time_left_fits(first)),
                (self._small, abs(push) < SMALL),
                (self._edited[0], turned or edited(rules.current)),
                (self._moved, moved),
            ])  # fmt: skip
        if abs(rise) > NEAR:
            answers.append([
                (self._explained, self._explained.brings(push, rise)),
                (self._explained_late, self._explained_late.brings(currents[1] - currents[0], rise)),
                (self._edited[1], edited(rules.voltage)),
                (self._moved, moved),
            ])  # fmt: skip
        if (place := rules.resistance) is not None:
            low, high = sorted((last[place], after[place]))
            stays = low / 1.5 <= first[place] <= high * 1.5
            answers.append([(self._stays, stays)])
            if not stays:
                answers[-1] += [(self._edited[2], edited(place)), (self._moved, moved)]
        return answers

    def _has_moved(self, last: Numbers, first: Numbers) -> bool | None:
        """Whether anything counts on since the last frame: of the same second there are no two currents."""
        rules = self._rules
        if last[rules.current] < 500 and rules.run_time is None:
            return None
        return any(first[place] != last[place] for place in rules.moving)

    def _charge_fits(self, last: Numbers, first: Numbers, gap: float) -> bool | None:
        """Whether so much has moved since the last frame as flows with this current, if that can be told."""
        rules = self._rules
        step = abs(rules.signed(first) - rules.signed(last)) * gap / 360
        flow = rules.signed(first) * gap / 360
        moved = first[rules.stock] - last[rules.stock], rules.net(last, first)
        fits = gap > 0 and min(abs(amount - flow) for amount in moved) <= 0.9 + step / 4
        return None if not gap or (fits and step < 1.6) else fits  # a small step fits anything

    def _time_left_fits(self, first: Numbers) -> bool | None:
        rules, current = self._rules, first[self._rules.current]
        if rules.time_left is None or current < 50 or first[rules.time_left] < 10:
            return None
        rest = self._full - first[rules.stock] if first[rules.direction] else first[rules.stock]
        return abs(first[rules.time_left] * current / 6 - rest) <= 0.03 * abs(rest) + current / 6


def _edited(before: int, number: int, after: int) -> bool | None:
    """Whether one digit of a neighbour, changed, lost or added, makes this number, as near as that can be told."""
    others = [other for other in (before, after) if abs(other - number) >= 100]
    return any(_is_edit(number, other) for other in others) if others else None


def _is_edit(number: int, other: int) -> bool:
    if not number:  # nothing is left of it
        return True
    short, long = sorted((str(number), str(other)), key=len)
    if len(long) == len(short):
        change = abs(number - other)
        place = int(10 ** (len(str(change)) - 1))
        return min(change % place, place - change % place) <= NEAR
    cuts = [long[:at] + long[at + 1 :] for at in range(len(long))]
    return len(long) - len(short) == 1 and any(abs(int(cut) - int(short)) <= NEAR for cut in cuts)
