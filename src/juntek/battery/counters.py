"""The two counters of a meter, read from step to step; rule: a step is what the meter can have counted, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from juntek.battery.watch import CounterWatch
from juntek.reading import Reading

LARGEST_CURRENT = 600
"""A; of the largest meter of any family."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The two counters of a family: the fields of a Reading, and the channels that they count."""

    name: str
    fields: tuple[str, str]
    channels: tuple[int, int]
    in_doubt: bool = False


_PAIRS = (
    Pair("capacity out, energy in", ("discharged_capacity", "charged_energy"), (0, 3)),
    # The same counters behind a shunt that is fitted backwards.
    Pair("capacity in, energy out", ("charged_capacity", "discharged_energy"), (1, 2)),
    Pair("energy out, energy in", ("discharged_energy", "charged_energy"), (2, 3)),
    Pair("in doubt", ("counted_capacity", "counted_energy"), (0, 3), in_doubt=True),
)

_NONE = ("discharged_capacity", "charged_energy")


def find_pair(reading: Reading) -> Pair | None:
    """Return the counters that the meter of this reading has, or None."""
    for pair in _PAIRS:
        if all(getattr(reading, key) is not None for key in pair.fields):
            return pair
    return None


class Counters:
    """What the counters of one meter said last (µAh, µWh); `watch` says what they count and how sure that is."""

    __slots__ = ("counts", "max_current", "pair", "read", "values", "watch")

    def __init__(self, pair: Pair | None) -> None:
        self.pair = pair
        self.read: Callable[[Reading], tuple[Any, Any]] = itemgetter(
            *(Reading._fields.index(key) for key in (pair.fields if pair is not None else _NONE))
        )
        """Returns the values of the two counters (Ah, Wh) in a reading."""
        self.max_current: float = LARGEST_CURRENT
        self.values: list[float | None] = [None, None]
        self.counts = [0, 0]
        if pair is None:
            self.watch = CounterWatch((0, 3), "distrusted")
        else:
            self.watch = CounterWatch(pair.channels, "watched" if pair.in_doubt else "trusted")

    def start(self, reading: Reading) -> None:
        """Take the counters as they stand."""
        if self.pair is not None:
            for which, value in enumerate(self.read(reading)):
                self._take(which, value)

    def step(self, which: int, value: float | None, seconds: float, voltage: float) -> int:
        """Take a counter's value; return what it counted (µAh, µWh) in at most `seconds` at about `voltage`.

        A counter that fell to less than half was cleared and has counted its new value since; one that fell by less
        was read wrong before. One that moved by more than the meter could have counted belongs to another meter or
        was preset: a new start, and nothing was counted.
        """
        before = self.counts[which]
        self._take(which, value)
        counted = self.counts[which]
        moved = counted - before if counted >= before else counted if counted < before // 2 else 0
        return moved if moved <= self.most(self.watch.channels[which], seconds, voltage) else 0

    def fits(self, reading: Reading, seconds: float) -> bool:
        """Whether the counters of the reading can have got there in `seconds`."""
        counters = zip(self.watch.channels, self.read(reading), self.counts, strict=True)
        return all(
            value * 1e6 - count <= self.most(channel, seconds, reading.voltage) for channel, value, count in counters
        )

    def most(self, channel: int, seconds: float, voltage: float) -> float:
        """Return the most that a channel can grow in `seconds`, µAh or µWh, with room for what a meter stands."""
        most = self.max_current * seconds * 1.25e6 / 3600
        return most * max(voltage * 1.25, 1.0) if channel >= 2 else most

    def snapshot(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        return {
            "pair": self.pair.name if self.pair is not None else None,
            "counts": list(self.counts),
            "watch": self.watch.snapshot(),
        }

    @classmethod
    def restore(cls, snapshot: dict[str, Any]) -> Counters:
        """Return the counters of a snapshot."""
        counters = cls(next((pair for pair in _PAIRS if pair.name == snapshot["pair"]), None))
        first, second = snapshot["counts"]
        counters.counts = [int(first), int(second)]
        counters.watch = CounterWatch.restore(snapshot["watch"])
        return counters

    def _take(self, which: int, value: float | None) -> None:
        self.values[which] = value
        if value is not None:
            self.counts[which] = round(value * 1e6)
