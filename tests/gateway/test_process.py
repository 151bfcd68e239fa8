"""What a gateway does to its process for many meters; each in a process of its own, as it is for good."""

from __future__ import annotations

import subprocess
import sys

TUNE = """
import gc, logging, resource, sys
from juntek.gateway.process import tune_process
logging.basicConfig(level="INFO", format="%(message)s")
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
before = gc.get_threshold()
tune_process({meters}, {meters})
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], gc.get_threshold()[0] - before[0])
"""


def fit(*, soft: int, hard: int, meters: int) -> tuple[int, int, str]:
    """Return open files and new objects that are allowed afterwards, the latter beyond Python's own, and the log."""
    code = TUNE.format(soft=soft, hard=hard, meters=meters)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    files, objects = map(int, done.stdout.split())
    return files, objects, done.stderr


def test_a_thousand_meters_get_more_open_files_than_a_raspberry_pi_allows_at_first() -> None:
    files, objects, said = fit(soft=1024, hard=4096, meters=1000)
    assert 1000 < files <= 4096
    assert objects == 100_000
    assert said == ""


def test_a_few_meters_leave_the_system_as_it_is() -> None:
    files, objects, said = fit(soft=1024, hard=4096, meters=2)
    assert files == 1024
    assert objects == 200
    assert said == ""


def test_where_the_system_allows_too_few_open_files_one_sentence_says_how_to_get_more() -> None:
    files, _, said = fit(soft=256, hard=1024, meters=1000)
    assert files == 1024
    assert said == (
        "This system lets a process have 1024 files and connections open, and these meters need 1200; "
        "write LimitNOFILE=1200 into the service, or see 'ulimit -Hn'.\n"
    )


def test_what_the_sentence_asks_for_is_enough() -> None:
    assert fit(soft=256, hard=1200, meters=1000)[2] == ""
