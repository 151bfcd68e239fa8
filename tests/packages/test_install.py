"""`scripts/install` and the service that it makes, on a fresh Debian; rule: what systemd says of it is what counts."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator

import pytest

from packages.machine import Machine

pytestmark = [pytest.mark.packaging, pytest.mark.timeout(300)]

PORT = "/run/meter"
METER = f'[[meters]]\nname = "house"\nlink = "{PORT}"\nmode = "poll"\n[mqtt]\nhost = "127.0.0.1"\n[web]\n[history]\n'
MOST_MEGABYTES = 45


@pytest.fixture(scope="module")
def installed(machine: Machine, source: str) -> Machine:
    """A computer with a meter at a serial port, on which scripts/install has run."""
    machine.run("useradd", "--create-home", "pi")
    machine.write("/etc/juntek/juntek.toml", METER)
    machine.run(f"{source}/scripts/install", network=True, environment={"SUDO_USER": "pi"})
    start_meter(machine, "/opt/juntek/bin/juntek")
    return machine


def start_meter(machine: Machine, program: str) -> None:
    """Simulate a meter at a port that root and the group of serial ports may open, as real ones are."""
    machine.run("systemd-run", "--quiet", "--unit=meter", program, "simulate", "--pty", PORT, "--seed", "1")
    machine.wait_for("a meter", lambda: machine.exists(PORT))
    machine.run("sh", "-c", f"chgrp dialout $(readlink {PORT}) && chmod 660 $(readlink {PORT})")


@pytest.fixture(autouse=True)
def quick(installed: Machine) -> Iterator[None]:
    """The service as it is, but for the seconds that it waits; it runs before each test and is right again after it."""
    installed.write(
        "/etc/systemd/system/juntek.service.d/quick.conf",
        "[Unit]\nStartLimitIntervalSec=0\n[Service]\nWatchdogSec=2\nRestartSec=100ms\n",
    )
    installed.run("systemctl", "daemon-reload")
    installed.run("systemctl", "restart", "juntek")
    yield
    installed.write("/etc/juntek/juntek.toml", METER)


def test_it_is_ready_and_says_how_the_meters_do(installed: Machine) -> None:
    assert installed.show("ActiveState") == "active"
    said = re.compile(r"house: \d\d\.\d V, \d+ %, MQTT connected")
    installed.wait_for("a status", lambda: bool(said.fullmatch(installed.show("StatusText"))))
    assert installed.ask("systemctl", "is-enabled", "juntek") == "enabled"


def test_a_user_of_its_own_opens_the_port(installed: Machine) -> None:
    installed.wait_for("readings", lambda: "V, " in installed.show("StatusText"))
    pid = installed.show("MainPID")
    assert installed.ask("ps", "-o", "user=", "-p", pid) == "juntek"
    assert installed.ask("id", "--groups", "--name", "pi").split().count("dialout") == 1


def test_it_stops_at_once_and_in_order(installed: Machine) -> None:
    installed.run("systemctl", "stop", "juntek")
    assert (installed.show("Result"), installed.show("ExecMainStatus")) == ("success", "0")
    assert installed.exists("/var/lib/juntek/juntek.db")


def test_one_that_is_killed_is_started_again(installed: Machine) -> None:
    before = installed.show("MainPID")
    installed.run("systemctl", "kill", "--signal=KILL", "juntek")
    installed.wait_for("a new process", lambda: installed.show("MainPID") not in (before, "0"))
    installed.wait_for("it to be ready", lambda: installed.show("ActiveState") == "active")


def test_one_that_hangs_is_ended_by_the_watchdog_and_started_again(installed: Machine) -> None:
    before = installed.show("MainPID")
    installed.run("kill", "-STOP", before)
    installed.wait_for("a new process", lambda: installed.show("MainPID") not in (before, "0"))
    installed.wait_for("it to be ready", lambda: installed.show("ActiveState") == "active")


def test_a_wrong_configuration_is_not_tried_for_ever_and_told(installed: Machine) -> None:
    installed.write("/etc/juntek/juntek.toml", METER + "colour = 1\n")
    installed.run("systemctl", "restart", "juntek", check=False)
    assert (installed.show("ActiveState"), installed.show("ExecMainStatus")) == ("failed", "3")
    assert installed.show("NRestarts") == "0"
    told = installed.run("juntek", "service", "install", check=False)
    assert told.returncode == 3
    assert "colour" in told.stderr


def test_every_protection_of_the_unit_works_here(installed: Machine) -> None:
    for name in ("MemoryDenyWriteExecute", "PrivateMounts", "NoNewPrivileges", "PrivateTmp", "ProtectKernelLogs"):
        assert installed.show(name) == "yes", name
    assert installed.show("ProtectProc") == "invisible"
    assert installed.show("TimeoutStartUSec") == "5min"


def test_it_is_small_and_has_the_page(installed: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    installed.wait_for("readings", lambda: "V, " in installed.show("StatusText"))
    disk = int(installed.ask("du", "-sk", "/opt/juntek").split()[0]) / 1024
    memory = int(installed.ask("ps", "-o", "rss=", "-p", installed.show("MainPID"))) / 1000
    with capsys.disabled():
        sys.stdout.write(f"\nInstalled: {disk:.1f} MB on the disk, {memory:.1f} MB resident.\n")
    assert disk <= MOST_MEGABYTES
    assert not installed.exists("/opt/juntek/bin/pip")
    page = installed.ask(
        "python3", "-c", "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8140').status)"
    )
    assert page == "200"
    state = json.loads(installed.ask("juntek", "read", PORT, "--format", "json", "--count", "1") or "{}")
    assert isinstance(state, dict)


def test_the_same_line_updates_it_and_keeps_what_is_there(installed: Machine, source: str) -> None:
    before = installed.show("MainPID")
    installed.run(f"{source}/scripts/install", network=True)
    assert installed.show("ActiveState") == "active"
    assert installed.show("MainPID") != before
    assert (installed.root / "etc/juntek/juntek.toml").read_text() == METER


def test_uninstalling_leaves_the_data_and_purging_nothing(installed: Machine, source: str) -> None:
    installed.run("rm", "-r", "/etc/systemd/system/juntek.service.d")
    installed.run(f"{source}/scripts/install", "--uninstall")
    assert installed.show("LoadState") == "not-found"
    assert not [place for place in ("/opt/juntek", "/usr/local/bin/juntek") if installed.exists(place)]
    assert installed.exists("/etc/juntek/juntek.toml")
    assert installed.exists("/var/lib/private/juntek/juntek.db")
    assert "dialout" not in installed.ask("id", "--groups", "--name", "pi").split(), "we had let it in"
    installed.run(f"{source}/scripts/install", "--purge")
    found = installed.ask(
        "find", "/etc", "/opt", "/usr/local", "/var", "-xdev", "-iname", "*juntek*", "-not", "-path", "/var/log/*"
    )
    assert found == ""
