"""The gateway and the programs around it as processes of their own; rule: what a process used, the kernel says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "src", ROOT / "tests")))}
JUNTEK = (sys.executable, "-m", "juntek")


@contextmanager
def run(*command: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command while the context lasts; what it says on stderr goes to `log`, stdout is a pipe."""
    with log.open("ab") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own programs
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=ENVIRONMENT
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def cpu_seconds(process: int) -> float:
    """Return what all threads of a process have used, user and system.

    Of the scheduler's own count in ns where the kernel keeps it, else of clock ticks of 10 ms.
    """
    total = 0
    try:
        for thread in Path(f"/proc/{process}/task").iterdir():
            total += int((thread / "schedstat").read_text().split()[0])
    except FileNotFoundError:
        total = 0
    if total:
        return total / 1e9
    words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def waited_seconds(process: int) -> float:
    """Return how long its threads could have run but had no processor, as other programs had them all."""
    try:
        threads = Path(f"/proc/{process}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[1]) for thread in threads) / 1e9
    except FileNotFoundError:  # this kernel does not count it
        return 0.0


def resident_megabytes(process: int) -> float:
    """Return the resident memory of a process now."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1000
    raise ProcessLookupError(process)


def write_configuration(  # noqa: PLR0913 - what a gateway may have
    directory: Path,
    links: list[str],
    broker: int | None,
    *,
    interval: float = 1.0,
    mode: str = "listen",
    history: bool = True,
    web: int | None = None,
    timeseries: str | None = None,
) -> Path:
    """Write a configuration with one meter for each link; `broker` and `web` are ports of 127.0.0.1.

    `timeseries` is the URL of an engine.
    """
    meters = [f'[[meters]]\nname = "meter{n}"\nlink = "{link}"\nmode = "{mode}"\n' for n, link in enumerate(links, 1)]
    sections = []
    if broker is not None:
        sections.append(f'[mqtt]\nhost = "127.0.0.1"\nport = {broker}\ninterval = {interval}\n')
    if history:
        sections.append(f'[history]\npath = "{directory / "juntek.db"}"\nkeep_raw_days = 36500\n')
    if web is not None:
        sections.append(f'[web]\nlisten = "127.0.0.1:{web}"\n')
    if timeseries is not None:
        sections.append(f'[[timeseries]]\nurl = "{timeseries}"\n')
    path = directory / "juntek.toml"
    path.write_text("\n".join([*meters, *sections]))
    return path
