"""`juntek service`: the gateway as a service of systemd; rule: what it does is what `systemctl` would be told by hand.

Which user it runs as follows from where the program lies. One that everybody may start gets a user of its own; one in
somebody's home, as pipx and uv put it there, runs as that user, since nobody else may look in there.
"""

from __future__ import annotations

import grp
import os
import pwd
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final

import typer

from juntek.cli.arguments import App
from juntek.cli.configuration import init
from juntek.config import SYSTEM_FILE, SYSTEM_STATE
from juntek.errors import ConfigurationError, RequestError

NAME: Final = "juntek"
TEMPLATE: Final = Path(__file__).with_name("juntek.service")
UNIT: Final = Path("/etc/systemd/system/juntek.service")
PACKAGED_UNIT: Final = Path("/usr/lib/systemd/system/juntek.service")
"""That of the Debian package."""
JOINED: Final = SYSTEM_FILE.with_name("joined")
"""Users whom we have let open serial ports, a user and a group a line; the Debian package reads it, too."""
SERIAL_GROUPS: Final = ("dialout", "uucp")
"""Whom serial ports belong to: on Debian and most others, and on Arch."""

app = App("Run the gateway as a service of this computer.", "service install")


@app.example("service install")
def install() -> None:
    """Start the gateway now and at every boot.

    Writes a configuration to start with where there is none, and asks for root's password where it needs it.
    """
    _become_root("install")
    if not SYSTEM_FILE.exists():
        init(SYSTEM_FILE)
    install_service(find_program())
    typer.echo(f"The gateway runs; it reads {SYSTEM_FILE}. What it says: journalctl --unit {NAME} --follow")


@app.example("service uninstall")
def uninstall(
    purge: Annotated[bool, typer.Option("--purge", help="Remove configuration and data, too.")] = False,
) -> None:
    """Stop the gateway, and start it no more.

    Configuration and data stay where they are.
    """
    _become_root("uninstall", *(["--purge"] if purge else []))
    _run("systemctl", "--quiet", "disable", "--now", NAME)
    UNIT.unlink(missing_ok=True)
    leave_groups()
    _tell_systemd("daemon-reload")
    if purge:
        # With a user of its own the folder is a link to one in /var/lib/private.
        for folder in (SYSTEM_FILE.parent, SYSTEM_STATE.parent / "private" / SYSTEM_STATE.name):
            shutil.rmtree(folder, ignore_errors=True)
        if SYSTEM_STATE.is_symlink():
            SYSTEM_STATE.unlink()
        shutil.rmtree(SYSTEM_STATE, ignore_errors=True)


def can_be_service(configuration: Path) -> bool:
    """Whether a service would read this file, and can be installed by this user on this system."""
    return configuration == SYSTEM_FILE and os.geteuid() == 0 and _has_systemd()


def install_service(program: Path) -> None:
    """Write the unit for a program, let whoever called sudo open serial ports, and start or restart the service."""
    group = find_serial_group()
    if not (PACKAGED_UNIT.exists() and str(program) in PACKAGED_UNIT.read_text(encoding="utf-8")):
        UNIT.write_text(write_unit(program, find_owner(program), group), encoding="utf-8")
        UNIT.chmod(0o644)
    if (user := os.environ.get("SUDO_USER")) and group and user not in grp.getgrnam(group).gr_mem:
        join_group(user, group)
        typer.echo(f"{user} may open serial ports from the next login on.", err=True)
    _tell_systemd("daemon-reload")
    _tell_systemd("enable", "--quiet", NAME)
    _tell_systemd("restart", NAME)


def join_group(user: str, group: str) -> None:
    """Let a user open serial ports, and remember that it was us who did that."""
    subprocess.run(["usermod", "--append", "--groups", group, user], check=True)  # noqa: S603, S607 - of this system
    JOINED.parent.mkdir(parents=True, exist_ok=True)
    with JOINED.open("a", encoding="utf-8") as file:
        file.write(f"{user} {group}\n")


def leave_groups() -> None:
    """Take users out of the groups into which an installation brought them."""
    with suppress(OSError):
        for line in JOINED.read_text(encoding="utf-8").splitlines():
            user, _, group = line.partition(" ")
            _run("gpasswd", "--delete", user, group)
        JOINED.unlink()


def write_unit(program: Path, owner: str | None, group: str | None) -> str:
    """Return the unit for a program; `owner`: whom it has to run as, None for a user of its own."""
    text = re.sub(r"^ExecStart=\S+", f"ExecStart={program}", TEMPLATE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    if owner is not None:
        text = text.replace("DynamicUser=yes", f"User={owner}").replace("ProtectHome=yes", "ProtectHome=read-only")
    groups = f"SupplementaryGroups={group}" if group else "# No group has the serial ports here."
    return re.sub(r"^SupplementaryGroups=.*$", groups, text, flags=re.MULTILINE)


def find_program() -> Path:
    """Return the `juntek` that runs, or that of its environment where it was started as a module."""
    called = Path(sys.argv[0])
    if called.name != NAME:
        called = Path(sys.executable).with_name(NAME)
    return called.absolute()


def find_owner(program: Path) -> str | None:
    """Return whom a program has to run as; None where everybody may start it. Raises RequestError for root's own."""
    folders = [*program.resolve().parents, *program.parents]
    if all(folder.stat().st_mode & 0o001 for folder in folders) and not program.is_relative_to("/home"):
        return None
    owner = program.stat().st_uid
    if owner == 0:
        raise RequestError(
            f"{program} lies where only root may look, and the gateway shall not run as root; "
            "install it as another user, or with scripts/install."
        )
    return pwd.getpwuid(owner).pw_name


def find_serial_group() -> str | None:
    """Return the group that serial ports belong to on this system."""
    names = {group.gr_name for group in grp.getgrall()}
    return next((name for name in SERIAL_GROUPS if name in names), None)


def _become_root(*arguments: str) -> None:
    """Go on as root, by sudo where there is one. Raises RequestError where there is none, and without systemd."""
    command = [str(find_program()), "service", *arguments]
    if os.geteuid() != 0 and shutil.which("sudo") is None:
        raise RequestError(f"This needs root; run as root: {' '.join(command)}")
    if os.geteuid() != 0:
        os.execvp("sudo", ["sudo", *command])  # noqa: S606, S607 - the user's own sudo
    if not _has_systemd():
        raise RequestError("There is no systemd here; let your own service manager start: juntek run")


def _has_systemd() -> bool:
    return Path("/run/systemd/system").is_dir()


def _tell_systemd(*arguments: str) -> None:
    """Raise ConfigurationError with why the service does not start, as it said it itself, else as systemd does."""
    done = _run("systemctl", *arguments)
    if done.returncode:
        said = _run("journalctl", f"--unit={NAME}", f"--identifier={NAME}", "--output=cat", "--lines=1")
        raise ConfigurationError(f"The gateway does not start: {said.stdout.strip() or ' '.join(done.stderr.split())}")


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - programs of this system
