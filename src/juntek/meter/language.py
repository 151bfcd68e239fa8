"""What the loop asks of a language of meters; rule: no I/O behind it, and time is an argument.

RS485 is the first language: its decoder is `rs485.bus.Bus`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from juntek.exchange import Command, Heard, Query
from juntek.rs485.decode import Options
from juntek.rs485.station import Event

__all__ = ["Decoder", "Event", "Language"]

Part = TypeVar("Part")


class Decoder(Protocol[Part]):
    """The state of one link: bytes in, events out; it says how to ask, and encodes commands."""

    def cut(self, data: bytes) -> list[Part]:
        """Return the parts that bytes complete."""

    def take(self, parts: list[Part], time: float | None) -> Sequence[Event]:
        """Return what parts that came at `time` (s since 1970) decide."""

    def finish(self, time: float | None) -> Sequence[Event]:
        """Return what stood unfinished, or waited for more, at the end of the stream."""

    def hear(self, part: Part) -> Heard | None:
        """Return what a part is, before it is decided whether it is believed; None for noise."""

    def ask(self, query: Query, address: int) -> bytes:
        """Return the bytes that ask a meter, which are sent now."""

    def wants(self, address: int) -> frozenset[Query]:
        """Return what has to be asked of an address because it is in doubt."""

    def knows(self, address: int) -> bool:
        """Whether an address has said who it is."""

    def out_of_range(self, address: int) -> Counter[str]:
        """Return how often each number was out of its range and is missing in a reading; it goes on counting."""

    def command(self, address: int, key: str, value: Any) -> Command:  # noqa: ANN401 - what the key takes
        """Return the command that sets a setting or acts; raises RequestError for what the meter has not."""


Language = Callable[[Mapping[int, Options]], Decoder[Any]]
"""Makes the decoder of one link, for the meters of these addresses."""
