"""Bytes of a bus that arrived together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes of a bus that arrived together; `time` is in seconds since 1970, None where it was not recorded."""

    time: float | None
    data: bytes
