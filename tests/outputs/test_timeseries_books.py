"""The accounts of a target: whatever happens in whatever order, it has every reading of the history once in the end."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC
from itertools import chain
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from history.made import START, reading_at
from juntek.history import Database
from juntek.history.deliveries import Deliveries, State
from juntek.history.fields import batch_of
from juntek.history.queries import HistoryReader
from juntek.history.recorder import Recorder
from juntek.metric import READING_METRICS
from juntek.outputs.timeseries.backlog import Backlog
from juntek.outputs.timeseries.lines import head_of, labels_of, lines_of
from juntek.outputs.timeseries.live import Batches, Live
from juntek.outputs.timeseries.target import Refusal, TargetError
from juntek.reading import Reading
from juntek.update import Health, Update

METERS = ("house", "van")
FLUSHED = 5.0
"""s after which the engine has on its disk what it took."""


class KilledError(Exception):
    """The gateway is killed while the engine has its lines and it has no answer yet."""


class Engine:
    """Keeps every line that it takes, twice where it comes twice, and forgets the last ones in a power cut."""

    def __init__(self) -> None:
        self.now = 0.0
        self.is_up = True
        self.fault = ""
        self._kept: defaultdict[tuple[str, int], list[float]] = defaultdict(list)

    def times(self) -> Counter[tuple[str, int]]:
        return Counter({key: len(taken) for key, taken in self._kept.items() if taken})

    def lose_power(self) -> None:
        self.is_up = False
        for key, taken in self._kept.items():
            self._kept[key] = [moment for moment in taken if moment < self.now - FLUSHED]

    async def write(self, lines: Sequence[bytes], **_: object) -> list[Refusal]:
        fault, self.fault = self.fault, ""
        if not self.is_up:
            raise TargetError("Nobody is there.", uncertain=False)
        if fault != "not taken":
            for line in lines:
                found = re.fullmatch(r"juntek,site=home,meter=(\w+) .* (\d+)000000\n", line.decode())
                assert found is not None
                self._kept[found[1], int(found[2])].append(self.now)
        if fault == "killed on the way":
            raise KilledError
        if fault:
            raise TargetError("No answer came.", uncertain=True)
        return []

    async def find_held(self, labels: Mapping[str, str], start: int, end: int, *, flush: bool) -> dict[str, set[int]]:
        del flush  # everything is shown at once
        if not self.is_up:
            raise TargetError("Nobody is there.", uncertain=False)
        times = {time for (meter, time), taken in self._kept.items() if meter == labels["meter"] and taken}
        return {metric.field: {time for time in times if start <= time <= end} for metric in READING_METRICS}


class World:
    """A gateway with two meters, its history, one engine, and everything that can go wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tick = 0
        self.engine = Engine()
        self.start()

    @property
    def now(self) -> float:
        return START + self.tick

    def start(self) -> None:
        self.database = Database(self.path, check=False, synchronous="NORMAL")
        self.recorder = Recorder(self.database, UTC)
        self.unwritten: dict[str, list[Reading]] = {}
        self.store = Deliveries(Database(self.path, check=False, synchronous="NORMAL"), "engine")
        self.live = Live()
        self.failing = False
        self.live.resume(self.store.resume(self.now))
        self.backlog = Backlog(self.store, self.engine, "home", lambda: self.now)  # type: ignore[arg-type]

    def hear(self) -> None:
        for _ in range(3):
            self.tick += 1
            self.engine.now = self.now
            for place, meter in enumerate(METERS):
                if (self.tick // 20) % 5 == place:  # each is silent at times
                    continue
                reading = reading_at(self.tick)
                self.unwritten.setdefault(meter, []).append(reading)
                self.live.take(Update(meter, True, reading, None, None, Health()))  # noqa: FBT003

    def commit(self) -> None:
        self.recorder.record(self.unwritten)
        self.unwritten = {}

    async def send(self) -> None:
        batches: Batches = self.live.cut()
        if not batches:
            return
        lines = [
            line
            for meter, readings in batches.items()
            for line in lines_of([head_of(labels_of("home", meter))] * len(readings), batch_of(readings))
        ]
        try:
            await self.engine.write(lines)
        except TargetError as error:
            self.live.owe(batches, State.DOUBTFUL if error.uncertain else State.OWED)
            self.went_away()
        else:
            self.live.hand_over(batches, self.now)
            self.failing = False

    def went_away(self) -> None:
        if not self.failing:
            self.live.doubt()
            self.failing = True

    def keep(self) -> None:
        accounts = self.live.collect()
        self.store.note(accounts.reached, accounts.owed, self.now, gone=accounts.gone)

    async def send_owed(self) -> int | None:
        if self.live.is_gone:
            return None
        try:
            sent = await self.backlog.send(limit=12)
        except TargetError:
            self.went_away()
            return None
        if sent is not None:
            self.failing = False
        return sent

    async def lose_engine(self) -> None:
        """Power cut at the engine; it is noticed by the next request, which fails."""
        self.engine.lose_power()
        await self.send()
        self.went_away()

    def be_killed(self) -> None:
        self.close()
        self.start()

    def close(self) -> None:
        self.store.close()
        self.database.close()

    async def do(self, what: str) -> None:
        try:
            await self._do(what)
        except KilledError:
            self.be_killed()

    async def _do(self, what: str) -> None:
        match what:
            case "hear":
                self.hear()
            case "commit":
                self.commit()
            case "send":
                await self.send()
            case "keep":
                self.keep()
            case "owed":
                await self.send_owed()
            case "not taken" | "not answered" | "killed on the way":
                self.engine.fault = what
            case "down":
                await self.lose_engine()
            case "up":
                self.engine.is_up = True
            case "killed":
                self.be_killed()

    async def come_to_rest(self) -> None:
        self.engine.is_up, self.engine.fault = True, ""
        self.hear()
        await self.send()
        self.commit()
        self.keep()
        while await self.send_owed() is not None:
            pass

    def in_history(self) -> set[tuple[str, int]]:
        with HistoryReader(self.path, clock=lambda: self.now) as reader:
            return {
                (meter, round(row[0] * 1000)) for meter in reader.meters() for row in reader.readings(meter, 0, 2.0**33)
            }


STEPS = tuple(
    step.split(", ")
    for step in (
        "hear",
        "hear, send",
        "hear, send, commit, keep",
        "commit",
        "keep",
        "owed",
        "not taken, send",
        "hear, not answered, send",
        "hear, commit, killed on the way, send",
        "down",
        "up",
        "down, hear, send, hear, send, commit, keep, up",
        "keep, owed, owed",
        "keep, not answered, owed",
        "keep, not taken, owed",
        "keep, owed, down, up",
        "down, hear, send, hear, send, commit, keep, up, owed, owed, not answered, owed",
        "keep, killed on the way, owed",
        "killed",
    )
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(STEPS), max_size=25))
def test_whatever_happens_the_engine_has_every_reading_of_the_history_once(steps: list[list[str]]) -> None:
    async def play() -> None:
        with tempfile.TemporaryDirectory() as directory:
            world = World(Path(directory) / "juntek.db")
            await world.do("hear")
            await world.do("send")
            await world.do("keep")
            for step in chain.from_iterable(steps):
                await world.do(step)
            await world.come_to_rest()
            kept = world.engine.times()
            world.close()
            assert {key: count for key, count in kept.items() if count != 1} == {}, "doubled"
            assert world.in_history() - kept.keys() == set(), "missing"
            assert len(kept) >= 2

    asyncio.run(play())
