"""Checked keys made into a `Configuration`; rule: every complaint names where the value came from."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ValidationError

from juntek.config import Configuration, MeterConfiguration, default_database, search_paths
from juntek.config.complaints import complain, name_of
from juntek.config.document import Document, Flag, read_document
from juntek.config.keys import MeterKeys, RootKeys, find_keys, is_repeated, secrets_of
from juntek.config.lines import Place
from juntek.errors import ConfigurationError, LinkError
from juntek.links import kind_of
from juntek.meter.line import MeterOptions
from juntek.names import slug
from juntek.outputs import find_sinks
from juntek.rs485.decode import Options as DecodeOptions

_UNFIT_FOR_A_TOPIC = re.compile(r"[/+#\0]")
_TAKEN_NAMES = {"gateway": "the gateway's own topics have this name"}


def assemble(path: Path | None, environment: Mapping[str, str], flags: tuple[Flag, ...]) -> Configuration:
    """Return what file, environment and flags say together; raises ConfigurationError."""
    model = find_keys()
    document = read_document(path, environment, flags, set(model.model_fields))
    try:
        keys = model.model_validate(document.values)
    except ValidationError as error:
        raise ConfigurationError(complain(document, error.errors(include_url=False))) from None
    if not keys.meters:
        raise ConfigurationError(_say_no_meters(document, environment))
    return Configuration(
        meters=_make_meters(document, keys.meters),
        sinks=_make_sinks(document, keys),
        database=_resolve(document, ("history", "path"), keys.history.path) or default_database(environment),
        site=_check_site(document, keys.site),
        time_zone=_find_zone(document, keys.time_zone),
        log_level=keys.log_level,
        file=document.file,
    )


def _say_no_meters(document: Document, environment: Mapping[str, str]) -> str:
    if document.file is not None:
        return f"{document.file}: there is no meter in it; add [[meters]] with a name and a link."
    places = ", ".join(str(path) for path in search_paths(environment))
    return f"There is no configuration ({places}); write one with: juntek config init"


# Meters -----------------------------------------------------------------------------------------------------


def _make_meters(document: Document, meters: list[MeterKeys]) -> tuple[MeterConfiguration, ...]:
    names: dict[str, str] = {}
    lines: dict[str, dict[int, MeterKeys]] = {}
    for index, keys in enumerate(meters):
        place = ("meters", index)
        _check_name(document, (*place, "name"), keys.name, names)
        _check_link(document, (*place, "link"), keys.link)
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
    return tuple(_make_meter(keys) for keys in meters)


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


def _check_name(document: Document, place: Place, name: str, names: dict[str, str]) -> None:
    origin, plain = document.origin(place), slug(name)
    if not name.strip() or name != name.strip() or not name.isprintable():
        raise ConfigurationError(
            f"{origin}: meters.name is empty, or has blanks around it or signs that nobody sees; name it like house."
        )
    if found := _UNFIT_FOR_A_TOPIC.search(name):
        raise ConfigurationError(
            f'{origin}: meters.name "{name}" has a {found[0]!r}, which MQTT topics may not have; leave it out.'
        )
    if plain.lower() in _TAKEN_NAMES:
        raise ConfigurationError(f'{origin}: meters.name cannot be "{name}", as {_TAKEN_NAMES[plain.lower()]}.')
    if plain in names:
        raise ConfigurationError(
            f'{origin}: meters.name "{name}" is as good as "{names[plain]}" above in a topic ({plain}); '
            "give each meter its own name."
            if name != names[plain]
            else f'{origin}: meters.name "{name}" is there twice; give each meter its own name.'
        )
    names[plain] = name


def _check_link(document: Document, place: Place, link: str) -> None:
    with suppress(LinkError):
        kind_of(link)
        return
    # Only here: it loads whatever kinds of links there are, for 0.2 s.
    from serialx import redact_uri  # noqa: PLC0415

    try:
        kind_of(redact_uri(link))
    except LinkError as error:
        raise ConfigurationError(f"{document.origin(place)}: meters.link {error}") from None


# Sinks ------------------------------------------------------------------------------------------------------


def _make_sinks(document: Document, keys: RootKeys) -> dict[str, object]:
    sinks: dict[str, object] = {}
    found = find_sinks()
    for section, module in found.items():
        if not document.has((section,)):
            continue
        values = getattr(keys, section)
        if is_repeated(module.Options):
            several = [_make_sink(document, (section, number), module, one) for number, one in enumerate(values)]
            _refuse_same_labels(document, section, several)
            sinks[section] = tuple(several)
        else:
            sinks[section] = _make_sink(document, (section,), module, values)
    _refuse_same_listen(document, sinks)
    for needed in [needed for section in sinks for needed in getattr(found[section], "NEEDS", ())]:
        sinks.setdefault(needed, found[needed].Options())
    return sinks


def _make_sink(document: Document, place: Place, module: ModuleType, values: BaseModel) -> Any:  # noqa: ANN401
    _refuse_secrets(document, place, module.Options)
    given: dict[str, Any] = {}
    for field in fields(module.Options):
        if field.name in values.model_fields_set:
            given[field.name] = _resolve(document, (*place, field.name), getattr(values, field.name))
    _check_files(document, place, given)
    try:
        return module.Options(**given)
    except ConfigurationError as error:
        raise ConfigurationError(f"{_origin_of_sentence(document, place, str(error))}: {error}") from None


def _refuse_same_labels(document: Document, section: str, several: Sequence[Any]) -> None:
    labels = [one.label for one in several]
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
    for key in sorted(secrets_of(options)):
        if document.is_from_file((*place, key)):
            name = name_of((*place, key))
            variable = "__".join(str(part).upper() for part in (*place, key))
            mend = f"write it as one line into a file of its own and name that in {name}_file, or set "
            raise ConfigurationError(
                f"{document.origin((*place, key))}: {name} does not belong in this file; "
                f"{mend if f'{key}_file' in {field.name for field in fields(options)} else 'set '}"
                f"JUNTEK_{variable}."
            )


def _resolve(document: Document, place: Place, value: Any) -> Any:  # noqa: ANN401
    """Let a path in the file count from the folder of the file; other values stay."""
    if not isinstance(value, Path):
        return value
    path = value.expanduser()
    if document.file is not None and document.is_from_file(place):
        return document.file.parent / path
    return path


def _check_files(document: Document, section: Place, given: Mapping[str, object]) -> None:
    for key, path in given.items():
        if key.endswith("_file") and isinstance(path, Path):
            try:
                path.open("rb").close()
            except OSError as error:
                place = (*section, key)
                raise ConfigurationError(
                    f"{document.origin(place)}: {name_of(place)} {path} {_explain(error)}"
                ) from None


def _explain(error: OSError) -> str:
    match error:
        case FileNotFoundError():
            return "does not exist; write it or correct the path."
        case PermissionError():
            return "may not be read; give this user the right to read it."
        case IsADirectoryError():
            return "is a folder; name the file in it."
        case _:
            return f"cannot be read ({error.strerror}); correct the path."


def _origin_of_sentence(document: Document, section: Place, sentence: str) -> str:
    """A sink names the key that is wrong, but cannot know where it was written."""
    keys = re.findall(rf"\b{name_of(section)}\.(\w+)", sentence)
    places: list[Place] = [(*section, key) for key in keys]
    return document.origin(next((place for place in places if document.has(place)), section))


def _check_site(document: Document, site: str) -> str:
    if not site.strip() or site != site.strip() or _UNFIT_FOR_A_TOPIC.search(site) or not site.isprintable():
        raise ConfigurationError(
            f"{document.origin(('site',))}: site is empty, or has blanks around it, a /, + or #, or signs that nobody "
            "sees; write it like home."
        )
    return site


def _find_zone(document: Document, name: str | None) -> zoneinfo.ZoneInfo | None:
    if name is None:
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        close = get_close_matches(name, sorted(zoneinfo.available_timezones()), n=1)
        mend = f'did you mean "{close[0]}"?' if close else 'write one such as "Europe/Berlin".'
        raise ConfigurationError(f'{document.origin(("time_zone",))}: there is no time zone "{name}"; {mend}') from None
