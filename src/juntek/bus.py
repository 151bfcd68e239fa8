"""The listener of one bus: bytes in, believed values and garbage out; rule: the same checks live and in a file.

It joins `wire`, `decode` and `derive.plausibility`, remembers what each address has told so far, and does no I/O.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from juntek.decode import Options, ReadingDecoder, decode_identity, decode_settings, models_for
from juntek.derive.physics import OrderWatch
from juntek.derive.plausibility import CONFIRMATIONS, Plausibility, Verdict
from juntek.model import Model
from juntek.reading import Identity, Reading, Settings
from juntek.wire import Frame, Framer, Garbage

Event = Frame | Garbage | Identity | Settings | Reading
"""A Frame among the events is a request or an acknowledgement: replies have become values."""

PRESENCE = 64
"""Replies of others after which an address has to prove again that it is there."""

PROOF_WINDOW = 12
"""Replies within which an unproven address must be heard CONFIRMATIONS times."""

LONGEST_WAIT = 15.0
"""s that a reading waits for others to agree with it, and holds back what came after it; of a meter that is asked
seldom it waits for CONFIRMATIONS more."""

MOST_WAITING = 256
"""Events that are held back at most."""


@dataclass(slots=True)
class Slot:
    """A place among the events that is still to be decided."""

    event: Event | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A reading that waits for others to agree with it."""

    frame: Frame
    time: float | None
    doubt: str
    slot: Slot


