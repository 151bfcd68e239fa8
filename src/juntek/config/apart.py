"""Works in a child process that ends; rule: a gateway that runs for months does not hold what it used for a moment.

The library that checks values and the command line takes 10 MB, a quarter of all that the gateway needs.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from typing import NoReturn, TypeVar

T = TypeVar("T")


def call_apart(work: Callable[[], T], meanwhile: Callable[[], object] | None = None) -> T | None:
    """Return what `work` returns in a child process; None where it raised, or where no process can be split in two.

    Nothing that the child says is heard: whoever gets None does the work here, and it says it again. Call it before
    there is a second thread. `meanwhile` is done here while the child works.
    """
    if not hasattr(os, "fork"):
        return None
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _answer(reader, writer, work)
    os.close(writer)
    if meanwhile is not None:
        meanwhile()
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    result: T | None = pickle.loads(answer) if answer else None  # noqa: S301 - it comes from ourselves
    return result


def _answer(reader: int, writer: int, work: Callable[[], object]) -> NoReturn:
    """Be the child: write the result, and end without running what is the parent's to run at its end."""
    try:
        os.close(reader)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        answer = pickle.dumps(work())
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(answer)
    finally:
        os._exit(0)
