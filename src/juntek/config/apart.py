"""Loads in a child process that ends; rule: a gateway that runs for months does not hold what it used for a moment.

The library that checks values takes 10 MB, a quarter of all that the gateway needs.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from pathlib import Path

from juntek.config import Configuration, Flag, load
from juntek.errors import ConfigurationError


def load_apart(path: Path | None, environment: Mapping[str, str], flags: tuple[Flag, ...] = ()) -> Configuration:
    """Do what `load` does; call it before there is a second thread. Raises ConfigurationError."""
    if not hasattr(os, "fork"):
        return load(path, environment, flags)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _answer(reader, writer, path, environment, flags)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    if not answer:
        return load(path, environment, flags)  # the child was killed; if it is for a reason, it comes out here
    result = pickle.loads(answer)  # noqa: S301 - it comes from ourselves
    if isinstance(result, BaseException):
        raise result
    assert isinstance(result, Configuration)  # noqa: S101
    return result


def _answer(
    reader: int, writer: int, path: Path | None, environment: Mapping[str, str], flags: tuple[Flag, ...]
) -> None:
    """Be the child: write the result, and end without running what is the parent's to run at its end."""
    os.close(reader)
    try:
        try:
            answer = pickle.dumps(load(path, environment, flags))
        except ConfigurationError as error:
            answer = pickle.dumps(error)
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(answer)
    finally:
        os._exit(0)
