"""Replies of a meter whose numbers agree with one another, and what a bus makes of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from juntek import Bus, Garbage, Reading
from juntek.rs485.bus import Event
from juntek.rs485.family import Layout, model_of_family
from juntek.rs485.framing import encode

SETTINGS = {
    "KG-F": [0, 0, 0, 0, 0, 100, 5, 3, 2800, 100, 100, 100, 0, 0, 1],
    "KH-F": [0, 0, 0, 0, 0, 255, 5, 3, 2800, 100, 100, 100, 0, 0, 1, 100, 0, 5600, 4400, 5, 30, 255, 0, 0, 59, 0],
}
IDENTITY = {"KG-F": [2140, 110, 7], "KH-F": [4140, 139, 7]}


def layout(family: str) -> Layout:
    model = model_of_family(family)
    assert model is not None
    return model.readings


@dataclass
class Meter:
    """A meter at 52 V that is discharged at 30 A and has a 280 Ah battery; `tick` lets a second pass."""

    family: str = "KG-F"
    address: int = 1
    voltage: float = 52.0
    current: float = -30.0
    remaining: float = 150.0
    temperature: int = 20
    output: int = 0
    resistance: float = 11.0
    run_time: int = 54_321
    second: int = 12 * 3600
    counters: list[int] = field(default_factory=lambda: [1_234_567, 7_654_321])

    def tick(self, seconds: int = 1) -> bytes:
        """Return the reply after so many seconds."""
        amount = self.current * seconds / 3600
        self.remaining += amount
        self.run_time += seconds
        self.second += seconds
        for place in (0, 1) if self.family == "KL-F" else (int(amount > 0),):
            scale = 1000 if place == 0 and self.family != "KH-F" else 100 * self.voltage
            self.counters[place] += round(abs(amount) * scale)
        return self.reply()

    def numbers(self) -> list[int]:
        charging = self.current > 0
        capacity = 280.0 - self.remaining if charging else self.remaining
        left = int(capacity * 60 / abs(self.current)) & 0xFFFF if self.current else 0
        numbers = [round(self.voltage * 100), round(abs(self.current) * 100), round(self.remaining * 1000)]
        numbers += [*self.counters, self.run_time, self.temperature + 100, 0, self.output, int(charging), left]
        if self.family != "KH-F":
            return [*numbers, round(self.resistance * 100)]
        clock = self.second // 3600 * 10_000 + self.second // 60 % 60 * 100 + self.second % 60
        return [*numbers, 100, 250_621, clock]

    def reply(self) -> bytes:
        return encode("r50", self.address, self.numbers())

    def spike(self, place: int, number: int) -> bytes:
        """Return the present reply with one number changed, and a checksum that agrees."""
        numbers = self.numbers()
        numbers[place] = number
        return encode("r50", self.address, numbers)

    def settings(self, nominal: float = 280.0) -> bytes:
        numbers = list(SETTINGS[self.family])
        numbers[8] = round(nominal * 10)
        return encode("r51", self.address, numbers)

    def identity(self) -> bytes:
        return encode("r00", self.address, IDENTITY[self.family])


def readings_of(events: Iterable[Event]) -> list[Reading]:
    return [event for event in events if isinstance(event, Reading)]


def reasons_of(events: Iterable[Event]) -> list[str]:
    """Return why what was rejected was."""
    return [event.reason for event in events if isinstance(event, Garbage)]


@dataclass
class Shown:
    """A bus, and what came out of it."""

    bus: Bus = field(default_factory=Bus)
    events: list[Event] = field(default_factory=list)
    time: float | None = 1_750_000_000.0

    def feed(self, data: bytes, seconds: float = 1.0) -> int:
        """Feed bytes after so many seconds; return the number of readings that this brought out."""
        if self.time is not None:
            self.time += seconds
        new = self.bus.feed(data, self.time)
        self.events += new
        return len(readings_of(new))

    def feed_all(self, replies: Iterable[bytes], seconds: float = 1.0) -> list[int]:
        return [self.feed(reply, seconds) for reply in replies]

    def finish(self) -> None:
        self.events += self.bus.finish(self.time)

    @property
    def readings(self) -> list[Reading]:
        return readings_of(self.events)

    @property
    def raws(self) -> list[bytes]:
        """What was shown, as replies."""
        return [reading.raw + b"\r\n" for reading in self.readings]

    @property
    def reasons(self) -> list[str]:
        return reasons_of(self.events)


def settled(meter: Meter, *, timed: bool = True, identity: bool = True, noisy: bool = False) -> Shown:
    """Return a bus that knows the meter and has heard it for a while, on a noisy line with much that was damaged."""
    shown = Shown(time=1_750_000_000.0 if timed else None)
    if identity:
        shown.feed(meter.identity())
    shown.feed(meter.settings())
    assert shown.feed_all(meter.tick() for _ in range(10)) == [1] * 10
    for _ in range(10 if noisy else 0):
        shown.feed(meter.reply().replace(b",", b",9", 3), 0.0)
    shown.events.clear()
    return shown
