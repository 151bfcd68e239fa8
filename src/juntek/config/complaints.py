"""What is wrong with a value, as one sentence with the mend; rule: a secret is never in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from juntek.config.document import PREFIX, Document
from juntek.config.keys import find_keys
from juntek.config.lines import Place

_KINDS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "finite": "a number",
    "string": "text in quotes",
    "path": "a path in quotes",
    "tuple": 'a list such as ["a", "b"]',
    "list": 'a list such as ["a", "b"]',
}
_LIMITS = {
    "greater_than": "above",
    "greater_than_equal": "at least",
    "less_than": "below",
    "less_than_equal": "at most",
}
_BRACKETED = ("dict", "model")
_TOP = "it goes to the top of the file, above the first [section]"


def complain(document: Document, errors: Iterable[Any]) -> str:
    """Return the sentence for the first of pydantic's errors; one about an unknown key goes first."""
    error = min(errors, key=lambda error: _urgency(document, error))
    place: Place = tuple(part for part in error["loc"] if not _is_choice(part))
    origin = document.origin(place)
    if error["type"] == "list_type" and len(place) == 1 and origin.startswith(PREFIX):
        section = f"{PREFIX}{name_of(place).upper()}"
        return f"{origin}: put a number behind {section}, as there may be several; the first is {section}__0__…."
    if error["type"] == "extra_forbidden" and len(place) > 1 and _is_top(place[-1]):
        there = f"set {PREFIX}{str(place[-1]).upper()}" if origin.startswith(PREFIX) else _TOP
        return f'{origin}: {header_of(place[:-1])} has no key "{place[-1]}"; {there}.'
    return f"{origin}: {_say(place, error)}"


def name_of(place: Place) -> str:
    """Return a key as it is written in messages: `mqtt.port`, `meters.link`."""
    return ".".join(part for part in place if isinstance(part, str))


def show(value: object, *, secret: bool = False) -> str:
    """Return a value as it is written in TOML, shortened; nothing of a secret."""
    if secret:
        return "this one"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    text = str(value)
    text = text if len(text) <= 40 else f"{text[:37]}…"
    return f'"{text}"' if isinstance(value, str) else text


def _urgency(document: Document, error: Mapping[str, Any]) -> tuple[bool, int]:
    place = tuple(error["loc"])
    lines = [document.lines[place[:length]] for length in range(len(place), 0, -1) if place[:length] in document.lines]
    return error["type"] != "extra_forbidden", lines[0] if lines else 0


def _is_choice(part: object) -> bool:
    """Whether a part of pydantic's location names one of several types instead of a key."""
    return isinstance(part, str) and not part.replace("_", "").isalnum()


def _say(place: Place, error: Mapping[str, Any]) -> str:
    kind, value, key = str(error["type"]), error["input"], name_of(place)
    family = kind.split("_", maxsplit=1)[0]
    if kind == "extra_forbidden":
        return _say_unknown(place)
    if kind == "missing":
        return (
            f"{header_of(place[:-1])} lacks {place[-1]}; add a line such as {place[-1]} = {_example(str(place[-1]))}."
        )
    if kind == "list_type" and len(place) == 1:
        return f"write [[{key}]] with two brackets at each side and its keys below, as there may be several."
    shown = show(value, secret="password" in key)
    if family in _BRACKETED:
        return f"{header_of(place)} is a table, not {shown}; write {header_of(place)} on a line and its keys below."
    return f"{key} {_demand(kind, family, error)}, not {shown}."


def _demand(kind: str, family: str, error: Mapping[str, Any]) -> str:
    context = error.get("ctx", {})
    if kind == "literal_error":
        return f"is {context['expected']}".replace("'", '"')
    if kind in _LIMITS:
        return f"is {_LIMITS[kind]} {next(iter(context.values())):g}"
    return f"is {_KINDS[family]}" if family in _KINDS else f"is wrong ({error['msg']})"


def _say_unknown(place: Place) -> str:
    known = keys_at(place[:-1])
    key = str(place[-1])
    close = get_close_matches(key.lower(), known, n=1, cutoff=0.7)
    if len(place) == 1:
        what = f'there is no key or section "{key}"'
        elsewhere = [name for name in known if key in keys_at((name,))]
        if elsewhere:
            return f"{what} here; write it below {header_of((elsewhere[0],))}."
    else:
        what = f'{header_of(place[:-1])} has no key "{key}"'
    if close:
        return f'{what}; did you mean "{close[0]}"?'
    return f"{what}; there {'is only' if len(known) == 1 else 'are'} {', '.join(known)}."


def _is_top(key: object) -> bool:
    """Whether a key stands above all sections, and is none itself."""
    return key in keys_at(()) and not keys_at((key,))


def keys_at(place: Place) -> list[str]:
    """Return the names of the keys in the table at a place."""
    model: Any = find_keys()
    for part in place:
        if isinstance(part, str):
            field = model.model_fields.get(part)
            model = _model_in(field.annotation) if field else None
            if model is None:
                return []
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def header_of(place: Place) -> str:
    """Return the line that a table begins with: `[mqtt]`, `[[meters]]`."""
    name = name_of(place)
    field = find_keys().model_fields.get(name)
    return f"[[{name}]]" if field is not None and get_origin(field.annotation) is list else f"[{name}]"


def _example(key: str) -> str:
    return {
        "name": '"house"',
        "link": '"/dev/ttyUSB0"',
        "url": '"http://127.0.0.1:8428/write"',
    }.get(key, "…")
