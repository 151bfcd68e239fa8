"""The accounts of a target, alone: every reading is told once, whatever the blocks, and what is gone is counted."""

from __future__ import annotations

import random
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from history.made import START, reading_at, readings
from juntek.errors import DatabaseError
from juntek.history import Database
from juntek.history.deliveries import Deliveries, Range, Reach, State
from juntek.history.fields import times_of
from juntek.history.recorder import Recorder

DAY = 86_400
YEAR = 365 * DAY


def ms(tick: float) -> int:
    return round((START + tick) * 1000)


@contextmanager
def accounts(path: Path) -> Iterator[tuple[Recorder, Deliveries]]:
    with Database(path, check=False, synchronous="NORMAL") as database:
        store = Deliveries(Database(path, check=False, synchronous="NORMAL"), "engine")
        yield Recorder(database, UTC), store
        store.close()


def owe(store: Deliveries, first: float, last: float, meter: str = "house", until: float | None = None) -> None:
    """As the sink does: a range is kept with how far all was heard."""
    reach = Reach(ms(0), ms(last if until is None else until), ms(last if until is None else until))
    store.note({meter: reach}, [Range(meter, ms(first), ms(last))], START, gone=False)


def send_all(store: Deliveries, limit: int = 10_000) -> Counter[tuple[str, int]]:
    """Send until nothing is owed; return how often each reading was sent."""
    sent: Counter[tuple[str, int]] = Counter()
    while pieces := store.look(limit):
        assert sum(piece.size for piece in pieces) <= limit
        for piece in pieces:
            sent.update((piece.range.meter, time) for batch in piece.batches for time in times_of(batch))
        store.settle(pieces, START)
    return sent


def expected(meter: str, ticks: range | list[int]) -> set[tuple[str, int]]:
    return {(meter, round((reading_at(tick).time or 0) * 1000)) for tick in ticks}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_what_is_owed_is_told_once_in_parts_of_any_size_while_blocks_come_and_become_one(data: st.DataObject) -> None:
    """Ticks are 7 min apart at times, so that there are hours with many blocks and with none."""
    commits = data.draw(st.lists(st.lists(st.integers(1, 420), min_size=1, max_size=12), min_size=1, max_size=25))
    owed = data.draw(st.lists(st.tuples(st.integers(-50, 9000), st.integers(0, 3000)), min_size=1, max_size=8))
    limits = data.draw(st.lists(st.integers(1, 40), min_size=1, max_size=5))
    with tempfile.TemporaryDirectory() as directory, accounts(Path(directory) / "juntek.db") as (recorder, store):
        tick, kept = 0, []
        sent: Counter[tuple[str, int]] = Counter()
        end = sum(map(sum, commits))
        store.note(
            {"house": Reach(ms(0), ms(end), ms(end))},
            [Range("house", ms(first) - 500, ms(first + length)) for first, length in owed],
            START,
            gone=False,
        )
        for place, steps in enumerate(commits):
            ticks = []
            for step in steps:
                tick += step
                ticks.append(tick)
            recorder.record({"house": [reading_at(tick) for tick in ticks]})
            kept += ticks
            pieces = store.look(limits[place % len(limits)])
            for piece in pieces:
                sent.update((piece.range.meter, time) for batch in piece.batches for time in times_of(batch))
            store.settle(pieces, START)
        sent += send_all(store, limits[0])
        ranges = [(ms(first) - 500, ms(first + length)) for first, length in owed]
        wanted = {
            (meter, time)
            for meter, time in expected("house", kept)
            if any(first <= time <= last for first, last in ranges)
        }
        assert sent == Counter(wanted)


def test_what_the_history_has_not_written_yet_stays_owed(tmp_path: Path) -> None:
    with accounts(tmp_path / "juntek.db") as (recorder, store):
        recorder.record({"house": readings(0, 100)})
        owe(store, 50, 300)
        assert set(send_all(store)) == expected("house", range(50, 100))
        recorder.record({"house": readings(100, 150)})
        assert set(send_all(store)) == expected("house", range(100, 250))
        recorder.record({"house": readings(250, 100)})
        assert set(send_all(store)) == expected("house", range(250, 300)) | (
            {("house", round((reading_at(300).time or 0) * 1000))}
            if (reading_at(300).time or 0) == START + 300
            else set()
        )


def test_a_moment_in_a_false_future_does_not_cost_what_is_heard_after_it(tmp_path: Path) -> None:
    """The newest block is a year ahead for good: what is owed is not written because of that."""
    with accounts(tmp_path / "juntek.db") as (recorder, store):
        recorder.record({"house": readings(0, 10)})
        owe(store, YEAR, YEAR + 4.99)
        owe(store, 20, 29.99)
        assert send_all(store) == Counter(), "the history has not heard yet that the clock was wrong"
        recorder.record({"house": readings(YEAR, 3)})
        assert send_all(store) == Counter(expected("house", range(YEAR, YEAR + 3))), "nor that it stepped back"
        recorder.record({"house": readings(YEAR + 3, 2)})
        recorder.record({"house": readings(20, 5)})
        assert send_all(store) == Counter(
            expected("house", range(20, 25)) | expected("house", range(YEAR + 3, YEAR + 5))
        )
        owe(store, 30, 39.99)
        assert send_all(store) == Counter()
        recorder.record({"house": readings(25, 15)})
        assert send_all(store) == Counter(expected("house", range(25, 40)))


