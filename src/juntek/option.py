"""What a key of the configuration is: one declaration, beside its type and default; rule: everything else follows.

A class of options is a frozen data class with fields `name: Annotated[type, Option("what it is")] = default`. The
checks, the sentences about what is wrong, and the file that `juntek config init` writes come from that. A field that is
left out of the repr is a secret: it is never shown, and a file may not hold it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from juntek.errors import ConfigurationError
from juntek.names import list_choices, show


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
    truth: tuple[str, str] | None = None
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
    for field in fields(options):
        hint, option = hints[field.name], Option("")
        if hasattr(hint, "__metadata__"):
            option = next(found for found in hint.__metadata__ if isinstance(found, Option))
            hint = hint.__origin__
        if get_origin(hint) in (Union, UnionType):
            (hint,) = (kind for kind in get_args(hint) if kind is not NoneType)
        required = field.default is MISSING
        default = None if required else field.default
        keys[field.name] = Key(field.name, hint, default, required, not field.repr, option)
    return keys


def check_options(section: str, options: object) -> None:
    """Check every key by itself; raises ConfigurationError, which names the key as `section.key`."""
    kind: type = type(options)
    for key in keys_of(kind).values():
        value = getattr(options, key.name)
        if key.option.truth is not None and isinstance(value, bool):
            value = key.option.truth[value]
            object.__setattr__(options, key.name, value)  # frozen, and this is its own check
        problem = key.find_problem(value) if value is not None else None
        if problem is not None:
            raise ConfigurationError(f"{section}.{key.name} {problem}" if section else f"{key.name} {problem}")


def _number(value: float) -> str:
    return f"{value:.10g}"
