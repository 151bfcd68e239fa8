"""`juntek run`: its arguments, its log, its end; rule: it loads no library of the command line.

What is no plain list of known flags with values is left to the command in `application`, which explains it.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from juntek.cli.stopping import run_until_stopped
from juntek.config import Configuration, Flag, load

LINK_NAME = "battery"
"""Name of the meter that --link makes."""

KEYS: Final = {
    "--host": ("mqtt", "host"),
    "--port": ("mqtt", "port"),
    "--username": ("mqtt", "username"),
    "--database": ("history", "path"),
    "--log-level": ("log_level",),
}
"""The flags that stand for keys of the configuration."""
NUMBERS: Final = {"--port": range(2**31), "--address": range(1, 100)}
FLAGS: Final = ("--config", "--link", "--address", *KEYS)

Flags = Mapping[str, object]
"""What was given, by the name of the flag."""


def read_arguments(arguments: Sequence[str]) -> Flags | None:
    """Return the flags of `juntek run`; None where they are not plain, as --help is not."""
    flags: dict[str, object] = {}
    rest = list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if not equals:
            value = rest.pop(0) if rest else ""
        if name not in FLAGS or not value or value.startswith("-"):
            return None
        if name in NUMBERS and not (value.isdecimal() and len(value) < 20 and int(value) in NUMBERS[name]):
            return None
        flags[name] = value
    return flags


def serve(flags: Flags) -> None:
    """Run the gateway until it is stopped."""
    configuration = _configure(flags)
    logging.basicConfig(level=configuration.log_level.upper(), format=_log_format(), stream=sys.stderr)
    from juntek.gateway import run_gateway  # noqa: PLC0415 - only where it runs
    from juntek.gateway.process import tune_process  # noqa: PLC0415

    tune_process(len({meter.link for meter in configuration.meters}), len(configuration.meters))
    run_until_stopped(run_gateway(configuration))


def _configure(flags: Flags) -> Configuration:
    keys = [Flag(KEYS[name], name, value) for name, value in flags.items() if name in KEYS]
    if "--link" in flags:
        meter = {"name": LINK_NAME, "link": flags["--link"], "address": flags.get("--address", 1)}
        keys.append(Flag(("meters",), "--link", [meter]))
    path = flags.get("--config")
    return load(Path(str(path)) if path is not None else None, os.environ, tuple(keys))


def _log_format() -> str:
    """A service's journal writes the time itself."""
    return "%(message)s" if os.environ.get("JOURNAL_STREAM") else "%(asctime)s %(message)s"
