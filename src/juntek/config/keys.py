"""Which keys there are and of which kind; rule: a sink's keys are its own, read off its `Options`.

A field of `Options` that is left out of its repr is a secret: it is never shown, and a file may not hold it.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import pydantic
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo, create_model, field_validator
from pydantic_core import PydanticCustomError

from juntek.meter import Mode
from juntek.outputs import find_sinks
from juntek.rs485.decode import IDLE_CURRENT

LONGEST_INTERVAL = 3600.0
LogLevel = Literal["debug", "info", "warning", "error"]


class Table(BaseModel):
    """A table whose keys are all known, and where true is not taken for the number 1."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_true_for_one(cls, value: object, info: ValidationInfo) -> object:
        kind = cls.model_fields[str(info.field_name)].annotation
        if isinstance(value, bool) and not {int, float}.isdisjoint((kind, *get_args(kind))):
            raise PydanticCustomError("float_type", "not a number")
        return value


class MeterKeys(Table):
    """The keys of one `[[meters]]` table."""

    name: str
    link: str
    address: int = pydantic.Field(1, ge=1, le=99)
    mode: Mode = "auto"
    interval: float = pydantic.Field(1.0, ge=0.05, le=LONGEST_INTERVAL)
    model: Literal["auto", "KG-F", "KL-F", "KH-F"] = "auto"
    invert_current: bool = False
    nominal_capacity: float | None = pydantic.Field(None, gt=0, le=100_000)
    idle_current: float = pydantic.Field(IDLE_CURRENT, ge=0, le=100)


class HistoryKeys(Table):
    """The keys of `[history]` that the gateway needs itself."""

    path: Path | None = None


class RootKeys(Table):
    """The keys at the top; `find_keys` adds the sections of the sinks."""

    log_level: LogLevel = "info"
    site: str = "home"
    time_zone: str | None = None
    meters: list[MeterKeys] = []
    history: HistoryKeys = HistoryKeys()


@cache
def find_keys() -> type[RootKeys]:
    """Return all keys there are."""
    sections: dict[str, Any] = {}
    for section, module in find_sinks().items():
        root = RootKeys.model_fields.get(section)
        keys = _section_keys(section, module.Options, HistoryKeys if root else Table)
        if is_repeated(module.Options):
            sections[section] = (list[keys], [])  # type: ignore[valid-type]  # made here
        else:
            sections[section] = (keys, keys()) if root else (keys | None, None)
    return create_model("Keys", __base__=RootKeys, **sections)


def is_repeated(options: type) -> bool:
    """Whether there may be several sections of this kind."""
    return hasattr(options, "label")


def secrets_of(options: object) -> set[str]:
    """Return the names of the keys whose values are never shown."""
    return {field.name for field in fields(options) if not field.repr}  # type: ignore[arg-type]


def _section_keys(section: str, options: Any, base: type[Table]) -> type[BaseModel]:  # noqa: ANN401
    # Sinks import Path for their types only; here the types are looked at.
    hints = get_type_hints(options, localns={"Path": Path}, include_extras=True)
    keys: dict[str, Any] = {field.name: (_kind(hints[field.name]), _default(field)) for field in fields(options)}
    return create_model(section, __base__=base, **keys)


def _kind(hint: Any) -> Any:  # noqa: ANN401
    """Let lists be written as `a, b` too, which is how they come from the environment."""
    return Annotated[hint, BeforeValidator(_split)] if get_origin(hint) in (tuple, list) else hint


def _split(value: object) -> object:
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


def _default(field: Field[Any]) -> Any:  # noqa: ANN401
    if field.default is not MISSING:
        return field.default
    if field.default_factory is not MISSING:
        return pydantic.Field(default_factory=field.default_factory)
    return ...
