"""The recorded frames of `fixtures/`, with what their authors saw; rule: read here and nowhere else."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).parent / "fixtures"


@dataclass(frozen=True, slots=True)
class Recorded:
    """One frame as it was captured or printed; `bad` ones are printed wrong and must not decode."""

    raw: str
    kind: str
    model: str
    origin: str
    source: str
    expected: dict[str, Any] = field(default_factory=dict)
    note: str = ""
    bad: bool = False

    @property
    def data(self) -> bytes:
        return self.raw.encode("ascii")

    @property
    def line(self) -> bytes:
        return self.data.rstrip(b"\r\n")

    def __str__(self) -> str:
        return self.raw.strip()


def _load(name: str) -> list[Recorded]:
    return [Recorded(**json.loads(line)) for line in (FIXTURES / name).read_text().splitlines()]


FRAMES = _load("rs485.jsonl")
REPLIES = [frame for frame in FRAMES if frame.kind[0] == "r" and not frame.bad]
BAD = [frame for frame in FRAMES if frame.bad]
REQUESTS = [frame for frame in FRAMES if frame.kind[0] == "R"]
WRITES = [frame for frame in FRAMES if frame.kind[0] == "W"]
STREAM = b"".join(frame.data for frame in FRAMES)
