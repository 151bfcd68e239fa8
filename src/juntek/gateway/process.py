"""Tunes the process to the number of its meters: open files, garbage, threads; rule: once, before the first link.

A gateway of a few meters is left nearly as Python makes it. With a thousand, Python's own measures stop everything for
a third of a second now and then.
"""

from __future__ import annotations

import gc
import logging
import sys
from contextlib import suppress

log = logging.getLogger(__name__)

OTHER_FILES = 200
"""Open files beside the links: the database, the broker, targets, and browsers that look."""

OBJECTS_A_METER = 100
"""Objects that a meter may hold for a while, most of them readings until the next commit, and that are no garbage."""

SWITCH_INTERVAL = 0.0002
"""s for which a thread at work, such as one that commits, lets the line wait; by default 0.005, each time anew."""


def tune_process(links: int, meters: int) -> None:
    """Tune this process to so many links and meters; logs where the system does not let it have enough open files."""
    _allow_files(links + OTHER_FILES)
    # Nothing here makes garbage that the counting of references does not find at once, but for what fails. To look
    # for it among a thousand meters' readings takes up to 0.3 s; by default Python looks after every 700 new objects.
    fewest, *others = gc.get_threshold()
    gc.set_threshold(fewest + OBJECTS_A_METER * meters, *others)
    sys.setswitchinterval(SWITCH_INTERVAL)


def _allow_files(count: int) -> None:
    """Let this process have so many files open, as far as the system allows."""
    with suppress(ImportError):  # no such limits on this system
        import resource  # noqa: PLC0415

        now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        if now == resource.RLIM_INFINITY or now >= count:
            return
        enough = most == resource.RLIM_INFINITY or most >= count
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (count if enough else most, most))
        if not enough:
            log.warning(
                "This system lets a process have %d files and connections open, and these meters need %d; "
                "write LimitNOFILE=%d into the service, or see 'ulimit -Hn'.",
                most, count, count,
            )  # fmt: skip
