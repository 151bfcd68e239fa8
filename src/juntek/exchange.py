"""What passes between a link, the loop that serves it and the language of its meters; rule: words only.

RS485 is the first language (`rs485.bus`). Another one, such as Bluetooth's, says what it hears in these words, and
offers what `meter.language` asks of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from juntek.reading import Reading, Settings

Query = Literal["identity", "settings", "reading"]
Risk = Literal["harmless", "accounting", "dangerous"]


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
