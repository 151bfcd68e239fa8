"""What follows from readings: totals, days, the state of charge; rule: pure folds, and time is an argument.

`BatteryOptions` is the section [meters.battery]; it stands here, as `estimate` is loaded where there is one only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from juntek.option import Option, check_options

ChemistryName = Literal["lifepo4", "flooded", "agm", "gel", "nmc", "lto"]
Synchronise = Literal["off", "full", "drift"]

MOST_CELLS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryOptions:
    """None is: by chemistry, found from the voltage, or learnt."""

    chemistry: Annotated[
        ChemistryName | None, Option("lifepo4, flooded, agm, gel, nmc, lto; default: guessed", example="lifepo4")
    ] = None
    cells: Annotated[
        int | None, Option("in series; default: found from the voltage", low=1, high=MOST_CELLS, example=16)
    ] = None
    usable_capacity: Annotated[
        float | None, Option("default: learnt", unit="Ah", low=0.1, high=100_000, example=270.0)
    ] = None
    charged_voltage: Annotated[
        float | None, Option("of the battery; default: by chemistry", unit="V", low=1, high=1000, example=55.2)
    ] = None
    tail_current: Annotated[
        float | None, Option("of the capacity; full is below it", unit="%", low=0.1, high=20, example=4.0)
    ] = None
    charged_detection_time: Annotated[
        float | None, Option("for which both have to last", unit="min", low=0.1, high=120, example=3.0)
    ] = None
    charge_efficiency: Annotated[
        float | None, Option("default: by chemistry", unit="%", low=50, high=100, example=100.0)
    ] = None
    peukert_exponent: Annotated[
        float | None, Option("default: by chemistry, 1.0 for lithium", low=1, high=1.6, example=1.0)
    ] = None
    current_threshold: Annotated[float, Option("below it nothing is counted", unit="A", low=0, high=10)] = 0.0
    discharge_floor: Annotated[float, Option("where the time to empty ends", unit="%", low=0, high=90)] = 0.0
    averaging: Annotated[float, Option("of the time to empty and to full", unit="min", low=0.1, high=60)] = 3.0
    synchronise: Annotated[
        Synchronise, Option("off, full, drift: write the percentage to the meter, at a full or when it is off")
    ] = "off"
    synchronise_difference: Annotated[float, Option("from which on drift writes", unit="%", low=1, high=50)] = 5.0

    def __post_init__(self) -> None:
        check_options("meters.battery", self)
