"""The file that `juntek config init` writes; rule: every key that there is stands in it, with its default."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from juntek.config.keys import GatewayKeys, MeterKeys, find_tables, header_of
from juntek.option import Key, keys_of

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
    lines = [*_write_keys(GatewayKeys, commented=True)]
    tables = find_tables()
    # What is switched on stands first.
    for name in sorted(tables, key=lambda name: not _is_written(tables[name].options)):
        table = tables[name]
        is_written = _is_written(table.options)
        about = textwrap.wrap(table.about, WIDTH, initial_indent="# ", subsequent_indent="# ")
        lines += ["", *about, f"{'' if is_written else '# '}{header_of((name,))}"]
        found = ports if table.options is MeterKeys else ()
        lines += _write_keys(table.options, found, commented=not is_written)
        for part, options in table.parts.items():
            lines += ["", f"# {header_of((name, part))}", *_write_keys(options, commented=True)]
    return _HEAD + "\n" + "\n".join(lines) + "\n"


def _is_written(options: type) -> bool:
    return any(key.option.written for key in keys_of(options).values())


def _write_keys(options: type, ports: Sequence[str] = (), *, commented: bool) -> Iterator[str]:
    for key in keys_of(options).values():
        if key.secret:
            continue  # a file may not hold it
        values = list(ports) if ports and key.name == "link" else [_shown_value(key)]
        for number, value in enumerate(values):
            is_written = key.option.written and not commented and number == 0
            text = f"{'' if is_written else '# '}{key.name} = {_in_toml(value)}"
            comment = _comment(key) if number == 0 else ""
            yield f"{text:<{COLUMN - 2}}  # {comment}" if comment else text


def _shown_value(key: Key) -> object:
    return key.default if key.option.example is None else key.option.example


def _comment(key: Key) -> str:
    """Return what follows a key: its unit, and what it means, or the words that it may be."""
    return ", ".join(part for part in (key.option.unit, key.option.help or ", ".join(key.choices)) if part)


def _in_toml(value: object) -> str:
    """Return a value as TOML has it, which is as JSON has it for all that a key may be."""
    if isinstance(value, tuple | Path):
        value = str(value) if isinstance(value, Path) else list(value)
    return json.dumps(value, ensure_ascii=False)
