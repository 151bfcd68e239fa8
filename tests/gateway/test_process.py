"""What a gateway does to its process for many meters; each in a process of its own, as it is for good."""

from __future__ import annotations

import subprocess
import sys

import pytest

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


SENTENCE = (
    "This system lets a process have 1024 files and connections open, and these meters need 1200; "
    "write LimitNOFILE=1200 into the service, or see 'ulimit -Hn'.\n"
)


@pytest.mark.parametrize(
    ("soft", "hard", "meters", "files", "said"),
    [
        (1024, 4096, 1000, 1200, ""),  # as a Raspberry Pi allows
        (1024, 4096, 2, 1024, ""),  # a few meters leave the system as it is
        (256, 1024, 1000, 1024, SENTENCE),
        (256, 1200, 1000, 1200, ""),  # what the sentence asks for is enough
    ],
)
def test_many_meters_get_more_open_files_and_room_for_objects(
    soft: int, hard: int, meters: int, files: int, said: str
) -> None:
    assert fit(soft=soft, hard=hard, meters=meters) == (files, 100 * meters, said)
