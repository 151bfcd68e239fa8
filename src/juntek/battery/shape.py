"""What saved values have to look like; rule: whoever reads them back needs no further doubt."""

from __future__ import annotations

from math import isfinite
from typing import Any

LARGEST = 1e18
"""Of a number: a million kWh in µWh, and as many seconds as nobody waits."""


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
