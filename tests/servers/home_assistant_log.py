"""What Home Assistant complains about: its log at WARNING and above, without the few lines that are not about us.

Rule: a line is left out only by logger and text together, each with a reason. Everything else is a complaint.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MARKER_LOGGER: Final = "juntek.tests.marker"
"""Under this name the client writes into the log to learn that everything before has arrived."""

_RECORD: Final = re.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (?P<level>[A-Z]+) \([^)]*\) \[(?P<logger>[^]]*)\] (?P<text>.*)$"
)
_COMPLAINTS: Final = frozenset({"WARNING", "ERROR", "CRITICAL"})


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One record; `text` has the lines of a traceback too. What came past the log has the logger `output`."""

    level: str
    logger: str
    text: str


@dataclass(frozen=True, slots=True)
class Unrelated:
    """A complaint that our test installation causes, and not what is tested."""

    logger: str
    pattern: str
    reason: str

    def covers(self, record: LogRecord) -> bool:
        return record.logger == self.logger and re.search(self.pattern, record.text) is not None


UNRELATED: Final = (
    Unrelated(MARKER_LOGGER, r"", "written by the test itself"),
    Unrelated(
        "homeassistant.bootstrap",
        r"^Skipping pip installation of required modules",
        "we start it so: scripts/install-test-servers has installed them",
    ),
    Unrelated(
        "homeassistant.loader",
        r"^We found a custom integration juntek_statistics which",
        "our own, which makes statistics when a test asks",
    ),
    Unrelated(
        "homeassistant.components.camera.img_util",
        r"^Error loading libturbojpeg; Camera snapshot performance",
        "a library for cameras, and we have none",
    ),
)


def complaints(log: str) -> list[LogRecord]:
    """The records at WARNING and above that are not UNRELATED, in their order."""
    return [
        record
        for record in parse_log(log)
        if record.level in _COMPLAINTS and not any(known.covers(record) for known in UNRELATED)
    ]


def parse_log(log: str) -> Iterator[LogRecord]:
    """All records of a log text; lines before the first record count as an ERROR of the logger `output`."""
    level, logger, lines = "ERROR", "output", list[str]()
    for line in log.splitlines():
        if match := _RECORD.match(line):
            if lines:
                yield LogRecord(level, logger, "\n".join(lines))
            level, logger, lines = match["level"], match["logger"], [match["text"]]
        elif line.strip():
            lines.append(line)
    if lines:
        yield LogRecord(level, logger, "\n".join(lines))
