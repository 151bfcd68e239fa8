"""A KL-F, whatever its counters count, and made-up families whose counters are any of the totals."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import sin
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from juntek.battery.ledger import Ledger
from juntek.battery.watch import CHANNELS
from juntek.reading import Reading
from metered import MeteredBattery, assert_true, trust_in

ZONE = ZoneInfo("Europe/Amsterdam")
NOON = 1_780_000_000.0

PROFILES: dict[str, Callable[[int], float]] = {
    "each second the other way": lambda second: 40.0 if second % 2 else -30.0,
    "each two seconds the other way": lambda second: 40.0 if second % 4 < 2 else -30.0,
    "five seconds each": lambda second: 25.0 if second % 10 < 5 else -25.0,
    "uneven": lambda second: 60.0 * sin(second * 1.7) + 10.0 * sin(second * 0.13),
    "hours": lambda second: 20.0 if second % 3600 < 1800 else -15.0,
}


@pytest.mark.parametrize("counting", ["one way", "both", "backwards"])
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("killed", [0, 3])
@pytest.mark.parametrize("steps", [True, False])
def test_totals_of_a_kl_f_are_right_whatever_it_counts(counting: str, profile: str, killed: int, steps: bool) -> None:
    battery, ledger = MeteredBattery("KL-F", counting), Ledger(ZONE)  # type: ignore[arg-type]
    ledger.add(battery.reading(NOON))
    for second in range(1, 1800):
        current = PROFILES[profile](second)
        if steps:
            battery.step(current)
        battery.flow(1, current)
        ledger.add(battery.reading(NOON + second))
        if killed and second % killed == 0:
            ledger = Ledger.restore(ledger.snapshot(), ZONE)
    ledger.add(battery.reading(NOON + 1800))
    assert_true(ledger, battery, 0.03, 52 * 0.03, 0.02)


@pytest.mark.parametrize("counting", ["one way", "both"])
@pytest.mark.parametrize("away", [10, 300])
def test_a_kill_costs_nothing_that_the_counters_know(counting: str, away: int) -> None:
    """Three seconds up, and a while away, again and again."""
    battery, ledger = MeteredBattery("KL-F", counting), Ledger(ZONE)  # type: ignore[arg-type]
    time = NOON
    for number in range(100):
        for second in range(away + 3):
            battery.step(40.0 if (second + number) % 7 < 3 else -30.0)
            battery.flow(1, battery.current)
            time += 1
            if second >= away:
                ledger.add(battery.reading(time))
        ledger = Ledger.restore(ledger.snapshot(), ZONE)
    assert_true(ledger, battery, 0.1, 5, 0.02)


SELDOM_ASKED: dict[str, Callable[[int], float]] = {
    "seven seconds each": lambda second: 30.0 if second % 14 < 7 else -30.0,
    "three seconds each": lambda second: 30.0 if second % 6 < 3 else -28.0,
    "a wave of four seconds": lambda second: 30.0 * sin(second * 1.57) + 2.0,
    "each second the other way": lambda second: 30.0 if second % 2 else -30.0,
}


def asked_seldom(counting: str, profile: Callable[[int], float], seconds: int) -> tuple[Ledger, MeteredBattery]:
    battery, ledger = MeteredBattery("KL-F", counting), Ledger(ZONE)  # type: ignore[arg-type]
    ledger.add(battery.reading(NOON))
    for second in range(1, seconds + 1):
        battery.step(profile(second))
        battery.flow(1, battery.current)
        if second % 18 == 0:
            ledger.add(battery.reading(NOON + second))
            ledger = Ledger.restore(ledger.snapshot(), ZONE) if second % 540 == 0 else ledger
    return ledger, battery


@pytest.mark.parametrize("profile", SELDOM_ASKED)
def test_a_current_that_turns_between_two_questions_is_counted_both_ways(profile: str) -> None:
    ledger, battery = asked_seldom("both", SELDOM_ASKED[profile], 3600)
    assert_true(ledger, battery, 0.03, 52 * 0.03, 0.02)


@pytest.mark.parametrize("counting", ["one way", "backwards"])
def test_where_nothing_tells_what_is_counted_half_of_it_is_certain_and_the_rest_comes_later(counting: str) -> None:
    turning = SELDOM_ASKED["each second the other way"]
    ledger, battery = asked_seldom(counting, turning, 3600)
    assert trust_in(ledger) == "watched"
    assert ledger.totals()[:2] == pytest.approx(tuple(amount / 2 for amount in battery.capacity), rel=0.02)
    ledger, battery = asked_seldom(counting, lambda second: turning(second) if second <= 3600 else 30.0, 3960)
    assert_true(ledger, battery, 0.03, 52 * 0.03, 0.02)


@pytest.mark.parametrize("counting", ["one way", "both"])
def test_a_battery_that_is_full_still_takes_what_it_takes(counting: str) -> None:
    battery, ledger = MeteredBattery("KL-F", counting, remaining=99.0), Ledger(ZONE)  # type: ignore[arg-type]
    for second in range(7200):
        battery.step(-10.0 if second < 600 else 5.0)
        battery.flow(1, battery.current)
        battery.remaining = min(battery.remaining, 100.0)
        ledger.add(battery.reading(NOON + second)._replace(nominal_capacity=100.0))
    assert_true(ledger, battery, 0.03, 52 * 0.03, 0.02)


COUNTERS = [
    ("charged_capacity", "discharged_capacity"),
    *(some for count in (1, 3, 4) for some in combinations(CHANNELS, count)),
]


def counted(battery: MeteredBattery, keys: tuple[str, ...], time: float) -> Reading:
    """Return what a meter of a made-up family says that has these counters."""
    true = dict(zip(CHANNELS, (*battery.capacity, *battery.energy), strict=True))
    said = {key: int(true[key] * 1000) / 1000 if "capacity" in key else int(true[key] * 100) / 100 for key in keys}
    battery.family = "made up"
    return battery.reading(time)._replace(**said)  # type: ignore[arg-type]


@pytest.mark.parametrize("keys", COUNTERS)
def test_a_made_up_family_with_any_counters_has_totals(keys: tuple[str, ...]) -> None:
    battery, ledger = MeteredBattery("KG-F"), Ledger(ZONE)
    for second in range(3600):
        battery.step(PROFILES["uneven"](second // 5))
        battery.flow(1, battery.current)
        ledger.add(counted(battery, keys, NOON + second))
        if second % 50 == 0:
            ledger = Ledger.restore(ledger.snapshot(), ZONE)
    assert trust_in(ledger) == "trusted"
    assert_true(ledger, battery, 0.03, 52 * 0.03, 0.02)


EVENTS = st.lists(
    st.tuples(
        st.floats(-100, 100),
        st.integers(1, 40),
        st.sampled_from(["", "", "", "kill", "gap", "kill and gap", "back", "unset", "forward", "frozen"]),
    ),
    min_size=1,
    max_size=25,
)
COUNTING = st.sampled_from(
    [("KG-F", None), ("KH-F", None), ("KL-F", "one way"), ("KL-F", "both"), ("KL-F", "backwards")]
)


@settings(max_examples=80)
@given(COUNTING, EVENTS)
def test_no_total_steps_back_or_exceeds_what_has_moved(
    meter: tuple[str, str | None], events: list[tuple[float, int, str]]
) -> None:
    battery, ledger = MeteredBattery(meter[0], meter[1]), Ledger(ZONE)  # type: ignore[arg-type]
    time: float | None = NOON
    wall, elapsed, shown = NOON, None, (0.0,) * 4
    for current, seconds, event in events:
        battery.step(current)
        if "kill" in event:
            ledger = Ledger.restore(ledger.snapshot(), ZONE)
            elapsed = None
        if "gap" in event:
            battery.flow(1800, current)
            wall += 1800
            elapsed = None if elapsed is None else elapsed + 1800
        wall += {"back": -7200.0, "forward": 5e6}.get(event, 0.0)
        for _ in range(seconds):
            battery.flow(1, current)
            wall += 1
            time = None if event == "unset" else wall
            for again in range(30 if event == "frozen" else 1):
                said = battery.reading(time if time is None else wall + again)
                ledger.add(said._replace(elapsed=elapsed if not again else 1.0, nominal_capacity=1000.0))
                elapsed = 1.0
            if event == "frozen":
                battery.flow(29, 0.0 if current == 0 else current)
                wall += 29
        now = ledger.totals()[:4]
        assert all(new >= old for new, old in zip(now, shown, strict=True))
        assert all(
            total <= true * 1.02 + least
            for total, true, least in zip(
                now, (*battery.capacity, *battery.energy), (0.003, 0.003, 0.15, 0.15), strict=True
            )
        )
        shown = now
