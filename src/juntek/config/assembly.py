"""Raw values made into a `Configuration`; rule: what is wrong is one sentence with its place, and no secret is in it.

The first mistake is told: at the top, that there is no meter, then table by table its unknown keys, its values, what it
lacks and what does not go together, and at last what tables say together.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from juntek.config import Configuration, default_database, search_paths
from juntek.config.document import PREFIX, Document, Flag, Place, read_document
from juntek.config.keys import GatewayKeys, MeterKeys, Table, find_tables, header_of, keys_at, name_of
from juntek.errors import ConfigurationError
from juntek.files import at_home, explain_unreadable, is_open_to_all
from juntek.names import find_close, hide_secrets, show, slug
from juntek.option import Key, keys_of
from juntek.outputs import find_outputs

log = logging.getLogger(__name__)

PUBLIC_FILES = {"ca_file", "certificate_file"}
"""Keys of files that may be read by everybody."""


def assemble(path: Path | None, environment: Mapping[str, str], flags: tuple[Flag, ...]) -> Configuration:
    """Return what file, environment and flags say together; raises ConfigurationError."""
    document = read_document(path, environment, flags, set(keys_at(())))
    values, tables = document.values, find_tables()
    top = {name: value for name, value in values.items() if name not in tables}
    gateway: GatewayKeys = _read_table(document, (), GatewayKeys, top)
    if not values.get("meters"):
        raise ConfigurationError(_say_no_meters(document, environment))
    made = {name: _read_section(document, name, table) for name, table in tables.items() if name in values}
    meters = made.pop("meters")
    _check_meters(document, meters)
    outputs = _join_outputs(document, made)
    return Configuration(
        meters=tuple(meters),
        sinks=outputs,
        database=getattr(outputs.get("history"), "path", None) or default_database(environment),
        site=gateway.site,
        time_zone=ZoneInfo(gateway.time_zone) if gateway.time_zone else None,
        log_level=gateway.log_level,
        file=document.file,
    )


def _read_section(document: Document, name: str, table: Table) -> list[Any]:
    raw = document.values[name]
    if not table.repeated:
        return [_read_table(document, (name,), table.options, raw)]
    if not isinstance(raw, list):
        raise document.error((name,), _say_single(document, name))
    return [_read_table(document, (name, number), table.options, one) for number, one in enumerate(raw)]


def _read_table(document: Document, place: Place, options: type, raw: Any) -> Any:  # noqa: ANN401 - of that class
    """Return the options that a table says; raises ConfigurationError."""
    header, keys = header_of(place), keys_of(options)
    if not isinstance(raw, dict):
        sentence = f"{header} is a table, not {show(raw)}; write {header} on a line and its keys below."
        raise document.error(place, sentence)
    for inner in [(*place, name) for name in raw if name not in keys]:
        raise document.error(inner, _say_unknown(document, inner))
    values = {name: _read_key(document, (*place, name), keys[name], value) for name, value in raw.items()}
    for name, key in keys.items():
        if key.required and name not in raw:
            example = f"{name} = {show(key.option.example)}"
            raise document.error(place, f"{header} lacks {name}; add a line such as {example}.")
    try:
        return options(**values)
    except ConfigurationError as error:
        # It belongs to the first key that its sentence names and that has a value.
        names = re.findall(rf"\b{name_of(place)}\.(\w+)" if place else r"^(\w+)", str(error))
        raise document.error((*place, *[name for name in names if name in raw][:1]), str(error)) from None


def _read_key(document: Document, place: Place, key: Key, value: Any) -> Any:  # noqa: ANN401 - what the key says
    if key.table:
        return _read_table(document, place, key.table, value)
    try:
        return _read_value(document, place, key, value)
    except ValueError as error:
        raise document.error(place, f"{name_of(place)} {error}") from None


def _read_value(document: Document, place: Place, key: Key, value: Any) -> Any:  # noqa: ANN401 - what the key says
    """Return a value of the key's type; raises ValueError with the end of a sentence."""
    is_from_file = document.is_from_file(place)
    if key.secret and is_from_file:
        name, there = name_of(place), keys_at(place[:-1])
        mend = f"write it as one line into a file of its own and name that in {name}_file, or set "
        variable = "__".join(str(part).upper() for part in place)
        raise ValueError(
            f"does not belong in this file; {mend if f'{key.name}_file' in there else 'set '}{PREFIX}{variable}."
        )
    made = key.convert(value)
    if not isinstance(made, Path):
        return made
    path = at_home(made)
    if path.parts[:1] and path.parts[0].startswith("~"):
        raise ValueError(f"{path} is in the folder of a user who is not here; give the whole path.")
    if document.file is not None and is_from_file:
        path = document.file.parent / path
    if key.name.endswith("_file"):
        if key.name not in PUBLIC_FILES:
            _warn_of_open(document, place, path)
        try:
            path.open("rb").close()
        except OSError as error:
            raise ValueError(f"{path} {explain_unreadable(error)}") from None
    return path


