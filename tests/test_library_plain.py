"""The package in plain code, and recordings, of which no reading is lost."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import juntek
from juntek.capture import HEADER, format_chunk
from juntek.meter import MOST_WAITING, Timing
from juntek.rs485.framing import encode
from juntek.simulator import Options, Simulation, history
from links.peers import open_files
from meter.served import ENOUGH

REPLY = encode("r50", 1, [5186, 3250, 103_000, 0, 0, 60, 120, 0, 0, 0, 190, 1136])


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("juntek.meter.line.TIMING", Timing(listen_first=0.1, reply=0.2))


@pytest.fixture
def url() -> Iterator[str]:
    """A simulation in a thread of its own, for plain code."""
    started, loop = threading.Event(), asyncio.new_event_loop()
    urls: list[str] = []

    async def serve() -> None:
        async with Simulation(Options()) as simulation:
            urls.append(simulation.url)
            started.set()
            await simulation.run()

    task = loop.create_task(serve())

    def run() -> None:
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(ENOUGH)
    yield urls[0]
    loop.call_soon_threadsafe(task.cancel)
    thread.join()


@contextmanager
def nothing_left() -> Iterator[None]:
    """No thread and no open file stays."""
    threads, opened = threading.active_count(), open_files()
    yield
    deadline = time.monotonic() + ENOUGH
    while time.monotonic() < deadline:  # the other end is in another thread
        if threading.active_count() <= threads and len(open_files()) <= len(opened):
            return
        time.sleep(0.01)
    assert (threading.active_count(), open_files()) == (threads, opened)


# Plain -------------------------------------------------------------------------------------------------------


def test_plain_code_can_iterate_and_stop_early(url: str) -> None:
    with nothing_left():
        for count, reading in enumerate(juntek.read(url, interval=0.02), start=1):
            assert reading.message_count == count
            if count == 3:
                break


def test_an_iteration_that_was_never_begun_opens_nothing(url: str) -> None:
    with nothing_left():
        readings = juntek.read(url)
        del readings


def test_an_error_of_the_caller_ends_the_reading(url: str) -> None:
    def fail() -> None:
        for _ in juntek.read(url, interval=0.02):
            raise ZeroDivisionError

    with nothing_left(), pytest.raises(ZeroDivisionError):
        fail()


def test_a_wrong_port_is_an_error_in_plain_code() -> None:
    with nothing_left(), pytest.raises(juntek.LinkError, match="There is no port"):
        next(juntek.read("/dev/there-is-none"))


def test_a_silent_meter_is_an_error_in_plain_code(url: str) -> None:
    with nothing_left(), pytest.raises(juntek.NoReplyError, match="No answer from address 9"):
        next(juntek.read(url, 9, timeout=0.2, interval=0.05, mode="poll"))


def test_a_program_may_end_while_it_iterates(url: str) -> None:
    """Without a word, and without waiting for anything."""
    script = f"import juntek; readings = juntek.read({url!r}, mode='poll'); print(next(readings).address)"
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.stdout, result.stderr, result.returncode) == ("1\n", "", 0)


def test_plain_code_inside_a_running_loop_works_too(url: str) -> None:
    async def main() -> int:
        return next(juntek.read(url, mode="poll")).address

    assert asyncio.run(main()) == 1


# Recordings --------------------------------------------------------------------------------------------------

COUNT = 3 * MOST_WAITING


@pytest.fixture(scope="module", params=["capture", "raw"])
def recording(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    start = datetime(2025, 6, 21, 12, tzinfo=UTC)
    replies = history(Options(), start, start + timedelta(seconds=COUNT), 1)
    path: Path = tmp_path_factory.mktemp("recordings") / "file"
    if request.param == "raw":
        path.write_bytes(b"".join(reply for _, reply in replies))
    else:
        path.write_text(HEADER + "\n" + "".join(format_chunk(at, reply) for at, reply in replies))
    return f"replay:{path}?speed=max"


def test_every_reading_of_a_recording_arrives(recording: str) -> None:
    with nothing_left():
        counts = [reading.message_count for reading in juntek.read(recording)]
    assert counts == list(range(1, COUNT + 1))


async def test_every_reading_of_a_recording_arrives_at_a_slow_reader(recording: str) -> None:
    counts = []
    async with juntek.open_meter(recording) as meter:
        async for reading in meter:
            counts.append(reading.message_count)
            if len(counts) % 100 == 0:
                await asyncio.sleep(0.01)
    assert counts == list(range(1, COUNT + 1))
    assert meter.health.mode == "closed"


async def test_a_recording_waits_for_its_reader(recording: str) -> None:
    async with juntek.open_meter(recording) as meter:
        await anext(meter)
        await asyncio.sleep(0.3)
        assert meter.health.frames < COUNT


async def test_a_recording_is_never_overdue(tmp_path: Path) -> None:
    at = 1_750_000_000.0
    file = tmp_path / "slow.cap"
    file.write_text(HEADER + "\n" + format_chunk(at, REPLY) + format_chunk(at + 0.5, REPLY))
    async with juntek.open_meter(f"replay:{file}", timeout=0.01, interval=0.01) as meter:
        assert [reading.time async for reading in meter] == [at, at + 0.5]


def test_breaking_out_of_a_recording_leaves_nothing(recording: str) -> None:
    with nothing_left():
        for reading in juntek.read(recording):
            if reading.message_count == 10:
                break
