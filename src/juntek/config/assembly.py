"""Raw values made into a `Configuration`; rule: what is wrong is one sentence with its place, and no secret is in it.

All tables are looked through before the first sentence is chosen: one about an unknown key, else one about a variable
or a flag, else the first in the file.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
UNKNOWN, WRONG, CONTRADICTORY = range(3)
"""Which sentence is worth the most: of a key, of its value, of keys together."""


def assemble(path: Path | None, environment: Mapping[str, str], flags: tuple[Flag, ...]) -> Configuration:
    """Return what file, environment and flags say together; raises ConfigurationError."""
    document = read_document(path, environment, flags, set(keys_at(())))
    gateway, tables = _Reader(document).read()
    if not tables.get("meters"):
        raise ConfigurationError(_say_no_meters(document, environment))
    meters = tables.pop("meters")
    _check_meters(document, meters)
    outputs = _join_outputs(document, tables)
    return Configuration(
        meters=tuple(meters),
        sinks=outputs,
        database=getattr(outputs.get("history"), "path", None) or default_database(environment),
        site=gateway.site,
        time_zone=ZoneInfo(gateway.time_zone) if gateway.time_zone else None,
        log_level=gateway.log_level,
        file=document.file,
    )


@dataclass(slots=True)
class _Reader:
    """Makes options of tables, and notes what is wrong with them: how much it is worth, its line, the sentence."""

    document: Document
    problems: list[tuple[int, int, str]] = field(default_factory=list)

    def read(self) -> tuple[GatewayKeys, dict[str, list[Any]]]:
        """Return the keys at the top, and the options of each table there is; raises ConfigurationError."""
        values, tables = self.document.values, find_tables()
        top = self._make((), GatewayKeys, {name: value for name, value in values.items() if name not in tables})
        made = {name: self._make_section(name, table) for name, table in tables.items() if name in values}
        # Without a meter that is the first thing to say, before what keys say together.
        problems = [problem for problem in self.problems if problem[0] < CONTRADICTORY or made.get("meters")]
        if problems:
            raise ConfigurationError(min(problems)[2])
        return top, made

    def _make_section(self, name: str, table: Table) -> list[Any]:
        raw = self.document.values[name]
        if not table.repeated:
            return [self._make((name,), table.options, raw)]
        if isinstance(raw, list):
            return [self._make((name, number), table.options, one) for number, one in enumerate(raw)]
        self._note((name,), _say_single(self.document, name))
        return []

    def _note(self, place: Place, sentence: str, worth: int = WRONG) -> None:
        found = self.document.find(place)
        line = found if isinstance(found, int) else 0  # what variables and flags say goes first
        self.problems.append((worth, line, f"{self.document.origin(place)}: {sentence}"))

    def _make(self, place: Place, options: type, raw: Any) -> Any:  # noqa: ANN401 - of the class that is asked for
        """Return the options of a table; None where something in it is wrong."""
        header, before = header_of(place), len(self.problems)
        if not isinstance(raw, dict):
            self._note(place, f"{header} is a table, not {show(raw)}; write {header} on a line and its keys below.")
            return None
        keys, values = keys_of(options), {}
        for name, value in raw.items():
            key, inner = keys.get(name), (*place, name)
            if key is None:
                self._note(inner, _say_unknown(self.document, inner), UNKNOWN)
            elif key.table:
                values[name] = self._make(inner, key.table, value)
            else:
                try:
                    values[name] = self._read_value(inner, key, value)
                except ValueError as error:
                    self._note(inner, f"{name_of(inner)} {error}")
        for name, key in keys.items():
            if key.required and name not in raw:
                example = f"{name} = {show(key.option.example)}"
                self._note(place, f"{header} lacks {name}; add a line such as {example}.")
        if len(self.problems) == before:
            try:
                return options(**values)
            except ConfigurationError as error:
                # It belongs to the first key that its sentence names and that has a value.
                names = re.findall(rf"\b{name_of(place)}\.(\w+)" if place else r"^(\w+)", str(error))
                self._note((*place, *[name for name in names if name in raw][:1]), str(error), CONTRADICTORY)
        return None

    def _read_value(self, place: Place, key: Key, value: Any) -> Any:  # noqa: ANN401 - what the key says
        """Return a value of the key's type; raises ValueError with the end of a sentence."""
        is_from_file = self.document.is_from_file(place)
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
        if self.document.file is not None and is_from_file:
            path = self.document.file.parent / path
        if key.name.endswith("_file"):
            if key.name not in PUBLIC_FILES:
                _warn_of_open(self.document, place, path)
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