# Tables together --------------------------------------------------------------------------------------------


def _check_meters(document: Document, meters: Sequence[MeterKeys]) -> None:
    names: dict[str, str] = {}
    lines: dict[str, list[MeterKeys]] = {}
    for number, meter in enumerate(meters):
        place, plain = ("meters", number), slug(meter.name)
        if plain in names:
            same = f'is as good as "{names[plain]}" above in a topic ({plain})'
            what = same if meter.name != names[plain] else "is there twice"
            raise document.error((*place, "name"), f'meters.name "{meter.name}" {what}; give each meter its own name.')
        names[plain] = meter.name
        for other in lines.setdefault(meter.link, []):
            both = f'the meters "{other.name}" and "{meter.name}"'
            if other.address == meter.address:
                same = f"have the same link and the same address {meter.address}"
                raise document.error((*place, "link"), f"{both} {same}; give each its own address or keep one.")
            if other.mode != meter.mode:
                raise document.error((*place, "mode"), f"{both} share one link; give them the same mode.")
        lines[meter.link].append(meter)
        if document.is_from_file((*place, "link")) and hide_secrets(meter.link) != meter.link:
            _warn_of_open(document, (*place, "link"), document.file)


def _join_outputs(document: Document, tables: Mapping[str, list[Any]]) -> dict[str, object]:
    """Return the options of each output there is, and of those that these cannot do without."""
    joined: dict[str, object] = {}
    listens: dict[str, str] = {}
    found = find_outputs()
    for section, options in tables.items():
        label_of, listen = found[section].label, getattr(options[0], "listen", None) if options else None
        joined[section] = options[0] if label_of is None else tuple(options)
        labels = [] if label_of is None else [label_of(one) for one in options]
        for number, label in enumerate(labels):
            if label in labels[:number]:
                twice = f'[[{section}]] "{label}" is there twice; keep one, or give each its own name.'
                raise document.error((section, number), twice)
        if listen in listens:
            both = f"{section}.listen and {listens[listen]}.listen are both {listen}"
            raise document.error((section, "listen"), f"{both}; give one of them another port.")
        if listen is not None:
            listens[listen] = section
    for needed in [needed for section in joined for needed in found[section].depends_on]:
        joined.setdefault(needed, found[needed].options())
    return joined


def _warn_of_open(document: Document, place: Place, path: Path | None) -> None:
    if path is not None and is_open_to_all(path):
        log.warning(
            "%s: every user of this computer may read %s, which holds a secret; keep it to its owner with: chmod o= %s",
            document.origin(place),
            path,
            path,
        )


# Sentences --------------------------------------------------------------------------------------------------


def _say_no_meters(document: Document, environment: Mapping[str, str]) -> str:
    if document.file is not None:
        return f"{document.file}: there is no meter in it; add [[meters]] with a name and a link."
    places = ", ".join(str(path) for path in search_paths(environment))
    return f"There is no configuration ({places}); write one with: juntek config init"


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
            is_variable = document.origin(place).startswith(PREFIX)
            top = "it goes to the top of the file, above the first [section]"
            return f"{what}; {f'set {PREFIX}{key.upper()}' if is_variable else top}."
    if close:
        return f'{what}; did you mean "{close}"?'
    return f"{what}; there {'is only' if len(known) == 1 else 'are'} {', '.join(known)}."
