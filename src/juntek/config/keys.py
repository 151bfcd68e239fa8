"""Which keys there are and of which kind; rule: a sink's keys are its own, read off its `Options`.

A field of `Options` that is left out of its repr is a secret: it is never shown, and a file may not hold it.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import MISSING, Field, fields
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal, get_origin, get_type_hints

import pydantic
from pydantic import BaseModel, BeforeValidator, ConfigDict, create_model

import juntek.sinks
from juntek.decode import IDLE_CURRENT
from juntek.meter import Mode

SETTINGS = ConfigDict(extra="forbid", allow_inf_nan=False)
LONGEST_INTERVAL = 3600.0
LogLevel = Literal["debug", "info", "warning", "error"]


class MeterKeys(BaseModel):
    """The keys of one `[[meters]]` table."""

    model_config = SETTINGS

    name: str
    link: str
    address: int = pydantic.Field(1, ge=1, le=99)
    mode: Mode = "auto"
    interval: float = pydantic.Field(1.0, ge=0.05, le=LONGEST_INTERVAL)
    model: Literal["auto", "KG-F", "KL-F", "KH-F"] = "auto"
    invert_current: bool = False
    nominal_capacity: float | None = pydantic.Field(None, gt=0, le=100_000)
    idle_current: float = pydantic.Field(IDLE_CURRENT, ge=0, le=100)


class HistoryKeys(BaseModel):
    """The keys of `[history]` that the gateway needs itself."""

    model_config = SETTINGS

    path: Path | None = None


class RootKeys(BaseModel):
    """The keys at the top; `find_keys` adds the sections of the sinks."""

    model_config = SETTINGS

    log_level: LogLevel = "info"
    time_zone: str | None = None
    meters: list[MeterKeys] = []
    history: HistoryKeys = HistoryKeys()


def find_sinks() -> dict[str, ModuleType]:
    """Return the sink modules by the name of their section."""
    names = sorted(module.name for module in pkgutil.iter_modules(juntek.sinks.__path__))
    modules = [importlib.import_module(f"{juntek.sinks.__name__}.{name}") for name in names]
    return {module.SECTION: module for module in modules if hasattr(module, "SECTION")}


@cache
def find_keys() -> type[RootKeys]:
    """Return all keys there are."""
    sections: dict[str, Any] = {}
    for section, module in find_sinks().items():
        root = RootKeys.model_fields.get(section)
        keys = _section_keys(section, module.Options, HistoryKeys if root else None)
        sections[section] = (keys, keys()) if root else (keys | None, None)
    return create_model("Keys", __base__=RootKeys, **sections)


def secrets_of(options: object) -> set[str]:
    """Return the names of the keys whose values are never shown."""
    return {field.name for field in fields(options) if not field.repr}  # type: ignore[arg-type]


def _section_keys(section: str, options: Any, base: type[BaseModel] | None) -> type[BaseModel]:  # noqa: ANN401
    # Sinks import Path for their types only; here the types are looked at.
    hints = get_type_hints(options, localns={"Path": Path}, include_extras=True)
    keys: dict[str, Any] = {field.name: (_kind(hints[field.name]), _default(field)) for field in fields(options)}
    if base is None:
        return create_model(section, __config__=SETTINGS, **keys)
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
