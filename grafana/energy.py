"""*Energy*: what went into the batteries and what came out, by day, by month, and at what loss."""

from __future__ import annotations

from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from grafana.frame import Band, Times, dashboard
from grafana.looks import BAD, GOOD, IN, OUT, WARN, Look, Query
from grafana.panels import bars, months, tile
from grafana.promql import HOURS, METERS, chosen, grown
from grafana.tables import Column, rows

_DAY = {"window": "$__interval", "shift": "offset -$__interval"}
"""A point says what its day brings, not what the day before it brought."""

_BACK = "At the end of the chosen time range; that is today, unless you look back."
_LOSS = (
    "What came out for each unit that went in. Over a short time it mostly says whether the battery was fuller at the "
    "end than at the beginning, and can pass 100 %; over some weeks it says what is lost."
)
_LOSSES = ((None, BAD), (0.7, WARN), (0.85, GOOD))


def build() -> Dashboard:
    """Return the dashboard."""
    return dashboard(
        "juntek-energy",
        "Energy and charge in and out, by day and month. Days begin at midnight in your timezone in Grafana.",
        [
            Band("Sums", [(5, _today()), (5, _range())]),
            Band("Days", [(9, [(_days(), 24)]), (8, [(_charge_days(), 24)])]),
            Band("Months", [(9, [(_months(), 24)])]),
            Band("Since the beginning", [(7, [(_totals(), 24)])]),
        ],
        Times(start="now-29d/d", end="now/d", refresh="5m"),
    )


def wh(key: str, window: str, shift: str = "") -> str:
    """Return the Wh or Ah that a total of joules or coulombs grew by."""
    return f"{grown(key, window, shift)} / {HOURS}"


def ratio(out: str, into: str) -> str:
    """Return out / in over the chosen time, where anything went in."""
    return f"{grown(out, '$__range')} / ({grown(into, '$__range')} > 0)"


def _today() -> list[tuple[Panel, int]]:
    return [
        (_day_tile("In today", units.WattHour, "charged_energy"), 6),
        (_day_tile("Out today", units.WattHour, "discharged_energy"), 6),
        (_day_tile("Charge in today", units.AmpereHour, "charged_capacity"), 6),
        (_day_tile("Charge out today", units.AmpereHour, "discharged_capacity"), 6),
    ]


def _day_tile(title: str, unit: str, key: str) -> Panel:
    return tile(title, unit, Query(expr=wh(key, **_DAY), step="1d"), about=_BACK, look=Look(decimals=1))


def _range() -> list[tuple[Panel, int]]:
    tiles = [
        tile(title, unit, Query(expr=wh(key, "$__range")), look=Look(decimals=1), about="Over the chosen time range.")
        for title, unit, key in (
            ("In", units.WattHour, "charged_energy"),
            ("Out", units.WattHour, "discharged_energy"),
            ("Charge in", units.AmpereHour, "charged_capacity"),
            ("Charge out", units.AmpereHour, "discharged_capacity"),
        )
    ]
    look = Look(decimals=1, steps=_LOSSES)
    efficiency = Query(expr=ratio("discharged_energy", "charged_energy"))
    charge_efficiency = Query(expr=ratio("discharged_capacity", "charged_capacity"))
    tiles += [
        tile("Efficiency", units.PercentUnit, efficiency, look=look, about=_LOSS),
        tile("Charge efficiency", units.PercentUnit, charge_efficiency, look=look, about=_LOSS),
    ]
    return [(panel, 4) for panel in tiles]


def _days() -> Panel:
    return _daily("Energy of each day", units.WattHour, "charged_energy", "discharged_energy")


def _charge_days() -> Panel:
    return _daily("Charge of each day", units.AmpereHour, "charged_capacity", "discharged_capacity")


def _daily(title: str, unit: str, into: str, out: str) -> Panel:
    return bars(
        title,
        unit,
        Query(expr=wh(into, **_DAY), legend="{{site}} {{meter}} in", step="1d", colour=IN),
        Query(expr=f"-({wh(out, **_DAY)})", legend="{{site}} {{meter}} out", step="1d", colour=OUT),
        about="In above zero, out below. What was counted while nothing was heard stands on the day of the return.",
    )


def _months() -> Panel:
    hour = {"window": "$__interval", "shift": "offset -$__interval"}
    return months(
        "Energy of each month",
        units.WattHour,
        Query(expr=f"sum({wh('charged_energy', **hour)})", legend="In", step="1h", colour=IN),
        Query(expr=f"sum({wh('discharged_energy', **hour)})", legend="Out", step="1h", colour=OUT),
        about="All chosen meters together, this month and the eleven before it, whatever time range is chosen.",
    )


def _totals() -> Panel:
    def total(key: str) -> str:
        return f"max by (site, meter) (last_over_time({chosen(METERS[key])}[$__range]))"

    energy_in, energy_out = total("charged_energy"), total("discharged_energy")
    columns = (
        Column(title="In", expr=f"{energy_in} / {HOURS}", unit=units.WattHour),
        Column(title="Out", expr=f"{energy_out} / {HOURS}", unit=units.WattHour),
        Column(title="Efficiency", expr=f"{energy_out} / ({energy_in} > 0)", unit=units.PercentUnit),
        Column(title="Charge in", expr=f"{total('charged_capacity')} / {HOURS}", unit=units.AmpereHour),
        Column(title="Charge out", expr=f"{total('discharged_capacity')} / {HOURS}", unit=units.AmpereHour),
    )
    return rows(
        "Totals of the meters",
        {"site": "Site", "meter": "Meter"},
        *columns,
        about="Everything that was counted up to the end of the chosen time range.",
    )
