"""Whatever happens in whatever order, the target has every reading of the history in the end, and a query sees it once.

The real Recorder, HistoryReader and cursors on a real file; the target is played: it keeps a series and a time once, as
a database that deduplicates does, and forgets in a power cut what it took last.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from itertools import chain
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from history.made import START, reading_at
from juntek.history import Database
from juntek.history.cursors import Cursors
from juntek.history.queries import HistoryReader
from juntek.history.recorder import Recorder
from juntek.outputs import SinkHealth
from juntek.outputs.timeseries import TimeseriesOptions
from juntek.outputs.timeseries.delivery import Delivery
from juntek.outputs.timeseries.line_protocol import Response, TargetError
from juntek.reading import Reading

METERS = ("house", "van")
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108 - Linux has its files there in memory
"""Where hundreds of databases are made; a kill is played here, so no disk is needed."""
FLUSHED = 30.0
"""s after which the target has on its disk what it took."""
OPTIONS = TimeseriesOptions(url="http://engine/write")


class AtOnce(Executor):
    """Does in the loop what a thread would do beside it, as nobody else waits here."""

    def submit(self, fn: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:  # noqa: ANN401 - what it takes
        done: Future[Any] = Future()
        done.set_result(fn(*arguments, **named))
        return done


class KilledError(Exception):
    """The gateway is killed while the target has its lines and it has no response yet."""


class PlayedTarget:
    """Takes lines like `Target`, and keeps each series and time once."""

    def __init__(self) -> None:
        self.now = 0.0
        self.is_up = True
        self.fault = ""
        self.kept: dict[tuple[str, int], tuple[str, float]] = {}
        self._is_connected = self.is_new = False
        self._lost_connection = False

    def lose_power(self) -> None:
        self.is_up = False
        self._lost_connection = True
        self.kept = {key: row for key, row in self.kept.items() if row[1] <= self.now - FLUSHED}

    def connect_anew(self) -> None:
        """Another gateway process has another connection."""
        self._is_connected = self.is_new = False

    async def write(self, lines: Sequence[bytes]) -> Response:
        fault, self.fault = self.fault, ""
        if not self.is_up:
            self._is_connected = False
            raise TargetError("Nobody is there.")
        if self._lost_connection:
            self.is_new |= self._is_connected
            self._lost_connection = False
        self._is_connected = True
        if fault != "not taken":
            for line in lines:
                self._keep(line.decode())
        if fault == "killed on the way":
            raise KilledError
        if fault:
            self._is_connected = False
            raise TargetError("No response came.")
        return Response(204)

    def _keep(self, line: str) -> None:
        found = re.fullmatch(r"juntek,site=home,meter=(\w+) (.*) (\d+)000000\n", line)
        assert found is not None
        key = found[1], int(found[3])
        text, since = self.kept.get(key, (found[2], self.now))
        assert text == found[2], "what is sent again is the same"
        self.kept[key] = text, since


class World:
    """A gateway with two meters, its history, one target, and everything that can go wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tick = 0
        self.offset = 0.0
        """s by which the gateway's clock is wrong."""
        self.target = PlayedTarget()

    def start(self) -> None:
        self.database = Database(self.path, check=False, synchronous="NORMAL")
        self.recorder = Recorder(self.database)
        self.unwritten: dict[str, list[Reading]] = {}
        self.cursors = Cursors(self.path, OPTIONS.label)
        self.enter()

    def enter(self) -> None:
        """Begin again with what is on disk, as after every failure."""
        self.target.connect_anew()
        played: Any = self.target
        self.delivery = Delivery(
            OPTIONS, played, "home", SinkHealth(), self.cursors, AtOnce(), clock=lambda: float(self.tick)
        )

    def stop(self) -> None:
        self.cursors.close()
        self.database.close()

    def hear(self, seconds: int) -> None:
        for _ in range(seconds):
            self.tick += 1
            for place, meter in enumerate(METERS):
                if (self.tick // 20) % 5 != place:  # each is silent at times
                    reading = reading_at(self.tick, time=START + self.tick + self.offset)
                    self.unwritten.setdefault(meter, []).append(reading)
        self.target.now = float(self.tick)

    def commit(self) -> None:
        self.recorder.record(self.unwritten)
        self.unwritten = {}

    async def send(self) -> bool:
        """Send as the gateway does; return whether there may be more."""
        try:
            await self.delivery.look()
            new = await self.delivery.send_new()
            past = await self.delivery.send_past(limit=40)
        except TargetError:
            self.enter()
            return True
        return bool(new) or past is not None

    async def do(self, step: str) -> None:
        match step:
            case "hear" | "wait" | "away":
                self.hear({"hear": 3, "wait": 25, "away": 200}[step])
            case "commit":
                self.commit()
            case "send" | "killed":
                await self.send_or_die(step)
            case "not taken" | "not answered" | "killed on the way":
                self.target.fault = step
            case "down":
                self.target.lose_power()
            case "up":
                self.target.is_up = True
            case "clock back" | "clock forward":
                self.commit()
                self.offset += 86_400 * (3 if step == "clock forward" else -2)

    async def send_or_die(self, step: str) -> None:
        try:
            if step == "send":
                await self.send()
                return
        except KilledError:
            pass
        self.stop()
        self.start()

    async def come_to_rest(self) -> None:
        self.target.is_up, self.target.fault = True, ""
        for _ in range(3):  # a restart that nobody has seen yet is found with what is sent next
            self.hear(3)
            self.commit()
            while await self.send():
                pass

    def in_history(self) -> set[tuple[str, int]]:
        with HistoryReader(self.path) as reader:
            return {
                (meter, round(row[0] * 1000)) for meter in reader.meters() for row in reader.readings(meter, 0, 2.0**33)
            }


STEPS = tuple(
    step.split(", ")
    for step in (
        "hear, commit, send",
        "wait, commit, send",
        "hear",
        "commit",
        "send",
        "hear, commit, not taken, send",
        "hear, commit, not answered, send",
        "hear, commit, killed on the way, send",
        "down",
        "up",
        "down, up",
        "wait, commit, send, down, up, hear, commit, send",
        "down, send, away, commit, send, up, send",
        "down, send, away, commit, up, send, send, down, up, send",
        "killed",
        "clock back",
        "clock forward, hear, commit, send, clock back, hear, commit, send",
    )
)


@settings(max_examples=150)
@given(st.lists(st.sampled_from(STEPS), max_size=25))
def test_whatever_happens_the_target_has_every_reading_of_the_history(steps: list[list[str]]) -> None:
    async def play() -> None:
        with tempfile.TemporaryDirectory(dir=MEMORY) as directory:
            world = World(Path(directory) / "juntek.db")
            world.start()
            for step in chain.from_iterable((["hear", "commit", "send"], *steps)):
                await world.do(step)
            await world.come_to_rest()
            world.stop()
            there, kept = set(world.target.kept), world.in_history()
            assert kept - there == set(), steps
            assert there - kept == set(), "made of nothing"
            assert len(kept) >= 2

    asyncio.run(play())
