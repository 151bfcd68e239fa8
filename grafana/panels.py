"""Kinds of panels; rule: where there is no value, a line has a gap."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase

from grafana_foundation_sdk.builders import barchart, gauge, stat, statetimeline, timeseries
from grafana_foundation_sdk.builders.common import (
    ReduceDataOptions,
    StackingConfig,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.common import (
    BarAlignment,
    BigValueColorMode,
    BigValueGraphMode,
    GraphDrawStyle,
    GraphGradientMode,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardFieldConfigSourceOverrides,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColor,
    FieldColorModeId,
    FieldConfig,
    FieldConfigSource,
    MatcherConfig,
    Panel,
    Threshold,
    ThresholdsConfig,
)

from grafana.looks import CALM, PLAIN, SOURCE, Look, Query, Shown

VERSION = "11.6.0"
"""The Grafana that these panels are written for; a newer one brings them up to date by itself."""


def tile(title: str, unit: str, *queries: Query, about: str = "", look: Look = PLAIN) -> Panel:
    """Return the last value of each series, large."""
    panel = (
        stat.Panel()
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.NONE)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]).values(values=False).fields(""))
        .build()
    )
    mode = FieldColorModeId.THRESHOLDS if look.steps else FieldColorModeId.FIXED
    return finish(
        panel,
        FieldColor(mode=mode, fixed_color="text"),
        Shown(title=title, unit=unit, queries=queries, about=about, look=look, instant=True),
    )


def dial(title: str, unit: str, *queries: Query, about: str = "", look: Look = PLAIN) -> Panel:
    """Return the last value of each series on a gauge from least to most."""
    panel = (
        gauge.Panel()
        .show_threshold_markers(show_threshold_markers=True)
        .show_threshold_labels(show_threshold_labels=False)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]).values(values=False).fields(""))
        .build()
    )
    return finish(
        panel,
        FieldColor(mode=FieldColorModeId.THRESHOLDS),
        Shown(title=title, unit=unit, queries=queries, about=about, look=look, instant=True),
    )


def curve(title: str, unit: str, *queries: Query, about: str = "", look: Look = PLAIN) -> Panel:
    """Return lines over time."""
    panel = (
        timeseries.Panel()
        .line_width(1)
        .fill_opacity(40 if look.stacked else 8)
        .gradient_mode(GraphGradientMode.OPACITY)
        .show_points(VisibilityMode.AUTO)
        .span_nulls(span_nulls=False)
        .stacking(StackingConfig().mode(StackingMode.NORMAL if look.stacked else StackingMode.NONE).group("A"))
        .legend(_legend(look.calcs))
        .tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
        .build()
    )
    return finish(
        panel,
        FieldColor(mode=FieldColorModeId.PALETTE_CLASSIC),
        Shown(title=title, unit=unit, queries=queries, about=about, look=look),
    )


def bars(title: str, unit: str, *queries: Query, about: str = "", look: Look = PLAIN) -> Panel:
    """Return one bar for each step of time, which stands on the time that it covers."""
    panel = (
        timeseries.Panel()
        .draw_style(GraphDrawStyle.BARS)
        .bar_alignment(BarAlignment.AFTER)
        .bar_width_factor(0.85)
        .line_width(1)
        .fill_opacity(60)
        .span_nulls(span_nulls=False)
        .stacking(StackingConfig().mode(StackingMode.NORMAL).group("A"))
        .legend(_legend(("sum",)))
        .tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
        .build()
    )
    return finish(
        panel,
        FieldColor(mode=FieldColorModeId.PALETTE_CLASSIC),
        Shown(title=title, unit=unit, queries=queries, about=about, look=look),
    )


def months(title: str, unit: str, *queries: Query, about: str = "", look: Look = PLAIN) -> Panel:
    """Return a bar for each month of the calendar; each query gives one series of what was counted in each hour.

    PromQL knows no months: Grafana adds up the hours, in its own timezone, and so also where the clocks change.
    """
    names = [query.legend for query in queries]
    grouped: dict[str, object] = {name: {"operation": "aggregate", "aggregations": ["sum"]} for name in names}
    grouped["Time"] = {"operation": "groupby", "aggregations": []}
    panel = (
        barchart.Panel()
        .x_field("Time")
        .bar_width(0.9)
        .group_width(0.7)
        .fill_opacity(60)
        .show_value(VisibilityMode.NEVER)
        .legend(_legend(("sum",)))
        .tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
        .max_data_points(10_000)
        .time_from("now-11M/M")
        .hide_time_override(hide_time_override=True)
        .transformations(
            [
                DataTransformerConfig(id_val="joinByField", options={"byField": "Time", "mode": "outer"}),
                DataTransformerConfig(id_val="formatTime", options={"timeField": "Time", "outputFormat": "YYYY-MM"}),
                DataTransformerConfig(id_val="groupBy", options={"fields": grouped}),
                DataTransformerConfig(
                    id_val="organize", options={"renameByName": {f"{name} (sum)": name for name in names}}
                ),
            ]
        )
        .build()
    )
    panel = finish(
        panel,
        FieldColor(mode=FieldColorModeId.PALETTE_CLASSIC),
        Shown(title=title, unit=unit, queries=queries, about=about, look=look),
    )
    for query in queries:
        override(panel, "byName", query.legend, color={"mode": "fixed", "fixedColor": query.colour})
    return panel


def timeline(title: str, *queries: Query, about: str = "", look: Look = PLAIN) -> Panel:
    """Return a band for each series that has the colour and the word of its state."""
    panel = (
        statetimeline.Panel()
        .show_value(VisibilityMode.AUTO)
        .merge_values(merge_values=True)
        .row_height(0.85)
        .fill_opacity(70)
        .line_width(0)
        .legend(VizLegendOptions().show_legend(show_legend=False).display_mode(LegendDisplayMode.LIST).calcs([]))
        .tooltip(VizTooltipOptions().mode(TooltipDisplayMode.SINGLE))
        .build()
    )
    shown = Shown(title=title, unit="none", queries=queries, about=about, look=look)
    return finish(panel, FieldColor(mode=FieldColorModeId.THRESHOLDS), shown)


def finish(panel: Panel, colour: FieldColor, shown: Shown) -> Panel:
    """Give a panel of any kind its words, its values' look and its queries."""
    queries, look = shown.queries, shown.look
    panel.title, panel.description = shown.title, shown.about or None
    panel.plugin_version, panel.datasource = VERSION, SOURCE
    config = panel.field_config or FieldConfigSource()
    defaults = config.defaults or FieldConfig()
    defaults.unit, defaults.decimals, defaults.no_value = shown.unit, look.decimals, look.none
    defaults.min_val, defaults.max_val = look.least, look.most
    defaults.color, defaults.mappings = colour, list(look.words)
    steps = look.steps or ((None, CALM),)
    defaults.thresholds = ThresholdsConfig(steps=[Threshold(value=value, color=name) for value, name in steps])
    config.defaults, panel.field_config = defaults, config
    panel.targets = []
    panel.interval = queries[0].step or None
    for ref, query in zip(ascii_uppercase, queries, strict=False):
        panel.targets.append(_target(query, ref, instant=shown.instant and not query.step).build())
        if query.faint:
            override(panel, "byFrameRefID", ref, **_FAINT)
        elif query.colour:
            override(panel, "byFrameRefID", ref, color={"mode": "shades", "fixedColor": query.colour})
    return panel


