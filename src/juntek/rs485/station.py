"""What one address of a bus has told, and which of it is believed; rule: no I/O, no clock, time is an argument."""

from __future__ import annotations

from dataclasses import dataclass, replace

from juntek.reading import Identity, Reading, Settings
from juntek.rs485.decode import Options, ReadingDecoder, decode_identity, decode_settings, models_for
from juntek.rs485.family import Model
from juntek.rs485.framing import Frame, Garbage
from juntek.rs485.physics import OrderWatch
from juntek.rs485.plausibility import CONFIRMATIONS, MEMORY, Plausibility, Verdict

Event = Frame | Garbage | Identity | Settings | Reading
"""A Frame among the events is a request or an acknowledgement: replies have become values."""

LONGEST_WAIT = 8.0
"""s that a reading waits for others to agree with it, and holds back what came after it; of a meter that is asked
seldom it waits for CONFIRMATIONS more."""


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
        "_waiting", "_watch", "address", "heard", "identity", "message_count", "model",
        "nominal_capacity", "proven", "settings",
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
        self.nominal_capacity = options.nominal_capacity
        """Ah, as configured, else as the meter is set."""

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
            if verdict == "impossible":
                return Garbage("implausible", frame.raw, plausibility.doubt, time)
            if verdict == "waiting":
                return self._wait(Waiting(frame, time, plausibility.doubt, Slot()))
            if self._waiting:
                self._settle(frame, verdict)
        return self._read(frame, time)

    def drop_waiting(self) -> None:
        """Decide that what waits is not believed: nothing more comes of this meter."""
        while self._waiting:
            self._drop_first()

    def _wait(self, waiting: Waiting) -> Slot:
        if len(self._waiting) == MEMORY:
            self._drop_first()
        self._waiting.append(waiting)
        return waiting.slot

    def _drop_first(self) -> None:
        waiting = self._waiting.pop(0)
        waiting.slot.event = Garbage("implausible", waiting.frame.raw, waiting.doubt, waiting.time)

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
        if self._options.nominal_capacity is None:
            self.nominal_capacity = new.nominal_capacity
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
