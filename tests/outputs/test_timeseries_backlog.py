"""What a target is owed, batch by batch: what becomes of a batch that is refused, cut off or known already."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC
from pathlib import Path

import pytest

from history.made import START, readings
from juntek.history import Database
from juntek.history.deliveries import Deliveries, Range, State
from juntek.history.recorder import Recorder
from juntek.outputs import timeseries
from juntek.outputs.timeseries import target as target_module
from juntek.outputs.timeseries.backlog import MOST_REFUSALS, Backlog
from juntek.outputs.timeseries.target import AllRefusedError, TargetError, open_target
from outputs.delivering import wait_until
from outputs.line_server import GOOD, LineServer, Reply, Request, serve_lines

REFUSAL = Reply(400, b'{"error":"field type conflict"}')


def tick_of(line: bytes) -> int:
    return int(int(line.rsplit(b" ", 1)[1]) // 10**6 / 1000 - START)


def ticks_of(server: LineServer) -> list[int]:
    return sorted(map(tick_of, server.taken))


@contextmanager
def owing(path: Path, count: int) -> Iterator[Deliveries]:
    """The accounts of a target that is owed so many readings."""
    some = readings(1, count)
    with Database(path, synchronous="NORMAL") as database:
        Recorder(database, UTC).record({"house": some})
    store = Deliveries(Database(path), "engine")
    store.resume(START)
    store.note({}, [Range("house", 0, round((some[-1].time or 0) * 1000))], START, gone=False)
    yield store
    store.close()


@asynccontextmanager
async def backlog_of(store: Deliveries, server: LineServer, path: str = "/lines") -> AsyncIterator[Backlog]:
    async with open_target(timeseries.Options(url=f"{server.url}{path}"), "1") as target:
        yield Backlog(store, target, "home", lambda: START)


async def send_all(backlog: Backlog) -> None:
    for send in (backlog.send, backlog.send_refused):
        while await send() is not None:
            pass


async def test_a_good_reading_among_many_wrong_ones_is_not_given_up(tmp_path: Path) -> None:
    def judge(request: Request) -> Reply:
        return GOOD if all(260 <= tick_of(line) <= 290 for line in request.lines) else REFUSAL

    with owing(tmp_path / "juntek.db", 400) as store:
        async with serve_lines(judge) as server, backlog_of(store, server) as backlog:
            await backlog.send()
            backlog.count()  # it takes what is heard now
            await send_all(backlog)
            assert ticks_of(server) == list(range(260, 291))
            assert (backlog.sent, backlog.refused) == (31, 369)


async def test_a_refused_batch_whose_second_try_is_cut_off_is_in_doubt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target_module, "ANSWER_TIME", 0.3)
    mood = [REFUSAL]
    with owing(tmp_path / "juntek.db", 100) as store:
        async with serve_lines(lambda _: mood[-1]) as server, backlog_of(store, server) as backlog:
            await backlog.send()
            assert [piece.size for piece in store.look(1000, (State.REFUSED,))] == [100]
            backlog.count()
            mood.append(Reply(fault="mute"))
            with pytest.raises(TargetError):
                await backlog.send()
        assert [piece.range.state for piece in store.look(1000)] == [State.DOUBTFUL]


async def test_a_batch_that_is_cancelled_on_its_way_is_in_doubt(tmp_path: Path) -> None:
    with owing(tmp_path / "juntek.db", 100) as store:
        async with serve_lines(lambda _: Reply(fault="mute")) as server, backlog_of(store, server) as backlog:
            sending = asyncio.create_task(backlog.send())
            await wait_until(lambda: bool(server.requests), "it is on its way")
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
        assert [piece.range.state for piece in store.look(1000)] == [State.DOUBTFUL]


async def test_what_is_too_old_for_the_target_does_not_end_it_where_newer_ones_are_taken(tmp_path: Path) -> None:
    count, too_old = 5 * (MOST_REFUSALS + 2), 5 * (MOST_REFUSALS + 1)

    def judge(request: Request) -> Reply:
        return REFUSAL if any(tick_of(line) <= too_old for line in request.lines) else GOOD

    with owing(tmp_path / "juntek.db", count) as store:
        async with serve_lines(judge) as server, backlog_of(store, server) as backlog:
            for _ in range(MOST_REFUSALS):
                await backlog.send(5)
            with pytest.raises(AllRefusedError):
                await backlog.send(5)
            assert await backlog.try_newest()
            await send_all(backlog)
            assert set(ticks_of(server)) == set(range(too_old + 1, count + 1))
            assert backlog.refused == too_old


async def test_a_target_that_refuses_the_newest_too_is_wrong(tmp_path: Path) -> None:
    with owing(tmp_path / "juntek.db", 100) as store:
        async with serve_lines(lambda _: REFUSAL) as server, backlog_of(store, server) as backlog:
            assert not await backlog.try_newest()
        assert sum(piece.size for piece in store.look(1000)) == 100


async def test_what_the_history_has_not_written_yet_is_owed_all_the_same(tmp_path: Path) -> None:
    with owing(tmp_path / "juntek.db", 10) as store:
        store.note({}, [Range("house", round((START + 50) * 1000), round((START + 60) * 1000))], START, gone=False)
        async with serve_lines() as server, backlog_of(store, server) as backlog:
            await send_all(backlog)
            assert ticks_of(server) == list(range(1, 11))
            assert backlog.oldest == START + 50
            with Database(tmp_path / "juntek.db") as database:
                Recorder(database, UTC).record({"house": readings(50, 20)})
            await send_all(backlog)
            assert backlog.oldest is None


async def test_a_target_that_counts_what_it_left_out_needs_no_second_request(tmp_path: Path) -> None:
    """InfluxDB says so of a batch that is too old for it."""

    def judge(request: Request) -> Reply:
        old = sum(tick_of(line) <= 700 for line in request.lines)
        if not old:
            return GOOD
        return Reply(400, b'{"error":"partial write: points beyond retention policy dropped=%d"}' % old)

    with owing(tmp_path / "juntek.db", 1000) as store:
        async with serve_lines(judge) as server, backlog_of(store, server) as backlog:
            await send_all(backlog)
            assert set(ticks_of(server)) == set(range(701, 1001))
            assert backlog.refused == 700
            assert len(server.requests) < 40
