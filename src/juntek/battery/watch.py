"""Whether the two counters of a meter count what they should; rule: evidence decides, not the name.

A KG-F counts discharged capacity and charged energy, a KH-F the two energies. What a KL-F counts is in doubt, and it
looks like a KG-F on the wire. So each counter is held against the signed current: while a clear current flows one
way, one counter has to move as our own integration does and the other has to stand still.
"""

from __future__ import annotations

from typing import Any, Literal

Trust = Literal["trusted", "watched", "distrusted"]

OUT, IN = 0, 1

CHANNELS = ("discharged_capacity", "charged_capacity", "discharged_energy", "charged_energy")
"""The totals. The place of one says what it is: an odd one counts what flows in, one from 2 on is an energy."""

CLEAR_CURRENT = 0.2
"""A; two steps of the meters that show 0.1 A. Below it a direction proves nothing."""

LONGEST_EVIDENCE = 10.0
"""s between readings; in a longer interval a load may have come and gone."""

WINDOW = 50_000.0
"""µAh by our own integration after which a window of evidence is judged: 50 steps of a capacity counter."""

WINDOW_READINGS = 5
"""Readings that a window must have, so that one interval with a load in between proves nothing."""

AGREEMENTS = 2
"""Windows of each direction that must agree before counters in doubt are trusted."""

CONTRADICTIONS = 3
"""Windows in a row that speak against a rule before the counters are distrusted for good."""

_STILL, _MOVING, _MOVING_MOST = 0.1, 0.5, 2.0  # of what we integrated ourselves; in between nothing is said


class CounterWatch:
    """Holds two counters against the current; `channels` are the totals that they count as far as is known."""

    __slots__ = ("_agreed", "_contradicted", "_reversed", "_windows", "channels", "trust")

    def __init__(self, channels: tuple[int, int], trust: Trust) -> None:
        self.channels = channels
        self.trust = trust
        self._windows: list[list[float]] = [[0.0] * 5, [0.0] * 5]
        self._agreed = [0, 0]
        self._reversed = [0, 0]
        self._contradicted = 0

    def add(self, direction: int, capacity: float, energy: float, first: int, second: int) -> bool:
        """Add one interval of a clear current; return whether the trust changed.

        `capacity` and `energy` are our own (µAh, µWh, positive), `first` and `second` the steps of the counters
        (µAh or µWh).
        """
        window = self._windows[direction]
        window[0] += capacity
        window[1] += energy
        window[2] += first
        window[3] += second
        window[4] += 1
        if window[0] < WINDOW or window[4] < WINDOW_READINGS:
            return False
        self._windows[direction] = [0.0] * 5
        trust = self.trust
        self._judge(direction, window)
        return self.trust != trust

    def _judge(self, direction: int, window: list[float]) -> None:
        first, second = (
            _moves(window[place], window[1] if channel >= 2 else window[0])
            for place, channel in zip((2, 3), self.channels, strict=True)
        )
        if first is None or second is None:
            return
        moved = (first, second)
        if moved == self._expected(direction):
            self._contradicted = 0
            self._agreed[direction] += 1
        elif self.trust == "watched" and moved == self._expected(1 - direction):
            self._reversed[direction] += 1
        else:
            self._contradicted += 1
        if self._contradicted >= CONTRADICTIONS:
            self.trust = "distrusted"
        elif self.trust == "watched":
            self._settle()

    def _expected(self, direction: int) -> tuple[bool, bool]:
        first, second = self.channels
        return (first & 1) == direction, (second & 1) == direction

    def _settle(self) -> None:
        agreed, turned = sum(self._agreed), sum(self._reversed)
        if min(self._agreed) >= AGREEMENTS and turned * 10 <= agreed:
            self.trust = "trusted"
        elif min(self._reversed) >= AGREEMENTS and agreed * 10 <= turned:
            first, second = self.channels
            self.channels = (first ^ 1, second ^ 1)
            self.trust = "trusted"
        elif min(agreed, turned) >= AGREEMENTS:
            self.trust = "distrusted"

    def snapshot(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        return {
            "trust": self.trust,
            "channels": list(self.channels),
            "windows": [list(window) for window in self._windows],
            "agreed": list(self._agreed),
            "reversed": list(self._reversed),
            "contradicted": self._contradicted,
        }

    @classmethod
    def restore(cls, snapshot: dict[str, Any]) -> CounterWatch:
        """Return the watch of a snapshot."""
        first, second = snapshot["channels"]
        watch = cls((first, second), snapshot["trust"])
        watch._windows = [list(window) for window in snapshot["windows"]]
        watch._agreed = list(snapshot["agreed"])
        watch._reversed = list(snapshot["reversed"])
        watch._contradicted = snapshot["contradicted"]
        return watch


def _moves(counted: float, own: float) -> bool | None:
    """Return whether a counter moved as our integration did, or stood still; None when neither is clear."""
    if counted < _STILL * own:
        return False
    return True if _MOVING * own <= counted <= _MOVING_MOST * own else None
