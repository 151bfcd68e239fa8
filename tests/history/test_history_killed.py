"""A gateway that is killed while it writes, a hundred times: the history is whole, and says the same at every level.

Run as a program, this file is that gateway, again and again, each a process of its own: it goes on from the last
reading that is in the database, commits every ten readings as fast as it can, and says who it is at its first commit.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from history.made import START, TOTALS, assert_rollups_are_right, reading_at, readings, rows_in
from juntek.history import Database
from juntek.history.recorder import Recorder

KILLS = 100
ZONE = ZoneInfo("Asia/Kathmandu")
"""Its midnight is at a quarter past an hour of UTC."""
COMMIT_EVERY = 10


def write(path: str, seed: int) -> None:
    """Be the gateway."""
    with Database(path, check=False, synchronous="NORMAL") as database:
        recorder = Recorder(database)
        last = recorder.last_times().get("house", START - 1)
        tick = int(last - START) + 1 + seed % 3 * 100
        is_first, parent = True, os.getppid()
        while os.getppid() == parent:
            recorder.record({"house": readings(tick, COMMIT_EVERY)})
            if tick % 7 == 0:
                # What is there already may come again.
                recorder.record({"house": readings(tick, COMMIT_EVERY)})
            tick += COMMIT_EVERY
            if is_first:
                sys.stdout.write(f"{os.getpid()}\n")
                sys.stdout.flush()
            is_first = False


@pytest.fixture
def writers(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The program, which forks a writer for each line that it reads."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, __file__, str(tmp_path / "history.db")]
    program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True)
    yield program
    program.kill()
    program.communicate(timeout=30)


def write_and_be_killed(writers: subprocess.Popen[str], seed: int, after: float) -> None:
    assert writers.stdin is not None
    assert writers.stdout is not None
    writers.stdin.write(f"{seed}\n")
    writers.stdin.flush()
    process = int(writers.stdout.readline())
    time.sleep(after)
    os.kill(process, signal.SIGKILL)
    assert writers.stdout.readline() == "ended\n"


def test_a_history_whose_writer_is_killed_a_hundred_times_is_whole(
    tmp_path: Path, writers: subprocess.Popen[str]
) -> None:
    path, dice, count = tmp_path / "history.db", random.Random(3), 0
    for seed in range(KILLS):
        write_and_be_killed(writers, seed, dice.uniform(0, 0.03))
        with Database(path):  # which looks through all of it
            pass
        rows = rows_in(path) if seed % 20 == 0 or seed == KILLS - 1 else None
        if rows is not None:
            assert len(rows) > count
            count = len(rows)
            assert all(a["time"] < b["time"] for a, b in pairwise(rows)), "a reading is doubled"
            assert all(a[key] <= b[key] for a, b in pairwise(rows) for key in TOTALS), "a total steps back"
            assert_rollups_are_right(path, ZONE)
    assert count > 10 * KILLS
    assert rows is not None
    ticks = [row["run_time"] for row in rows]
    assert [row["voltage"] for row in rows] == [reading_at(tick).voltage for tick in ticks]


if __name__ == "__main__":
    for line in sys.stdin:
        if not os.fork():
            write(sys.argv[1], int(line))
        os.wait()
        sys.stdout.write("ended\n")
        sys.stdout.flush()
