"""What the counters of a meter count; rule: evidence decides, not the name.

A KG-F counts discharged capacity and charged energy, a KH-F the two energies. What a KL-F counts is in doubt. So what
flowed by the counters is held against the change of what is left, which has to be the difference of in and out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

Trust = Literal["trusted", "watched", "distrusted"]
Rule = Literal["named", "one way", "backwards", "nothing"]
Steps = Sequence[float | None]
"""What each of COUNTERS counted, µAh or µWh; None for those that the meter does not have."""

OUT, IN = 0, 1

CHANNELS = ("discharged_capacity", "charged_capacity", "discharged_energy", "charged_energy")
"""The totals. The place of one says what it is: an odd one counts what flows in, one from 2 on is an energy."""

COUNTERS = (*CHANNELS, "counted_capacity", "counted_energy")
"""Fields of a Reading that may be counters of the meter; the last two are in doubt, and count both ways if as named."""

BOTH_WAYS, ENERGY_BOTH_WAYS = 4, 5

COUNTED: dict[Rule, tuple[int, ...]] = {
    "named": (0, 1, 2, 3, BOTH_WAYS, ENERGY_BOTH_WAYS),
    "one way": (0, 1, 2, 3, 0, 3),
    "backwards": (0, 1, 2, 3, 1, 2),
    "nothing": (),
}
"""What each of COUNTERS counts by each rule; `one way` is as a KG-F does, `backwards` with its shunt turned round."""

WINDOW = 40_000.0
"""µAh that have to flow before a window of evidence is judged: 40 steps of a capacity counter."""

TOLERANCE, CLEAR = 0.25, 0.15
"""Parts of what flowed: by which the counters may miss the change of what is left, and by which a rule suits better."""

AGREEMENTS = 3
"""Windows in a row with the same verdict that are believed."""

WATCH_SHAPE: dict[str, Any] = {
    "rule": (*COUNTED, None),
    "verdict": [(*COUNTED, None), float],
    "window": [float] * (len(COUNTERS) + 1),
    "pending": ([], [[float] * 4], *([[float] * 4] * count for count in (2, 4))),
}

LEAST_VOLTAGE = 0.01
"""V below which an energy tells no capacity: the smallest step of any meter."""

TICKS = 2000.0
"""µAh by which counters and what is left may seem to differ because they move in steps."""


class Interval(NamedTuple):
    """What moved between two readings, at about `voltage`.

    `net` is the change of what is left (µAh), `own` what we integrated ourselves by channel: the flow where nothing is
    counted. In a `gap` a capacity that is not counted may follow from the one that is and from what is left.
    """

    steps: Steps
    net: float
    voltage: float
    own: Sequence[float] = (0.0, 0.0, 0.0, 0.0)
    gap: bool = False


def flows(rule: Rule, interval: Interval) -> tuple[list[float], float]:
    """Return what flowed by channel (µAh, µWh), and by how much (µAh) the counters miss the change of what is left."""
    steps, net, voltage, own, gap = interval
    known = {channel: step for channel, step in zip(COUNTED[rule], steps, strict=False) if step is not None}
    if not known:
        return list(own), 0.0
    per_volt = 1 / voltage if voltage >= LEAST_VOLTAGE else 0.0
    energies = [known.get(2), known.get(3)]
    if BOTH_WAYS in known or ENERGY_BOTH_WAYS in known:
        energy = known.get(ENERGY_BOTH_WAYS)
        through = known[BOTH_WAYS] if BOTH_WAYS in known else (energy or 0.0) * per_volt
        error = max(abs(net) - through, 0.0)
        if abs(net) > through + TICKS:  # it was set, not moved
            net = min(max(own[IN] - own[OUT], -through), through)
        capacities = [(through - net) / 2, (through + net) / 2]
        if energy is not None:
            error = max(error, abs(energy * per_volt - through))
            energies = [(energy - net * voltage) / 2, (energy + net * voltage) / 2]
    else:
        capacities, error = _one_way(known, net, per_volt, gap=gap)
    (out, in_), (out_energy, in_energy) = capacities, energies
    return [
        out,
        in_,
        out * voltage if out_energy is None else out_energy,
        in_ * voltage if in_energy is None else in_energy,
    ], error


def _one_way(known: dict[int, float], net: float, per_volt: float, *, gap: bool) -> tuple[list[float], float]:
    """Return the capacities out and in, and the error, of counters that count one way each."""
    by_energy = {way: known[way + 2] * per_volt for way in (OUT, IN) if way + 2 in known}
    amounts, error = by_energy, 0.0
    for way in (OUT, IN):
        if way in known:
            if way in by_energy:
                error += abs(known[way] - by_energy[way])
            amounts[way] = known[way]
    for way, change in ((OUT, -net), (IN, net)):
        other = amounts.get(way ^ 1, 0.0)
        if way not in amounts:
            amounts[way] = other + change
            return [amounts[OUT], amounts[IN]], error + max(-amounts[way], 0.0)
        if gap and way not in known and way ^ 1 in known and amounts[way] > 100 * TICKS:
            # If nothing else moved what is left: reaching full or empty, a setting.
            followed = other + change
            if abs(followed - amounts[way]) <= 0.05 * amounts[way] + 50_000:
                amounts[way] = followed
    return [amounts[OUT], amounts[IN]], error + abs(amounts[IN] - amounts[OUT] - net)


class CounterWatch:
    """Says by which rule a meter's counters count: those of a meter in doubt, or what speaks against a name.

    While nothing is decided, what is certain by all rules is counted, and the rest when it is.
    """

    __slots__ = ("_agreed", "_has", "_pending", "_verdict", "_window", "rule", "rules")

    def __init__(self, counters: Steps) -> None:
        self._has = has = [place for place, value in enumerate(counters) if value is not None]
        self.rules: tuple[Rule, ...] = ("one way", "backwards", "named", "nothing")
        self.rule: Rule | None = None
        """None while nothing is decided."""
        if not any(place >= BOTH_WAYS for place in has):
            self.rules = ("named", "nothing") if has else ("nothing",)
            self.rule = self.rules[0]
        self._pending: dict[Rule, list[float]] = {rule: [0.0] * 4 for rule in self.rules}
        self._verdict: Rule | None = None
        self._agreed = 0
        self._window = [0.0] * (len(COUNTERS) + 1)

    @property
    def trust(self) -> Trust:
        """What is thought of the counters; a meter without any counts as distrusted."""
        return "watched" if self.rule is None else "distrusted" if self.rule == "nothing" else "trusted"

    def count(self, interval: Interval) -> list[float]:
        """Return what flowed by channel, as `flows`; where it is decided only now, with all that was pending."""
        rule = self.rule
        if rule is not None:
            flow, _ = flows(rule, interval)
            self._look(interval)
            return flow
        before = self._least()
        for rule, sums in self._pending.items():
            flow, _ = flows(rule, interval)
            self._pending[rule] = [total + part for total, part in zip(sums, flow, strict=True)]
        self._look(interval)
        after = self._least() if self.rule is None else self._pending[self.rule]
        return [new - old for new, old in zip(after, before, strict=True)]

    def error(self, interval: Interval) -> float:
        """Return by how much (µAh) the counters miss the change of what is left, by the rule that suits them best."""
        rules = self.rules[:-1] if self.rule in (None, "nothing") else (self.rule,)
        return min((flows(rule, interval)[1] for rule in rules if rule), default=0.0)

    def _least(self) -> list[float]:
        return [min(amounts) for amounts in zip(*self._pending.values(), strict=True)]

    def _look(self, interval: Interval) -> None:
        """Add what moved to the window of evidence, and judge it when enough has."""
        steps, net, voltage = interval[:3]
        per_volt = 1 / voltage if voltage >= LEAST_VOLTAGE else 0.0
        # A gap is evidence of its own: it would outweigh all that was seen.
        window = [0.0] * len(self._window) if interval.gap else self._window
        scale = 0.0
        for place in self._has:
            if step := steps[place]:
                window[place] += step * per_volt if place in (2, 3, ENERGY_BOTH_WAYS) else step
            scale = max(scale, abs(window[place]))
        window[-1] += net
        scale = max(scale, abs(window[-1]))
        if scale < WINDOW:
            return
        counted = [None if step is None else part for step, part in zip(steps, window, strict=False)]
        if not interval.gap:
            self._window = [0.0] * len(window)
        evidence = Interval(counted, window[-1], 1.0)
        errors = sorted((flows(rule, evidence)[1], rule) for rule in self.rules[:-1])
        verdict: Rule = "nothing"
        if errors and errors[0][0] <= TOLERANCE * scale:
            if len(errors) > 1 and errors[1][0] - errors[0][0] < CLEAR * scale:
                return
            verdict = errors[0][1]
        elif abs(window[-1]) < TOLERANCE * scale:  # full or empty, where what is left stands still
            return
        self._agreed = self._agreed + 1 if verdict == self._verdict else 1
        self._verdict = verdict
        if self._agreed >= AGREEMENTS:
            self.rule = verdict

    def snapshot(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        return {
            "rule": self.rule,
            "rules": list(self.rules),
            "pending": [list(sums) for sums in self._pending.values()] if self.rule is None else [],
            "verdict": [self._verdict, self._agreed],
            "window": list(self._window),
        }

    @classmethod
    def restore(cls, snapshot: dict[str, Any], counters: Steps) -> CounterWatch:
        """Return the watch of a snapshot, of a meter with these counters."""
        watch = cls(counters)
        if "trust" in snapshot:  # version 1
            trusted: Rule = (
                "named" if watch.rule is not None else "one way" if snapshot["channels"][0] == 0 else "backwards"
            )
            if snapshot["trust"] == "trusted":
                watch.rule = trusted
            elif watch.rule is not None and snapshot["trust"] == "distrusted":
                watch.rule = "nothing"
            return watch
        watch.rule = snapshot["rule"]
        if snapshot["pending"]:
            watch._pending = dict(zip(watch.rules, map(list, snapshot["pending"]), strict=True))
        watch._verdict, watch._agreed = snapshot["verdict"]
        watch._window = list(map(float, snapshot["window"]))
        return watch