_FAINT: dict[str, object] = {
    "color": {"mode": "fixed", "fixedColor": "#8e8e8e80"},
    "custom.fillOpacity": 0,
    "custom.hideFrom": {"legend": True, "tooltip": False, "viz": False},
}


def override(panel: Panel, matcher: str, which: str, **values: object) -> None:
    """Give some of a panel's series another look: `values` by the names that Grafana has for them."""
    config = panel.field_config or FieldConfigSource()
    config.overrides = config.overrides or []
    config.overrides.append(
        DashboardFieldConfigSourceOverrides(
            matcher=MatcherConfig(id_val=matcher, options=which),
            properties=[DynamicConfigValue(id_val=key, value=value) for key, value in values.items()],
        )
    )
    panel.field_config = config


def _target(query: Query, ref: str, *, instant: bool) -> Dataquery:
    target = Dataquery().expr(query.expr).ref_id(ref).legend_format(query.legend).datasource(SOURCE)
    target = target.instant() if instant else target.range()
    return target.interval(query.step) if query.step else target


def _legend(calcs: Sequence[str]) -> VizLegendOptions:
    mode = LegendDisplayMode.TABLE if calcs else LegendDisplayMode.LIST
    return (
        VizLegendOptions()
        .show_legend(show_legend=True)
        .display_mode(mode)
        .placement(LegendPlacement.BOTTOM)
        .calcs(list(calcs))
    )
