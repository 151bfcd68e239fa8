"""What a battery monitor remembers of a battery's life; rule: it grows at events and once a minute."""

from __future__ import annotations

from typing import Any

OVER = 0.01
"""Part of the voltage by which it has to come back before an alarm is over."""


class Statistics:
    """Ah, V and counts since the beginning; a discharge is what is missing between two fulls at its deepest."""

    __slots__ = (
        "alarm", "cumulative", "cycles_deepest", "deepest", "full_discharges", "fulls", "high_alarms", "highest",
        "last_full", "latest", "low_alarms", "lowest",
    )  # fmt: skip

    def __init__(self) -> None:
        self.fulls = self.full_discharges = 0
        self.last_full: float | None = None
        """s since 1970."""
        self.deepest = self.latest = 0.0
        """Of all, and since the last full."""
        self.cycles_deepest = 0.0
        """Sum of the deepest of each full before."""
        self.cumulative = 0.0
        self.lowest: float | None = None
        self.highest: float | None = None
        self.low_alarms = self.high_alarms = 0
        self.alarm = False
        """Whether one lasts."""

    def look(self, voltage: float, deficit: float, safe: tuple[float, float]) -> None:
        """Take what is now; the voltage is alarming at and beyond what is `safe` (V)."""
        low, high = safe
        if not low < voltage < high and not self.alarm:
            self.alarm = True
            self.low_alarms += voltage <= low
            self.high_alarms += voltage >= high
        elif low * (1 + OVER) < voltage < high * (1 - OVER):
            self.alarm = False
        if self.lowest is None or voltage < self.lowest:
            self.lowest = voltage
        if self.highest is None or voltage > self.highest:
            self.highest = voltage
        if deficit > self.latest:
            self.latest = deficit
            self.deepest = max(self.deepest, deficit)

    def add_full(self, time: float) -> None:
        """Count a full: another discharge begins."""
        self.fulls += 1
        self.last_full = time
        self.cycles_deepest += self.latest
        self.latest = 0.0

    @property
    def average(self) -> float | None:
        """Ah of the discharges that a full has ended, on average."""
        return self.cycles_deepest / self.fulls if self.fulls else None

    def snapshot(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def restore(cls, snapshot: dict[str, Any]) -> Statistics:
        """Return the statistics of a snapshot."""
        statistics = cls()
        for name in cls.__slots__:
            setattr(statistics, name, snapshot.get(name, getattr(statistics, name)))
        return statistics