class Station:
    """What one address has told: its identity, its settings, and how its readings went."""

    __slots__ = (
        "_count", "_decoder", "_held_identity", "_held_settings", "_last_time", "_options", "_pace", "_plausibility",
        "_waiting", "_watch", "address", "heard", "identity", "message_count", "model", "proven", "settings",
    )  # fmt: skip

    def __init__(self, address: int, options: Options) -> None:
        self.address = address
        self.identity: Identity | None = None
        self.settings: Settings | None = None
        self.model: Model | None = None
        self.message_count = 0
        self.heard: list[int] = []
        self.proven = False
        self._options = options
        self._count = 0
        self._decoder: ReadingDecoder | None = None
        self._plausibility: Plausibility | None = None
        self._watch: OrderWatch | None = None
        self._waiting: list[Waiting] = []
        self._last_time: float | None = None
        self._pace = 0.0
        self._held_identity: Identity | None = None
        self._held_settings: Settings | None = None

    @property
    def nominal_capacity(self) -> float | None:
        """Ah, as configured, else as the meter is set."""
        if self._options.nominal_capacity is not None:
            return self._options.nominal_capacity
        return self.settings.nominal_capacity if self.settings else None

    def take_reading(self, frame: Frame, time: float | None, *, check: bool) -> Reading | Garbage | Slot:
        """Return the reading, or why it is not believed, or the place it will take when others agree with it."""
        if len(frame.fields) != self._count and not self._choose_model(frame):
            return Garbage("unknown_layout", frame.raw, f"no model table has {len(frame.fields)} numbers here", time)
        plausibility = self._plausibility
        assert plausibility is not None  # noqa: S101 - chosen with the model
        if check:
            if time is not None:
                self._pace = time - self._last_time if self._last_time is not None else 0.0
                self._last_time = time
            verdict = plausibility.judge(frame.fields, time, verified=bool(frame.checksum))
            if verdict == "waiting":
                waiting = Waiting(frame, time, plausibility.doubt, Slot())
                self._waiting.append(waiting)
                return waiting.slot
            if self._waiting:
                self._settle(frame, verdict)
        return self._read(frame, time)

    def drop_waiting(self) -> None:
        """Decide that what waits is not believed: nothing more comes of this meter."""
        for waiting in self._waiting:
            waiting.slot.event = Garbage("implausible", waiting.frame.raw, waiting.doubt, waiting.time)
        self._waiting.clear()

    def waits_too_long(self, time: float) -> bool:
        """Whether the first of the readings that wait has had its time, as of `time`."""
        since = self._waiting[0].time if self._waiting else None
        return since is not None and time - since > max(LONGEST_WAIT, CONFIRMATIONS * self._pace)

    @property
    def doubts_settings(self) -> bool:
        """Whether changed settings were told that are believed when they are told again."""
        return self._held_settings is not None

    @property
    def doubts_identity(self) -> bool:
        """Whether another identity was told that is believed when it is told again."""
        return self._held_identity is not None

    def _settle(self, believed: Frame, verdict: Verdict) -> None:
        """Give its place to each reading that waits and agrees with the one that is believed."""
        assert self._plausibility is not None  # noqa: S101 - nothing waits without it
        for waiting in self._waiting:
            if self._plausibility.agrees(believed.fields, waiting.frame.fields, verdict):
                waiting.slot.event = self._read(waiting.frame, waiting.time)
        self._waiting = [waiting for waiting in self._waiting if waiting.slot.event is None]
        self.drop_waiting()

    def _read(self, frame: Frame, time: float | None) -> Reading | Garbage:
        decoder, model = self._decoder, self.model
        assert decoder is not None and model is not None  # noqa: S101, PT018 - chosen with the model
        if self._watch is not None and not self._order_is_right(self._watch, frame):
            text = "voltage and current seem to stand in another order than in any table"
            return Garbage("unknown_layout", frame.raw, text, time)
        reading = decoder.decode(
            frame, model.family, self._options, self.nominal_capacity, self.message_count + 1, time
        )
        self.message_count += reading.__class__ is Reading
        return reading

    def take_settings(self, frame: Frame, time: float | None, *, check: bool) -> Settings | Garbage:
        """Return the settings; changed ones only when they come a second time."""
        model = self.model if self.model and len(frame.fields) in self.model.settings.counts else None
        if model is None:
            models = models_for(frame, family=self._options.family, series=self._series)
            if not models:
                text = f"no model table has {len(frame.fields)} numbers here"
                return Garbage("unknown_layout", frame.raw, text, time)
            model = models[0]
        new = decode_settings(frame, model, time=time)
        if isinstance(new, Garbage):
            return new
        if check and self.settings is not None and new.raw != self.settings.raw:
            held, self._held_settings = self._held_settings, new
            if held is None or held.raw != new.raw:
                return Garbage("implausible", frame.raw, "the settings changed; believed when they come again", time)
        self._held_settings = None
        self.settings = new
        if self._plausibility is not None:
            self._plausibility.set_nominal(self._nominal_tenths)
        return new

    def take_identity(self, frame: Frame, time: float | None, *, check: bool) -> Identity | Garbage:
        """Return the identity; a changed one only when it comes a second time."""
        new = decode_identity(frame, self._options, time=time)
        if isinstance(new, Garbage):
            return new
        if self.model is not None and new.family != self.model.family and self._same_series(frame, self.model):
            new = replace(new, family=self.model.family, model=self.model.prefix + new.model[2:])
        if check and self.identity is not None and new.raw != self.identity.raw:
            held, self._held_identity = self._held_identity, new
            if held is None or held.raw != new.raw:
                return Garbage("implausible", frame.raw, "the model changed; believed when it comes again", time)
            self._count = 0  # another meter: choose the table anew
        self._held_identity = None
        self.identity = new
        if self._plausibility is not None:
            self._plausibility.limit(max_voltage=new.max_voltage, max_current=new.max_current)
        return new

    @property
    def _series(self) -> int | None:
        return int(self.identity.raw.split(b",")[2][:1]) if self.identity else None

    @property
    def _nominal_tenths(self) -> int | None:
        return round(self.settings.nominal_capacity * 10) if self.settings else None

    def _same_series(self, frame: Frame, model: Model) -> bool:
        return frame.fields[0] // 1000 in model.series

    def _choose_model(self, frame: Frame) -> bool:
        """Choose the table by the configured family, the series digit and the number of fields."""
        models = models_for(frame, family=self._options.family, series=self._series)
        if not models:
            return False
        model = models[0]
        if self.model is not None and self._count:
            # The layout of a meter does not change: a whole frame of another length is another device's, or damaged.
            return False
        self.model = model
        self._count = len(frame.fields)
        self._decoder = ReadingDecoder(model.readings)
        self._watch = OrderWatch(model.readings)
        self._plausibility = Plausibility(model.readings)
        self._plausibility.set_nominal(self._nominal_tenths)
        if self.identity is not None:
            limits = self.identity
            self._plausibility.limit(max_voltage=limits.max_voltage, max_current=limits.max_current)
        return True

    def _order_is_right(self, watch: OrderWatch, frame: Frame) -> bool:
        watch.add(frame.fields)
        if watch.settled:
            self._watch = None
        return not watch.contradicted


