"""*Battery*: how the battery is now, and the curves of how it came to that."""

from __future__ import annotations

from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from grafana.frame import Band, Times, dashboard
from grafana.looks import BAD, GOOD, IN, OUT, Look, Query
from grafana.panels import curve, dial, tile, timeline
from grafana.promql import HOURS, IDLE, METERS, chosen, highest, latest, lowest, mean, now
from grafana.states import ANSWERS, CHARGE, HEAT, OUTPUT
from grafana.tables import Column, rows

_AMPERES = f"avg by (site, meter) (avg_over_time({chosen(METERS['current'])}[5m]))"
_LEFT, _FULL = now("remaining_capacity"), latest("nominal_capacity")
TO_EMPTY = f"{_LEFT} / -({_AMPERES} < -{IDLE})"
TO_FULL = f"clamp_min({_FULL} - {_LEFT}, 0) / ({_AMPERES} > {IDLE})"

_FLOW = ((None, OUT), (-0.5, "text"), (0.5, IN))
"""From which W or A on it is called discharging, resting, charging."""

_LIMITS = (
    ("Nominal capacity", f"{_FULL} / {HOURS}", units.AmpereHour),
    ("Over voltage", latest("over_voltage_protection"), units.Volt),
    ("Under voltage", latest("under_voltage_protection"), units.Volt),
    ("Over current", latest("over_current_protection"), units.Ampere),
    ("Over current, charging", latest("negative_over_current_protection"), units.Ampere),
    ("Over power", latest("over_power_protection"), units.Watt),
    ("Over temperature", latest("over_temperature_protection"), units.Celsius),
    ("Low temperature", latest("low_temperature_protection"), units.Celsius),
)


def build() -> Dashboard:
    """Return the dashboard."""
    return dashboard(
        "juntek-battery",
        "How each battery is now, and its curves. Charging is above zero, discharging below.",
        [
            Band("Now", [(8, [(_dial(), 8), *((stack, 4) for stack in zip(_flow(), _state(), strict=True))])]),
            Band("Curves", [(9, _charge_and_power()), (9, _volts_and_amperes()), (8, _heat_and_resistance())]),
            Band("Output and settings", [(6, [(_output(), 24)]), (6, [(_settings(), 24)])]),
        ],
        Times(start="now-24h", refresh="30s"),
    )


def _dial() -> Panel:
    return dial(
        "State of charge",
        units.PercentUnit,
        Query(expr=now("state_of_charge")),
        look=Look(decimals=0, least=0, most=1, steps=CHARGE),
        about="What is left of the nominal capacity.",
    )


def _flow() -> list[Panel]:
    power = tile(
        "Power",
        units.Watt,
        Query(expr=now("power")),
        look=Look(decimals=0, steps=_FLOW),
        about="Above zero the battery is charged, below zero it is discharged.",
    )
    volts = tile("Voltage", units.Volt, Query(expr=now("voltage")), look=Look(decimals=2))
    amperes = tile("Current", units.Ampere, Query(expr=now("current")), look=Look(decimals=1, steps=_FLOW))
    left = tile("Left", units.AmpereHour, Query(expr=f"{_LEFT} / {HOURS}"), look=Look(decimals=1))
    return [power, volts, amperes, left]


def _state() -> list[Panel]:
    time = tile(
        "Time left",
        units.Seconds,
        Query(expr=TO_EMPTY, legend="{{site}} {{meter}} to empty"),
        Query(expr=TO_FULL, legend="{{site}} {{meter}} to full"),
        look=Look(decimals=1, none="at rest"),
        about="At the mean current of the last five minutes. Nothing is said of a battery that rests.",
    )
    output = tile("Output", "none", Query(expr=now("output_code")), look=Look(words=OUTPUT, steps=((None, BAD),)))
    warmth = tile("Temperature", units.Celsius, Query(expr=now("temperature")), look=Look(decimals=0, steps=HEAT))
    meter = tile(
        "Meter",
        "none",
        Query(expr=latest("available")),
        look=Look(words=ANSWERS, steps=((None, GOOD),)),
        about="A silent meter sends nothing that can be used: look at Bus health.",
    )
    return [time, output, warmth, meter]


def _charge_and_power() -> list[tuple[Panel, int]]:
    charge = curve(
        "State of charge",
        units.PercentUnit,
        Query(expr=mean("state_of_charge")),
        look=Look(least=0, most=1, calcs=("lastNotNull", "min", "max")),
    )
    power = curve(
        "Power",
        units.Watt,
        Query(expr=mean("power")),
        look=Look(calcs=("lastNotNull", "min", "max", "mean")),
        about="Means between the points. Above zero the battery is charged, below zero it is discharged.",
    )
    return [(charge, 12), (power, 12)]


def _volts_and_amperes() -> list[tuple[Panel, int]]:
    return [
        (_with_extremes("Voltage", units.Volt, "voltage"), 12),
        (_with_extremes("Current", units.Ampere, "current"), 12),
    ]


def _with_extremes(title: str, unit: str, key: str) -> Panel:
    return curve(
        title,
        unit,
        Query(expr=mean(key)),
        Query(expr=lowest(key), legend="{{site}} {{meter}} lowest", faint=True),
        Query(expr=highest(key), legend="{{site}} {{meter}} highest", faint=True),
        look=Look(calcs=("lastNotNull", "min", "max")),
        about="Means between the points; the thin lines are the lowest and highest values between them.",
    )


def _heat_and_resistance() -> list[tuple[Panel, int]]:
    warmth = curve(
        "Temperature",
        units.Celsius,
        Query(expr=mean("temperature")),
        look=Look(calcs=("lastNotNull", "min", "max")),
        about="Of the probe; a meter without a probe has no line.",
    )
    resistance = curve(
        "Internal resistance",
        units.Ohm,
        Query(expr=mean("internal_resistance")),
        look=Look(least=0, calcs=("lastNotNull", "min", "max")),
        about="What the meter makes of how the voltage sags under load. It rises as a battery ages or gets cold.",
    )
    return [(warmth, 12), (resistance, 12)]


def _output() -> Panel:
    return timeline(
        "Output",
        Query(expr=highest("output_code")),
        look=Look(words=OUTPUT),
        about="Whether the meter lets the battery feed its loads, and which protection has switched it off.",
    )


def _settings() -> Panel:
    columns = [Column(title=title, expr=expr, unit=unit) for title, expr, unit in _LIMITS]
    return rows(
        "Settings of the meters",
        {"site": "Site", "meter": "Meter"},
        *columns,
        about="Limits at which a meter switches its output off, as they are set in it. Where nothing stands a limit is "
        "off, or the meter has none.",
    )
