"""What the loop asks of a language of meters; rule: no I/O behind it, and time is an argument.

A language cuts bytes into parts, turns parts into events, tells what passes on a shared line, says how to ask, and
encodes commands. RS485 is the first one (`rs485.bus`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from juntek.exchange import Command, Heard, Query
from juntek.rs485.decode import Options
from juntek.rs485.station import Event

__all__ = ["Decoder", "Event", "Language"]

Part = TypeVar("Part")


class Decoder(Protocol[Part]):
    """The state of one link: bytes in, events out."""

    def cut(self, data: bytes) -> list[Part]:
        """Return the parts that bytes complete."""

    def take(self, parts: list[Part], time: float | None) -> Sequence[Event]:
        """Return what parts that came at `time` (s since 1970) decide."""

    def finish(self, time: float | None) -> Sequence[Event]:
        """Return what stood unfinished, or waited for more, at the end of the stream."""

    def hear(self, part: Part) -> Heard | None:
        """Return what a part is, before it is decided whether it is believed; None for noise."""

    def expect(self, address: int) -> None:
        """Say that this side asks an address now."""

    def wants(self, address: int) -> frozenset[Query]:
        """Return what has to be asked of an address because it is in doubt."""

    def knows(self, address: int) -> bool:
        """Whether an address has said who it is."""

    def out_of_range(self, address: int) -> Counter[str]:
        """Return how often each number was out of its range and is missing in a reading; it goes on counting."""

    def command(self, address: int, key: str, value: Any) -> Command:  # noqa: ANN401 - what the key takes
        """Return the command that sets a setting or acts; raises RequestError for what the meter has not."""


class Language(Protocol[Part]):
    """A protocol of meters."""

    def decoder(self, options: Mapping[int, Options]) -> Decoder[Part]:
        """Return a decoder for the meters of one link, by address."""

    def ask(self, query: Query, address: int) -> bytes:
        """Return the bytes that ask a meter."""
