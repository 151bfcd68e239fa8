"""One computer for the tests of a file, with the source in it as a clone has it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from packages.machine import BASE, DEBIAN, Machine
from servers.installed import need_debian
from stack.composed import read_image

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "src" / "juntek" / "outputs" / "web" / "static"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A computer on which juntek has never been."""
    need_debian(DEBIAN)
    with Machine(tmp_path_factory.mktemp("machine")) as machine:
        for settings, place in (("/etc/pip.conf", "/etc/pip.conf"), ("~/.config/pip/pip.conf", "/root/.pip/pip.conf")):
            if (source := Path(settings).expanduser()).exists():
                machine.put(source, place)
        yield machine


@pytest.fixture(scope="module")
def source(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where a copy of the repository lies in there; with the page as it is built here, which saves a minute."""
    subprocess.run([sys.executable, ROOT / "hatch_build.py"], check=True)
    folder = tmp_path_factory.mktemp("source")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    built = [str(path.relative_to(ROOT)) for path in STATIC.rglob("*") if path.is_file()]
    for name in [*listed, *built]:
        if name and (ROOT / name).is_file() and not name.startswith("tests/"):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
            target.chmod((ROOT / name).stat().st_mode & 0o777)
    return machine.put(folder, "/root/copy")


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with wheel, source archive, package and app: that of a release, or one made now."""
    if given := os.environ.get("JUNTEK_DIST"):
        return Path(given)
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "--outdir", folder, ROOT], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([ROOT / "packaging" / "deb" / "build", wheel, folder], check=True, capture_output=True)
    subprocess.run([ROOT / "packaging" / "home-assistant" / "build", wheel, folder / "home-assistant"], check=True)
    return folder


@pytest.fixture(scope="module")
def build_image(machine: Machine) -> Callable[[str, str], None]:
    """Builds an image of a folder in the machine; no registry is asked: a Debian with Python is Python's own."""
    (base,) = set(read_image().bases)
    machine.put(BASE, "/var/base.tar")
    machine.run("podman", "import", "--quiet", "/var/base.tar", f"docker.io/library/{base}")
    names = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf", "/root/.pip/pip.conf")
    shared = [f"--volume={name}:{name}:ro" for name in names if machine.exists(name)]
    options = ("--pull=never", "--isolation=chroot", "--network=host", "--format=docker")

    def build(tag: str, folder: str) -> None:
        machine.run("podman", "build", *options, f"--tag={tag}", *shared, folder, network=True)

    return build
