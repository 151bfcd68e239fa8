"""The image, built and run by a real Podman, as compose.yaml runs it: nothing but its volume can be written."""

from __future__ import annotations

import json

import pytest

from packages.machine import BASE, Machine
from stack.composed import read_image

pytestmark = [pytest.mark.packaging, pytest.mark.timeout(300)]

CONFIGURATION = '[[meters]]\nname = "house"\nlink = "replay:/etc/juntek/none.log"\n[history]\n'
CONFINED = (
    "--read-only",
    "--read-only-tmpfs=false",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
)
"""What compose.yaml says of the gateway."""
HERE = ("--network=host", "--cgroups=disabled")
"""What Podman needs in a machine of this kind."""


@pytest.fixture(scope="module")
def image(machine: Machine, source: str) -> str:
    """The image; no registry is asked: what stands for Python's own image is a Debian with Python."""
    (base,) = set(read_image().bases)
    machine.put(BASE, "/var/tmp/base.tar")  # noqa: S108 - a folder of the machine
    machine.run("podman", "import", "--quiet", "/var/tmp/base.tar", f"docker.io/library/{base}")  # noqa: S108
    shared = ["/etc/ssl/certs/ca-certificates.crt"]
    shared += [name for name in ("/etc/pip.conf", "/root/.pip/pip.conf") if machine.exists(name)]
    machine.run(
        "podman", "build", "--pull=never", "--isolation=chroot", "--network=host", "--format=docker", "--tag=juntek",
        *(f"--volume={name}:{name}:ro" for name in shared), source,
        network=True,
    )  # fmt: skip
    return "juntek"


@pytest.fixture(scope="module")
def container(machine: Machine, image: str) -> str:
    """The gateway as a container, without [metrics] in its configuration."""
    machine.write("/root/juntek.toml", CONFIGURATION)
    mount = "--volume=/root/juntek.toml:/etc/juntek/juntek.toml:ro"
    machine.run("podman", "run", "--detach", "--name=gateway", *CONFINED, *HERE, mount, image)
    return "gateway"


def is_healthy(machine: Machine, container: str) -> bool:
    return machine.run("podman", "healthcheck", "run", container, check=False).returncode == 0


def test_it_is_healthy_without_metrics_and_not_when_it_hangs(machine: Machine, container: str) -> None:
    machine.wait_for("the container to be healthy", lambda: is_healthy(machine, container))
    machine.run("podman", "kill", "--signal=STOP", container)
    machine.run("podman", "exec", container, "touch", "-d", "2 minutes ago", "/dev/shm/juntek.status")  # noqa: S108
    assert not is_healthy(machine, container)
    machine.run("podman", "kill", "--signal=CONT", container)
    machine.wait_for("the container to be healthy again", lambda: is_healthy(machine, container))


def test_it_is_nobody_can_nothing_and_writes_to_its_volume_only(machine: Machine, container: str) -> None:
    told = machine.ask("podman", "exec", container, "cat", "/proc/1/status")
    state = dict(line.split(":\t", 1) for line in told.splitlines() if ":\t" in line)
    assert state["Uid"].split()[0] == read_image().user
    assert int(state["CapEff"], 16) == 0
    assert state["NoNewPrivs"] == "1"
    assert machine.run("podman", "exec", container, "touch", "/opt/juntek/x", check=False).returncode != 0
    assert machine.ask("podman", "exec", container, "ls", "/var/lib/juntek").splitlines().count("juntek.db") == 1


def test_it_has_the_page_and_no_pip(machine: Machine, container: str) -> None:
    packages = "/opt/juntek/lib/python3*/site-packages"
    look = f"ls {packages}/juntek/outputs/web/static/index.html; ls -d {packages}/pip /opt/juntek/bin/pip"
    found = machine.ask("podman", "exec", container, "sh", "-c", look).split()
    assert [name.rsplit("/", 1)[1] for name in found] == ["index.html"]


def test_it_stops_at_once_and_in_order(machine: Machine, container: str) -> None:
    machine.run("podman", "stop", "--time=5", container)
    (state,) = json.loads(machine.ask("podman", "inspect", container))
    assert state["State"]["ExitCode"] == 0, "137 is that it had to be killed"
