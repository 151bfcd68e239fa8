"""The command line: how `juntek run` starts and how every command ends; rule: it loads no library of the command line.

`application` has all commands. A gateway that runs for months needs none of them, so `juntek run` starts without; what
is no plain list of known flags is left to the command there, which explains it. Everything that goes wrong ends in
`main`. To be stopped is a good end, with status 0.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import sys
import traceback
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from juntek.config import Configuration, Flag, load
from juntek.errors import (
    ConfigurationError,
    DatabaseError,
    JuntekError,
    LinkError,
    NoReplyError,
    RequestError,
    UnknownLayoutError,
)
from juntek.names import hide_secrets, plain

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
    time = "" if os.environ.get("JOURNAL_STREAM") else "%(asctime)s "  # a service's journal writes it itself
    logging.basicConfig(level=configuration.log_level.upper(), format=f"{time}%(message)s", stream=sys.stderr)
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


def main() -> None:
    """Run the program with the arguments of its process, and end it."""
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        flags = read_arguments(arguments[1:]) if arguments[:1] == ["run"] else None
        if flags is not None:
            serve(flags)
        else:
            from juntek.cli.application import run_command  # noqa: PLC0415 - see above

            sys.exit(run_command(arguments))
    except Exception as error:  # noqa: BLE001 - whatever it is, it becomes a sentence and a status
        if debug:
            traceback.print_exc()
        sys.exit(_report(_find_cause(error)))


# How commands end --------------------------------------------------------------------------------------------

STATUSES = {
    0: "all is well, also when something on the line was rejected",
    1: "something unexpected: a bug",
    2: "wrong use: an option, an argument, an impossible value",
    3: "wrong configuration",
    4: "the link cannot be opened, or it was lost",
    5: "the meter does not answer or obey, or in a way that no table explains",
    6: "the MQTT broker or another receiver refuses, or its library is missing",
    7: "the database of totals cannot be read or written",
}

_STATUS_OF = (
    (ConfigurationError, 3),
    (RequestError, 2),
    (LinkError, 4),
    (NoReplyError, 5),
    (UnknownLayoutError, 5),
    (DatabaseError, 7),
    (JuntekError, 6),  # what is left comes from the sinks, which are not known here
)


def status_of(error: JuntekError) -> int:
    """Return the exit status for an error that ended the program."""
    return next(status for kind, status in _STATUS_OF if isinstance(error, kind))


def _find_cause(error: Exception) -> Exception:
    """Return the error that an owner can do something about, where several ended together."""
    while isinstance(error, ExceptionGroup):
        own = error.subgroup(JuntekError)
        error = (own or error).exceptions[0]
    if isinstance(error, PermissionError) and error.filename is not None:
        return ConfigurationError(
            f"{hide_secrets(str(error.filename))} is in a folder that this user may not look into; name another place, "
            "or put sudo before the command."
        )
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return RequestError(f"{hide_secrets(str(error.filename))} is too long for a name of a file; name another one.")
    return error


def _report(error: Exception) -> int:
    """Say what went wrong and return the exit status."""
    if isinstance(error, JuntekError):
        sys.stderr.write(f"{plain(str(error))}\n")
        return status_of(error)
    text = " ".join(f"{type(error).__name__}: {error}".split())
    sys.stderr.write(
        f"Something unexpected happened ({plain(text)}); run it again with --debug and report what it shows.\n"
    )
    return 1


def run_until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Run until the work ends by itself or SIGINT or SIGTERM comes, which cancels it."""

    async def supervise() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(supervise())
