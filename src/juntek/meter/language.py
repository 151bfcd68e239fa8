"""What the loop asks of a language of meters; rule: no I/O behind it, and time is an argument.

RS485 is the first language: its decoder is `rs485.bus.Bus`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from juntek.exchange import Command, Heard, Query
from juntek.rs485.decode import Options
from juntek.rs485.station import Event

__all__ = ["Decoder", "Event", "Language"]


class Decoder(Protocol):
    """The state of one link: bytes in, events out; it says how to ask, and encodes commands."""

    def feed(self, data: bytes, time: float | None, hear: Callable[[Heard], None]) -> Sequence[Event]:
        """Return what bytes that came at `time` (s since 1970) decide.

        `hear` is called first with what passes on the line, before it is decided whether it is believed.
        """

    def finish(self, time: float | None) -> Sequence[Event]:
        """Return what stood unfinished, or waited for more, at the end of the stream."""

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


Language = Callable[[Mapping[int, Options]], Decoder]
"""Makes the decoder of one link, for the meters of these addresses."""
