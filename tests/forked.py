"""A program that forks a writer, a process of its own, for each line that it reads: it can be killed at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice

_ENDED = "ended\n"


@contextmanager
def forking(*command: str) -> Iterator[subprocess.Popen[str]]:
    """Run the file of a test as such a program."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    program = subprocess.Popen(
        [sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    )
    yield program
    program.kill()
    program.communicate(timeout=30)


def run_and_kill(program: subprocess.Popen[str], line: str, *, lines: int | None = 0, after: float = 0.0) -> list[str]:
    """Return what a writer says behind its number, killed so many lines and s after it, or at its end by itself."""
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdin.write(f"{line}\n")
    program.stdin.flush()
    process = int(program.stdout.readline())
    seen = list(islice(iter(program.stdout.readline, _ENDED), lines))
    if lines is not None:
        time.sleep(after)
        os.kill(process, signal.SIGKILL)
        # What it had said by then is already in the pipe.
        seen += iter(program.stdout.readline, _ENDED)
    return seen


def say(line: object) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def fork_for_each_line(write: Callable[[str], None], prepare: Callable[[str], None] = lambda _: None) -> None:
    """Be such a program, which prepares each line, and whose writers say `os.getpid()` first."""
    for line in sys.stdin:
        prepare(line)
        if not os.fork():
            write(line)
            os._exit(0)
        os.wait()
        sys.stdout.write(_ENDED)
        sys.stdout.flush()
