"""*Fleet*: all sites and meters, worst first."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import CustomVariable
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard, Panel, VariableModel, VariableOption

from grafana.frame import Band, Times, dashboard
from grafana.looks import AWAY, BAD, GOOD, WARN, Look, Query, words_between
from grafana.panels import curve, tile
from grafana.promql import METERS, chosen, latest, now, or_zero, sink, sink_increase
from grafana.states import CHARGE, HEAT, NONE_IS_GOOD, OUTPUT
from grafana.tables import Column, Order, rows

LOW = 0.2
"""State of charge below which a battery counts as low."""

LATE = 300
"""s of lag from which on a sink counts as late."""

_UP = latest("available")
SILENT = f"({_UP} == 0)"
TRIPPED = f"(({now('output_code')} >= 1) <= 6)"
_LAST_TRIPPED = f"(({latest('output_code')} >= 1) <= 6)"
_LATE = f"({sink('lag')} > {LATE})"

TROUBLE = f"({SILENT} + 2) or (0 * {_LAST_TRIPPED} + 3) or (1 - {latest('state_of_charge')}) or (0 * {_UP})"
"""3: a protection has switched the output off; 2: silent; else how much of the battery is missing, 0 to 1.

What comes first holds: what an engine still knows of a silent meter does not count.
"""

SITE_TROUBLE = f"max by (site) ({TROUBLE} or (0 * {_LATE} + 1.5))"
"""That of the site's worst meter; 1.5: a sink is late."""

_TROUBLE_WORDS = (
    words_between(2.9, None, "protection", BAD),
    words_between(1.9, 2.1, "silent", AWAY),
    words_between(1.4, 1.6, "late", WARN),
    words_between(1 - LOW, 1, "low", WARN),
    words_between(None, 1 - LOW, "well", GOOD),
)
_TO_BATTERY = "/d/juntek-battery?${datasource:queryparam}&var-site=${__data.fields.Site:percentencode}"
_TO_METER = f"{_TO_BATTERY}&var-meter=${{__data.fields.Meter:percentencode}}"
_TO_BUS = _TO_BATTERY.replace("juntek-battery", "juntek-bus-health") + "&var-meter=$__all"


def build() -> Dashboard:
    """Return the dashboard."""
    return dashboard(
        "juntek-fleet",
        "All sites and meters, those first that need somebody. A name leads to its battery or its site's bus.",
        [
            Band("Now", [(4, _counts())]),
            Band("Worst first", [(12, [(_meters(), 14), (_sites(), 10)])]),
            Band("Sites that have gone", [(6, [(_gone(), 24)])]),
            Band("Over time", [(8, [(_answering(), 12), (_charges(), 12)])]),
        ],
        Times(start="now-24h", refresh="1m"),
        more=[_rows_shown()],
    )


def _rows_shown() -> VariableModel:
    choices = ("50", "200", "1000", "10000")
    options = [VariableOption(selected=choice == "200", text=choice, value=choice) for choice in choices]
    return (
        CustomVariable("rows")
        .label("Rows")
        .description("How many meters and sites the tables show: the worst of them.")
        .values(",".join(choices))
        .options(options)
        .current(options[1])
        .build()
    )


def _counts() -> list[tuple[Panel, int]]:
    good = Look(decimals=0, steps=NONE_IS_GOOD)
    counts = (
        ("Sites", f"count(count by (site) ({_UP}))", Look(decimals=0), "That are heard now."),
        ("Meters", f"count({_UP})", Look(decimals=0), "Of the sites that are heard."),
        ("Silent meters", f"count({SILENT})", good, "Their gateway is heard, but not they."),
        ("Protection", f"count({TRIPPED})", good, "Meters that have switched their output off."),
        ("Low batteries", f"count({now('state_of_charge')} < {LOW})", good, f"Below {LOW:.0%}."),
        ("Sites gone", f"count({_gone_for()})", good, "Heard in the chosen time range, and not now."),
    )
    return [
        (tile(title, units.Short, Query(expr=or_zero(expr), legend=title), look=look, about=about), 4)
        for title, expr, look, about in counts
    ]


