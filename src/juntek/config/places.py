"""Where each key of a TOML text stands; rule: the text has been parsed already, so it is known to be right TOML.

The parser of the standard library tells no lines, and a sentence about a key is worth little without one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

Place = tuple[str | int, ...]
"""A key's way from the top, such as `("meters", 0, "link")`."""

_HEADER = re.compile(r"\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*'|\s*\.\s*)+?)\s*=""")
_MARK = re.compile(r"""\"\"\"|'''|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|\#[^\n]*|[\[\]{}]""")


def find_lines(text: str) -> dict[Place, int]:
    """Return the line, counted from 1, of every table and of every key outside of inline tables."""
    lines: dict[Place, int] = {}
    counts: dict[Place, int] = {}
    table: Place = ()
    for number, statement in _statements(text):
        if header := _HEADER.fullmatch(statement):
            table = _resolve(_split(header[2]), counts)
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                lines.setdefault(table, number)
                table = (*table, counts[table])
            _note(lines, table, number)
        elif key := _KEY.match(statement):
            _note(lines, (*table, *_split(key[1])), number)
    return lines


def _note(lines: dict[Place, int], place: Place, number: int) -> None:
    for length in range(1, len(place) + 1):
        lines.setdefault(place[:length], number)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Give the lines that begin a statement; the rest of a long text or array is left out."""
    depth, quote = 0, ""
    for number, line in enumerate(text.splitlines(), start=1):
        if not depth and not quote:
            yield number, line
            # The brackets of a header close on their own line, as those of a value may.
        depth, quote = _follow(line, depth, quote)


def _follow(line: str, depth: int, quote: str) -> tuple[int, str]:
    """Return how deep in brackets and in which kind of long text the end of the line is."""
    position = 0
    while position < len(line):
        if quote:
            end = line.find(quote, position)
            if end < 0:
                return depth, quote
            position, quote = end + 3, ""
            continue
        found = _MARK.search(line, position)
        if found is None:
            break
        mark, position = found[0], found.end()
        if mark in ('"""', "'''"):
            quote = mark
        elif mark in "[{":
            depth += 1
        elif mark in "]}":
            depth -= 1
    return depth, quote


def _split(key: str) -> Place:
    """Return the parts of a dotted key; the parser itself knows how they are quoted."""
    parts: list[str | int] = []
    value: object = tomllib.loads(f"{key} = 0")
    while isinstance(value, dict):
        ((name, value),) = value.items()
        parts.append(name)
    return tuple(parts)


def _resolve(parts: Place, counts: dict[Place, int]) -> Place:
    """Put the numbers of the last tables into the way of a header below them."""
    place: Place = ()
    for part in parts[:-1]:
        place = (*place, part)
        if place in counts:
            place = (*place, counts[place])
    return (*place, parts[-1])