def test_what_the_history_writes_after_a_kill_by_a_clock_that_is_slow_is_owed(tmp_path: Path) -> None:
    """The target has more than the history had: what comes at those times again, only the history takes."""
    with accounts(tmp_path / "juntek.db") as (recorder, store):
        recorder.record({"house": readings(0, 100)})
        store.note({"house": Reach(ms(0), ms(3000), ms(3600))}, [], START, gone=False)
    with accounts(tmp_path / "juntek.db") as (recorder, store):
        assert store.resume(START) == {"house": ms(3600)}
        send_all(store)
        recorder.record({"house": readings(1000, 100)})
        assert send_all(store) == Counter(expected("house", range(1000, 1100)))


def test_what_was_on_its_way_is_in_doubt_after_a_kill_though_older_readings_became_owed(tmp_path: Path) -> None:
    with accounts(tmp_path / "juntek.db") as (recorder, store):
        recorder.record({"house": readings(0, 300)})
        owe(store, 200, 299.99)
        (on_its_way,) = store.look(50)
        assert on_its_way.range.state is State.OWED
        store.owe_again([Range("house", ms(0), ms(150))])
    with accounts(tmp_path / "juntek.db") as (_, store):
        store.resume(START)
        assert {piece.range.state for piece in store.look(10_000)} == {State.DOUBTFUL}


def test_what_was_refused_as_a_whole_is_owed_again_by_the_next_run(tmp_path: Path) -> None:
    with accounts(tmp_path / "juntek.db") as (recorder, store):
        recorder.record({"house": readings(0, 300)})
        owe(store, 0, 299.99)
        store.settle(store.look(10_000), START, State.REFUSED)
        assert store.look(10_000) == []
        store.resume(START)
        assert send_all(store) == Counter(expected("house", range(300)))


def test_what_the_history_drops_before_it_was_sent_is_counted(tmp_path: Path) -> None:
    with accounts(tmp_path / "juntek.db") as (recorder, store):
        for hour in range(5):
            recorder.record({"house": readings(hour * 3600, 600)})
        owe(store, 0, 5 * 3600)
        recorder.drop_raw(START + 2.5 * 3600, 1000)
        pieces = store.look(100_000)
        assert sum(piece.lost for piece in pieces) == 3 * 600
        store.settle(pieces, START)
        assert sum(piece.lost for piece in store.look(100_000)) == 0
        owe(store, 0, 5 * 3600, "nobody")
        assert send_all(store) == Counter()


def test_what_was_dropped_is_still_to_be_told_after_a_restart(tmp_path: Path) -> None:
    with accounts(tmp_path / "juntek.db") as (recorder, store):
        recorder.record({"house": readings(0, 7200)})
        owe(store, 0, 7200)
        recorder.drop_raw(START + 2 * DAY, 1000)
        store.resume(START)
        assert sum(piece.lost for piece in store.look(100_000)) > 7000


def test_a_block_that_a_failing_card_has_altered_does_not_hold_up_the_others(tmp_path: Path) -> None:
    path = tmp_path / "juntek.db"
    with accounts(path) as (recorder, store):
        recorder.record({"house": readings(0, 100)})
        recorder.record({"house": readings(3600, 100)})
        recorder.record({"house": readings(7200, 100)})
        owe(store, 0, 9000)
    dice = random.Random(1)
    for _ in range(30):
        connection = sqlite3.connect(path)
        (block,) = connection.execute(
            "SELECT block FROM raw WHERE time BETWEEN ? AND ?", (ms(3600), ms(3700))
        ).fetchone()
        altered = bytes(block[:3]) + dice.randbytes(len(block) - 3)
        with connection:
            connection.execute("UPDATE raw SET block = ? WHERE time BETWEEN ? AND ?", (altered, ms(3600), ms(3700)))
        connection.close()
        with accounts(path) as (_, store):
            try:
                pieces = store.look(10_000)
            except DatabaseError:
                raise AssertionError("it is one block, not the file") from None
            sent = {time for piece in pieces for batch in piece.batches for time in times_of(batch)}
            good = {time for _, time in expected("house", [*range(100), *range(7200, 7300)])}
            assert good <= sent


def test_a_clock_that_steps_back_does_not_keep_for_ever_what_was_sent(tmp_path: Path) -> None:
    with accounts(tmp_path / "juntek.db") as (recorder, store):
        recorder.record({"house": readings(0, 100)})
        owe(store, 0, 99.99)
        store.settle(store.look(1000), START + YEAR)
        for now in (START, START + 61):
            store.note({}, [], now, gone=False)
        store.note({}, [], START, gone=True)
        assert store.look(1000) == []
