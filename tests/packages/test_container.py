"""The images, built and run by a real Podman: the gateway as compose.yaml runs it, the app as its Supervisor does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from packages import supervisor
from packages.machine import Machine
from stack.composed import read_image

pytestmark = [pytest.mark.packaging, pytest.mark.timeout(300)]

LINK = "replay:/etc/juntek/none.log"
CONFIGURATION = f'[[meters]]\nname = "house"\nlink = "{LINK}"\n[history]\n'
SUPERVISOR = """
import supervisor, threading
with supervisor.supervisor({"host": "127.0.0.1", "port": 1883, "ssl": False, "username": "", "password": ""}, 80):
    threading.Event().wait()
"""
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
def container(machine: Machine, source: str, build_image: Callable[[str, str], None]) -> str:
    """The gateway as a container, without [metrics] in its configuration."""
    build_image("juntek", source)
    machine.write("/root/juntek.toml", CONFIGURATION)
    mount = "--volume=/root/juntek.toml:/etc/juntek/juntek.toml:ro"
    machine.run("podman", "run", "--detach", "--name=gateway", *CONFINED, *HERE, mount, "juntek")
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


def test_the_app_takes_broker_and_meter_from_home_assistant(
    machine: Machine, dist: Path, build_image: Callable[[str, str], None]
) -> None:
    build_image("app", machine.put(dist / "home-assistant" / "juntek", "/root/app"))
    machine.put(Path(supervisor.__file__), "/root/supervisor.py")
    machine.run("systemd-run", "--quiet", "--unit=supervisor", "--working-directory=/root", "python3", "-c", SUPERVISOR)
    machine.run("mkdir", "-p", "/root/data")
    machine.write("/root/data/options.json", json.dumps({"meters": [{"name": "house", "link": LINK}]}))
    machine.run(
        "podman", "run", "--detach", "--name=app", *HERE, "--add-host=supervisor:127.0.0.1",
        "--volume=/root/data:/data", f"--env=SUPERVISOR_TOKEN={supervisor.TOKEN}",
        "--env=JUNTEK_WEB__INGRESS_FROM=127.0.0.1", "app",
    )  # fmt: skip
    machine.wait_for("the app to be healthy", lambda: is_healthy(machine, "app"))
    status = ("podman", "exec", "app", "cat", "/dev/shm/juntek.status")  # noqa: S108 - of the container
    machine.wait_for("the broker", lambda: machine.ask(*status).endswith("MQTT connected"))
    page = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8140').status)"
    assert machine.ask("python3", "-c", page) == "200", "who asks is who the Supervisor is here"
    assert machine.exists("/root/data/juntek.db"), "what is kept lies where Home Assistant makes its backups of"
    machine.run("podman", "stop", "--time=5", "app")
    (state,) = json.loads(machine.ask("podman", "inspect", "app"))
    assert state["State"]["ExitCode"] == 0
