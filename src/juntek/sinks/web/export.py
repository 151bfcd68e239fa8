"""A history as a file, sent while it is read; rule: never more of it in memory than a piece.

Pieces are read a few hours at a time, each in a question of its own: nothing is held open in the database while a
slow browser takes what it got.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from juntek.sinks.web.parameters import Export
from juntek.sinks.web.past import Past


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file that is being made."""

    name: str
    media_type: str
    pieces: AsyncIterator[bytes]


async def open_export(past: Past, meter: str, export: Export) -> ExportFile:
    """Begin to make a file. Raises Refusal."""
    raise NotImplementedError(past, meter, export)


def _file_name(meter: str, ending: str) -> str:
    return f"juntek-{re.sub('[^A-Za-z0-9_-]', '_', meter)}.{ending}"
