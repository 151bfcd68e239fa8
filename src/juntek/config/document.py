"""The file, the environment and the flags made one; rule: it knows where each value came from, and checks none.

Flags take precedence over the environment, and that over the file. An empty variable counts as not set. The parser of
the standard library tells no lines, and a sentence about a key is worth little without one: they are found here.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from juntek.errors import ConfigurationError
from juntek.files import explain_unreadable
from juntek.names import find_close

Place = tuple[str | int, ...]
"""A key's way from the top, such as `("meters", 0, "link")`."""

PREFIX = "JUNTEK_"
FILE_VARIABLE = "JUNTEK_CONFIG"
NESTING = "__"

_AT = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")
LARGEST = 1_000_000
"""Bytes of a file; a thousand meters are less."""
_DEEP = re.compile(r"""(?<![A-Za-z0-9_-])(?:(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){32}""")
"""A key of so many parts that the parser needs memory without end."""
_BARE_WORD = re.compile(r"\s*[\w.\"'-]+\s*=\s*[A-Za-z/]")


@dataclass(frozen=True, slots=True)
class Flag:
    """A value from the command line: the key it stands for, and how the flag is called."""

    place: Place
    name: str
    value: object


@dataclass(slots=True)
class Document:
    """Raw values by key, and the origin of each: a line of the file, or the name of a variable or a flag."""

    file: Path | None = None
    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[Place, int | str] = field(default_factory=dict)

    def find(self, place: Place) -> int | str:
        """Return the line, variable or flag of the value at a place, or of what it is part of; 0 for none."""
        wholes = (place[:length] for length in range(len(place), 0, -1))
        return next((self.origins[whole] for whole in wholes if whole in self.origins), 0)

    def origin(self, place: Place) -> str:
        """Return where the value at a place came from, in words."""
        found = self.find(place)
        if isinstance(found, str):
            return found
        file = str(self.file) if self.file else "The configuration"
        return f"{file}, line {found}" if found else file

    def error(self, place: Place, sentence: str) -> ConfigurationError:
        """Return an error about the value at a place."""
        return ConfigurationError(f"{self.origin(place)}: {sentence}")

    def is_from_file(self, place: Place) -> bool:
        """Whether the file gave this value."""
        return self.file is not None and isinstance(self.find(place), int)

    def set(self, place: Place, value: object, origin: str) -> None:
        """Put a value in, over what was there; raises ConfigurationError where it has no place."""
        self.origins = {known: where for known, where in self.origins.items() if known[: len(place)] != place}
        target: Any = self.values
        for length, part in enumerate(place, start=1):
            key = part if isinstance(target, list) else str(part)
            is_missing = _is_missing(target, key, origin)
            if is_missing and isinstance(target, list):
                target.append(None)
            if length == len(place):
                target[key] = value
            elif is_missing:
                target[key] = [] if isinstance(place[length], int) else {}
            if is_missing or length == len(place):
                self.origins[place[:length]] = origin
            target = target[key]


def _is_missing(target: Any, key: str | int, origin: str) -> bool:  # noqa: ANN401 - as deep as JSON
    if isinstance(target, list):
        if not isinstance(key, int):
            raise ConfigurationError(f"{origin}: this is a list; write its number, counted from 0, before the key.")
        if key > len(target):
            raise ConfigurationError(f"{origin}: number {key} comes before number {len(target)}; leave no gap.")
        return key == len(target)
    if not isinstance(target, dict):
        raise ConfigurationError(f"{origin}: a part of this is a single value already; set only one of the two.")
    return key not in target


def read_document(
    path: Path | None, environment: Mapping[str, str], flags: tuple[Flag, ...], known: set[str]
) -> Document:
    """Read and join all three; `known` are the keys at the top. Raises ConfigurationError."""
    document = Document(path)
    if path is not None:
        text, document.values = read_toml(path)
        document.origins.update(find_lines(text))
    for name in sorted(environment, key=_natural):
        if name.startswith(PREFIX) and name != FILE_VARIABLE and environment[name].strip():
            _read_variable(document, name, environment[name], known)
    for flag in flags:
        document.set(flag.place, flag.value, flag.name)
    return document