class Bus:
    """Turns the bytes of one bus into events.

    With `options` by address only those addresses are listened to; without, all are, and an address that was not
    asked must be heard several times before it is believed. With `check=False` nothing is held back as implausible.

    Events come in the order of the wire. With `in_order=False` only those of each meter do: one whose readings wait
    for others to agree with them then holds back nothing of its neighbours.
    """

    def __init__(self, options: dict[int, Options] | None = None, *, check: bool = True, in_order: bool = True) -> None:
        self.stations: dict[int, Station] = {}
        self.ignored = 0
        """Replies of addresses that nobody asked for."""
        self._framer = Framer()
        self._options = options
        self._check = check
        self._in_order = in_order
        self._asked: int | None = None
        self._replies = 0
        self._queues: dict[int, deque[Event | Slot]] = {}
        """What is held back, by address; all at 0 where one order is kept for all. None of them is empty."""

    def feed(self, data: bytes, time: float | None = None) -> list[Event]:
        """Return what `data` decides, in order. `time` is when it was received, s since 1970.

        A reading that waits for others to agree with it holds back what came after it, for LONGEST_WAIT at most.
        """
        return self.take(self._framer.feed(data), time)

    def expect(self, address: int) -> None:
        """Say that `address` was asked by this side, whose request the line may not show."""
        self._asked = address

    def finish(self, time: float | None = None) -> list[Event]:
        """Return what stood unfinished or undecided at the end of the stream."""
        events = self.take(self._framer.finish(), time)
        for station in self.stations.values():
            station.drop_waiting()
        return events + self._decided()

    def take(self, parts: list[Frame | Garbage], time: float | None = None) -> list[Event]:
        """Return what is decided by frames and garbage that the caller has cut out of the bytes; else as `feed`."""
        events: list[Event] = []
        for part in parts:
            event = self._take_part(part, time)
            if event is None:
                continue
            if self._queues or event.__class__ is Slot:
                self._hold_back(part, event, events)
            else:
                events.append(event)  # type: ignore[arg-type]  # it is no Slot
        if self._queues:
            self._drop_what_waits_too_long(time)
            events += self._decided()
        return events

    def _take_part(self, part: Frame | Garbage, time: float | None) -> Event | Slot | None:
        if part.__class__ is Garbage:
            return replace(part, time=time) if time is not None else part
        assert isinstance(part, Frame)  # noqa: S101 - one of two
        letter = part.command[0]
        if letter == "r":
            event = self._take_reply(part, time)
            self._asked = None
            return event
        if letter == "R":
            self._asked = part.address
        return part

    def _hold_back(self, part: Frame | Garbage, event: Event | Slot, events: list[Event]) -> None:
        """Queue an event behind the undecided ones that it must not overtake, else add it to `events`."""
        place = 0
        if not self._in_order:
            place = part.address if isinstance(part, Frame) and part.command[0] == "r" else -1
        if isinstance(event, Slot):
            self._queues.setdefault(place, deque()).append(event)
        elif place in self._queues:
            self._queues[place].append(event)
        else:
            events.append(event)

    def _decided(self) -> list[Event]:
        """Return the events before the first undecided one."""
        events: list[Event] = []
        for place, queue in list(self._queues.items()):
            while queue:
                event = queue[0].event if isinstance(queue[0], Slot) else queue[0]
                if event is None:
                    break
                events.append(event)
                queue.popleft()
            if not queue:
                del self._queues[place]
        return events

    def _drop_what_waits_too_long(self, time: float | None) -> None:
        crowded = any(len(queue) > MOST_WAITING for queue in self._queues.values())
        for station in self.stations.values():
            if crowded or (time is not None and station.waits_too_long(time)):
                station.drop_waiting()

    def _take_reply(self, frame: Frame, time: float | None) -> Event | Slot | None:
        station = self._station(frame)
        if station is None:
            self.ignored += 1
            return None
        if self._check and (doubt := self._doubt_address(station)):
            return Garbage("implausible", frame.raw, doubt, time)
        if frame.command == "r50":
            return station.take_reading(frame, time, check=self._check)
        if frame.command == "r51":
            return station.take_settings(frame, time, check=self._check)
        if frame.command == "r00":
            return station.take_identity(frame, time, check=self._check)
        return Garbage("unknown_command", frame.raw, f"{frame.command} is not known", time)

    def _station(self, frame: Frame) -> Station | None:
        station = self.stations.get(frame.address)
        if station is None:
            if self._options is not None and frame.address not in self._options:
                return None
            options = self._options[frame.address] if self._options is not None else Options()
            station = self.stations[frame.address] = Station(frame.address, options)
        return station

    def _doubt_address(self, station: Station) -> str | None:
        """The checksum does not cover the address, so an address needs a reason to be believed."""
        self._replies = number = self._replies + 1
        asked = self._asked
        heard = station.heard
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
