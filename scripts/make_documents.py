"""Makes the parts of the documents that follow from the program; rule: between the marks, and the same every time.

A part stands between `<!-- made: NAME -->` and `<!-- end -->`. Run it after any change of the command line, the
configuration, the model tables or the recorded messages; a test fails until then.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import draw_watch
import typer.main

from juntek.cli import STATUSES
from juntek.cli.application import app
from juntek.config.keys import write_example
from juntek.metric import GATEWAY_INFO, INFO, LINK_METRICS, READING_METRICS, SETTING_METRICS, SINK_METRICS
from juntek.quantity import QUANTITIES
from juntek.reading import Identity, Reading, Settings
from juntek.rs485.bus import Bus
from juntek.rs485.family import find_models
from juntek.rs485.framing import Garbage

ROOT = Path(__file__).resolve().parent.parent
FRAMES = ROOT / "tests" / "fixtures" / "rs485.jsonl"
METERS = ROOT / "docs" / "supported-meters.md"
MARKED = (ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in ("commands", "configuration", "timeseries")))
PART = re.compile(r"(<!-- made: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
NAME = re.compile(r"\bK[A-Z]\d{3}F\b")

Recorded = tuple[dict[str, str], Identity | Settings | Reading | Garbage]


def make() -> dict[Path, str]:
    """Return every document as it should be, by its path."""
    documents = {path: PART.sub(_fill, path.read_text(encoding="utf-8")) for path in MARKED}
    return {**documents, METERS: supported_meters_page(), draw_watch.PICTURE: draw_watch.draw_picture()}


def _fill(part: re.Match[str]) -> str:
    return f"{part[1]}{PARTS[part[2]]()}\n{part[3]}"


# Parts ------------------------------------------------------------------------------------------------------


def configuration() -> str:
    """Return what `juntek config init` writes on a computer without a serial port."""
    return f"```toml\n{write_example(())}```"


def commands() -> str:
    """Return the commands with what their help says first."""
    rows = [(f"`{name}`", help_text) for name, help_text in _commands(typer.main.get_command(app), "juntek")]
    return _table(("command", "what it does"), rows)


def statuses() -> str:
    """Return the exit statuses."""
    return _table(("status", "meaning"), [(str(status), meaning) for status, meaning in STATUSES.items()])


def supported_meters() -> str:
    """Return one row for each family: what of it was recorded, and what it counts by itself."""
    recorded = read_recorded()
    rows = []
    for model in find_models():
        own = [(frame, event) for frame, event in recorded if _family(frame, event) == model.family]
        counts = Counter(frame["kind"] for frame, _ in own)
        told = [f"{counts[kind]} {what[counts[kind] > 1]}" for kind, what in _KINDS.items() if counts[kind]]
        counted = [QUANTITIES[row.key].label.lower() for row in model.readings.rows if _is_counter(row.key)]
        names = sorted({name for frame, _ in own for name in NAME.findall(frame["model"]) if name[:2] == model.prefix})
        rows.append(
            (
                model.family,
                ", ".join(told) or "none",
                ", ".join(names) or "named by family only",
                ", ".join(counted) or "in doubt, so watched",
            )
        )
    return _table(("family", "messages recorded from real meters", "of these models", "counts by itself"), rows)


def supported_meters_page() -> str:
    """Return the page with every recorded message and what it decodes to."""
    groups: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for frame, event in read_recorded():
        source = _INDEX_NUMBER.sub(r"a public program, \1", frame["source"])
        groups[_family(frame, event)].append((frame["model"], frame["kind"], in_words(event), source))
    parts = [_PAGE_HEAD]
    for model in find_models():
        rows = groups[model.family]
        parts.append(f"## {model.family}\n\n{_table(('meter', 'message', 'what it says', 'published in'), rows)}")
    return "\n\n".join(parts) + "\n"


def metrics() -> str:
    """Return the names of all values for engines of time series."""
    rows = []
    for table, when in _METRICS:
        for metric in table:
            about = QUANTITIES.get(metric.key)
            source = f"`{metric.key}`, {about.unit}" if about and about.unit else f"`{metric.key}`" if about else ""
            rows.append((f"`{metric.name}`", metric.help.rstrip("."), source, when))
    rows += [(f"`{name}`", help_text, "", "every 15 s") for name, help_text in _INFOS]
    return _table(("name", "what it is", "of", "sent"), rows)


PARTS: dict[str, Callable[[], str]] = {
    "configuration": configuration,
    "commands": commands,
    "metrics": metrics,
    "statuses": statuses,
    "supported-meters": supported_meters,
}

_METRICS = (
    (READING_METRICS, "with every reading"),
    (SETTING_METRICS, "every 15 s"),
    (LINK_METRICS, "every 15 s"),
    (SINK_METRICS, "every 15 s"),
)
_INFOS = (
    (INFO, "Always 1; labels `family`, `model`, `sensor`, `firmware` say who the meter is"),
    (GATEWAY_INFO, "Always 1; labels `gateway` and `version`"),
)
_KINDS = {"r50": ("reading", "readings"), "r51": ("settings", "settings"), "r00": ("identity", "identities")}
_INDEX_NUMBER = re.compile(r"public file id [\d/ ]+\((.*)\)")
_PAGE_HEAD = """\
# Supported meters

Made by `scripts/make_documents.py` from `tests/fixtures/rs485.jsonl`: every message in it that somebody recorded from a
real meter, and what juntek makes of it. Who published it stands beside it. A KL-F cannot be told from a KG-F by these
messages: what stands below KG-F may come from either unless its owner named it."""


# Recorded messages ------------------------------------------------------------------------------------------


def read_recorded() -> list[Recorded]:
    """Return every reply that was captured from a meter, and the value that it decodes to."""
    recorded = []
    for line in FRAMES.read_text(encoding="utf-8").splitlines():
        frame = json.loads(line)
        if frame["origin"] == "capture" and frame["kind"] in _KINDS:
            bus = Bus()
            events = [*bus.feed(frame["raw"].encode("ascii")), *bus.finish()]
            (event,) = (event for event in events if isinstance(event, Identity | Settings | Reading | Garbage))
            recorded.append((frame, event))
    return recorded


def in_words(event: Identity | Settings | Reading | Garbage) -> str:
    """Return what a message says, for people."""
    match event:
        case Identity():
            return f"{event.max_voltage} V, {event.max_current} A, firmware {event.firmware}"
        case Settings():
            return f"nominal capacity {event.nominal_capacity:g} Ah"
        case Reading():
            return (
                f"{event.voltage:.2f} V, {event.current:.2f} A, {event.direction}, "
                f"{event.remaining_capacity:.3f} Ah left, output {event.output_state}"
            )
        case _:
            return f"not believed: {event.detail or event.reason}"


def _family(frame: dict[str, str], event: object) -> str:
    """An owner's word goes first for a KL-F, which looks like a KG-F."""
    return "KL-F" if frame["model"].startswith("KL-F") else str(getattr(event, "family", ""))


def _is_counter(key: str) -> bool:
    return key in QUANTITIES and QUANTITIES[key].accumulation == "total"


def _commands(group: object, name: str) -> Iterable[tuple[str, str]]:
    for child, command in getattr(group, "commands", {}).items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{name} {child}")
        else:
            yield f"{name} {child}", str(command.help).strip().splitlines()[0]


def _table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(headings)]
    lines += [["---"] * len(lines[0]), *(list(row) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main() -> int:
    """Write what has changed and name it."""
    for path, text in make().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
