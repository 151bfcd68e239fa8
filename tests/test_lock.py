"""The lock of those who send what a target is owed: one at a time, whoever they are and however the last one ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from juntek.errors import ConfigurationError
from juntek.files import hold

OBEYS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
"""Makes permissions count for the superuser too."""

HOLD = """
import sys
from pathlib import Path
from juntek.files import hold
with hold(Path(sys.argv[1])) as free:
    print("free" if free else "taken", flush=True)
    sys.stdin.read()
"""


def holder(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*OBEYS, sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def say(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_lock_that_was_left_over_by_a_kill_is_free(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with holder(path) as first:
        assert say(first) == "free"
        with hold(path) as free:
            assert not free
        first.send_signal(signal.SIGKILL)
        first.wait(30)
    assert path.exists()
    with hold(path) as free:
        assert free


def test_a_lock_whose_file_another_user_made_keeps_off_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with hold(path) as free:
        assert free
        path.chmod(0o444)  # as one of root's is to everybody else
        with holder(path) as other:
            assert say(other) == "taken"
            other.communicate()


def test_a_link_in_the_place_of_a_lock_is_not_followed(tmp_path: Path) -> None:
    target, path = tmp_path / "target", tmp_path / "a.lock"
    target.touch(0o600)
    path.symlink_to(target)
    with pytest.raises(ConfigurationError), hold(path):
        pass
    assert target.stat().st_mode & 0o777 == 0o600


def test_the_mode_of_a_file_that_was_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    path.touch(0o600)
    with hold(path) as free:
        assert free
    assert path.stat().st_mode & 0o777 == 0o600
