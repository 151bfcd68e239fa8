"""Raw values made into values of their keys' types; rule: what is wrong is one sentence, and a secret is never in it.

All are looked through before the first sentence is chosen: one about an unknown key, else the first in the file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, get_origin

from juntek.config.document import PREFIX, Document, Place
from juntek.config.keys import GatewayKeys, Table, find_tables, header_of, keys_at, name_of
from juntek.errors import ConfigurationError
from juntek.names import find_close, list_choices, show
from juntek.option import Key, keys_of

_KINDS: Mapping[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text in quotes",
    Path: "a path in quotes",
    tuple: 'a list such as ["a", "b"]',
}
_TRUTH = {**dict.fromkeys(("true", "yes", "on", "1", "t", "y"), True),
          **dict.fromkeys(("false", "no", "off", "0", "f", "n"), False)}  # fmt: skip
_TOP = "it goes to the top of the file, above the first [section]"

Values = dict[str, Any]
Problem = tuple[bool, int, str]
"""Whether it is about the value of a known key, the line, the sentence."""


def read_values(document: Document) -> tuple[Values, dict[str, list[Values]]]:
    """Return the values at the top, and those of each table there is, by its name; raises ConfigurationError."""
    problems: list[Problem] = []
    top: Values = {name: value for name, value in document.values.items() if name not in find_tables()}
    tables: dict[str, list[Values]] = {}
    given = _read_table(document, (), GatewayKeys, top, problems)
    for name, table in find_tables().items():
        if name not in document.values:
            continue
        raw = document.values[name] if table.repeated else [document.values[name]]
        if not isinstance(raw, list):
            problems.append(_problem(document, (name,), _say_single(document, name)))
            continue
        places: list[Place] = [(name, number) if table.repeated else (name,) for number in range(len(raw))]
        tables[name] = [
            _read_with_parts(document, place, table, one, problems) for place, one in zip(places, raw, strict=True)
        ]
    if problems:
        raise ConfigurationError(min(problems)[2])
    return given, tables


def _read_with_parts(document: Document, place: Place, table: Table, raw: Any, problems: list[Problem]) -> Values:  # noqa: ANN401
    """Return the values of a table and of the tables within it, by their names."""
    inner = {part: raw[part] for part in table.parts if part in raw} if isinstance(raw, dict) else {}
    own = {key: value for key, value in raw.items() if key not in inner} if isinstance(raw, dict) else raw
    values = _read_table(document, place, table.options, own, problems)
    for part, given in inner.items():
        values[part] = _read_table(document, (*place, part), table.parts[part], given, problems)
    return values


def _read_table(document: Document, place: Place, options: type, raw: Any, problems: list[Problem]) -> Values:  # noqa: ANN401
    """Return the values that a table gives, and add what is wrong with them."""
    if not isinstance(raw, dict):
        header = header_of(place)
        sentence = f"{header} is a table, not {show(raw)}; write {header} on a line and its keys below."
        problems.append(_problem(document, place, sentence))
        return {}
    keys, values = keys_of(options), {}
    for name, value in raw.items():
        if name not in keys:
            problems.append(_problem(document, (*place, name), _say_unknown(document, (*place, name)), unknown=True))
            continue
        try:
            values[name] = _convert(keys[name], value)
        except ValueError as error:
            shown = show(error.args[0], secret=keys[name].secret)
            sentence = f"{name_of((*place, name))} is {_describe(keys[name], error.args[0], value)}, not {shown}."
            problems.append(_problem(document, (*place, name), sentence))
    for name, key in keys.items():
        if key.required and name not in raw:
            sentence = f"{header_of(place)} lacks {name}; add a line such as {name} = {show(key.option.example)}."
            problems.append(_problem(document, place, sentence))
    return values


def _problem(document: Document, place: Place, sentence: str, *, unknown: bool = False) -> Problem:
    lines = [document.lines[place[:length]] for length in range(len(place), 0, -1) if place[:length] in document.lines]
    return not unknown, lines[0] if lines else 0, f"{document.origin(place)}: {sentence}"


# Values -----------------------------------------------------------------------------------------------------


def _convert(key: Key, value: Any) -> Any:  # noqa: ANN401 - what the key says
    """Return a value of the key's type; raises ValueError with the part that cannot be one."""
    if value is None and not key.required and key.default is None:
        return None
    kind = get_origin(key.kind) or key.kind
    made: Any
    if kind is tuple:
        return tuple(_read_words(value))
    if kind is Literal:
        truth = _read_truth(value) if key.option.truth is not None else None
        made = truth if truth is not None else value if isinstance(value, str) and value in key.choices else None
    elif kind in (str, Path):
        made = kind(value) if isinstance(value, str) and (kind is str or "\0" not in value) else None
    else:
        prefixed = isinstance(value, str) and key.option.prefix
        bare = value.strip().upper().removeprefix(key.option.prefix) if prefixed else value
        made = _read_truth(bare) if kind is bool else _read_number(bare)
        if kind is int and made is not None:
            made = int(made) if made.is_integer() else None
    if made is None:
        raise ValueError(value)
    return made


def _read_words(value: Any) -> list[str]:  # noqa: ANN401
    """Let lists be written as `a, b` too, which is how they come from the environment."""
    if isinstance(value, str):
        return [word.strip() for word in value.split(",") if word.strip()]
    wrong = [word for word in value if not isinstance(word, str)] if isinstance(value, list) else [value]
    if wrong:
        raise ValueError(wrong[0])
    return list(value)


def _read_truth(value: Any) -> bool | None:  # noqa: ANN401
    if isinstance(value, str):
        return _TRUTH.get(value.strip().lower())
    return bool(value) if value in (0, 1) else None


def _read_number(value: Any) -> float | None:  # noqa: ANN401
    """True is not taken for the number 1."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    with suppress(ValueError, OverflowError):
        number = float(value)
        return number if math.isfinite(number) else None
    return None


# Sentences --------------------------------------------------------------------------------------------------


def _describe(key: Key, wrong: object, whole: object) -> str:
    kind = get_origin(key.kind) or key.kind
    if key.choices:
        return list_choices(key.choices)
    return _KINDS[str if kind is tuple and wrong is not whole else kind]


def _say_single(document: Document, name: str) -> str:
    origin = document.origin((name,))
    if origin.startswith(PREFIX):
        section = f"{PREFIX}{name.upper()}"
        return f"put a number behind {section}, as there may be several; the first is {section}__0__…."
    return f"write [[{name}]] with two brackets at each side and its keys below, as there may be several."


def _say_unknown(document: Document, place: Place) -> str:
    known, key = keys_at(place[:-1]), str(place[-1])
    close = find_close(key.lower(), known)
    if len(place) == 1:
        what = f'there is no key or section "{key}"'
        if elsewhere := [name for name in known if key in keys_at((name,))]:
            return f"{what} here; write it below {header_of((elsewhere[0],))}."
    else:
        what = f'{header_of(place[:-1])} has no key "{key}"'
        if key in keys_of(GatewayKeys):
            variable = document.origin(place).startswith(PREFIX)
            return f"{what}; {f'set {PREFIX}{key.upper()}' if variable else _TOP}."
    if close:
        return f'{what}; did you mean "{close}"?'
    return f"{what}; there {'is only' if len(known) == 1 else 'are'} {', '.join(known)}."
