"""A computer with Debian and systemd as pid 1, in namespaces of its own.

Rule: the folder that it is made of is never written to, and nothing of it is left when it is stopped: all that changes
lies in memory. It has a network of its own with nothing but loopback; only a command that fetches something gets ours.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Self

CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "juntek-test"
DEBIAN: Final = CACHE / "debian"
BASE: Final = CACHE / "debian-base.tar"
"""What images are made of: a Debian with Python only."""

PATIENCE: Final = 300
"""s after which a command in there that should have ended is a failure."""

_BOOT: Final = r"""
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 machine "$FOLDER"
mkdir "$FOLDER/changes" "$FOLDER/work" "$FOLDER/root"
mount -t overlay overlay -o "lowerdir=$DEBIAN,upperdir=$FOLDER/changes,workdir=$FOLDER/work" "$FOLDER/root"
cd "$FOLDER/root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm
for each in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "dev/${each%:*}" c 1 "${each#*:}"; done
mknod -m 666 dev/tty c 5 0
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx; ln -s /proc/self/fd dev/fd; ln -s /proc/self/fd/1 dev/stdout
mount -t tmpfs -o mode=1777 tmpfs dev/shm
# Images and containers: they need a file system that is no overlay itself.
mkdir -p var/lib/containers; mount -t tmpfs tmpfs var/lib/containers
hostname testhost
mkdir .before; pivot_root . .before; umount -l .before
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --log-target=journal
"""


class Machine:
    """A context manager: booted when it is entered, gone when it is left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "boot.log"
        mount = Path("/sys/fs/cgroup/unified")
        self._cgroup = (mount if mount.is_dir() else mount.parent) / f"juntek-test-{os.getpid()}"
        self._process: subprocess.Popen[bytes] | None = None
        self._pid = 0

    def __enter__(self) -> Self:
        place = self._folder / "machine"
        place.mkdir()
        self._cgroup.mkdir()
        # It ends with us, also where a test run is killed.
        words = [
            "setpriv",
            "--pdeathsig=KILL",
            "unshare",
            "--mount",
            "--pid",
            "--ipc",
            "--uts",
            "--net",
            "--cgroup",
            "--fork",
            "--kill-child",
        ]
        join = 'echo $$ >"$CGROUP/cgroup.procs"; exec "$@"'
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["bash", "-c", join, "bash", *words, "bash", "-c", _BOOT],
                env={**os.environ, "CGROUP": str(self._cgroup), "FOLDER": str(place), "DEBIAN": str(DEBIAN)},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            self.wait_for("systemd to be up", self._is_up, 60)
        except BaseException:
            self.__exit__()
            raise
        self.run("ip", "link", "set", "lo", "up")
        return self

    def __exit__(self, *exception: object) -> None:
        del exception
        assert self._process is not None
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)  # the end of its pid 1 is that of all others in there
        self._process.kill()
        self._process.wait(30)
        for _ in range(50):
            folders = sorted(self._cgroup.rglob("*/"), key=lambda path: -len(path.parts))
            try:
                for folder in [*(path for path in folders if path.is_dir()), self._cgroup]:
                    folder.rmdir()
            except OSError:
                time.sleep(0.1)
            else:
                return

    @property
    def root(self) -> Path:
        """Its files, as they are seen from here."""
        return Path(f"/proc/{self._pid}/root")

    def run(
        self,
        *command: str,
        network: bool = False,
        check: bool = True,
        given: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in there to its end; `network`: with the network of this computer."""
        spaces = ["--mount", "--pid", "--ipc", "--uts", "--cgroup", *([] if network else ["--net"])]
        variables = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LANG": "C.UTF-8",
        }
        if network:  # what pip needs to be told here
            variables |= {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        variables |= environment or {}
        done = subprocess.run(
            ["nsenter", f"--target={self._pid}", *spaces, "--root",
             "env", "-i", "--chdir=/root", *(f"{name}={value}" for name, value in variables.items()), *command],
            input=given, stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def ask(self, *command: str) -> str:
        """Return what a command says in there, whatever its status."""
        return self.run(*command, check=False).stdout.strip()

    def show(self, name: str, unit: str = "juntek") -> str:
        """Return a property of a service."""
        return self.ask("systemctl", "show", "--value", f"--property={name}", unit)

    def put(self, source: Path, place: str) -> str:
        """Copy a file or a folder into it and return where it is in there."""
        target = self.root / place.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)
        return place

    def write(self, place: str, text: str) -> None:
        """Write a file in there."""
        target = self.root / place.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def exists(self, place: str) -> bool:
        """Whether there is such a file in there; a link counts by itself."""
        return os.path.lexists(self.root / place.lstrip("/"))

    def wait_for(self, what: str, is_so: Callable[[], bool], timeout: float = 30) -> None:
        """Return once `is_so` says so; AssertionError when it does not in `timeout` s."""
        end = time.monotonic() + timeout
        while not is_so():
            assert time.monotonic() < end, f"not in {timeout} s: {what}\n{self._log.read_text()}{self._journal()}"
            time.sleep(0.1)

    def _journal(self) -> str:
        return self.ask("journalctl", "--lines=30", "--no-pager") if self._pid else ""

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        if not children or Path(f"/proc/{children[0]}/comm").read_text() != "systemd\n":
            return False
        self._pid = int(children[0])
        return self.ask("systemctl", "is-system-running") in ("running", "degraded")
