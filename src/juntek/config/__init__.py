"""What the owner wants, from flags, environment and a TOML file; rule: the only place that reads them.

`load` checks everything and gives frozen values; what is wrong is one sentence with the place and the mend.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from juntek.config.document import FILE_VARIABLE, Flag
from juntek.config.keys import MeterKeys
from juntek.errors import ConfigurationError
from juntek.files import at_home, refuse_orders_of_others
from juntek.meter.line import MeterOptions

__all__ = ["Configuration", "Flag", "MeterKeys", "default_database", "find_file", "load", "search_paths"]

FILE_NAME = "juntek.toml"
SYSTEM_FILE = Path("/etc/juntek") / FILE_NAME
SYSTEM_STATE = Path("/var/lib/juntek")
"""What systemd gives the service as STATE_DIRECTORY."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything that the gateway needs to know.

    `sinks`: the checked `Options` of every sink that has a section, by the name of the section; where there may be
    several of a kind, a tuple of them.
    `site`: what tells the meters here from those of the same name elsewhere.
    `time_zone`: whose midnight begins a day; None for that of the system.
    `file`: the file that was read; None where there was none.
    """

    meters: tuple[MeterKeys, ...]
    sinks: Mapping[str, object]
    database: Path
    site: str = "home"
    time_zone: ZoneInfo | None = None
    log_level: str = "info"
    file: Path | None = None

    def links(self) -> dict[str, list[MeterOptions]]:
        """Return the meters of each link, which is opened once for all of them."""
        links: dict[str, list[MeterOptions]] = {}
        for meter in self.meters:
            links.setdefault(meter.link, []).append(meter.options)
        return links


def load(
    path: Path | None, environment: Mapping[str, str], flags: tuple[Flag, ...] = (), *, for_service: bool = False
) -> Configuration:
    """Read and check the configuration; without a path it is looked for in `search_paths`.

    With that of the service goes what the service has in its environment, where that may be read, and its database,
    where that may be written or is asked for: so a command run by root finds the same as the service. Raises
    ConfigurationError.
    """
    from juntek.config.assembly import assemble  # noqa: PLC0415 - it imports what is above

    file = path or find_file(environment)
    if file is not None:
        refuse_orders_of_others(file)
    if file is not None and file.absolute() == SYSTEM_FILE:
        is_ours = for_service or os.access(SYSTEM_STATE, os.W_OK)
        state = {"STATE_DIRECTORY": str(SYSTEM_STATE)} if is_ours else {}
        environment = {**state, **_read_variables(file.with_name("environment")), **environment}
    return assemble(file, environment, flags)


def find_file(environment: Mapping[str, str]) -> Path | None:
    """Return the file to read, or None; raises ConfigurationError where one was named that is not there."""
    named = environment.get(FILE_VARIABLE, "").strip()
    if named:
        path = at_home(named)
        if not path.exists():
            raise ConfigurationError(
                f"{FILE_VARIABLE}: there is no file {path}; write it with: juntek config init {path}"
            )
        return path
    # One that this user may not look at is not meant; Path.is_file would raise.
    return next((path for path in search_paths(environment) if os.path.isfile(path)), None)  # noqa: PTH113


def search_paths(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Return where the file may be, best first."""
    return Path(FILE_NAME), _own(environment, "XDG_CONFIG_HOME", ".config") / FILE_NAME, SYSTEM_FILE


def default_database(environment: Mapping[str, str]) -> Path:
    """Return where totals and history are kept: a service's folder, else the user's."""
    service = environment.get("STATE_DIRECTORY", "").split(":")[0]
    return (Path(service) if service else _own(environment, "XDG_STATE_HOME", ".local/state")) / "juntek.db"


def _read_variables(file: Path) -> dict[str, str]:
    """Return the variables of a file for systemd's EnvironmentFile; none where it is not there, or is not for us."""
    refuse_orders_of_others(file)
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = (line.strip().partition("=") for line in lines if not line.lstrip().startswith(("#", ";")))
    return {name.strip(): _unquote(value.strip()) for name, _, value in pairs if name}


def _unquote(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


def _own(environment: Mapping[str, str], variable: str, usual: str) -> Path:
    """Return a folder of the user's, as the XDG Base Directory Specification says."""
    home = Path(environment.get("HOME") or Path.home())
    return Path(environment.get(variable) or home / usual) / "juntek"
