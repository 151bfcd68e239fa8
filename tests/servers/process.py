"""Child processes: a free port to listen on, a log to look at, and a stop that never hits a foreign process.

Rule: a process is stopped by the id we started it with and is always waited for.
"""

from __future__ import annotations

import os
import random
import socket
import ssl
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_PORTS: Final = range(12_000, 32_000)
"""Below those that a system gives out by itself, from 32768 on Linux."""


NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For browsers that speak plain HTTP: each would read all the authorities of the system otherwise, 15 ms of CPU."""


class ServerFailedError(Exception):
    """A server ended or did not become ready; the text ends with the last lines of its log."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nothing listens, and which no other test has or gets for long.

    A gateway goes on sending to the port of a server that a test has stopped, and must not meet one of another test.
    """
    while True:
        with socket.socket() as listener:
            port = next(_OWN_PORTS)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _share_ports() -> Iterator[int]:
    """Yield the ports of this process among those that run tests beside it, from anywhere on: there may be two runs."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    own = _PORTS[number :: int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))]
    start = random.randrange(len(own))
    return cycle([*own[start:], *own[:start]])


_OWN_PORTS: Final = _share_ports()


PIPES: Final[dict[str, Any]] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


@contextmanager
def started(*command: object, **options: Any) -> Iterator[subprocess.Popen[str]]:  # noqa: ANN401 - those of Popen
    """Run a program while a test does something with it; a test that fails or hangs on the way ends it, too.

    `subprocess.Popen` itself would wait for ever for one that nobody has told to end.
    """
    process = subprocess.Popen([*map(str, command)], text=True, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)
        for pipe in filter(None, (process.stdin, process.stdout, process.stderr)):
            pipe.close()


class ServerProcess:
    """One child process whose output goes to the end of a log file."""

    def __init__(self, name: str, log_path: Path) -> None:
        self.name = name
        self.log_path = log_path
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def process_id(self) -> int:
        """Process id; raises ServerFailedError when nothing runs."""
        if self._process is None or not self.is_running:
            raise ServerFailedError(f"{self.name} is not running")
        return self._process.pid

    def start(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        if self.is_running:
            raise ServerFailedError(f"{self.name} runs already")
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment
            )

    def wait_until_ready(self, is_ready: Callable[[], bool], timeout: float) -> None:
        """Return once `is_ready` says so; ServerFailedError when the process ends or `timeout` s pass."""
        end = time.monotonic() + timeout
        while not is_ready():
            if not self.is_running:
                raise ServerFailedError(f"{self.name} ended at its start:\n{self.last_lines()}")
            if time.monotonic() > end:
                self.kill()
                raise ServerFailedError(f"{self.name} was not ready in {timeout} s:\n{self.last_lines()}")
            time.sleep(0.005)

    def stop(self, timeout: float = 30) -> None:
        """Ask the process to end, and end it by force after `timeout` s; harmless when it has ended."""
        if self._process is None:
            return
        if self.is_running:
            self._process.terminate()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """End the process as a power cut would: it can say no goodbye (no last words to its clients)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def log_size(self) -> int:
        """Bytes logged so far: give it to `log_text` to read only what comes later."""
        return self.log_path.stat().st_size if self.log_path.exists() else 0

    def log_text(self, since: int = 0) -> str:
        """What was logged from byte `since` on, over all starts of this server."""
        if not self.log_path.exists():
            return ""
        with self.log_path.open("rb") as log:
            log.seek(since)
            return log.read().decode(errors="replace")

    def last_lines(self, count: int = 20) -> str:
        return "\n".join(self.log_text().splitlines()[-count:])


class Server(ABC):
    """A server on 127.0.0.1 and a free port, which stays the same; a context manager that stops it."""

    host: Final = "127.0.0.1"

    def __init__(self, name: str, log_path: Path) -> None:
        self.port = free_port()
        self._process = ServerProcess(name, log_path)

    @property
    def process_id(self) -> int:
        return self._process.process_id

    @property
    def log_text(self) -> str:
        """All that this server logged, over its restarts."""
        return self._process.log_text()

    @abstractmethod
    def start(self) -> None:
        """Start on the same port as before; returns when it answers."""

    def stop(self) -> None:
        """End in order."""
        self._process.stop()

    def kill(self) -> None:
        """End at once, as when its machine loses power."""
        self._process.kill()

    def restart(self) -> None:
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
