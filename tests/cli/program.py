"""The program itself, as a child process: run to its end, or kept running and stopped by its id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 60
"""s after which a program that should have ended is a failure; nothing is measured by it."""


def environment(home: Path | None = None, **variables: str) -> dict[str, str]:
    """What a program sees of the machine: no configuration of whoever runs the tests."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("JUNTEK_", "XDG_"))}
    return {**clean, "COLUMNS": "80", "TZ": "UTC", **({"HOME": str(home)} if home else {}), **variables}


def run(*arguments: object, given: bytes | None = None, home: Path | None = None, **variables: str) -> Ended:
    """Run the program to its end."""
    result = subprocess.run(
        [sys.executable, "-m", "juntek", *map(str, arguments)],
        input=given,
        stdin=subprocess.DEVNULL if given is None else None,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
        env=environment(home, **variables),
        cwd=home,
    )
    return Ended(result.returncode, result.stdout.decode(), result.stderr.decode())


class Ended:
    """How a program ended. A traceback is never what an owner should see."""

    def __init__(self, status: int, output: str, talk: str) -> None:
        assert "Traceback" not in talk
        self.status, self.output, self.talk = status, output, talk


class Running:
    """A program that runs until it is stopped."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process, self.url = process, url

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end and return its status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextmanager
def simulator(*arguments: object) -> Iterator[Running]:
    """A simulated meter on a free port unless told otherwise; its first line is the link to it."""
    options = (
        arguments if "--pty" in arguments or "--listen" in arguments else ("--listen", "tcp://127.0.0.1:0", *arguments)
    )
    with subprocess.Popen(
        [sys.executable, "-m", "juntek", "simulate", *map(str, options)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        running = Running(process, process.stdout.readline().strip())
        try:
            yield running
        finally:
            running.stop()
