"""Tells a reading that follows from those before it from one that does not; rule: nothing right is held back for long.

The checksum of a frame is order-blind and one in 255 damaged frames passes it by chance, so a frame with a right
checksum may still be wrong. Each number has a gate: how far it may move from one reading to the next. A reading outside
of its gates is believed at once if it explains itself (a load was switched: current, time left and voltage agree). Else
it waits until others agree with it. A real step is then told late, by two readings, and in its place in time; it is
not lost, so the gates can be narrow. What keeps jumping about gets wider gates.
"""

from __future__ import annotations

from operator import le, sub
from typing import Literal

from juntek.rs485.family import Field, Layout
from juntek.rs485.gates import LONGEST_GAP, Gates, Numbers, Places

CONFIRMATIONS = 3
"""Readings that must agree before a surprising value is believed."""

MEMORY = 8
"""Surprising readings that are remembered; a load that pulses is learned although ordinary readings come between."""

Verdict = Literal["believed", "confirmed", "waiting", "impossible"]


class Plausibility:
    """The memory of one meter's readings, as raw numbers of one layout."""

    __slots__ = (
        "_before",
        "_gates",
        "_last",
        "_last_time",
        "_missed",
        "_places",
        "_rows",
        "_surprises",
        "_unverified",
        "doubt",
    )

    def __init__(self, layout: Layout) -> None:
        self._rows = layout.rows
        self._places = Places(layout)
        self._gates = Gates(layout, self._places)
        self._last: Numbers | None = None
        self._before: Numbers = ()
        """The reading believed before the last one."""
        self._last_time: float | None = None
        self._surprises: list[tuple[Numbers, bool]] = []
        """Readings that were not believed, and whether a load that pulses may be why."""
        self._missed = 0
        self._unverified = 0
        self.doubt = ""
        """Why the last reading was not believed at once, as a sentence."""

    def limit(self, *, max_voltage: float, max_current: float) -> None:
        """Narrow the ranges to what this model can measure, with room for what it shows beyond (V, A)."""
        self._gates.limits[self._places.voltage] = round(max_voltage * 105)
        self._gates.limits[self._places.current] = round(max_current * 125)

    def set_nominal(self, tenths: int | None) -> None:
        """Tell the nominal capacity as `r51` has it, 0.1 Ah; it makes the time to full checkable."""
        self._places.nominal_capacity = tenths

    def judge(self, numbers: Numbers, time: float | None, *, verified: bool = True) -> Verdict:
        """Say whether a reading is believed; `confirmed` means together with those that waited and agree.

        One that is `impossible` needs not wait: no meter can send it.

        `verified` is False for a frame whose checksum field is 0: legal, but no captured meter does it.
        """
        last = self._last
        if last is not None and verified:
            changes = list(map(sub, numbers, last))
            gates = self._gates
            if all(map(le, changes, gates.highs)) and all(map(le, gates.lows, changes)):
                gates.count_quiet(changes)
                return self._believe(numbers, time)
        return self._judge_surprise(numbers, last, time, verified=verified)

    def agrees(self, numbers: Numbers, earlier: Numbers, verdict: Verdict) -> bool:
        """Whether a reading that waited is believed now that a later one was `confirmed`, or merely `believed`.

        With a confirmed one it must roughly agree; a believed one must follow from it without any surprise.
        """
        if verdict == "confirmed":
            return self._gates.agree(numbers, earlier)
        return (
            self._places.time_left_agrees(earlier) is not False
            and not self._gates.surprises(numbers, earlier, 1.0)
            and not self._gates.fell(earlier, self._before)
        )

    def _believe(self, numbers: Numbers, time: float | None) -> Verdict:
        self._before = self._last or numbers
        self._last = numbers
        self._last_time = time
        self._missed = 0
        if self._surprises:
            # What does not pulse has to be confirmed without anything believed in between.
            self._surprises = [entry for entry in self._surprises if entry[1]]
        return "believed"

    def _judge_surprise(self, numbers: Numbers, last: Numbers | None, time: float | None, *, verified: bool) -> Verdict:
        if row := self._gates.row_out_of_range(numbers):
            self.doubt = f"{_name(row)} cannot be {numbers[row.index - 2]} here"
            self._missed += 1
            return "impossible"
        if not verified:
            self.doubt = "its checksum says: not verified"
            return self._wait(numbers, time, may_pulse=False)
        if last is None:
            return self._believe(numbers, time)
        gap = self._gap(time)
        surprises = self._gates.surprises(numbers, last, gap)
        if not surprises or self._is_load_step(surprises, numbers, last, gap):
            return self._believe(numbers, time)
        row = surprises[0]
        place = row.index - 2
        self.doubt = f"{_name(row)} went from {last[place]} to {numbers[place]} at once, and nothing agrees with it"
        return self._wait(numbers, time, may_pulse=self._may_pulse(surprises, numbers, last))

    def _gap(self, time: float | None) -> float:
        """Seconds since the last believed reading; a meter samples once a second, so that is its readings, too."""
        if time is None or self._last_time is None:
            return self._gates.pace * (1 + self._missed)
        return max(1.0, min(time - self._last_time, LONGEST_GAP))

    def _is_load_step(self, surprises: list[Field], numbers: Numbers, last: Numbers, gap: float) -> bool:
        """Whether current, voltage and time left tell the same story of a load or a charger that was switched."""
        keys = {row.key for row in surprises}
        if not keys <= {"voltage", "current", "direction"} or keys.isdisjoint(("current", "direction")):
            return False
        places = self._places
        if not places.time_left_agrees(numbers):
            return False
        rise = numbers[places.voltage] - last[places.voltage]
        push = places.signed_current(numbers) - places.signed_current(last)
        allowed = self._gates.base[places.voltage] * min(gap, 8.0)
        return abs(rise) <= allowed or (rise * push > 0 and abs(rise) <= allowed + last[places.voltage] // 8)

    def _may_pulse(self, surprises: list[Field], numbers: Numbers, last: Numbers) -> bool:
        """Whether a load that goes on and off may do this. A digit lost again and again may not pass for one."""
        places = self._places
        before, after = last[places.voltage], numbers[places.voltage]
        return (
            {row.key for row in surprises} <= {"current", "voltage", "direction"}
            and abs(after - before) * 4 < before
            and places.time_left_agrees(numbers) is not False
        )

    def _wait(self, numbers: Numbers, time: float | None, *, may_pulse: bool) -> Verdict:
        self._missed += 1
        agreeing = [other for other, _ in self._surprises if self._gates.agree(numbers, other)]
        self._surprises = [*self._surprises[1 - MEMORY :], (numbers, may_pulse)]
        if len(agreeing) < CONFIRMATIONS - 1:
            return "waiting"
        if self._last is not None:
            self._gates.open(numbers, self._last, agreeing[-1])
        self._places.learn_nominal(numbers)
        self._surprises.clear()
        self._believe(numbers, time)
        return "confirmed"


def _name(row: Field) -> str:
    return row.key or ("time left" if row.kind == "echo" else "a reserved number")
