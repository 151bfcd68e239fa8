"""How values look; rule: a colour means the same on every dashboard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.models.dashboard import (
    DashboardRangeMapOptions,
    DataSourceRef,
    RangeMap,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")

GOOD, WARN, BAD, CALM, AWAY, IN, OUT = "green", "orange", "red", "blue", "purple", "green", "orange"
"""Colours by meaning; IN and OUT are the two directions of the flow."""

LEGEND = "{{site}} {{meter}}"
"""How a meter is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One question.

    `step` fixes the time between points; its series are shades of `colour`; a `faint` one is a thin grey line.
    """

    expr: str
    legend: str = LEGEND
    step: str = ""
    colour: str = ""
    faint: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How values are shown.

    `steps`: from which value on which colour; `words`: what is shown in place of a number; `none`: in place of nothing;
    `calcs`: what the legend says of each series, such as `min` and `max`.
    """

    decimals: int | None = None
    least: float | None = None
    most: float | None = None
    steps: Sequence[tuple[float | None, str]] = ()
    words: Sequence[ValueMapping] = ()
    none: str = "-"
    calcs: Sequence[str] = ()
    stacked: bool = False


PLAIN = Look()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a panel of any kind shows; `instant`: only the end of the time range is asked for."""

    title: str
    unit: str
    queries: Sequence[Query]
    about: str
    look: Look
    instant: bool = False


def word(text: str, colour: str, *values: int) -> ValueMap:
    """Show a text in place of these values."""
    return ValueMap(options={str(value): ValueMappingResult(text=text, color=colour) for value in values})


def words_between(least: float | None, most: float | None, text: str, colour: str) -> RangeMap:
    """Show a text in place of all values of a range."""
    result = ValueMappingResult(text=text, color=colour)
    return RangeMap(options=DashboardRangeMapOptions(from_val=least, to=most, result=result))
