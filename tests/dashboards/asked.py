"""What Grafana asks an engine when a dashboard is opened, worked out from the dashboard's JSON.

Rule: as Grafana 11.6 does it (its Prometheus data source): ranges begin at multiples of the step in the reader's
timezone, variables are put in as text, and an instant query is asked for the end of the range.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Final

PLACE: Final = Path(__file__).resolve().parents[2] / "grafana" / "dashboards"
BOARDS: Final[dict[str, dict[str, Any]]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(PLACE.glob("*.json"))
}
"""Every dashboard that is committed, by uid."""

ALL: Final = {"site": ".+", "meter": ".+"}
"""The choice with which a dashboard opens."""

_SCRAPE = 15
"""s; what Grafana takes for an engine's interval when its data source does not say."""
_POINTS = 1000
"""Across a panel, where the panel does not say."""
_STEPS = (15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 604_800)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, slots=True)
class Asked:
    """One query; times in s since 1970, and no `step` where only the value at `end` is asked for."""

    board: str
    panel: str
    ref: str
    expr: str
    start: float
    end: float
    step: int | None

    def __str__(self) -> str:
        return f"{self.board}/{self.panel}/{self.ref}"


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks, when and where, and what they have chosen; `range` in place of the dashboard's own."""

    now: datetime
    zone: tzinfo = UTC
    choice: Mapping[str, str] | None = None
    range: tuple[str, str] | None = None


def panels(board: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every panel, without the headings between them."""
    return (panel for panel in board["panels"] if panel["type"] != "row")


def asked(board: Mapping[str, Any], reader: Reader) -> list[Asked]:
    """Everything that is asked when this reader opens the dashboard."""
    return [_ask(board, panel, target, reader) for panel in panels(board) for target in panel["targets"]]


def every_query() -> list[tuple[str, int, str]]:
    """Every query of every dashboard: uid, place in what is `asked`, and name."""
    nobody = Reader(datetime(2024, 5, 1, tzinfo=UTC))
    return [
        (uid, place, str(query)) for uid, board in BOARDS.items() for place, query in enumerate(asked(board, nobody))
    ]


def _ask(board: Mapping[str, Any], panel: Mapping[str, Any], target: Mapping[str, Any], reader: Reader) -> Asked:
    start, end = _range(board, panel, reader)
    step = _step(panel, target, end - start)
    choice = {**_defaults(board), **ALL, **(reader.choice or {})}
    expr = fill_in(target["expr"], choice, step, round(end - start), target.get("interval", ""))
    moment = reader.now.astimezone(reader.zone)
    offset = (moment.utcoffset() or timedelta()).total_seconds()
    if target["instant"]:
        return Asked(board["uid"], panel["title"], target["refId"], expr, start, end, None)
    first, last = (((time + offset) // step) * step - offset for time in (start, end))
    return Asked(board["uid"], panel["title"], target["refId"], expr, first, last, step)


def fill_in(expr: str, choice: Mapping[str, str], step: int, span: int, least: str) -> str:
    """Put variables in: `step` and `span` in s; `least` is the query's own least step, as text."""
    scrape = _duration(least) if least else _SCRAPE
    built_in = {
        "__interval": _text(step),
        "__range": f"{span}s",
        "__rate_interval": _text(max(step + scrape, 4 * scrape)),
    }
    return re.sub(r"\$(\w+)", lambda found: {**built_in, **choice}[found[1]], expr)


def _step(panel: Mapping[str, Any], target: Mapping[str, Any], span: float) -> int:
    least = _duration(target["interval"]) if target.get("interval") else _SCRAPE
    wanted = span / panel.get("maxDataPoints", _POINTS)
    return max(least, next(step for step in _STEPS if step >= wanted))


def _range(board: Mapping[str, Any], panel: Mapping[str, Any], reader: Reader) -> tuple[float, float]:
    start, end = reader.range or (board["time"]["from"], board["time"]["to"])
    if "timeFrom" in panel:
        start, end = panel["timeFrom"], "now"
    return moment(start, reader, end=False), moment(end, reader, end=True)


def moment(text: str, reader: Reader, *, end: bool) -> float:
    """Return what Grafana understands by `now-29d/d`, in s since 1970; a rounded `end` is the end of its day."""
    found = re.fullmatch(r"now(?:-(\d+)([smhdwM]))?(?:/([dM]))?", text)
    if found is None:
        raise ValueError(text)
    time = reader.now.astimezone(reader.zone)
    count, unit, rounded = found.groups()
    if unit == "M":
        months = time.year * 12 + time.month - 1 - int(count)
        time = time.replace(year=months // 12, month=months % 12 + 1, day=1)
    elif unit:
        time -= timedelta(seconds=int(count) * _SECONDS[unit])
    if rounded:
        time = time.replace(hour=0, minute=0, second=0, microsecond=0)
        time = time.replace(day=1) if rounded == "M" else time
        time += timedelta(days=1) - timedelta(milliseconds=1) if end else timedelta()
    return time.timestamp()


def _defaults(board: Mapping[str, Any]) -> dict[str, str]:
    variables = board["templating"]["list"]
    return {item["name"]: item["current"]["value"] for item in variables if item["type"] == "custom"}


def _duration(text: str) -> int:
    return int(text[:-1]) * _SECONDS[text[-1]]


def _text(seconds: int) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
