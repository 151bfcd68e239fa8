"""What passes between the loop that serves a link and the language of its meters; rule: words only.

RS485 is the first language (`rs485.language`). Another one, such as Bluetooth's, says what it hears in these words, and
offers what `meter.language` asks of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Query = Literal["identity", "settings", "reading"]
Risk = Literal["harmless", "accounting", "dangerous"]


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

    Whether it was obeyed is seen when `query` is asked again and `key` is `value` then; where there is no `query`, only
    the acknowledgement tells.
    """

    key: str
    line: bytes
    risk: Risk
    query: Query | None = None
    value: Any = None
