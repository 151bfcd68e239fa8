"""Tables: one row for each meter, sink or site, and one query for each column.

Rule: every query of a table gives the same labels, for Grafana joins its rows by them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.builders.common import TableSortByFieldState
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.common import FieldTextAlignment, TableAutoCellOptions, TableCellDisplayMode
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, FieldColor, FieldColorModeId, Panel
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.looks import PLAIN, SOURCE, Look, Query, Shown
from grafana.panels import finish, override


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column; with `steps` or `words` in its look, its cells have colours."""

    title: str
    expr: str
    unit: str = "none"
    look: Look = PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How a table is read: the rows with the highest `worst` first, else sorted by their labels.

    `links` leads from the cells of a column to a place: title and address. `none` is said of an empty table.
    """

    worst: str = ""
    links: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    none: str = "No data"


BY_LABEL = Order()


def rows(title: str, labels: Mapping[str, str], *columns: Column, about: str = "", order: Order = BY_LABEL) -> Panel:
    """Return a table whose first columns are `labels` (by name, with their titles), then one for each query."""
    builder = table.Panel().transformations(_join(labels, columns))
    builder = builder.align(FieldTextAlignment.AUTO).cell_options(TableAutoCellOptions())
    builder = builder.inspect(inspect=False).filterable(filterable=True)
    sorting = [(order.worst, True)] if order.worst else [(name, False) for name in labels.values()]
    builder = builder.sort_by([TableSortByFieldState().display_name(name).desc(desc) for name, desc in sorting])
    queries = [Query(expr=column.expr, legend="") for column in columns]
    shown = Shown(title=title, unit="none", queries=queries, about=about, look=Look(none=order.none), instant=True)
    panel = finish(builder.build(), FieldColor(mode=FieldColorModeId.THRESHOLDS), shown)
    panel.targets = [
        Dataquery().expr(query.expr).ref_id(ref).format(PromQueryFormat.TABLE).instant().datasource(SOURCE).build()
        for ref, query in zip(ascii_uppercase, queries, strict=False)
    ]
    for column in columns:
        _colour(panel, column)
    for name, (text, address) in order.links.items():
        override(panel, "byName", name, links=[{"title": text, "url": address, "targetBlank": False}])
    return panel


def _join(labels: Mapping[str, str], columns: Sequence[Column]) -> list[DataTransformerConfig]:
    several = len(columns) > 1
    values = {
        f"Value #{ref}" if several else "Value": c.title for ref, c in zip(ascii_uppercase, columns, strict=False)
    }
    names = {**labels, **values}
    options = {
        "excludeByName": {"Time": True},
        "indexByName": {name: place for place, name in enumerate(names)},
        "renameByName": names,
    }
    return [
        DataTransformerConfig(id_val="merge", options={}),
        DataTransformerConfig(id_val="organize", options=options),
    ]


def _colour(panel: Panel, column: Column) -> None:
    values: dict[str, object] = {"unit": column.unit}
    if column.look.decimals is not None:
        values["decimals"] = column.look.decimals
    if column.look.words:
        values["mappings"] = list(column.look.words)
    if column.look.steps:
        steps = [{"value": value, "color": colour} for value, colour in column.look.steps]
        values["thresholds"] = {"mode": "absolute", "steps": steps}
    if column.look.words or column.look.steps:
        values["custom.cellOptions"] = {"type": TableCellDisplayMode.COLOR_TEXT}
    override(panel, "byName", column.title, **values)
