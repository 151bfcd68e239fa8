"""The services of compose.yaml as plain processes on 127.0.0.1.

Rule: commands, flags, environment and mounted files are those of compose.yaml and the Dockerfile. Others are names of
hosts, ports and folders, and what stands in OLDER, OTHERWISE and ROOT_ONLY, each with its reason.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

from servers.mosquitto import find_program
from servers.process import ServerProcess, free_port
from stack.composed import ROOT, Image, read_image, read_services

PROGRAMS: Final = {"victoria-metrics": "victoria-metrics", "vmalert": "vmalert"}
"""What the images start by themselves; each flag that the program here does not know has to be in OLDER."""

OLDER: Final = {
    # vmalert 1.79 of Debian 12 wants an address; the flag came with 1.94.
    "-notifier.blackhole": "-notifier.url=http://127.0.0.1:9",
}
"""Flags that Debian's releases are too old for, and what stands in their place."""

OTHERWISE: Final = {
    "interval: 30s": "interval: 1s",  # alert rules: nobody waits half a minute here
    "listener 1883": "listener {broker} 127.0.0.1",
    'host = "broker"': 'host = "127.0.0.1"\nport = {broker}',
}
"""Words in mounted files that mean something else where all services are on one computer."""

ROOT_ONLY: Final = "\nuser root\n"
"""For Mosquitto where tests run as root: else it changes to a user who cannot look into a test's folder."""

PORTS: Final = {"broker": 1883, "victoria-metrics": 8428, "vmalert": 8880, "gateway": 8140, "simulator": 4001}
MEMORY: Final = "/dev/shm"  # noqa: S108 - of the container
METRICS: Final = "127.0.0.1:9485"