def _meters() -> Panel:
    worst = f"topk($rows, {TROUBLE})"

    def of_worst(expr: str) -> str:
        return f"{expr} and on (site, meter) {worst}"

    age = f"time() - {latest('last_frame')}"
    columns = (
        Column(title="State", expr=worst, look=Look(words=_TROUBLE_WORDS)),
        Column(
            title="Charge",
            expr=of_worst(now("state_of_charge")),
            unit=units.PercentUnit,
            look=Look(decimals=0, steps=CHARGE),
        ),
        Column(title="Output", expr=of_worst(now("output_code")), look=Look(words=OUTPUT)),
        Column(title="Power", expr=of_worst(now("power")), unit=units.Watt, look=Look(decimals=0)),
        Column(title="Voltage", expr=of_worst(now("voltage")), unit=units.Volt, look=Look(decimals=2)),
        Column(
            title="Warmth", expr=of_worst(now("temperature")), unit=units.Celsius, look=Look(decimals=0, steps=HEAT)
        ),
        Column(title="Last frame", expr=of_worst(f"({age})"), unit=units.Seconds, look=Look(decimals=0)),
    )
    return rows(
        "Meters",
        {"site": "Site", "meter": "Meter"},
        *columns,
        order=Order(
            worst="State",
            links={"Meter": ("Show this battery", _TO_METER), "Site": ("Show the batteries of this site", _TO_BATTERY)},
        ),
        about="First those whose protection has switched the output off, then the silent ones, then the emptiest.",
    )


def _sites() -> Panel:
    worst = f"topk($rows, {SITE_TROUBLE})"

    def of_worst(expr: str) -> str:
        return f"{expr} and on (site) {worst}"

    def count(expr: str) -> str:
        return of_worst(f"(count by (site) ({expr}) or 0 * count by (site) ({_UP}))")

    good = Look(decimals=0, steps=NONE_IS_GOOD)
    lags = Look(decimals=0, steps=((None, GOOD), (60, WARN), (LATE, BAD)))
    lost = f"sum by (site) ({sink_increase('lost', '$__range')})"
    columns = (
        Column(title="State", expr=worst, look=Look(words=_TROUBLE_WORDS)),
        Column(title="Meters", expr=of_worst(f"count by (site) ({_UP})"), unit=units.Short, look=Look(decimals=0)),
        Column(title="Silent", expr=count(SILENT), unit=units.Short, look=good),
        Column(title="Protection", expr=count(TRIPPED), unit=units.Short, look=good),
        Column(
            title="Lowest charge",
            expr=of_worst(f"min by (site) ({now('state_of_charge')})"),
            unit=units.PercentUnit,
            look=Look(decimals=0, steps=CHARGE),
        ),
        Column(title="Lag", expr=of_worst(f"max by (site) ({sink('lag')})"), unit=units.Seconds, look=lags),
        Column(title="Lost", expr=of_worst(lost), unit=units.Short, look=good),
    )
    return rows(
        "Sites",
        {"site": "Site"},
        *columns,
        order=Order(worst="State", links={"Site": ("Show this site's bus", _TO_BUS)}),
        about=f"As its worst meter, or late: a sink has been behind for more than {LATE} s. "
        "Lost: updates in the chosen time range.",
    )


def _gone_for() -> str:
    last = f"max by (site) (max_over_time({chosen(METERS['last_frame'])}[$__range]))"
    return f"(time() - {last}) unless on (site) max by (site) ({_UP})"


def _gone() -> Panel:
    return rows(
        "Sites that have gone",
        {"site": "Site"},
        Column(title="Last frame", expr=_gone_for(), unit=units.Seconds),
        order=Order(
            worst="Last frame",
            links={"Site": ("Show the batteries of this site", _TO_BATTERY)},
            none="Every site is heard",
        ),
        about="Their gateway, its network or its power is away. Last frame: how long ago. A site is forgotten when it "
        "has been away for longer than the chosen time range.",
    )


def _answering() -> Panel:
    up = f"max by (site, meter) ({chosen(METERS['available'])})"
    return curve(
        "Meters",
        units.Short,
        Query(expr=f"sum({up})", legend="answering", colour=GOOD),
        Query(expr=f"count({up}) - sum({up})", legend="silent", colour=AWAY),
        look=Look(least=0, decimals=0, stacked=True, calcs=("lastNotNull", "min", "max")),
    )


def _charges() -> Panel:
    charge = f"avg by (site, meter) ({chosen(METERS['state_of_charge'])})"
    return curve(
        "State of charge",
        units.PercentUnit,
        Query(expr=f"min({charge})", legend="lowest", colour=BAD),
        Query(expr=f"quantile(0.1, {charge})", legend="one in ten is below", colour=WARN),
        Query(expr=f"quantile(0.5, {charge})", legend="half are below", colour=GOOD),
        look=Look(least=0, most=1, calcs=("lastNotNull", "min")),
    )
