"""Evidence about counters: what settles the question, and what proves nothing."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from juntek.battery.ledger import Ledger
from juntek.battery.watch import IN, OUT, WINDOW, WINDOW_READINGS, CounterWatch
from metered import MeteredBattery, reading

ZONE = ZoneInfo("Europe/Amsterdam")
NOON = 1_780_000_000.0
VOLTS = 50


def windows(watch: CounterWatch, direction: int, first: float, second: float, count: int = 1) -> None:
    """Give whole windows in which the counters (Ah, Wh) counted these parts of what flowed."""
    capacity = WINDOW / WINDOW_READINGS
    for _ in range(count * WINDOW_READINGS):
        watch.add(direction, capacity, capacity * VOLTS, round(capacity * first), round(capacity * VOLTS * second))


def trust(watch: CounterWatch) -> str:
    return watch.trust


@pytest.mark.parametrize(
    ("out", "in_", "verdict", "channels"),
    [
        ((1, 0), (0, 1), "trusted", (0, 3)),
        ((0, 1), (1, 0), "trusted", (1, 2)),
        ((1, 1), (1, 1), "distrusted", (0, 3)),
        ((1, 1), (0, 0), "distrusted", (0, 3)),  # the example of its manual
        ((1, 0), (1, 0), "distrusted", (0, 3)),
        ((0, 1), (0, 1), "distrusted", (0, 3)),
        ((0, 0), (0, 0), "distrusted", (0, 3)),
        ((0.3, 0), (0, 0.3), "watched", (0, 3)),
        ((9, 0), (0, 9), "watched", (0, 3)),
    ],
)
def test_counters_in_doubt_are_judged_by_what_moves_when(
    out: tuple[float, float], in_: tuple[float, float], verdict: str, channels: tuple[int, int]
) -> None:
    watch = CounterWatch((0, 3), "watched")
    for _ in range(4):
        windows(watch, OUT, *out)
        windows(watch, IN, *in_)
    assert (watch.trust, watch.channels) == (verdict, channels)


def test_one_direction_alone_settles_nothing() -> None:
    watch = CounterWatch((0, 3), "watched")
    windows(watch, OUT, 1, 0, 50)
    assert watch.trust == "watched"


def test_evidence_for_and_against_ends_in_distrust() -> None:
    watch = CounterWatch((0, 3), "watched")
    windows(watch, OUT, 1, 0, 2)
    windows(watch, IN, 1, 0)
    windows(watch, IN, 0, 1, 2)
    assert trust(watch) == "watched"
    windows(watch, IN, 1, 0)
    assert trust(watch) == "distrusted"


def test_one_odd_window_does_not_cost_trusted_counters_their_trust() -> None:
    watch = CounterWatch((0, 3), "trusted")
    for _ in range(10):
        windows(watch, IN, 1, 0, 2)
        windows(watch, OUT, 1, 0)
    assert trust(watch) == "trusted"
    windows(watch, IN, 1, 0, 3)
    assert trust(watch) == "distrusted"


def test_a_current_near_zero_whose_sign_is_off_proves_nothing() -> None:
    ledger = Ledger(ZONE)
    for second in range(20_000):
        counted = int(second * 0.12 / 3.6) / 1000
        ledger.add(reading(NOON + second, current=0.15, discharged_capacity=counted, charged_energy=0.0))
    assert ledger.counters == "trusted"
    assert ledger.totals().discharged_capacity == 0.666


def test_a_load_in_between_rare_readings_does_not_cost_the_trust() -> None:
    battery, ledger = MeteredBattery("KG-F"), Ledger(ZONE)
    time = NOON
    for _ in range(200):
        for seconds, current in ((20, 30.0), (9, -80.0), (1, 30.0)):
            battery.step(current)
            battery.flow(seconds, current)
        time += 30
        ledger.add(battery.reading(time))
    assert battery.capacity[0] > 30
    assert ledger.totals().discharged_capacity == pytest.approx(battery.capacity[0], abs=1)


def test_after_a_restart_what_is_left_may_stand_still_at_full() -> None:
    ledger = Ledger(ZONE)
    ledger.add(reading(NOON, "unknown", current=30.0, remaining_capacity=100.0))
    ledger = Ledger.restore(ledger.snapshot(), ZONE)
    ledger.add(reading(NOON + 36, "unknown", current=30.0, remaining_capacity=100.0))
    assert ledger.totals().charged_capacity == 0.3
