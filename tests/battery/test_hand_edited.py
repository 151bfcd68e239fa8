"""Saved totals that a hand has changed, and times that no clock tells: refused in a sentence, or counted as ever."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from juntek.battery.ledger import Ledger
from juntek.errors import DatabaseError
from metered import MeteredBattery

FAMILIES = ("KG-F", "KH-F", "KL-F")
START = 1.7e9
WEIRD: tuple[Any, ...] = (
    None, math.nan, math.inf, -math.inf, 10**400, 10**25, -(10**25), 1e308, "x", "", [], {}, True, -1, 0, [1], {"a": 1},
    "9999-12-31", "0001-01-01", [None] * 6, list(range(9)), 2**53, [[1, 2], [3]],
)  # fmt: skip


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - JSON
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from paths(item, (*path, key))


def put(value: Any, path: tuple[Any, ...], new: object) -> Any:  # noqa: ANN401 - JSON
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = put(value[path[0]], path[1:], new)
    return copy


def saved(family: str, seconds: int = 300) -> dict[str, Any]:
    ledger, battery = Ledger(UTC), MeteredBattery(family)
    for second in range(seconds):
        battery.flow(1, -20 if second % 50 < 25 else 15)
        ledger.add(battery.reading(START + second))
    snapshot: dict[str, Any] = json.loads(json.dumps(ledger.snapshot()))
    return snapshot


def go_on(ledger: Ledger, family: str) -> None:
    """Count for a while, over a gap and midnight, too."""
    battery = MeteredBattery(family)
    for second, current in ((310, -20), (311, -20), (312, 15), (340, 15), (400, 3), (90_500, 3), (90_501, 3)):
        battery.flow(1, current)
        ledger.add(battery.reading(START + second))
    ledger.add(battery.reading(None))
    assert ledger.totals().discharged_capacity is not None
    assert ledger.notice in {None, "stuck", "replaced", "doubted"}
    json.dumps(ledger.snapshot(), allow_nan=False)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seconds", [1, 300])
def test_whatever_a_hand_writes_into_saved_totals_is_refused_or_goes_on(family: str, seconds: int) -> None:
    good, refused, taken = saved(family, seconds), 0, 0
    for path in paths(good):
        for new in WEIRD:
            try:
                ledger = Ledger.restore(put(good, path, new), UTC)
            except DatabaseError:
                refused += 1
            else:
                go_on(ledger, family)
                taken += 1
    assert refused > 10 * len(WEIRD)
    assert taken > len(WEIRD)


@pytest.mark.parametrize("zone", [UTC, ZoneInfo("Pacific/Kiritimati"), ZoneInfo("America/Los_Angeles")], ids=str)
@pytest.mark.parametrize(
    "time", [253_402_300_799.0, 253_402_171_199.0, -62_135_596_800.0, -1e10, 1e15, 1e300, math.inf, math.nan, 0.0, -1.0]
)
@pytest.mark.parametrize("family", ["KG-F", "KH-F"])
def test_a_time_without_a_date_costs_no_total(time: float, zone: ZoneInfo, family: str) -> None:
    ledger, battery = Ledger(zone), MeteredBattery(family)
    for second in range(3):
        battery.flow(1, -18)
        ledger.add(battery.reading(START + second))
    for second in range(3):
        battery.flow(1, -18)
        ledger.add(battery.reading(time + second)._replace(elapsed=1.0))
    assert ledger.totals().discharged_capacity == pytest.approx(battery.capacity[0], abs=0.01)
    assert json.loads(json.dumps(ledger.snapshot(), allow_nan=False)) == ledger.snapshot()
    go_on(Ledger.restore(ledger.snapshot(), zone), family)


@pytest.mark.parametrize("channel", range(4))
def test_no_total_is_less_than_nothing(channel: int) -> None:
    with pytest.raises(DatabaseError):
        Ledger.restore(put(saved("KG-F"), ("sums", channel), -1), UTC)