def read_toml(path: Path) -> tuple[str, dict[str, Any]]:
    """Return the text of a TOML file and what it says; raises ConfigurationError with what to do about it."""
    text = _read_text(path)
    if deep := _DEEP.search(text):
        line = text.count("\n", 0, deep.start()) + 1
        raise ConfigurationError(f"{path}, line {line}: a key has too many parts; there are at most three.")
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(_explain_syntax(path, text, str(error))) from None
    except RecursionError:
        raise ConfigurationError(f"{path}: brackets stand in each other too deep; leave them out.") from None
    except ValueError:
        raise ConfigurationError(f"{path}: it has a number with thousands of digits; correct it.") from None


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise ConfigurationError(f"{path} is too large for a configuration; name the right file.")
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        raise ConfigurationError(f"{path} does not exist; write it with: juntek config init {path}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigurationError(f"{path}, line {line}: this is not UTF-8 text; save the file as UTF-8.") from None
    except OSError as error:
        raise ConfigurationError(f"{path} {explain_unreadable(error)}") from None


def _explain_syntax(path: Path, text: str, message: str) -> str:
    found = _AT.search(message)
    problem = _AT.sub("", message)
    problem = problem[:1].lower() + problem[1:]
    lines = text.splitlines()
    number = int(found[1]) if found and found[1] else len(lines)
    line = lines[number - 1] if 0 < number <= len(lines) else ""
    if "overwrite" in problem or "declare" in problem or "mutate" in problem:
        mend = "it is there twice; keep one"
    elif "value" in problem and _BARE_WORD.match(line):
        mend = 'put text in quotes, such as name = "house"'
    else:
        mend = 'write it like key = "text", key = 12 or [section]'
    return f"{path}, line {number}: this is not TOML ({problem}); {mend}."


def _read_variable(document: Document, name: str, text: str, known: set[str]) -> None:
    words = name[len(PREFIX) :].lower().split(NESTING)
    if words[0] not in known:
        close = find_close(words[0], sorted(known))
        right = NESTING.join([close or "", *words[1:]]).upper()
        if close:
            raise ConfigurationError(f"{name}: there is no such key; did you mean {PREFIX}{right}?")
        if len(words) > 1:
            raise ConfigurationError(f"{name}: there is no section {words[0]}; use one of {', '.join(sorted(known))}.")
        return  # other programs set variables of this kind, such as JUNTEK_SERVICE_HOST
    value: object = text
    if len(words) == 1 and text.lstrip()[:1] in ("[", "{"):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ConfigurationError(f"{name}: this is not JSON ({error}); correct it.") from None
    document.set(tuple(int(word) if _is_number(word) else word for word in words), value, name)


def _natural(name: str) -> list[tuple[int, str]]:
    """Order numbers in names by their value, and a whole before its parts."""
    return [(int(word), "") if _is_number(word) else (-1, word) for word in name.split(NESTING)]


def _is_number(word: str) -> bool:
    return word.isdecimal() and len(word) <= 9


# Lines -------------------------------------------------------------------------------------------------------


LONGEST = 4000
"""Characters of one statement; behind one that is longer no lines are told."""


def find_lines(text: str) -> dict[Place, int]:
    """Return the line, counted from 1, of every table and of every key that is no part of a list."""
    lines: dict[Place, int] = {}
    counts: dict[Place, int] = {}
    table: Place = ()
    for line, is_header, said in _statements(text):
        if not is_header:
            _note(lines, table, said, line)
            continue
        table, inner = (), said
        while inner:
            ((part, inner),) = inner.items()
            table = (*table, part)
            lines.setdefault(table, line)
            if isinstance(inner, list):
                counts[table], inner = counts.get(table, -1) + 1, {}
            if table in counts:
                table = (*table, counts[table])
                lines.setdefault(table, line)
    return lines


def _note(lines: dict[Place, int], table: Place, values: dict[str, Any], line: int) -> None:
    for key, value in values.items():
        lines.setdefault((*table, key), line)
        if isinstance(value, dict):
            _note(lines, (*table, key), value, line)


def _statements(text: str) -> Iterator[tuple[int, bool, Any]]:
    """Yield the line of each statement, whether it is a header, and what it says; the parser knows where it ends."""
    begin, statement = 1, ""
    for number, line in enumerate(text.split("\n"), start=1):
        statement += f"{line}\n"
        if len(statement) > LONGEST:
            return
        with suppress(tomllib.TOMLDecodeError):
            if values := tomllib.loads(statement):
                yield begin, statement.lstrip().startswith("["), values
            begin, statement = number + 1, ""
