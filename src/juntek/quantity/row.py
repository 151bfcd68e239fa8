"""What one quantity is: its row; rule: everything that any output needs to know of a quantity stands in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Accumulation = Literal["instant", "total", "today", "state", "setting"]


@dataclass(frozen=True, slots=True)
class Chart:
    """How the page draws a quantity: `least_span` is the least that its axis covers, `height` its share of the charts.

    `ends` are those of an axis that has natural ones; `signed` means that above 0 is charging. Charts stand below each
    other by their `order`.
    """

    least_span: float
    height: float = 1.0
    ends: tuple[float, float] | None = None
    signed: bool = False
    order: int = 100


def label_words(words: tuple[str, ...], names: tuple[str, ...] = ()) -> dict[str, str]:
    """Return what people call each word: its name, or the word itself as a heading has it."""
    return dict(zip(words, names or (word.replace("_", " ").capitalize() for word in words), strict=True))


@dataclass(frozen=True, slots=True)
class Quantity:
    """One thing that is said of a battery.

    `unit` is empty for words and plain counts. `dimension` is the physical kind ("voltage", "energy", ...) or empty.
    `accumulation` is "instant" (may be averaged), "total" (only grows), "today" (a total that starts again at local
    midnight), "state" (a word or a count) or "setting". `digits` are the decimals worth showing. `words` are all
    values of a quantity that is a word, `names` what people call each, where that is not the word itself.

    Where it comes from: the row of this key in a meter family, or `source`, which works it out from a Reading.

    Where it goes: to MQTT and Home Assistant always, but for a `secret`. To the history with `per_unit` whole numbers
    in one unit, 0 for not at all; these numbers are forever. To metrics and time-series databases with a `help`
    sentence. To the page's charts with a `chart`. `about` tells an owner who would change a setting what it does.

    In Home Assistant: `device_class` where it is not that of the dimension, an `icon` where there is no device class,
    `diagnostic` for what few want to see, `enabled` for what is there from the start. An `optional` quantity is nowhere
    but with the readings of a meter whose battery is watched.
    """

    key: str
    label: str
    unit: str
    dimension: str
    accumulation: Accumulation
    digits: int = 0
    per_unit: int = 0
    help: str = ""
    words: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    source: Callable[[Any], Any] | None = None
    chart: Chart | None = None
    device_class: str | None = None
    icon: str | None = None
    diagnostic: bool = False
    enabled: bool = True
    secret: bool = False
    optional: bool = False
    about: str = ""
