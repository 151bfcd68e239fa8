"""The listener of one bus: bytes in, believed values and garbage out; rule: the same checks live and in a file.

It joins framing and stations, knows who was asked, keeps the order, and is RS485 behind the seam for languages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from juntek.errors import RequestError
from juntek.exchange import Command, Heard, Options, Query
from juntek.rs485.clues import Noise
from juntek.rs485.command import act, set_value
from juntek.rs485.family import model_of_family
from juntek.rs485.framing import Frame, Framer, Garbage, encode
from juntek.rs485.station import Event, Station
from juntek.rs485.validation import LONGEST_WAIT, Held

__all__ = ["LONGEST_WAIT", "Bus", "Event", "Station"]

_NUMBERS: dict[Query, str] = {"identity": "00", "settings": "51", "reading": "50"}
_QUERIES: dict[str, Query] = {number: query for query, number in _NUMBERS.items()}
_LONGEST_REQUEST = 1
"""Numbers after the checksum of a request; one with more is a damaged reply whose first letter was hit."""

CONFIRMATIONS = 3
"""Replies after which an address that nobody asked is believed to be there."""

PRESENCE = 64
"""Replies of others after which an address has to prove again that it is there."""

PROOF_WINDOW = 12
"""Replies within which an unproven address must be heard CONFIRMATIONS times."""

UNVERIFIED = 8
"""Replies in a row whose checksum says "not verified" that a meter has to send on a noisy line, if it sent others."""

MOST_WAITING = 256
"""Events that are held back at most."""


class Bus:
    """Turns the bytes of one bus into events.

    With `options` by address only those addresses are listened to; without, all are, and an address that was not
    asked must be heard several times before it is believed. With `check=False` nothing is held back as implausible.

    Events come in the order of the wire. With `in_order=False` only those of each meter do: one whose reading waits
    for the next one then holds back nothing of its neighbours.
    """

    def __init__(
        self, options: Mapping[int, Options] | None = None, *, check: bool = True, in_order: bool = True
    ) -> None:
        self.stations: dict[int, Station] = {}
        self.noise = Noise()
        self._framer = Framer()
        self._options = options
        self._check = check
        self._in_order = in_order
        self._asked: int | None = None
        self._waiting: list[tuple[int, Event | Held]] = []
        """What is held back: a frame that is in doubt, and what came after it in the same order, with its address."""

    def feed(self, data: bytes, time: float | None = None, hear: Callable[[Heard], None] | None = None) -> list[Event]:
        """Return what `data` decides, in order. `time` is when it was received, s since 1970.

        A reading that waits for the next one holds back what came after it, for LONGEST_WAIT at most. `hear` is called
        with what passes on the line at once, before any of it is decided.
        """
        parts = self._framer.feed(data)
        if hear is not None:
            for part in parts:
                if (heard := _heard(part)) is not None:
                    hear(heard)
        return self._take(parts, time)

    def expect(self, address: int) -> None:
        """Say that `address` was asked by this side, whose request the line may not show."""
        self._asked = address

    def finish(self, time: float | None = None) -> list[Event]:
        """Return what stood unfinished or undecided at the end of the stream."""
        events = self._take(self._framer.finish(), time)
        for station in self.stations.values():
            station.give_up()
        return events + self._decided()

    def _take(self, parts: list[Frame | Garbage], time: float | None) -> list[Event]:
        events: list[Event] = []
        for part in parts:
            if isinstance(part, Frame) and part.command[0] == "r":
                event, order = self._take_reply(part, time), part.address
            else:
                event, order = self._take_other(part, time), -1
            if event is None:
                continue
            if self._waiting or isinstance(event, Held):
                self._waiting.append((0 if self._in_order else order, event))
            else:
                events.append(event)
        if self._waiting:
            for station in self.stations.values():
                if len(self._waiting) > MOST_WAITING or station.waits_too_long(time):
                    station.give_up()
            events += self._decided()
        return events

    def _take_other(self, part: Frame | Garbage, time: float | None) -> Event:
        if isinstance(part, Garbage):
            if part.raw.startswith(b":r"):
                self.noise.add_rejected()
            return replace(part, time=time) if time is not None else part
        if part.command[0] == "R":
            self._asked = part.address
        return part

    def _decided(self) -> list[Event]:
        """Return the events that nothing undecided stands before."""
        events: list[Event] = []
        waiting, self._waiting = self._waiting, []
        undecided = set()
        for order, item in waiting:
            event = item.event if isinstance(item, Held) else item
            if event is None or order in undecided:
                undecided.add(order)
                self._waiting.append((order, item))
            else:
                events.append(event)
        return events

    def _take_reply(self, frame: Frame, time: float | None) -> Event | Held | None:
        self.noise.frames += 1
        asked, self._asked = self._asked, None
        station = self.stations.get(frame.address) or self._add_station(frame.address)
        if station is None:
            return None
        if self._check:
            doubt = self._doubt_address(station, asked)
            if doubt is None and not (frame.checksum and station.verified == UNVERIFIED):
                doubt = self._doubt_checksum(station, frame)
            if doubt is not None:
                return Garbage("implausible", frame.raw, doubt, time)
        return station.take(frame, time)

    def _add_station(self, address: int) -> Station | None:
        options = Options() if self._options is None else self._options.get(address)
        if options is not None:
            self.stations[address] = Station(address, options, self.noise, check=self._check)
        return self.stations.get(address)

    def _doubt_checksum(self, station: Station, frame: Frame) -> str | None:
        """On a noisy line a checksum that says "not verified" may be a damaged one, of a meter that sends them."""
        if frame.checksum:
            station.verified = min(station.verified + 1, UNVERIFIED)
        elif station.verified and self.noise.share:
            station.verified -= 1
            return "its checksum says: not verified, and this meter's never did"
        return None

    def _doubt_address(self, station: Station, asked: int | None) -> str | None:
        """The checksum does not cover the address, so an address needs a reason to be believed."""
        number, heard = self.noise.frames, station.heard
        if asked is not None and asked not in (0, station.address):
            return f"address {asked} was asked, not {station.address}"
        if station.proven and number - heard[-1] <= PRESENCE:
            heard[-1] = number
            return None
        heard[:] = [at for at in heard if number - at <= PROOF_WINDOW] + [number]
        alone = all(other is station or not other.proven for other in self.stations.values())
        if asked == station.address or alone or len(heard) >= CONFIRMATIONS:
            station.proven = True
            return None
        return f"address {station.address} was never heard before; believed when it is heard again"

    # What the loop asks of a language ---------------------------------------------------------------------------

    def ask(self, query: Query, address: int) -> bytes:
        """Return a request, which is sent now."""
        self.expect(address)
        return encode(f"R{_NUMBERS[query]}", address, (1,))

    def wants(self, address: int) -> frozenset[Query]:
        """Return what has to be asked again."""
        station = self.stations.get(address)
        return station.wants if station is not None else frozenset()

    def knows(self, address: int) -> bool:
        """Whether an address has said who it is."""
        station = self.stations.get(address)
        return station is not None and station.identity is not None

    def out_of_range(self, address: int) -> Counter[str]:
        """Return how often each number was out of its range, by key; it goes on counting."""
        station = self.stations.get(address) or self._add_station(address)
        return station.out_of_range if station is not None else Counter()

    def command(self, address: int, key: str, value: Any) -> Command:  # noqa: ANN401 - what the key takes
        """Return the write that sets a setting or acts; raises RequestError for what this family has not."""
        station = self.stations.get(address)
        told = station and (station.model or station.settings or station.identity)
        model = model_of_family(told.family) if told else None
        if station is None or model is None:
            raise RequestError(f"The meter at address {address} has not been heard yet; try again when it answers.")
        if key in model.settable:
            return set_value(model, address, key, value, station.identity)
        return act(model, address, key, value)


def _heard(part: Frame | Garbage) -> Heard | None:
    """Return what a frame is, None for what tells nothing; a damaged reply is one, too."""
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
