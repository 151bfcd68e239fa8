"""What a key of the configuration is: one declaration, beside its type and default; rule: everything else follows.

A class of options is a frozen data class with fields `name: Annotated[type, Option("what it is")] = default`. The
checks, the sentences about what is wrong, and the file that `juntek config init` writes come from that. A field that is
left out of the repr is a secret: it is never shown, and a file may not hold it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from juntek.errors import ConfigurationError
from juntek.names import list_choices, show

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


@dataclass(frozen=True, slots=True)
class Option:
    """What a key means, as a short `help` that follows it in the file, and what its value may be.

    `low` and `high` are the least and the most, in `unit`. `choices` are asked when they are needed, for words that the
    type does not list. `check` returns what is wrong with a value, as the end of a sentence that begins with the key.
    `truth` are the words that false and true stand for, in a key that was once one of these.
    `example` stands in the file where the default says nothing; with `written` the key is not commented out there.
    A number may have the `prefix` before it.
    """

    help: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: Callable[[], Sequence[str]] | None = None
    check: Callable[[Any], str | None] | None = None
    truth: tuple[str, ...] = ()
    example: Any = None
    written: bool = False
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a class of options. `kind` is its type, without None where it may be left out."""

    name: str
    kind: Any
    default: Any
    required: bool
    secret: bool
    option: Option

    @property
    def choices(self) -> Sequence[str]:
        """All words that it may be; empty where it is no choice."""
        if self.option.choices is not None:
            return self.option.choices()
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()

    @property
    def table(self) -> type | None:
        """The class of options that it is where it is a table of its own."""
        return self.kind if isinstance(self.kind, type) and is_dataclass(self.kind) else None

    def convert(self, value: Any) -> Any:  # noqa: ANN401 - what the key says
        """Return a value of the key's type, of one as people and the environment write it.

        Raises ValueError with the end of a sentence that begins with the key.
        """
        if value is None and not self.required and self.default is None:
            return None
        kind = get_origin(self.kind) or self.kind
        made: Any = None
        if kind is tuple:
            words = [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value
            made = tuple(words) if isinstance(words, list) else None
            for word in [word for word in made or () if not isinstance(word, str)]:
                raise ValueError(f"is {_KINDS[str]}, not {show(word, secret=self.secret)}.")
        elif kind is Literal:
            truth = _read_truth(value) if self.option.truth else None
            made = value if value in self.choices else None if truth is None else self.option.truth[truth]
        elif kind in (str, Path):
            made = kind(value) if isinstance(value, str) and (kind is str or "\0" not in value) else None
        elif kind is bool:
            made = _read_truth(value)
        else:
            made = _read_number(kind, value, self.option.prefix)
        if made is None:
            raise ValueError(
                f"is {list_choices(self.choices) if self.choices else _KINDS[kind]}, "
                f"not {show(value, secret=self.secret)}."
            )
        return made

    def find_problem(self, value: Any) -> str | None:  # noqa: ANN401 - what the key says
        """Return what is wrong with a value of the right type, as the end of a sentence; None where it is right."""
        option = self.option
        if option.low is not None and option.high is not None and not option.low <= value <= option.high:
            unit = f" {option.unit}" if option.unit else ""
            return f"is {_number(option.low)} to {_number(option.high)}{unit}, not {_number(value)}."
        if self.choices and value not in self.choices:
            return f"is {list_choices(self.choices)}, not {show(value, secret=self.secret)}."
        return option.check(value) if option.check is not None else None


@cache
def keys_of(options: type) -> dict[str, Key]:
    """Return the keys of a class of options, by name."""
    hints = get_type_hints(options, include_extras=True)
    keys = {}
    for one in fields(options):
        hint, option = hints[one.name], Option("")
        if hasattr(hint, "__metadata__"):
            option = next(found for found in hint.__metadata__ if isinstance(found, Option))
            hint = hint.__origin__
        if get_origin(hint) in (Union, UnionType):
            (hint,) = (kind for kind in get_args(hint) if kind is not NoneType)
        required = one.default is MISSING
        default = None if required else one.default
        keys[one.name] = Key(one.name, hint, default, required, not one.repr, option)
    return keys


def check_options(section: str, options: object) -> None:
    """Check every key by itself; raises ConfigurationError, which names the key as `section.key`."""
    kind: type = type(options)
    for key in keys_of(kind).values():
        value = getattr(options, key.name)
        if value is not None and (problem := key.find_problem(value)):
            raise ConfigurationError(f"{section}.{key.name} {problem}" if section else f"{key.name} {problem}")


def _read_truth(value: Any) -> bool | None:  # noqa: ANN401 - anything
    if isinstance(value, str):
        return _TRUTH.get(value.strip().lower())
    return bool(value) if value in (0, 1) else None


def _read_number(kind: type, value: Any, prefix: str) -> float | None:  # noqa: ANN401 - anything
    """True is not taken for the number 1."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and prefix:
        value = value.strip().upper().removeprefix(prefix)
    with suppress(ValueError, OverflowError):
        number = float(value)
        if math.isfinite(number):
            return number if kind is float else int(number) if number.is_integer() else None
    return None


def _number(value: float) -> str:
    return f"{value:.10g}"
