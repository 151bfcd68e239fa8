"""What was measured, as a table and as JSON; rule: figures are rounded when they are shown."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One value in its unit (`us`, `ms`, `MB`, `x` for a ratio). `aim` and `limit` are the most it should be."""

    part: str
    name: str
    value: float
    unit: str
    aim: float | None = None
    limit: float | None = None

    @property
    def verdict(self) -> str:
        """How the value stands to what is asked of it, as a word; empty where nothing is."""
        if self.aim is not None and self.value <= self.aim:
            return "good"
        if self.limit is None:
            return "" if self.aim is None else "above the aim"
        return "within the limit" if self.value <= self.limit else "TOO MUCH"

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {**asdict(self), "verdict": self.verdict}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that cannot be measured here; one sentence says why and what mends it."""

    sentence: str


def table(figures: list[Figure]) -> str:
    """Return the figures as text, each part under its heading."""
    width = max((len(figure.name) for figure in figures), default=0) + 2
    lines: list[str] = []
    part = ""
    for figure in figures:
        if figure.part != part:
            part = figure.part
            lines += ["", part]
        asked = _asked(figure)
        lines.append(f"  {figure.name:{width}}{figure.value:9.2f} {figure.unit:3} {asked:24}{figure.verdict}".rstrip())
    return "\n".join(lines[1:])


def markdown(figures: list[Figure]) -> str:
    """Return the figures as tables of the documents; parts one after the other with the same names share a table."""
    tables: list[tuple[list[str], list[tuple[str, str]], list[list[str]]]] = []
    for part, group in groupby(figures, key=lambda figure: figure.part):
        column = list(group)
        names = [(figure.name, figure.unit) for figure in column]
        if not tables or tables[-1][1] != names:
            tables.append(([], names, [[] for _ in names]))
        parts, _, rows = tables[-1]
        parts.append(part)
        for row, figure in zip(rows, column, strict=True):
            row.append(_short(figure.value))
    lines: list[str] = []
    for parts, names, rows in tables:
        lines += ["", _row("", parts), _row("---", ["---"] * len(parts))]
        lines += [_row(f"{name}, {unit}" if unit else name, row) for (name, unit), row in zip(names, rows, strict=True)]
    return "\n".join(lines[1:])


def _row(name: str, values: list[str]) -> str:
    return f"| {' | '.join((name, *values))} |"


def _short(value: float) -> str:
    """Two digits that say something, and all of a whole number."""
    return f"{value:.0f}" if abs(value) >= 10 or value == int(value) else f"{value:.2g}"


def _asked(figure: Figure) -> str:
    words = [f"aim {figure.aim:g}"] if figure.aim is not None else []
    words += [f"at most {figure.limit:g}"] if figure.limit is not None else []
    return ", ".join(words)
