"""What saved totals look like; rule: whoever reads them back needs no further doubt."""

from __future__ import annotations

from dataclasses import is_dataclass
from math import isfinite
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

from juntek.battery.counters import LARGEST_CURRENT
from juntek.battery.watch import COUNTED, COUNTERS, Rule

_Kind = TypeVar("_Kind")

VERSION = 2

LARGEST = 1e18
"""Of a number: a million kWh in µWh is a thousandth of it."""

LEDGER: dict[str, Any] = {
    "sums": [float] * 4,
    "fractions": [float] * 4,
    "midnight": [float] * 2,
    "watch": {
        "rule": (*COUNTED, None),
        "verdict": [(*COUNTED, None), float],
        "window": [float] * (len(COUNTERS) + 1),
        "pending": ([], *([[float] * 4] * rules for rules in (1, 2, 4))),
        "fitting": float,
    },
    "identity": (str, NoneType),
    "limits": [float, (float, NoneType)],
    "own": [float] * 4,
    "last": (
        NoneType,
        [(float, NoneType), *[float] * 4, (float, NoneType), bool, [(float, NoneType)] * len(COUNTERS)],
    ),
}
"""The shape of a ledger. What a hand has written there must not stop the gateway a day later."""


def fits(value: Any, shape: Any) -> bool:  # noqa: ANN401 - anything that JSON can say
    """Return whether a value has a shape.

    A dictionary has these keys, a list as many items; a tuple is a choice. `float` is any number that is finite and no
    larger than LARGEST, other types and values are themselves.
    """
    if isinstance(shape, tuple):
        return any(fits(value, one) for one in shape)
    if isinstance(shape, dict):
        return isinstance(value, dict) and all(key in value and fits(value[key], one) for key, one in shape.items())
    if isinstance(shape, list):
        return (
            isinstance(value, list)
            and len(value) == len(shape)
            and all(fits(item, one) for item, one in zip(value, shape, strict=True))
        )
    if shape is float:
        return isinstance(value, int | float) and abs(value) <= LARGEST and isfinite(value)
    return isinstance(value, shape) if isinstance(shape, type) else bool(value == shape)


def shape_of(kind: type) -> dict[str, Any]:
    """Return the shape of a dataclass that was saved with `asdict`."""
    hints = get_type_hints(kind).items()
    return {name: shape_of(hint) if _is_kept(hint) else get_args(hint) or hint for name, hint in hints}


def made_of(kind: type[_Kind], saved: dict[str, Any]) -> _Kind:
    """Return the dataclass that was saved; `saved` has its shape, and perhaps more."""
    hints = get_type_hints(kind).items()
    return kind(**{name: made_of(hint, saved[name]) if _is_kept(hint) else saved[name] for name, hint in hints})


def _is_kept(hint: object) -> bool:
    return isinstance(hint, type) and is_dataclass(hint)


_PLACES_OF_VERSION_1 = {
    "capacity out, energy in": (0, 3),
    "capacity in, energy out": (1, 2),
    "energy out, energy in": (2, 3),
    "in doubt": (4, 5),
}


def of_version_1(saved: dict[str, Any]) -> dict[str, Any]:
    """Return the snapshot of a ledger of version 1 as one of today."""
    counters, last = saved["counters"], saved["last"]
    watch = counters["watch"]
    counts: list[int | None] = [None] * len(COUNTERS)
    places = _PLACES_OF_VERSION_1.get(counters["pair"], ())
    if watch["trust"] == "distrusted":  # those were not followed
        places = ()
    for place, count in zip(places, counters["counts"], strict=False):
        counts[place] = int(count)
    rule: Rule | None = "named" if places else "nothing"
    if places == (4, 5):
        named: Rule = "one way" if watch["channels"][0] == 0 else "backwards"
        rule = named if watch["trust"] == "trusted" else None
    return {
        **saved,
        "watch": {"rule": rule, "verdict": [None, 0], "window": [0.0] * (len(COUNTERS) + 1), "pending": []},
        "identity": None,
        "limits": [LARGEST_CURRENT, None],
        "own": [0.0] * 4,
        "last": last and [*last[:4], round(last[4] * 1e6), None, False, counts],
    }
