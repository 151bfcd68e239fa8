"""A running history whose disk becomes read-only, as the kernel makes a card that has begun to fail."""

from __future__ import annotations

import json
import os
from pathlib import Path

from history.made import run

RUN = """
import asyncio, json, logging, resource, signal, sys
from dataclasses import replace
from pathlib import Path
from history.made import readings
from juntek.backoff import Backoff
from juntek.gateway.supervisor import Supervisor
from juntek.outputs import history
from outputs.test_history import context, ends_with, until, update

def make_read_only(path, *, read_only):
    # What is open cannot grow any more, and nothing can be opened for writing.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0 if read_only else resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    for file in path.parent.iterdir():
        file.chmod(0o444 if read_only else 0o644)
    path.parent.chmod(0o555 if read_only else 0o755)

async def main(path):
    where, told = replace(context(path), sections=("history",)), {}
    running = Supervisor(history.OUTPUT, history.HistoryOptions(commit_interval=0.1), where, backoff=Backoff(0.05, 1.0))
    task = asyncio.create_task(running.run())
    for reading in readings(0, 5):
        running.offer(update(reading))
    await until(lambda: ends_with(path, 4))
    make_read_only(path, read_only=True)
    try:
        path.open("ab")
        raise SystemExit("the file can still be opened for writing: this test tests nothing")
    except PermissionError:
        pass
    for reading in readings(5, 5):
        running.offer(update(reading))
    await until(lambda: "read-only" in where.errors.get("history", ""))
    told["paused"] = where.look_at_history()
    running.offer(update(*readings(10, 1)))
    make_read_only(path, read_only=False)
    await until(lambda: ends_with(path, 10))
    told["after"] = where.look_at_history()
    task.cancel()
    await asyncio.wait([task])
    print(json.dumps(told))

logging.basicConfig(stream=sys.stderr)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
asyncio.run(main(Path(sys.argv[1])))
"""

OBEYS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
"""Makes permissions count for the superuser too."""


def test_a_disk_that_becomes_read_only_pauses_the_history_until_it_can_be_written_again(tmp_path: Path) -> None:
    folder = tmp_path / "card"
    folder.mkdir()
    process = run(RUN, folder / "history.db", *OBEYS)
    told = json.loads(process.stdout)
    state, why = told["paused"]
    assert state == "paused"
    assert "read-only" in why
    assert told["after"] == ["ok", None]
    assert process.stderr.count(why) == 1
    assert "Traceback" not in process.stderr
