"""A gateway that is killed while it writes, a hundred times: the history is whole, and says the same at every level.

Run as a program, this file is that gateway, again and again, each a process of its own: it goes on from the last
reading that is in the database, commits every ten readings as fast as it can, and says who it is at its first commit.
"""

from __future__ import annotations

import os
import random
import sys
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from forked import fork_for_each_line, forking, run_and_kill, say
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
                say(os.getpid())
            is_first = False


def test_a_history_whose_writer_is_killed_a_hundred_times_is_whole(tmp_path: Path) -> None:
    path, dice, count = tmp_path / "history.db", random.Random(3), 0
    with forking(__file__, str(path)) as program:
        for seed in range(KILLS):
            run_and_kill(program, str(seed), after=dice.uniform(0, 0.03))
            with Database(path):  # which looks through all of it
                pass
            if seed % 20 and seed != KILLS - 1:
                continue
            rows = rows_in(path)
            assert len(rows) > count
            count = len(rows)
            assert all(a["time"] < b["time"] for a, b in pairwise(rows)), "a reading is doubled"
            assert all(a[key] <= b[key] for a, b in pairwise(rows) for key in TOTALS), "a total steps back"
            assert_rollups_are_right(path, ZONE)
    assert count > 10 * KILLS
    assert [row["voltage"] for row in rows] == [reading_at(row["run_time"]).voltage for row in rows]


if __name__ == "__main__":
    fork_for_each_line(lambda seed: write(sys.argv[1], int(seed)))
