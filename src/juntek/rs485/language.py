"""RS485 behind the seam for protocols; rule: it only joins what the room has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from juntek.errors import RequestError
from juntek.exchange import Command, Heard, Query
from juntek.rs485.bus import Bus, Event
from juntek.rs485.command import act, set_value
from juntek.rs485.decode import Options
from juntek.rs485.family import model_of_family
from juntek.rs485.framing import Frame, Framer, Garbage, encode

_NUMBERS: dict[Query, str] = {"identity": "00", "settings": "51", "reading": "50"}
_QUERIES: dict[str, Query] = {number: query for query, number in _NUMBERS.items()}
_LONGEST_REQUEST = 1
"""Numbers after the checksum of a request; one with more is a damaged reply whose first letter was hit."""


class Rs485Decoder:
    """A bus of meters, in the words of the seam."""

    def __init__(self, options: Mapping[int, Options]) -> None:
        self._framer = Framer()
        self.bus = Bus(dict(options), in_order=False)

    def cut(self, data: bytes) -> list[Frame | Garbage]:
        """Return the frames that bytes complete."""
        return self._framer.feed(data)

    def rest(self) -> list[Frame | Garbage]:
        """Return what stood unfinished at the end."""
        return self._framer.finish()

    def take(self, parts: list[Frame | Garbage], time: float | None) -> Sequence[Event]:
        """Return what frames decide."""
        return self.bus.take(parts, time)

    def finish(self, time: float | None) -> Sequence[Event]:
        """Return what waited for more."""
        return self.bus.finish(time)

    def hear(self, part: Frame | Garbage) -> Heard | None:
        """Return what a frame is; a damaged reply is one, too."""
        if isinstance(part, Garbage):
            if not part.raw.startswith(b":r"):
                return None
            return Heard("damaged", _QUERIES.get(part.raw[2:4].decode("ascii", "replace")), None, part.raw)
        letter, query = part.command[0], _QUERIES.get(part.command[1:])
        if letter == "r":
            return Heard("reply", query, part.address, part.raw)
        if letter == "w":
            return Heard("acknowledgement", None, part.address, part.raw)
        return Heard("request", query, part.address, part.raw) if len(part.fields) <= _LONGEST_REQUEST else None

    def expect(self, address: int) -> None:
        """Say that this side asks an address now."""
        self.bus.expect(address)

    def wants(self, address: int) -> frozenset[Query]:
        """Return what has to be asked again."""
        station = self.bus.stations.get(address)
        if station is None:
            return frozenset()
        doubts: dict[Query, bool] = {"identity": station.doubts_identity, "settings": station.doubts_settings}
        return frozenset(query for query, doubted in doubts.items() if doubted)

    def knows(self, address: int) -> bool:
        """Whether an address has said who it is."""
        station = self.bus.stations.get(address)
        return station is not None and station.identity is not None

    def out_of_range(self, address: int) -> Counter[str]:
        """Return how often each number was out of its range, by key."""
        station = self.bus.stations.get(address)
        return station.out_of_range if station is not None else Counter()

    def command(self, address: int, key: str, value: Any) -> Command:  # noqa: ANN401 - what the key takes
        """Return the write that sets a setting or acts; raises RequestError for what this family has not."""
        station = self.bus.stations.get(address)
        told = (station.model or station.settings or station.identity) if station is not None else None
        model = model_of_family(told.family) if told is not None else None
        if model is None:
            raise RequestError(f"The meter at address {address} has not been heard yet; try again when it answers.")
        if key in model.settable:
            return set_value(model, address, key, value, station.identity if station is not None else None)
        return act(model, address, key, value)


class Rs485:
    """The language of RS485 meters."""

    def decoder(self, options: Mapping[int, Options]) -> Rs485Decoder:
        """Return a decoder for the meters of one bus."""
        return Rs485Decoder(options)

    def ask(self, query: Query, address: int) -> bytes:
        """Return a request."""
        return encode(f"R{_NUMBERS[query]}", address, (1,))
