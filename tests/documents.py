"""The documents as tests read them, and a box in which their shell commands run for real.

Rule: nothing is left out in silence. What a test machine cannot do stands in `REPLACED` or `STUBS`, with its reason.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
COMMANDS, CONFIGURATION, INSTALL, JUNTEK_KG, MQTT, OTHER_PROGRAMS, PAGE, TROUBLES = (
    ROOT / "docs" / f"{name}.md"
    for name in ("commands", "configuration", "install", "juntek-kg", "mqtt", "other-programs", "page", "troubles")
)
GUIDE = (INSTALL, README, PAGE, COMMANDS)
"""What a reader types, in this order: the program has to be installed first."""
DOCUMENTS = (README, ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))

PATIENCE = 180
"""s for a block; the installation is the longest."""

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

REPLACED = {
    "git clone ADDRESS": f"git clone --quiet {ROOT}",  # the reader's address; here a clone of this checkout
    "sudo ./scripts/install": f"[ -x {ROOT}/scripts/install ]",  # done for real in tests/packages
    "sudo juntek config check": "juntek config check --config /etc/juntek/juntek.toml",  # of the service
    "./scripts/demo": f"[ -x {ROOT}/scripts/demo ]",  # has a test of its own
    "./scripts/test": f"grep --quiet ./scripts/test {ROOT}/.ci/run",  # we are in it; CI runs it by this name
    "/opt/juntek": "$BOX/opt/juntek",  # the folders of the system become folders of the test
    "/usr/local/bin": "$BOX/usr/local/bin",
    "/etc/": "$BOX/etc/",
    "$(juntek web password)": "$(juntek web password <<<'kilowatt hour')",  # nobody is here to type it
    "old.log": "$BOX/old.log",  # a recording of a simulated meter
    "/dev/ttyUSB0": "$BOX/ttyUSB0",  # a simulated meter on a pseudo-terminal
    "127.0.0.1:4001": "127.0.0.1:0",  # a free port
    "--host 127.0.0.1": "--host 127.0.0.1 --port $BROKER_PORT",
    "--seconds 10": "--seconds 5",
}
"""Words of a shell block that mean something else on a test machine."""

STUBS = {
    "sudo": 'exec "$@"',
    "apt-get": "[ $1 = install ]",  # installs nothing here
    # Writes what a reader would: the port, and the broker.
    "nano": 'sed -i "s|/dev/ttyUSB0|$BOX/ttyUSB0|; s|^# port = 1883|port = $BROKER_PORT|" "$1"',
    "systemctl": "[ -f $BOX/etc/systemd/system/juntek.service ]",
    "journalctl": "[ $1 = --unit ]",
    "usermod": "[ $2 = dialout ]",
    # What runs until it is stopped is stopped; the live view gets the terminal that it wants.
    "juntek": """\
case $1 in
    find) exec $BOX/usr/local/bin/juntek find $BOX/ttyUSB0 ;;
    service) cp $BOX/home/juntek/src/juntek/cli/juntek.service $BOX/etc/systemd/system ;;
    watch) exec script --quiet --return --command "$A_WHILE $BOX/usr/local/bin/juntek $*" /dev/null ;;
    run | simulate) exec $A_WHILE $BOX/usr/local/bin/juntek "$@" ;;
    *) exec $BOX/usr/local/bin/juntek "$@" ;;
esac""",
}  # fmt: skip
"""Programs that are not run as they are, as shell scripts; each notes that it was called."""


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of a document."""

    document: str
    number: int
    language: str
    text: str

    def __str__(self) -> str:
        first = next(iter(self.text.strip().splitlines()), "")
        return f"{self.document} {self.number}: {first[:40]}"


def blocks(path: Path, language: str | None = None) -> list[Block]:
    """Return the fenced blocks of a document, or those of one language."""
    found = _BLOCK.findall(path.read_text(encoding="utf-8"))
    every = [Block(path.name, number, kind, text) for number, (kind, text) in enumerate(found, start=1)]
    return [block for block in every if language in (None, block.language)]


def table(path: Path, heading: str) -> list[list[str]]:
    """Return the cells of the rows of the table whose first row begins with `heading`, without the first row."""
    rows: list[list[str]] = []
    inside = False
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"| {heading} |"):
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not line.startswith(("|---", "| ---")):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
    assert rows, f"{path.name} has no table that begins with {heading}"
    return rows


def words(cell: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


class Box:
    """A place for the commands of the documents: its folders, its stubs, and where the reader is."""

    def __init__(self, place: Path, variables: Mapping[str, str]) -> None:
        self.place = place
        self._calls = place / "calls"
        self._variables = dict(variables)
        self._here = place / "home"
        for folder in ("home", "stubs", "usr/local/bin", "etc/systemd/system", "etc/juntek", "opt"):
            (place / folder).mkdir(parents=True)
        for name, script in STUBS.items():
            stub = place / "stubs" / name
            stub.write_text(f'#!/bin/bash\necho "{name} $*" >>$BOX/calls\n{script}\n')
            stub.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        """The stubs that were called, with their arguments."""
        return self._calls.read_text().splitlines()

    def run(self, text: str) -> subprocess.CompletedProcess[str]:
        """Run a block as its reader would, from where the block before ended."""
        for word, other in REPLACED.items():
            text = text.replace(word, other)
        there = self.place / "here"
        result = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{text}\npwd >{there}"],
            cwd=self._here, env=self._environment(), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        if result.returncode == 0:
            self._here = Path(there.read_text().strip())
        return result

    def _environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("JUNTEK_", "XDG_"))}
        return {
            **clean,
            "BOX": str(self.place),
            "HOME": str(self.place / "home"),
            "USER": "owner",
            "TERM": "xterm",
            "A_WHILE": "timeout --preserve-status --foreground --signal INT 6",
            "PATH": f"{self.place}/stubs:{clean['PATH']}",
            **self._variables,
        }
