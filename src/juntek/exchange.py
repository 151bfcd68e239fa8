"""What passes between a link, the loop that serves it and the language of its meters; rule: words only.

RS485 is the first language: its decoder is `rs485.bus.Bus`. Another one, such as Bluetooth's, offers a `Decoder`, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from juntek.reading import Reading, Settings

Query = Literal["identity", "settings", "reading"]
Risk = Literal["harmless", "accounting", "dangerous"]


IDLE_CURRENT = 0.05
"""A; below it a battery is idle. Half a step of the meters that show 0.1 A."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the owner says about one meter; everything has a default that asks the meter."""

    family: str | None = None
    invert_current: bool = False
    nominal_capacity: float | None = None
    idle_current: float = IDLE_CURRENT


class Chunk(NamedTuple):
    """Bytes of a bus that arrived together; `time` is in seconds since 1970, None where it was not recorded.

    A recording of values that another program has decoded has a `reading` in place of bytes.
    """

    time: float | None
    data: bytes
    reading: Reading | None = None


class Heard(NamedTuple):
    """What a part of the line is: who said it, about what (None: neither of the queries), and of which address.

    "damaged" is a reply that cannot be read.
    """

    kind: Literal["request", "reply", "acknowledgement", "damaged"]
    query: Query | None
    address: int | None
    raw: bytes


@dataclass(frozen=True, slots=True)
class Command:
    """One write to a meter: `line` is ready for the wire, `risk` is what a wrong one can do.

    Whether it was obeyed is seen when `query` is asked again: the setting `key`, or what `told` makes of a reading, is
    `value` then, or off by no more than `tolerance`. Where there is no `query` nothing tells. What `moves_to` another
    address was obeyed when the meter answers there. What must not be written twice is written `once`, and asked about
    after `settle` seconds.
    """

    key: str
    line: bytes
    risk: Risk
    query: Query | None = None
    value: Any = None
    told: Callable[[Reading, Settings | None], Any] | None = None
    tolerance: float = 0.0
    moves_to: int | None = None
    once: bool = False
    settle: float = 0.0


class Decoder(Protocol):
    """A language on one link: bytes in, events out; it says how to ask, and encodes commands. It does no I/O."""

    def feed(self, data: bytes, time: float | None, hear: Callable[[Heard], None]) -> Sequence[object]:
        """Return what bytes that came at `time` (s since 1970) decide: readings, settings, identities, garbage.

        `hear` is called first with what passes on the line, before it is decided whether it is believed.
        """

    def finish(self, time: float | None) -> Sequence[object]:
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
