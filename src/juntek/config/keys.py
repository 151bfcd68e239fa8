"""Which tables and keys there are, and the file that `juntek config init` writes of them all with their defaults.

Rule: an output's keys are its own, read off its options.
"""

from __future__ import annotations

import json
import re
import textwrap
import zoneinfo
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Literal

from juntek.battery import BatteryOptions
from juntek.config.document import Place
from juntek.errors import LinkError
from juntek.exchange import IDLE_CURRENT, Options
from juntek.links import check_link
from juntek.meter import MeterOptions, Mode
from juntek.names import find_close, slug
from juntek.option import Option, check_options, keys_of
from juntek.outputs import find_outputs
from juntek.rs485.family import find_models

LogLevel = Literal["debug", "info", "warning", "error"]

_UNFIT_FOR_A_TOPIC = re.compile(r"[/+#\0]")
_TAKEN_NAMES = {"gateway": "the gateway's own topics have this name"}


def _site_problem(site: str) -> str | None:
    if not site.strip() or site != site.strip() or _UNFIT_FOR_A_TOPIC.search(site) or not site.isprintable():
        return "is empty, or has spaces around it, a /, + or #, or characters that nobody sees; write it like home."
    return None


def zone_problem(name: str) -> str | None:
    """Return what is wrong with the name of a time zone, as the end of a sentence."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        close = find_close(name, sorted(zoneinfo.available_timezones()))
        mend = f'did you mean "{close}"?' if close else 'write one such as "Europe/Berlin".'
        return f'is no time zone: "{name}"; {mend}'
    return None


def name_problem(name: str) -> str | None:
    """Return what is wrong with the name of a meter, as the end of a sentence."""
    if not name.strip() or name != name.strip() or not name.isprintable():
        return "is empty, or has spaces around it or characters that nobody sees; name it like house."
    if found := _UNFIT_FOR_A_TOPIC.search(name):
        return f'"{name}" has a {found[0]!r}, which MQTT topics may not have; leave it out.'
    if slug(name).lower() in _TAKEN_NAMES:
        return f'cannot be "{name}", as {_TAKEN_NAMES[slug(name).lower()]}.'
    return None


def _link_problem(link: str) -> str | None:
    try:
        check_link(link)
    except LinkError as error:
        return str(error)
    return None


def _families() -> tuple[str, ...]:
    return ("auto", *(model.family for model in find_models()))


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayKeys:
    """The keys at the top of the file."""

    log_level: Annotated[LogLevel, Option("debug, info, warning, error")] = "info"
    site: Annotated[str, Option("tells these meters from those of the same name elsewhere", check=_site_problem)] = (
        "home"
    )
    time_zone: Annotated[
        str | None,
        Option("whose midnight begins a day; default: that of the system", check=zone_problem, example="Europe/Berlin"),
    ] = None

    def __post_init__(self) -> None:
        check_options("", self)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterKeys:
    """The keys of one [[meters]] table."""

    name: Annotated[
        str,
        Option(
            "becomes the topic and the name in Home Assistant; unique",
            check=name_problem,
            example="house",
            written=True,
        ),
    ]
    link: Annotated[
        str,
        Option(
            'or "socket://192.168.1.20:4001", "rfc2217://…", "esphome://…"',
            check=_link_problem,
            example="/dev/ttyUSB0",
            written=True,
        ),
    ]
    address: Annotated[int, Option("1 to 99: P01 at the display", low=1, high=99, written=True, prefix="P")] = 1
    mode: Annotated[Mode, Option("auto: listen first, poll when no display does; or listen, poll")] = "auto"
    interval: Annotated[float, Option("between polls", unit="s", low=0.05, high=3600)] = 1.0
    model: Annotated[str, Option("", choices=_families)] = "auto"
    invert_current: Annotated[bool, Option("true when charging is shown as discharging")] = False
    nominal_capacity: Annotated[
        float | None,
        Option("default: what the meter is set to", unit="Ah", low=0.001, high=100_000, example=280.0),
    ] = None
    idle_current: Annotated[float, Option("below it the battery is idle", unit="A", low=0, high=100)] = IDLE_CURRENT
    battery: Annotated[BatteryOptions | None, Option("how its battery is watched; default: not at all")] = None

    def __post_init__(self) -> None:
        check_options("meters", self)

    @property
    def options(self) -> MeterOptions:
        """How the meter is read."""
        decoding = Options(
            family=None if self.model == "auto" else self.model,
            invert_current=self.invert_current,
            nominal_capacity=self.nominal_capacity,
            idle_current=self.idle_current,
        )
        return MeterOptions(
            name=self.name, address=self.address, mode=self.mode, interval=self.interval, options=decoding
        )


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of table: its keys, and whether there may be several."""

    options: type
    repeated: bool = False
    about: str = ""


