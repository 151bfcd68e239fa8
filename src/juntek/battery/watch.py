"""What the counters of a meter count; rule: evidence decides, not the name.

A KG-F counts discharged capacity and charged energy, a KH-F the two energies. What a KL-F counts is in doubt. So what
flowed by the counters is held against the change of what is left, which has to be the difference of in and out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

Rule = Literal["named", "one way", "backwards", "nothing"]
Steps = Sequence[float | None]
"""What each of COUNTERS counted, µAh or µWh; None for those that the meter does not have."""

OUT, IN = 0, 1

CHANNELS = ("discharged_capacity", "charged_capacity", "discharged_energy", "charged_energy")
"""The totals. The place of one says what it is: an odd one counts what flows in, one from 2 on is an energy."""

COUNTERS = (*CHANNELS, "counted_capacity", "counted_energy")
"""Fields of a Reading that may be counters of the meter; the last two are in doubt, and count both ways if as named."""

BOTH_WAYS, ENERGY_BOTH_WAYS = 4, 5

ENERGIES = (2, 3, ENERGY_BOTH_WAYS)
"""Places of COUNTERS."""

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
    known: list[float | None] = [None] * len(COUNTERS)
    is_known = False
    for place, step in zip(COUNTED[rule], steps):  # noqa: B905 - a rule that counts nothing has no places
        if step is not None:
            known[place], is_known = step, True
    if not is_known:
        return list(own), 0.0
    per_volt = 1 / voltage if voltage >= LEAST_VOLTAGE else 0.0
    out, in_, out_energy, in_energy, through, energy = known
    if through is not None or energy is not None:
        through = (energy or 0.0) * per_volt if through is None else through
        error = max(abs(net) - through, 0.0)
        if abs(net) > through + TICKS:  # it was set, not moved
            net = min(max(own[IN] - own[OUT], -through), through)
        out, in_ = (through - net) / 2, (through + net) / 2
        if energy is not None:
            error = max(error, abs(energy * per_volt - through))
            out_energy, in_energy = (energy - net * voltage) / 2, (energy + net * voltage) / 2
    else:
        out, in_, error = _one_way(known, net, per_volt, gap=gap)
    if out_energy is None:
        out_energy = out * voltage
    return [out, in_, out_energy, in_ * voltage if in_energy is None else in_energy], error


def _one_way(known: Steps, net: float, per_volt: float, *, gap: bool) -> tuple[float, float, float]:
    """Return the capacities out and in, and the error, of counters that count one way each."""
    out, out_error = _capacity(known[0], known[2], per_volt)
    in_, in_error = _capacity(known[1], known[3], per_volt)
    error = out_error + in_error
    if out is None:
        out = (in_ or 0.0) - net
        return out, in_ or 0.0, error + max(-out, 0.0)
    if in_ is None:
        in_ = out + net
        return out, in_, error + max(-in_, 0.0)
    if gap and known[0] is None and known[1] is not None:
        out = _followed(out, in_ - net)
    elif gap and known[1] is None and known[0] is not None:
        in_ = _followed(in_, out + net)
    return out, in_, error + abs(in_ - out - net)


def _capacity(capacity: float | None, energy: float | None, per_volt: float) -> tuple[float | None, float]:
    """Return what flowed one way, by its capacity if that is counted, and by how much its energy misses that."""
    if energy is None:
        return capacity, 0.0
    by_energy = energy * per_volt
    return (by_energy, 0.0) if capacity is None else (capacity, abs(capacity - by_energy))


def _followed(amount: float, followed: float) -> float:
    """Return what is left tells of an amount, where nothing else moved that: reaching full or empty, a setting."""
    if amount > 100 * TICKS and abs(followed - amount) <= 0.05 * amount + 50_000:
        return followed
    return amount


class CounterWatch:
    """Says by which rule a meter's counters count: those of a meter in doubt, or what speaks against a name.

    While nothing is decided, what is certain by all rules is counted, and the rest when it is.
    """

    __slots__ = ("_agreed", "_fitting", "_pending", "_verdict", "_window", "counters", "rule", "rules")

    def __init__(self, counters: Steps) -> None:
        has = [place for place, value in enumerate(counters) if value is not None]
        self.counters = [(place, place in ENERGIES) for place in has]
        """Places of those that the meter has, and whether each counts energy."""
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
        self._fitting = 0
        """Windows in a row that some rule fits, though perhaps more than one."""

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
        """Return what is certain: by all rules, but that of no counters once these have been seen to fit."""
        does_fit = self._fitting >= AGREEMENTS
        sums = (sums for rule, sums in self._pending.items() if rule != "nothing" or not does_fit)
        return [min(amounts) for amounts in zip(*sums, strict=True)]

    def _look(self, interval: Interval) -> None:
        """Add what moved to the window of evidence, and judge it when enough has."""
        steps, net, voltage, _, gap = interval
        per_volt = 1 / voltage if voltage >= LEAST_VOLTAGE else 0.0
        # A gap is evidence of its own: it would outweigh all that was seen.
        window = [0.0] * len(self._window) if gap else self._window
        window[-1] += net
        is_full = not -WINDOW < window[-1] < WINDOW
        for place, is_energy in self.counters:
            if step := steps[place]:
                window[place] += step * per_volt if is_energy else step
            if not -WINDOW < window[place] < WINDOW:
                is_full = True
        if is_full:
            self._judge(window, gap=gap)

    def _judge(self, window: list[float], *, gap: bool) -> None:
        """Let what moved in a window speak for one rule or another."""
        scale = max(map(abs, window))
        counted: list[float | None] = [None] * len(COUNTERS)
        for place, _ in self.counters:
            counted[place] = window[place]
        if not gap:
            self._window = [0.0] * len(window)
        evidence = Interval(counted, window[-1], 1.0)
        errors = {rule: flows(rule, evidence)[1] for rule in self.rules[:-1]}
        ranked = sorted(errors, key=errors.__getitem__)
        verdict: Rule = "nothing"
        if ranked and errors[ranked[0]] <= TOLERANCE * scale:
            self._fitting += 1
            if len(ranked) > 1 and errors[ranked[1]] - errors[ranked[0]] < CLEAR * scale:
                return
            verdict = ranked[0]
        elif abs(window[-1]) < TOLERANCE * scale:  # full or empty, where what is left stands still
            return
        else:
            self._fitting = 0
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
            "fitting": self._fitting,
        }

    @classmethod
    def restore(cls, snapshot: dict[str, Any], counters: Steps) -> CounterWatch:
        """Return the watch of a snapshot, of a meter with these counters."""
        watch = cls(counters)
        watch.rule = snapshot["rule"]
        if snapshot["pending"]:
            watch._pending = dict(zip(watch.rules, map(list, snapshot["pending"]), strict=True))
        watch._verdict, watch._agreed = snapshot["verdict"]
        watch._window = list(map(float, snapshot["window"]))
        watch._fitting = snapshot.get("fitting", 0)
        return watch
