"""What all dashboards share: the choice of data source, site and meter, the way to the others, and the grid.

Rule: an address (uid) never changes, for owners' links and alerts lead there; the grid is 24 columns wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders.dashboard import (
    Dashboard,
    DashboardLink,
    DatasourceVariable,
    QueryVariable,
)
from grafana_foundation_sdk.models import dashboard as model

from grafana.looks import SOURCE
from grafana.promql import METERS

TITLES = {
    "juntek-battery": "Battery",
    "juntek-energy": "Energy",
    "juntek-bus-health": "Bus health",
    "juntek-fleet": "Fleet",
}
"""All dashboards by uid, in the order in which they link to each other."""

WIDTH = 24
"""Columns of Grafana's grid."""


@dataclass(frozen=True, slots=True)
class Band:
    """Panels under one heading: lines from top to bottom, each of a height and of panels with their widths.

    Several panels in the place of one stand over each other, and share its height.
    """

    title: str
    lines: Sequence[tuple[int, Sequence[tuple[model.Panel | Sequence[model.Panel], int]]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """What time a dashboard shows at first, in Grafana's words, and how often it asks anew."""

    start: str
    end: str = "now"
    refresh: str


def dashboard(
    uid: str, about: str, bands: Sequence[Band], times: Times, more: Sequence[model.VariableModel] = ()
) -> model.Dashboard:
    """Return a dashboard; `more` are variables besides data source, site and meter."""
    builder = (
        Dashboard(f"Juntek: {TITLES[uid]}")
        .uid(uid)
        .description(about)
        .tags(["juntek"])
        .editable()
        .timezone("")  # the one of the user's profile, which Grafana also formats times in
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .time(times.start, times.end)
        .refresh(times.refresh)
        .links([_link(other, title) for other, title in TITLES.items() if other != uid])
    )
    built = builder.build()
    variables = [*_variables(), *more]
    for variable in variables:
        variable.auto = variable.auto_min = variable.auto_count = None  # of interval variables only
    built.templating = model.DashboardDashboardTemplating(list_val=variables)
    built.annotations = model.AnnotationContainer(list_val=[])
    built.panels = _lay_out(bands)
    return built


def _link(uid: str, title: str) -> DashboardLink:
    link = DashboardLink(title).type(model.DashboardLinkType.LINK).url(f"/d/{uid}").icon("dashboard")
    return link.tooltip(f"Go to {title}").include_vars(include_vars=True).keep_time(keep_time=False)


def _variables() -> list[model.VariableModel]:
    source = DatasourceVariable("datasource").label("Data source").type("prometheus").build()
    up = METERS["available"]
    site = _choice("site", "Site", f"label_values({up}, site)")
    meter = _choice("meter", "Meter", f'label_values({up}{{site=~"$site"}}, meter)')
    return [source, site, meter]


def _choice(name: str, label: str, query: str) -> model.VariableModel:
    return (
        QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query({"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"})
        .refresh(model.VariableRefresh.ON_DASHBOARD_LOAD)
        .sort(model.VariableSort.NATURAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".+")  # a list of all names would be long where there are many
        .current(model.VariableOption(selected=True, text=["All"], value=["$__all"]))
        .build()
    )


def _lay_out(bands: Sequence[Band]) -> list[model.Panel | model.RowPanel]:
    placed: list[model.Panel | model.RowPanel] = []
    top = 0
    for band in bands:
        placed.append(model.RowPanel(title=band.title, grid_pos=model.GridPos(h=1, w=WIDTH, x=0, y=top)))
        top += 1
        for height, line in band.lines:
            left = 0
            for place, width in line:
                stack = [place] if isinstance(place, model.Panel) else place
                share = height // len(stack)
                for number, panel in enumerate(stack):
                    panel.grid_pos = model.GridPos(h=share, w=width, x=left, y=top + number * share)
                    placed.append(panel)
                left += width
            top += height
    for identity, item in enumerate(placed, start=1):
        item.id_val = identity
    return placed
