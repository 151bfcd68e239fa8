"""A simulated line under the meter loop; it keeps who wrote what on the wires, and all that the loop tells."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import groupby
from typing import Any, cast

from juntek import Reading
from juntek.gateway import Gateway
from juntek.meter import Line, MeterOptions, Mode, Timing
from juntek.simulator import Meter, Options, Simulation
from juntek.update import Update

ENOUGH = 20.0
"""s that a test waits for what must come; never a measure."""

IMPATIENT = Timing(
    listen_first=0.15, silence=0.4, reply=0.15, settings=0.3, rest=0.4, shortest_wait=0.01, longest_wait=0.05,
    watch=0.05, patience=0.8,
)  # fmt: skip
"""All waiting made short, in about the true proportions."""

SPEAKERS = {"TcpPort": "program", "PtyPort": "program", "Simulation": "meter"}


WRONG_WRITES = {
    "ignored": lambda _meter, _number, _value: True,
    "altered": lambda meter, number, value: Meter.write(meter, number, max(value - 1, 0)),
}
"""What meters do with a setting that is written, though they acknowledge it, in the place of `Meter.write`."""


async def until(condition: Callable[[], object]) -> None:
    """Wait for what must come."""
    async with asyncio.timeout(ENOUGH):
        while not condition():  # noqa: ASYNC110 - any condition, without a word to those who make it true
            await asyncio.sleep(0.005)


class Told:
    """What a `Line` tells, as it comes."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.events: list[tuple[bool, str, str | None]] = []
        """Availability, mode and error, each time that one of them changed."""
        self.last: dict[str, Update] = {}

    def __call__(self, update: Update) -> None:
        self.last[update.meter] = update
        if update.reading is not None:
            self.readings.append(update.reading)
        event = (update.available, update.health.mode, update.health.error)
        if not self.events or event != self.events[-1]:
            self.events.append(event)

    @property
    def modes(self) -> list[str]:
        """The modes in their order, for a single meter."""
        return [mode for mode, _ in groupby(mode for _, mode, _ in self.events)]

    @property
    def errors(self) -> list[str | None]:
        """The errors in their order, for a single meter; None where all is well."""
        return [error for error, _ in groupby(error for _, _, error in self.events)]

    def of(self, address: int) -> list[Reading]:
        return [reading for reading in self.readings if reading.address == address]

    async def more(self, count: int, address: int | None = None) -> None:
        """Wait for so many more readings, however slow the machine is; never long for the next one."""
        heard = self._count(address)
        for number in range(heard + 1, heard + count + 1):
            await until(partial(self._has, number, address))

    def _count(self, address: int | None) -> int:
        return len(self.of(address) if address else self.readings)

    def _has(self, number: int, address: int | None) -> bool:
        return self._count(address) >= number

    async def mode(self, mode: str) -> None:
        """Wait until the line is in this mode."""
        await until(lambda: self.last and all(update.health.mode == mode for update in self.last.values()))


class Wires:
    """A simulation whose wires are watched: `said` is what each wrote, `asked` the program's requests by command."""

    def __init__(self, options: Options, *, echo: bool = False) -> None:
        self.simulation = Simulation(options)
        self.said: dict[str, bytearray] = defaultdict(bytearray)
        self._echo = echo
        self.line: Any = cast("Any", self.simulation._line)
        self._join = self.line.join
        self.line.join = self._join_and_listen

    def asked(self, request: str) -> int:
        """Count the program's requests that begin so, such as `R50=1`."""
        return self.said["program"].count(f":{request},".encode())

    def inject(self, data: bytes) -> None:
        """Put bytes on the wires that nobody wrote."""
        for hear in tuple(self.line._ears):
            hear(data)

    def _join_and_listen(self, hear: Callable[[bytes], None]) -> Callable[[bytes], None]:
        write = self._join(hear)
        speaker = SPEAKERS.get(hear.__qualname__.partition(".")[0], "display")

        def write_and_keep(data: bytes) -> None:
            self.said[speaker] += data
            if self._echo and speaker == "program":
                hear(data)
            write(data)

        return write_and_keep


@asynccontextmanager
async def running(work: Line | Gateway) -> AsyncIterator[asyncio.Task[None]]:
    """Run a line or a gateway while the context lasts; what it raises comes out of it."""
    task = asyncio.create_task(work.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])
    with suppress(asyncio.CancelledError):
        task.result()


@asynccontextmanager
async def serving(url: str, meters: Iterable[MeterOptions], timing: Timing = IMPATIENT) -> AsyncIterator[Told]:
    """Run a line on a link."""
    told = Told()
    async with running(Line(url, list(meters), told, timing=timing)) as task:
        yield told
        assert not task.done(), task


def meters(*addresses: int, mode: Mode = "auto", interval: float = 0.03) -> list[MeterOptions]:
    return [MeterOptions(name=f"meter {a}", address=a, mode=mode, interval=interval) for a in addresses or (1,)]


@asynccontextmanager
async def served(
    options: Options,
    *addresses: int,
    mode: Mode = "auto",
    interval: float = 0.03,
    echo: bool = False,
    timing: Timing = IMPATIENT,
) -> AsyncIterator[tuple[Wires, Told]]:
    """Run a line on a simulation."""
    wires = Wires(options, echo=echo)
    async with (
        wires.simulation as simulation,
        serving(simulation.url, meters(*addresses, mode=mode, interval=interval), timing) as told,
    ):
        yield wires, told