class Stack:
    """All services but Grafana, which no package here has; a context manager that stops them."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.settings = settings
        self.services = read_services(**settings)
        self.image: Image = read_image()
        self.ports = {name: free_port() for name in PORTS}
        self.left_out: dict[str, str] = {}
        """Flags that were replaced, and by what."""
        self._metrics_port = free_port()
        self._folder = folder
        self._processes: dict[str, ServerProcess] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes.values()):
            process.stop()

    def url(self, name: str) -> str:
        """Where a service is reached."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def folder(self, name: str) -> Path:
        """What the service has for its root directory."""
        return self._folder / name

    def log_text(self, name: str) -> str:
        """All that a service said."""
        return self._processes[name].log_text()

    def start(self, name: str, timeout: float = 150) -> None:
        """Start a service as Compose would, and wait until its own health check says that it is healthy."""
        service = self.services[name]
        self._mount(name, service)
        self.folder(name).mkdir(parents=True, exist_ok=True)
        environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin"}
        if "build" in service:
            environment |= {key: value for key, value in self.image.environment.items() if key != "PATH"}
        environment |= service.get("environment", {})
        (self._folder / "logs").mkdir(parents=True, exist_ok=True)
        process = self._processes[name] = ServerProcess(name, self._folder / "logs" / f"{name}.log")
        process.start(self._command(name, service), {key: self._here(name, text) for key, text in environment.items()})
        process.wait_until_ready(lambda: self.is_healthy(name), timeout)

    def stop(self, name: str) -> None:
        """Stop a service."""
        self._processes.pop(name).stop()

    def is_healthy(self, name: str) -> bool:
        """Do what the health check of the service does."""
        service = self.services[name]
        test = service.get("healthcheck", {}).get("test") or self.image.health
        kind, *command = [self._here(name, word.replace("$$", "$")) for word in test]
        assert kind == "CMD"
        if command[0] == "wget":  # may be another wget than that of the images, or none
            assert command[1:4] == ["-q", "-O", "/dev/null"]
            return _answers(command[4])
        command[0] = sys.executable if command[0] == "python" else str(find_program(command[0]))
        environment = {key: self._here(name, text) for key, text in service.get("environment", {}).items()}
        done = subprocess.run(command, env=os.environ | environment, capture_output=True, check=False, timeout=60)
        return done.returncode == 0

    def _command(self, name: str, service: Mapping[str, Any]) -> list[str]:
        if "build" in service:
            words = [*(service.get("entrypoint") or self.image.entrypoint)]
            words += service.get("command") or self.image.command
            words[0] = str(Path(sys.executable).with_name(words[0])) if words[0] == "juntek" else words[0]
        elif name in PROGRAMS:
            program = shutil.which(PROGRAMS[name])
            assert program, f"{PROGRAMS[name]} is not installed: run scripts/install-test-servers --engines"
            words = [program, *self._known(program, service["command"])]
        else:
            words = service["entrypoint"]
        return [self._here(name, word) for word in words]

    def _known(self, program: str, flags: Sequence[str]) -> list[str]:
        """Replace what the program here is too old for, and remember that."""
        told = subprocess.run([program, "-help"], capture_output=True, text=True, check=False, timeout=60)
        known = set(re.findall(r"^  -([\w.]+)", told.stdout + told.stderr, re.MULTILINE))
        replaced = {flag: OLDER[flag] for flag in flags if flag.lstrip("-").partition("=")[0] not in known}
        self.left_out |= replaced
        return [replaced.get(flag, flag) for flag in flags]

    def _mount(self, name: str, service: Mapping[str, Any]) -> None:
        """Lay the folders and files of a service where it finds them, with the words changed that have to be."""
        root = self.folder(name)
        for volume in service.get("volumes", []):
            source, target = volume.split(":")[:2]
            place, given = root / target.lstrip("/"), ROOT / source
            if source == "/dev":
                continue
            if not source.startswith("./"):
                place.mkdir(parents=True, exist_ok=True)
                continue
            for file in [given] if given.is_file() else given.iterdir():
                copy = place if given.is_file() else place / file.name
                copy.parent.mkdir(parents=True, exist_ok=True)
                text = self._here(name, file.read_text(encoding="utf-8"))
                for words, others in OTHERWISE.items():
                    text = text.replace(words, others.format(**self.ports))
                if file.name == "mosquitto.conf" and os.geteuid() == 0:
                    text += ROOT_ONLY
                copy.write_text(text, encoding="utf-8")
        for mount in service.get("tmpfs", []):
            (root / mount.partition(":")[0].lstrip("/")).mkdir(parents=True, exist_ok=True, mode=0o700)

    def _here(self, name: str, text: str) -> str:
        """Let host names, ports and folders of containers be those of this test."""
        for other, port in PORTS.items():
            text = text.replace(f"{other}:{port}", f"127.0.0.1:{self.ports[other]}")
        own = PORTS[name]
        text = text.replace(f"=:{own}", f"=127.0.0.1:{self.ports[name]}")
        text = text.replace(f"0.0.0.0:{own}", f"127.0.0.1:{self.ports[name]}")
        text = text.replace(f"127.0.0.1:{own}", f"127.0.0.1:{self.ports[name]}")
        text = text.replace(f"('127.0.0.1', {own})", f"('127.0.0.1', {self.ports[name]})")
        text = text.replace(f"-p {own}\\n", f"-p {self.ports[name]}\\n")  # what the broker's own clients are told
        text = text.replace(METRICS, f"127.0.0.1:{self._metrics_port}")
        text = text.replace(MEMORY, str(self.folder(name)))
        mounts = [volume.split(":")[1] for volume in self.services[name].get("volumes", [])]
        mounts += [mount.partition(":")[0] for mount in self.services[name].get("tmpfs", [])]
        for target in mounts:
            if target not in ("/dev", "/tmp"):  # noqa: S108 - these are there on every computer
                text = re.sub(
                    rf"(?<![\w/]){re.escape(target)}(?![\w-])", str(self.folder(name) / target.lstrip("/")), text
                )
        return text


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - an address of this test
            return bool(answer.status == 200)
    except OSError:
        return False


def wait_for(what: str, is_so: Any, timeout: float = 150) -> None:  # noqa: ANN401 - anything that can be called
    """Return once `is_so` says so; AssertionError when it does not in `timeout` s."""
    end = time.monotonic() + timeout
    while not is_so():
        assert time.monotonic() < end, f"not in {timeout} s: {what}"
        time.sleep(0.2)
