"""The program itself, as a child process: run to its end, or kept running and stopped by its id."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from io import TextIOWrapper
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from typer.testing import CliRunner

from juntek.cli import main
from servers.process import started

PATIENCE = 120
"""s after which a program that should have ended is a failure; nothing is measured by it."""


def environment(home: Path | None = None, **variables: str) -> dict[str, str]:
    """What a program sees of the machine: no configuration of whoever runs the tests."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("JUNTEK_", "XDG_"))}
    return {**clean, "COLUMNS": "80", "TZ": "UTC", **({"HOME": str(home)} if home else {}), **variables}


def run(*arguments: object, given: bytes | None = None, home: Path | None = None, **variables: str) -> Ended:
    """Run the program to its end, in this process: that of its own takes a second to start."""
    wanted = environment(home, **variables)
    changes = {name: None for name in os.environ if name not in wanted} | wanted
    argv, folder = sys.argv, Path.cwd()
    with CliRunner().isolation(env=changes) as (output, talk, *_), TemporaryFile() as typed:
        typed.write(given or b"")
        typed.seek(0)
        sys.stdin = TextIOWrapper(typed)
        try:
            sys.argv = ["juntek", *map(str, arguments)]
            os.chdir(home or folder)
            time.tzset()
            main()
            status = 0
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 1 if ended.code else 0
        finally:
            os.chdir(folder)
            sys.argv = argv
        sys.stdout.flush()
        sys.stderr.flush()
        said = output.getvalue().decode(), talk.getvalue().decode()
    time.tzset()
    return Ended(status, *said)


def run_apart(
    *arguments: object, home: Path | None = None, program: Sequence[str] = ("-m", "juntek"), **variables: str
) -> Ended:
    """Run the program to its end, as a process of its own."""
    command = [sys.executable, *program, *map(str, arguments)]
    result = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False,
        env=environment(home, **variables), cwd=home,
    )  # fmt: skip
    return Ended(result.returncode, result.stdout.decode(), result.stderr.decode())


class Ended:
    """How a program ended. A traceback is never what an owner should see."""

    def __init__(self, status: int, output: str, talk: str) -> None:
        assert "Traceback" not in talk
        self.status, self.output, self.talk = status, output, talk


def started_juntek(
    *arguments: object,
    home: Path | None = None,
    **options: Any,  # noqa: ANN401 - those of Popen
) -> AbstractContextManager[subprocess.Popen[str]]:
    """Run the program as a process of its own until the test is left."""
    return started(sys.executable, "-m", "juntek", *arguments, **{"env": environment(home), **options})


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
    with started_juntek("simulate", *options, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        running = Running(process, process.stdout.readline().strip())
        yield running
        running.stop()


class Screen:
    """A terminal with a program in it."""

    def __init__(self, process: subprocess.Popen[str], terminal: int) -> None:
        self.process, self._terminal = process, terminal
        self._seen = ""

    def wait_for(self, text: str) -> None:
        """Wait until it is there; what was there before is forgotten then."""
        deadline = time.monotonic() + PATIENCE
        while text not in (plain := re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._seen)):
            assert time.monotonic() < deadline, self._seen
            assert self.process.poll() is None, self._seen
            if select.select([self._terminal], [], [], 0.5)[0]:
                self._seen += os.read(self._terminal, 65536).decode(errors="replace")
        self._seen = plain.partition(text)[2]

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._terminal, keys.encode())

    def wait_for_end(self) -> int:
        """Return the status with which the program ends."""
        while select.select([self._terminal], [], [], PATIENCE)[0]:
            try:
                if not os.read(self._terminal, 65536):
                    break
            except OSError:  # the terminal closes with the program
                break
        return self.process.wait(PATIENCE)


@contextmanager
def on_a_terminal(*arguments: object, home: Path | None = None) -> Iterator[Screen]:
    """Run the program on a terminal of its own until the test is left."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    variables = {name: value for name, value in environment(home).items() if name != "COLUMNS"}
    streams: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), slave)
    variables |= {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    try:
        with started_juntek(*arguments, start_new_session=True, env=variables, **streams) as process:
            os.close(slave)
            yield Screen(process, master)
    finally:
        os.close(master)
