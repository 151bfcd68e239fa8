"""Checked values made into a `Configuration`; rule: every problem names where the value came from."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from juntek.battery import BatteryOptions
from juntek.config import Configuration, MeterConfiguration, default_database, search_paths
from juntek.config.document import Document, Flag, Place, read_document
from juntek.config.keys import GatewayKeys, MeterKeys, keys_at, name_of
from juntek.config.values import Values, read_values
from juntek.errors import ConfigurationError
from juntek.exchange import Options as DecodeOptions
from juntek.files import at_home, explain_unreadable, is_open_to_all
from juntek.meter.line import MeterOptions
from juntek.names import hide_secrets, slug
from juntek.option import keys_of
from juntek.outputs import Output, find_outputs

T = TypeVar("T")

log = logging.getLogger(__name__)

PUBLIC_FILES = {"ca_file", "certificate_file"}
"""Keys of files that may be read by everybody."""


def assemble(path: Path | None, environment: Mapping[str, str], flags: tuple[Flag, ...]) -> Configuration:
    """Return what file, environment and flags say together; raises ConfigurationError."""
    document = read_document(path, environment, flags, set(keys_at(())))
    top, tables = read_values(document)
    gateway = _make(document, (), GatewayKeys, top)
    if not tables.get("meters"):
        raise ConfigurationError(_say_no_meters(document, environment))
    outputs = _make_outputs(document, tables)
    return Configuration(
        meters=_make_meters(document, tables["meters"]),
        sinks=outputs,
        database=getattr(outputs.get("history"), "path", None) or default_database(environment),
        site=gateway.site,
        time_zone=ZoneInfo(gateway.time_zone) if gateway.time_zone else None,
        log_level=gateway.log_level,
        file=document.file,
    )


def _make(document: Document, place: Place, options: type[T], values: Values) -> T:
    """Return options, which check their values; their problems name the key, but not where it was written."""
    try:
        return options(**values)
    except ConfigurationError as error:
        keys = re.findall(rf"\b{name_of(place)}\.(\w+)" if place else r"^(\w+)", str(error))
        places: list[Place] = [(*place, key) for key in keys]
        origin = document.origin(next((place for place in places if document.has(place)), place))
        raise ConfigurationError(f"{origin}: {error}") from None


def _say_no_meters(document: Document, environment: Mapping[str, str]) -> str:
    if document.file is not None:
        return f"{document.file}: there is no meter in it; add [[meters]] with a name and a link."
    places = ", ".join(str(path) for path in search_paths(environment))
    return f"There is no configuration ({places}); write one with: juntek config init"


# Meters -----------------------------------------------------------------------------------------------------


def _make_meters(document: Document, tables: list[Values]) -> tuple[MeterConfiguration, ...]:
    names: dict[str, str] = {}
    lines: dict[str, dict[int, MeterKeys]] = {}
    meters = []
    for index, values in enumerate(tables):
        place = ("meters", index)
        battery = values.pop("battery", None)
        keys = _make(document, place, MeterKeys, values)
        _refuse_same_name(document, (*place, "name"), keys.name, names)
        neighbours = lines.setdefault(keys.link, {})
        if keys.address in neighbours:
            raise ConfigurationError(
                f'{document.origin((*place, "link"))}: the meters "{neighbours[keys.address].name}" and "{keys.name}" '
                f"have the same link and the same address {keys.address}; give each its own address or keep one."
            )
        for other in neighbours.values():
            if other.mode != keys.mode:
                raise ConfigurationError(
                    f'{document.origin((*place, "mode"))}: the meters "{other.name}" and "{keys.name}" share one link; '
                    "give them the same mode."
                )
        neighbours[keys.address] = keys
        if (
            document.file is not None
            and hide_secrets(keys.link) != keys.link
            and document.is_from_file((*place, "link"))
        ):
            _warn_of_open(document, (*place, "link"), document.file)
        meter = _make_meter(keys)
        if battery is not None:
            meter = replace(meter, battery=_make(document, (*place, "battery"), BatteryOptions, battery))
        meters.append(meter)
    return tuple(meters)


def _make_meter(keys: MeterKeys) -> MeterConfiguration:
    return MeterConfiguration(
        link=keys.link,
        options=MeterOptions(
            name=keys.name,
            address=keys.address,
            mode=keys.mode,
            interval=keys.interval,
            options=DecodeOptions(
                family=None if keys.model == "auto" else keys.model,
                invert_current=keys.invert_current,
                nominal_capacity=keys.nominal_capacity,
                idle_current=keys.idle_current,
            ),
        ),
    )


def _refuse_same_name(document: Document, place: Place, name: str, names: dict[str, str]) -> None:
    plain = slug(name)
    if plain in names:
        other = (
            f'is as good as "{names[plain]}" above in a topic ({plain})' if name != names[plain] else "is there twice"
        )
        raise ConfigurationError(
            f'{document.origin(place)}: meters.name "{name}" {other}; give each meter its own name.'
        )
    names[plain] = name


# Outputs ----------------------------------------------------------------------------------------------------


def _make_outputs(document: Document, tables: Mapping[str, list[Values]]) -> dict[str, object]:
    made: dict[str, object] = {}
    found = find_outputs()
    for section, output in found.items():
        if section not in tables:
            continue
        if output.label is None:
            made[section] = _make_output(document, (section,), output, tables[section][0])
        else:
            several = [
                _make_output(document, (section, number), output, values)
                for number, values in enumerate(tables[section])
            ]
            _refuse_same_labels(document, section, [output.label(one) for one in several])
            made[section] = tuple(several)
    _refuse_same_listen(document, made)
    for needed in [needed for section in made for needed in found[section].depends_on]:
        made.setdefault(needed, found[needed].options())
    return made


def _make_output(document: Document, place: Place, output: Output[T], values: Values) -> T:
    _refuse_secrets(document, place, output.options)
    given = {key: _resolve(document, (*place, key), value) for key, value in values.items()}
    _check_files(document, place, given)
    return _make(document, place, output.options, given)


def _refuse_same_labels(document: Document, section: str, labels: Sequence[str]) -> None:
    for number, label in enumerate(labels):
        if label in labels[:number]:
            raise ConfigurationError(
                f'{document.origin((section, number))}: [[{section}]] "{label}" is there twice; keep one, or give each '
                "its own name."
            )


def _refuse_same_listen(document: Document, sinks: Mapping[str, object]) -> None:
    taken: dict[str, str] = {}
    for section, options in sinks.items():
        listen = getattr(options, "listen", None)
        if listen in taken:
            raise ConfigurationError(
                f"{document.origin((section, 'listen'))}: {section}.listen and {taken[listen]}.listen are both "
                f"{listen}; give one of them another port."
            )
        if listen is not None:
            taken[listen] = section


def _refuse_secrets(document: Document, place: Place, options: type) -> None:
    keys = keys_of(options)
    for key in sorted(name for name, key in keys.items() if key.secret):
        if document.is_from_file((*place, key)):
            name = name_of((*place, key))
            variable = "__".join(str(part).upper() for part in (*place, key))
            mend = f"write it as one line into a file of its own and name that in {name}_file, or set "
            raise ConfigurationError(
                f"{document.origin((*place, key))}: {name} does not belong in this file; "
                f"{mend if f'{key}_file' in keys else 'set '}JUNTEK_{variable}."
            )


def _resolve(document: Document, place: Place, value: Any) -> Any:  # noqa: ANN401
    """Let a path in the file count from the folder of the file; other values stay."""
    if not isinstance(value, Path):
        return value
    path = at_home(value)
    if path.parts[:1] and path.parts[0].startswith("~"):
        raise ConfigurationError(
            f"{document.origin(place)}: {name_of(place)} {path} is in the folder of a user who is not here; give the "
            "whole path."
        )
    if document.file is not None and document.is_from_file(place):
        return document.file.parent / path
    return path


def _check_files(document: Document, section: Place, given: Mapping[str, object]) -> None:
    for key, path in given.items():
        if key.endswith("_file") and isinstance(path, Path):
            place = (*section, key)
            if key not in PUBLIC_FILES:
                _warn_of_open(document, place, path)
            try:
                path.open("rb").close()
            except OSError as error:
                raise ConfigurationError(
                    f"{document.origin(place)}: {name_of(place)} {path} {explain_unreadable(error)}"
                ) from None


def _warn_of_open(document: Document, place: Place, path: Path) -> None:
    if is_open_to_all(path):
        log.warning(
            "%s: every user of this computer may read %s, which holds a secret; keep it to its owner with: chmod o= %s",
            document.origin(place),
            path,
            path,
        )
