"""Evidence about counters: what settles the question, and what proves nothing."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from juntek.battery.ledger import Ledger
from juntek.battery.watch import AGREEMENTS, IN, OUT, WINDOW, CounterWatch, Interval, Steps
from metered import MeteredBattery, reading, tell, trust_in

ZONE = ZoneInfo("Europe/Amsterdam")
NOON = 1_780_000_000.0
VOLTS = 50

IN_DOUBT: Steps = (None, None, None, None, 0, 0)
NAMED: Steps = (0, None, None, 0, None, None)


def windows(watch: CounterWatch, direction: int, first: float, second: float, count: int = 1) -> None:
    """Give whole windows in which the counters (Ah, Wh) counted these parts of what flowed."""
    net = WINDOW if direction == IN else -WINDOW
    for _ in range(count):
        counted = (WINDOW * first, WINDOW * VOLTS * second)
        steps = (None, None, None, None, *counted) if len(watch.rules) > 2 else (counted[0], None, None, counted[1])
        watch.count(Interval((*steps, None, None)[:6], net, VOLTS))


@pytest.mark.parametrize(
    ("out", "in_", "rule"),
    [
        ((1, 0), (0, 1), "one way"),
        ((0, 1), (1, 0), "backwards"),
        ((1, 1), (1, 1), "named"),
        ((0, 0), (0, 0), "nothing"),
        ((0.3, 0), (0, 0.3), "nothing"),
        ((9, 0), (0, 9), None),
    ],
)
def test_counters_in_doubt_are_judged_by_what_moves_when(
    out: tuple[float, float], in_: tuple[float, float], rule: str | None
) -> None:
    watch = CounterWatch(IN_DOUBT)
    for _ in range(AGREEMENTS):
        windows(watch, OUT, *out)
        windows(watch, IN, *in_)
    assert watch.rule == rule


@pytest.mark.parametrize(
    ("out", "in_"),
    [
        ((1, 1), (0, 0)),  # the example of its manual
        ((1, 0), (1, 0)),
        ((0, 1), (0, 1)),
    ],
)
def test_evidence_for_and_against_settles_nothing(out: tuple[float, float], in_: tuple[float, float]) -> None:
    watch = CounterWatch(IN_DOUBT)
    for _ in range(10):
        windows(watch, OUT, *out)
        windows(watch, IN, *in_)
    assert watch.rule is None


def test_what_goes_to_and_fro_or_stands_still_at_full_settles_nothing() -> None:
    for rule in (IN_DOUBT, NAMED):
        watch = CounterWatch(rule)
        before = watch.rule
        for _ in range(50):
            steps = [None if step is None else WINDOW * VOLTS for step in rule]
            watch.count(Interval(steps, 0.0, VOLTS))
        assert watch.rule == before


def test_one_odd_window_does_not_cost_trusted_counters_their_trust() -> None:
    watch = CounterWatch(NAMED)
    for _ in range(10):
        windows(watch, IN, 1, 0, AGREEMENTS - 1)
        windows(watch, OUT, 1, 0)
    assert watch.rule == "named"
    windows(watch, IN, 1, 0, AGREEMENTS)
    assert CounterWatch.restore(watch.snapshot(), NAMED).rule == "nothing"


def test_counters_that_prove_right_again_are_trusted_again() -> None:
    watch = CounterWatch(NAMED)
    windows(watch, IN, 1, 0, AGREEMENTS)
    windows(watch, OUT, 1, 0, AGREEMENTS)
    assert watch.rule == "named"


def test_what_all_rules_say_is_counted_at_once_and_the_rest_when_it_is_settled() -> None:
    watch = CounterWatch(IN_DOUBT)
    out = [0.0, 0.0, 0.0, 0.0]
    for _ in range(AGREEMENTS):
        steps = (None, None, None, None, WINDOW, WINDOW * VOLTS)
        flow = watch.count(Interval(steps, -WINDOW, VOLTS, (WINDOW, 0.0, WINDOW * VOLTS, 0.0)))
        out = [total + part for total, part in zip(out, flow, strict=True)]
        assert all(total >= 0 for total in out)
    assert watch.rule == "named"
    assert out == [AGREEMENTS * WINDOW, 0.0, AGREEMENTS * WINDOW * VOLTS, 0.0]


def test_a_current_near_zero_whose_sign_is_off_proves_nothing() -> None:
    ledger = Ledger(ZONE)
    for second in range(20_000):
        counted = int(second * 0.12 / 3.6) / 1000
        ledger.add(reading(NOON + second, current=0.15, discharged_capacity=counted, charged_energy=0.0))
    assert trust_in(ledger) == "trusted"
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
    assert trust_in(ledger) == "trusted"


def test_after_a_restart_what_is_left_may_stand_still_at_full() -> None:
    ledger = Ledger(ZONE)
    tell(ledger, (NOON - 1, NOON), "unknown", current=30.0, remaining_capacity=100.0)
    before = ledger.totals().charged_capacity
    ledger = Ledger.restore(ledger.snapshot(), ZONE)
    ledger.add(reading(NOON + 36, "unknown", current=30.0, remaining_capacity=100.0))
    assert ledger.totals().charged_capacity - before == pytest.approx(0.3, abs=0.0011)