@cache
def find_tables() -> Mapping[str, Table]:
    """Return every kind of table by its name."""
    about = "One [[meters]] for each meter. Several meters on one bus have the same link and different addresses."
    outputs = {
        section: Table(output.options, output.label is not None, output.about)
        for section, output in find_outputs().items()
    }
    return {"meters": Table(MeterKeys, repeated=True, about=about), **outputs}


def keys_at(place: Place) -> list[str]:
    """Return the names of the keys in the table at a place."""
    tables = {name: table.options for name, table in find_tables().items()}
    names = [*keys_of(GatewayKeys), *tables]
    for part in (part for part in place if isinstance(part, str)):
        keys = keys_of(tables[part]) if part in tables else {}
        names, tables = list(keys), {name: key.table for name, key in keys.items() if key.table}
    return names


def name_of(place: Place) -> str:
    """Return a key as it is written in messages: `mqtt.port`, `meters.link`."""
    return ".".join(part for part in place if isinstance(part, str))


def header_of(place: Place) -> str:
    """Return the line that a table begins with: `[mqtt]`, `[[meters]]`."""
    name = name_of(place)
    table = find_tables().get(name)
    return f"[[{name}]]" if table is not None and table.repeated else f"[{name}]"


# The file ----------------------------------------------------------------------------------------------------

COLUMN = 34
"""Where the comments begin."""
WIDTH = 120

_HEAD = """\
# Configuration of juntek. Check it with: juntek config check
#
# A line that begins with # is a comment; the keys in comments show their defaults.
# Every key is also an environment variable, which takes precedence over this file:
# mqtt.host is JUNTEK_MQTT__HOST, the link of the first meter JUNTEK_METERS__0__LINK.
# Paths count from the folder of this file.
"""


def write_example(ports: Sequence[str]) -> str:
    """Return the text, with the ports that were found, best first."""
    lines = [*_write_keys(GatewayKeys, ports)]
    # What is switched on stands first.
    for name, table in sorted(find_tables().items(), key=lambda item: not _is_on(item[1].options)):
        about = textwrap.wrap(table.about, WIDTH, initial_indent="# ", subsequent_indent="# ")
        lines += ["", *about, f"{'' if _is_on(table.options) else '# '}{header_of((name,))}"]
        lines += _write_keys(table.options, ports)
        for key in keys_of(table.options).values():
            if key.table:
                lines += ["", f"# {header_of((name, key.name))}", *_write_keys(key.table, ports)]
    return _HEAD + "\n" + "\n".join(lines) + "\n"


def _is_on(options: type) -> bool:
    return any(key.option.written for key in keys_of(options).values())


def _write_keys(options: type, ports: Sequence[str]) -> Iterator[str]:
    """Yield a line for each key, with its unit and what it means, or the words that it may be."""
    for key in keys_of(options).values():
        option = key.option
        if key.secret or key.table:
            continue  # a file may not hold it, or it is a table of its own
        comment = ", ".join(part for part in (option.unit, option.help or ", ".join(key.choices)) if part)
        shown = key.default if option.example is None else option.example
        for number, value in enumerate(ports if ports and key.name == "link" else [shown]):
            mark = "" if option.written and number == 0 else "# "
            # TOML has as JSON has it all that a key may be.
            text = f"{mark}{key.name} = {json.dumps(value, default=str, ensure_ascii=False)}"
            yield f"{text:<{COLUMN - 2}}  # {comment}" if comment and number == 0 else text
