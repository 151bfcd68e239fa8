"""What one address of a line has told, and which of it is believed; rule: no I/O, no clock, time is an argument."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection
from dataclasses import replace

from juntek.exchange import Options, Query
from juntek.reading import Identity, Reading, Settings
from juntek.rs485.clues import Noise
from juntek.rs485.decode import ReadingDecoder, decode_identity, decode_settings, find_model
from juntek.rs485.family import Model
from juntek.rs485.framing import Frame, Garbage
from juntek.rs485.rules import Numbers, Rules
from juntek.rs485.validation import NOISY, Held, Validator

Event = Frame | Garbage | Identity | Settings | Reading
"""A Frame among the events is a request or an acknowledgement: replies have become values."""


class Station:
    """What one address has told: its identity, its settings, and how its readings went."""

    __slots__ = (
        "_check", "_count", "_decoder", "_is_odd", "_noise", "_odd", "_options", "_series", "_surprising", "_validator",
        "_watch", "address", "heard", "identity", "message_count", "model", "nominal_capacity", "out_of_range",
        "proven", "settings", "verified",
    )  # fmt: skip

    def __init__(self, address: int, options: Options, noise: Noise, *, check: bool) -> None:
        self.address = address
        self.identity: Identity | None = None
        self.settings: Settings | None = None
        self.model: Model | None = None
        self.message_count = 0
        self.heard: list[int] = []
        self.proven = False
        self.verified = 0
        """Replies with a checksum, a few at most, less those without since."""
        self.out_of_range = Counter[str]()
        """How often each number was out of its range and is missing in a reading, by key."""
        self.nominal_capacity = options.nominal_capacity
        """Ah, as configured, else as the meter is set."""
        self._options = options
        self._noise = noise
        self._check = check
        self._series: int | None = None
        self._count = 0
        self._odd = (0, 0)
        """Numbers of the latest replies of another layout, and how many of these came since one of the known layout."""
        self._is_odd = False
        """Whether it answers as another meter would."""
        self._decoder: ReadingDecoder | None = None
        self._validator: Validator | None = None
        self._watch: OrderWatch | None = None
        self._surprising: dict[Query, bytes] = {}
        """Settings and identity that differ from those known, until they come again."""

    @property
    def wants(self) -> frozenset[Query]:
        """What has to be asked again, because it is believed when it is told a second time."""
        return frozenset(self._surprising) | ({"identity"} if self._is_odd else set())

    def take(self, frame: Frame, time: float | None) -> Reading | Settings | Identity | Garbage | Held:
        """Return what a reply says, or why it is not believed, or the place it will take when the next bears it out."""
        match frame.command:
            case "r50":
                return self._take_reading(frame, time)
            case "r51":
                return self._take_settings(frame, time)
            case "r00":
                return self._take_identity(frame, time)
        return Garbage("unknown_command", frame.raw, f"{frame.command} is not known", time)

    def give_up(self) -> None:
        """Decide what waits: nothing more comes of this meter, or not in time."""
        if self._validator is not None:
            self._validator.finish()

    def waits_too_long(self, time: float | None) -> bool:
        """Whether the first of the readings that wait has had its time, as of `time`."""
        return self._validator is not None and self._validator.waits_too_long(time)

    def _take_reading(self, frame: Frame, time: float | None) -> Reading | Garbage | Held:
        if len(frame.fields) != self._count and not self._choose_model(frame):
            return _no_table(frame, time)
        if not self._check:
            return self._read(frame, time)
        validator = self._validator
        assert validator is not None  # noqa: S101 - chosen with the model
        self._odd = (0, 0)
        if frame.checksum and validator.follows(frame.fields, time):
            return self._read(frame, time)
        if row := validator.rules.impossible(frame.fields):
            return Garbage("implausible", frame.raw, f"{row.key} cannot be {frame.fields[row.place]} here", time)
        return validator.take(frame, time)

    def _read(self, frame: Frame, time: float | None) -> Reading | Garbage:
        decoder, watch = self._decoder, self._watch
        assert decoder is not None  # noqa: S101 - chosen with the model
        if watch is not None:
            if watch.contradicts(frame.fields):
                text = "voltage and current seem to stand in another order than in any table"
                return Garbage("unknown_layout", frame.raw, text, time)
            if watch.is_settled:
                self._watch = None
        reading = decoder.decode(frame, self.nominal_capacity, self.message_count + 1, time)
        self.message_count += reading.__class__ is Reading
        return reading

    def _take_settings(self, frame: Frame, time: float | None) -> Settings | Garbage:
        """Return the settings; changed ones only when they come a second time."""
        model = self.model
        if model is None or len(frame.fields) not in model.settings.counts:
            model = find_model(frame, self._options.family, self._series)
        if model is None:
            return _no_table(frame, time)
        new = decode_settings(frame, model, time)
        if isinstance(new, Garbage):
            return new
        if self._surprises("settings", self.settings, new):
            return Garbage("implausible", frame.raw, "the settings changed; believed when they come again", time)
        self.settings = new
        if self._options.nominal_capacity is None:
            self.nominal_capacity = new.nominal_capacity
        return new

    def _take_identity(self, frame: Frame, time: float | None) -> Identity | Garbage:
        """Return the identity; a changed one only when it comes a second time."""
        new, model, known = decode_identity(frame, self._options.family, time), self.model, self.identity
        if isinstance(new, Garbage):
            return new
        series = frame.fields[0] // 1000
        if model is not None and new.family != model.family and series in model.series:
            new = replace(new, family=model.family, model=model.prefix + new.model[2:])
        self._is_odd = self._surprises("identity", known, new)
        if self._is_odd:
            return Garbage("implausible", frame.raw, "the model changed; believed when it comes again", time)
        if known is not None and new.raw != known.raw:
            self._count = 0  # another meter: choose the table anew
        self.identity, self._series = new, series
        self._limit()
        return new

    def _surprises(self, query: Query, known: Settings | Identity | None, new: Settings | Identity) -> bool:
        """Whether something is told for the first time that differs from what is known."""
        before = self._surprising.pop(query, None)
        is_usual = new.raw == known.raw if known is not None else self._noise.share < NOISY
        if not self._check or is_usual or new.raw == before:
            return False
        self._surprising[query] = new.raw
        return True

    def _limit(self) -> None:
        if self._validator is not None and self.identity is not None:
            self._validator.rules.limit(self.identity.max_voltage, self.identity.max_current)

    def _choose_model(self, frame: Frame) -> bool:
        """Choose the table by the configured family, the series digit and the number of fields.

        A meter keeps its layout: replies of another length are another meter's when they come again and again.
        """
        model, count = find_model(frame, self._options.family, self._series), len(frame.fields)
        if model is None:
            return False
        if self._count and self._check:
            self._odd = (count, self._odd[1] + 1 if self._odd[0] == count else 1)
            self._is_odd = True
            if self._odd[1] < (3 if self._noise.share >= NOISY else 2):
                return False
            if self._series is not None and self._series not in model.series:
                self.identity = self.settings = self._series = None
        self.give_up()
        self.model, self._count = model, count
        self._decoder = ReadingDecoder(model, self._options, self.out_of_range)
        self._validator = Validator(model.readings, self._noise, self._read)
        self._watch = OrderWatch(self._validator.rules)
        self._limit()
        return True


def _no_table(frame: Frame, time: float | None) -> Garbage:
    return Garbage("unknown_layout", frame.raw, f"no model table has {len(frame.fields)} numbers here", time)


# The order of voltage and current -----------------------------------------------------------------------------

# The meter computes its time left from the remaining capacity and the current. Whichever number makes that time come
# out right is the current: that is how the order of the first two numbers was proven (docs/protocol.md, Voltage first),
# and how a meter that sends them in another order is noticed instead of guessed at.

ENOUGH = 5
"""Readings that speak for one order, with none for the other, before it counts."""


class OrderWatch:
    """Watches which order of voltage and current the latest readings speak for: that of the table, or the other one."""

    __slots__ = ("_fitting", "_rules", "_verdicts", "_voltages")

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._verdicts: deque[tuple[bool, Numbers]] = deque(maxlen=2 * ENOUGH)
        """Of the latest readings that can tell: whether they speak for the order of the table, and their numbers."""
        self._voltages: deque[int] = deque(maxlen=2 * ENOUGH)
        """What would be the voltage in the other order."""
        self._fitting = 0

    @property
    def is_settled(self) -> bool:
        """Whether the order of the table has been seen to be right, so that watching can stop."""
        return self._fitting >= ENOUGH or self._rules.time_left is None

    def contradicts(self, numbers: Numbers) -> bool:
        """Take a reading; return whether the latest ones only make sense in another order than the table's.

        Charging ones need the nominal capacity and are left out. One that makes no sense either way tells that the time
        left is not to be relied on here.
        """
        rules = self._rules
        self._voltages.append(numbers[rules.current])
        if rules.time_left is not None and not numbers[rules.direction]:
            self._judge(numbers, numbers[rules.time_left])
        if len(self._verdicts) < ENOUGH or rules.run_time is None or any(right for right, _ in self._verdicts):
            return False
        return self._has_flowed([seen for _, seen in self._verdicts], rules.run_time)

    def _judge(self, numbers: Numbers, minutes: int) -> None:
        rules = self._rules
        voltage, current, capacity = numbers[rules.voltage], numbers[rules.current], numbers[rules.stock]
        if 10 <= minutes <= 60_000 and abs(voltage - current) >= max(voltage, current) // 5:
            fits, fits_other = (_fits(capacity, number, minutes) for number in (current, voltage))
            self._fitting += fits and not fits_other
            self._verdicts.append((fits or not fits_other, numbers))

    def _has_flowed(self, seen: list[Numbers], run_time: int) -> bool:
        """Whether the other order fits what flowed, and what would be the voltage in it moves as little as one.

        A time left that is late, averaged or stands still may fit the voltage for long.
        """
        currents = [numbers[self._rules.voltage] for numbers in seen]
        if _spread(self._voltages) > max(0.1, _spread(currents)):
            return False
        flowed = sum(currents) / len(seen) * (seen[-1][run_time] - seen[0][run_time]) / 360
        left = seen[0][self._rules.stock] - seen[-1][self._rules.stock]
        return flowed >= 10 and abs(left - flowed) <= 2 + flowed / 10


def _spread(numbers: Collection[int]) -> float:
    return (max(numbers) - min(numbers)) / max(*numbers, 1)


def _fits(capacity: int, current: int, minutes: int) -> bool:
    """Whether capacity (mAh) at current (10 mA) lasts for so many minutes, within 5 % and a display step."""
    if current < 20:
        return False
    expected = capacity * 6 / current
    return abs(expected - minutes) <= 1.5 + expected * (0.05 + 10 / current)
