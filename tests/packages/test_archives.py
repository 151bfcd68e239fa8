"""Wheel, source archive and Debian package, each installed as its reader does it."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pytest

from cli.program import run
from cli.test_usage import COMMANDS
from packages.machine import CACHE, Machine

pytestmark = [pytest.mark.packaging, pytest.mark.timeout(300)]

CONFIGURATION = "/etc/juntek/juntek.toml"
PAGE = "print(__import__('urllib.request').request.urlopen('http://127.0.0.1:8140').status)"


def test_wheel_and_source_archive_hold_the_page_and_the_unit(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    (archive,) = dist.glob("*.tar.gz")
    names = set(zipfile.ZipFile(wheel).namelist())
    with tarfile.open(archive) as tar:
        sources = {name.partition("/")[2] for name in tar.getnames()}
    for name in ("juntek/outputs/web/static/index.html", "juntek/cli/juntek.service"):
        assert name in names
        assert f"src/{name}" in sources
    assert "src/juntek/outputs/web/static/.source" in sources, "with it nobody builds the page again"
    assert not [name for name in names if "node_modules" in name or "/page/" in name]


def test_lintian_finds_no_error_in_the_package(machine: Machine, dist: Path) -> None:
    (package,) = dist.glob("*.deb")
    machine.put(package, "/root/juntek.deb")
    options = ("--fail-on", "error", "--allow-root", "--tag-display-limit", "0")
    told = machine.run("lintian", *options, "/root/juntek.deb", check=False)
    assert told.returncode == 0, told.stdout + told.stderr


WRONG = ("setup --capacity ten", "setup --capacity -1", "setup --address 100", "read --mode deaf x", "setup --names x",
         "read x --count -1", "watches", "decode", "find --format")  # fmt: skip


def test_its_commands_take_and_say_what_those_here_do(machine: Machine) -> None:
    """It has an older library for its command line, as the newer ones bring what is compiled."""
    machine.run("apt-get", "-qq", "--yes", "-o", "Dpkg::Use-Pty=0", "install", "/root/juntek.deb")
    for path, command in COMMANDS.items():
        told = machine.run(*path.split(), "--help").stdout
        assert [name for one in command.params for name in one.opts if name.startswith("-") and name not in told] == []
    for words in WRONG:
        there, here = machine.run("juntek", *words.split(), check=False), run(*words.split())
        assert (there.returncode, there.stderr) == (here.status, here.talk)


def test_the_package_installs_runs_keeps_its_configuration_and_goes_clean(machine: Machine) -> None:
    apt = ("apt-get", "-qq", "--yes", "-o", "Dpkg::Use-Pty=0")
    machine.run(*apt, "install", "/root/juntek.deb")
    assert machine.show("ActiveState") == "active"
    assert machine.ask("systemctl", "is-enabled", "juntek") == "enabled"
    assert machine.ask("juntek", "--version").startswith("juntek ")
    own = (machine.root / CONFIGURATION.lstrip("/")).read_text() + "# mine\n"
    machine.write(CONFIGURATION, own)
    machine.run(*apt, "install", "--reinstall", "/root/juntek.deb")
    assert (machine.root / CONFIGURATION.lstrip("/")).read_text() == own
    machine.run("systemctl", "restart", "juntek")
    assert machine.ask("python3", "-c", PAGE) == "200"

    machine.run(*apt, "remove", "juntek")
    assert machine.show("ActiveState") == "inactive"
    assert machine.exists(CONFIGURATION)
    assert machine.exists("/var/lib/private/juntek/juntek.db")
    assert not machine.exists("/usr/lib/juntek")
    machine.run(*apt, "purge", "juntek")
    places = ("/etc", "/usr", "/var/lib/juntek", "/var/lib/private", "/var/lib/systemd")
    assert machine.ask("find", *places, "-xdev", "-iname", "*juntek*") == ""


@pytest.mark.parametrize("tool", [("pipx",), ("/usr/local/bin/uv", "tool")], ids=["pipx", "uv"])
def test_a_tool_installs_the_wheel_and_the_command_makes_the_service(
    machine: Machine, dist: Path, tool: tuple[str, ...]
) -> None:
    (wheel,) = dist.glob("*.whl")
    place = machine.put(wheel, f"/var/tmp/{wheel.name}")  # noqa: S108 - a folder of the machine
    if (uv := CACHE / "uv" / "bin" / "uv").exists():
        machine.put(uv, "/usr/local/bin/uv")
    elif "tool" in tool:
        pytest.skip("uv is not here; ./scripts/install-test-servers --home-assistant brings it")
    machine.run("useradd", "--create-home", user := f"pi-{len(tool)}")
    home, trust = f"/home/{user}", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"
    own = ("runuser", "--user", user, "--", "env", f"--chdir={home}", f"HOME={home}", trust)
    machine.run(*own, *tool, "install", f"{place}[mqtt,web]", network=True)
    assert machine.ask("sh", "-c", "command -v node npm") == ""
    program = f"{home}/.local/bin/juntek"
    machine.run(program, "service", "install", environment={"SUDO_USER": user})
    assert machine.show("ActiveState") == "active"
    assert machine.ask("ps", "-o", "user=", "-p", machine.show("MainPID")) == user
    assert machine.exists("/var/lib/juntek/juntek.db")
    machine.run(program, "service", "uninstall", "--purge")
    assert machine.show("LoadState") == "not-found"
    assert not [place for place in (CONFIGURATION, "/var/lib/juntek") if machine.exists(place)]
