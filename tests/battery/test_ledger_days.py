"""Today's energies: local midnight, days of 23 and 25 hours, and clocks that jump."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

import pytest

from juntek.battery.ledger import Ledger
from juntek.battery.sums import Sums
from juntek.clock import Clock
from metered import MeteredBattery, reading

AMSTERDAM, NEW_YORK = ZoneInfo("Europe/Amsterdam"), ZoneInfo("America/New_York")
CLOCKS = WeakKeyDictionary[MeteredBattery, Clock]()
BOOT = 40.0  # s since 1970 on a computer that has just started without a clock


def at(zone: ZoneInfo, *parts: int) -> float:
    return datetime(*parts, tzinfo=zone).timestamp()  # type: ignore[arg-type,misc]


MIDNIGHT, NOON = at(AMSTERDAM, 2026, 6, 1), at(AMSTERDAM, 2026, 6, 1, 12)


def drawn(ledger: Ledger, battery: MeteredBattery, time: float, seconds: int, current: float = -36.0) -> float:
    """Let the current flow for some seconds, read each second; return the time after."""
    battery.step(current)
    for _ in range(seconds):
        battery.flow(1, current)
        time += 1
        read(ledger, battery, time)
    return time


def read(ledger: Ledger, battery: MeteredBattery, time: float | None) -> None:
    """Read the battery as a gateway does, whose clock shows `time`."""
    told, elapsed = CLOCKS[battery].judge(time, battery.run_time)
    ledger.add(battery.reading(told)._replace(elapsed=elapsed))


def started(zone: ZoneInfo, time: float | None, family: str = "KG-F") -> tuple[Ledger, MeteredBattery]:
    """Return a ledger that believes its first reading, of which there are two."""
    ledger, battery = Ledger(zone), MeteredBattery(family)
    battery.step(-36.0)
    CLOCKS[battery] = Clock()
    read(ledger, battery, None if time is None else time - 0.002)
    read(ledger, battery, time)
    return ledger, battery


def confirmed(ledger: Ledger, battery: MeteredBattery, time: float) -> None:
    """Read twice: what is read first after a start is believed when a second reading agrees."""
    read(ledger, battery, time)
    read(ledger, battery, time + 0.002)


def restarted(ledger: Ledger, battery: MeteredBattery, zone: ZoneInfo = AMSTERDAM) -> Ledger:
    CLOCKS[battery] = Clock()
    return Ledger.restore(ledger.snapshot(), zone)


def today(ledger: Ledger) -> float:
    return ledger.totals().discharged_energy_today


WATT_HOURS = 52.0 * 36 / 3600  # a second of the test's current


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (AMSTERDAM, (2026, 3, 28), 24),
        (AMSTERDAM, (2026, 3, 29), 23),
        (AMSTERDAM, (2026, 10, 25), 25),
        (NEW_YORK, (2026, 3, 8), 23),
        (NEW_YORK, (2026, 11, 1), 25),
        (ZoneInfo("America/Havana"), (2026, 3, 8), 23),  # the hour after midnight is skipped
        (ZoneInfo("America/Havana"), (2026, 11, 1), 25),  # midnight comes twice
        (ZoneInfo("Asia/Kathmandu"), (2026, 7, 1), 24),
    ],
)
def test_a_day_lasts_from_local_midnight_to_local_midnight(
    zone: ZoneInfo, day: tuple[int, int, int], hours: int
) -> None:
    start = at(zone, *day)
    end = start + hours * 3600
    sums = Sums(zone)
    turns = partial(sums.turn_day, sums.settle(), set(), gap=1.0, short=True)
    turns(time=start)
    assert (sums.day_start, sums.day_end) == (start, end)
    assert not turns(time=end - 0.001)
    assert turns(time=end)
    assert sums.day_start == end


@pytest.mark.parametrize(("zone", "day"), [(AMSTERDAM, (2026, 10, 25)), (NEW_YORK, (2026, 3, 8))])
def test_todays_energy_starts_again_at_local_midnight(zone: ZoneInfo, day: tuple[int, int, int]) -> None:
    midnight = at(zone, *day)
    ledger, battery = started(zone, midnight - 100)
    drawn(ledger, battery, midnight - 100, 99)
    assert today(ledger) == pytest.approx(99 * WATT_HOURS, abs=0.1)
    drawn(ledger, battery, midnight - 1, 61)
    assert today(ledger) == pytest.approx(60 * WATT_HOURS, abs=0.1)
    assert ledger.totals().discharged_energy == pytest.approx(160 * WATT_HOURS, abs=0.1)
    assert ledger.totals().estimated == ()


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 6, 1), 24)])
def test_the_energy_of_a_gap_over_two_midnights_is_split_by_real_time(day: tuple[int, int, int], hours: int) -> None:
    start = at(AMSTERDAM, *day)
    ledger, battery = started(AMSTERDAM, start - 3600)
    battery.flow((hours + 3) * 3600, -36.0)
    read(ledger, battery, start + (hours + 2) * 3600)
    assert today(ledger) == pytest.approx(2 * 3600 * WATT_HOURS, abs=0.1)
    assert ledger.totals().discharged_energy == pytest.approx((hours + 3) * 3600 * WATT_HOURS, abs=0.1)
    assert "discharged_energy_today" in ledger.totals().estimated


def test_a_short_interval_over_midnight_is_split_without_being_an_estimate() -> None:
    ledger, battery = started(AMSTERDAM, MIDNIGHT - 9)
    battery.flow(30, -36.0)
    read(ledger, battery, MIDNIGHT + 21)
    assert today(ledger) == pytest.approx(21 * WATT_HOURS, abs=0.1)
    assert ledger.totals().estimated == ()


def test_what_was_estimated_today_is_forgotten_at_midnight_and_kept_in_the_totals() -> None:
    ledger, battery = started(AMSTERDAM, NOON)
    battery.flow(3600, -36.0)
    read(ledger, battery, NOON + 3600)
    assert ledger.totals().estimated == ("discharged_energy", "discharged_energy_today")
    time = at(AMSTERDAM, 2026, 6, 1, 23, 59, 30)
    battery.step(0.0)
    read(ledger, battery, time)
    drawn(ledger, battery, time, 60)
    assert ledger.totals().estimated == ("discharged_energy",)


def test_today_survives_a_restart_and_is_right_after_a_night_without_the_gateway() -> None:
    evening = at(AMSTERDAM, 2026, 6, 1, 22)
    ledger, battery = started(AMSTERDAM, evening)
    time = drawn(ledger, battery, evening, 600)
    ledger = restarted(ledger, battery)
    read(ledger, battery, time + 1)
    assert today(ledger) == pytest.approx(600 * WATT_HOURS, abs=0.1)
    ledger = restarted(ledger, battery)
    morning = at(AMSTERDAM, 2026, 6, 2, 7)
    battery.flow(morning - time - 1, -36.0)
    confirmed(ledger, battery, morning)
    assert today(ledger) == pytest.approx(7 * 3600 * WATT_HOURS, abs=1)


def test_a_snapshot_is_read_in_another_zone() -> None:
    ledger, battery = started(AMSTERDAM, NOON)
    drawn(ledger, battery, NOON, 100)
    moved = restarted(ledger, battery, NEW_YORK)
    drawn(moved, battery, at(NEW_YORK, 2026, 6, 1, 23, 59), 10)
    assert today(moved) == pytest.approx(110 * WATT_HOURS, abs=0.2)


# Clocks


@pytest.mark.parametrize("family", ["KG-F", "KH-F"])
def test_a_clock_that_jumps_does_not_touch_the_totals(family: str) -> None:
    ledger, battery = started(AMSTERDAM, NOON, family)
    for jump in (0.0, -3600.0, 30.0, 1e9, -2e9, 1.5e9, -7 * 86400.0, 5e8):
        drawn(ledger, battery, max(NOON + jump, BOOT), 100)
    assert ledger.totals().discharged_energy == pytest.approx(800 * WATT_HOURS, abs=0.2)
    assert ledger.totals().discharged_capacity == pytest.approx(8.0, abs=0.002)


def test_without_trusted_counters_a_clock_that_jumps_costs_less_than_a_step_of_what_is_left() -> None:
    ledger, battery = started(AMSTERDAM, NOON, "unknown")
    for jump in (0.0, -3600.0, 3600.0, 1e9, -2e9, 1.5e9):
        drawn(ledger, battery, max(NOON + jump, BOOT), 100)
    assert ledger.totals().discharged_capacity == pytest.approx(6.0, abs=0.01)


@pytest.mark.parametrize("time", [None, float("nan"), float("inf"), -5.0, 1e30])
def test_a_reading_without_a_usable_time_is_counted(time: float | None) -> None:
    ledger, battery = started(AMSTERDAM, NOON)
    battery.flow(10, -36.0)
    read(ledger, battery, time)
    drawn(ledger, battery, NOON + 10, 90)
    assert today(ledger) == pytest.approx(100 * WATT_HOURS, abs=0.1)
    first, battery = started(AMSTERDAM, time)
    drawn(first, battery, NOON, 100)
    assert first.totals().discharged_capacity == pytest.approx(1.0, abs=0.002)


def test_a_computer_without_a_clock_boots_and_the_day_goes_on_when_it_is_set() -> None:
    ledger, battery = started(AMSTERDAM, NOON)
    drawn(ledger, battery, NOON, 100)
    ledger = restarted(ledger, battery)
    drawn(ledger, battery, BOOT, 100)
    assert today(ledger) == pytest.approx(200 * WATT_HOURS, abs=0.1)
    drawn(ledger, battery, NOON + 500, 100)
    assert today(ledger) == pytest.approx(300 * WATT_HOURS, abs=0.1)


@pytest.mark.parametrize(
    ("start", "shown", "seconds", "within"),
    [
        (NOON, [(NOON, 100), (BOOT, 100), (NOON + 86_400, 100)], 99.0, 0.6),
        (NOON, [(86_350.0, 49), (86_399.0, 31)], 80.0, 0.1),
        (BOOT, [(BOOT, 100), (NOON, 100)], 200.0, 0.1),
        (MIDNIGHT - 10, [(MIDNIGHT - 10, 60), (MIDNIGHT - 300, 400)], 450.0, 0.2),
    ],
    ids=["set on another day", "never trusted", "set after a first start", "set back over midnight"],
)
def test_today_starts_again_on_another_day_only_and_no_day_twice(
    start: float, shown: list[tuple[float, int]], seconds: float, within: float
) -> None:
    ledger, battery = started(AMSTERDAM, start)
    for time, count in shown:
        drawn(ledger, battery, time, count)
    assert today(ledger) == pytest.approx(seconds * WATT_HOURS, abs=within)


def test_a_clock_that_was_years_ahead_is_put_right() -> None:
    ledger, battery = started(AMSTERDAM, NOON + timedelta(days=3650).total_seconds())
    drawn(ledger, battery, NOON + timedelta(days=3650).total_seconds(), 50)
    time = drawn(ledger, battery, NOON, 51)
    assert today(ledger) == pytest.approx(51 * WATT_HOURS, abs=0.1)
    assert time < at(AMSTERDAM, 2026, 6, 2)
    drawn(ledger, battery, at(AMSTERDAM, 2026, 6, 2) - 1, 11)
    assert today(ledger) == pytest.approx(10 * WATT_HOURS, abs=0.6)


@pytest.mark.parametrize("jump", [5.0, 90.0, -1800.0])
def test_hours_off_on_a_computer_that_remembers_when_it_stopped_are_caught_up(jump: float) -> None:
    for family in ("KG-F", "KH-F", "unknown"):
        ledger, battery = started(AMSTERDAM, NOON, family)
        time = drawn(ledger, battery, NOON, 100)
        ledger = restarted(ledger, battery)
        battery.flow(8 * 3600, -8.0)
        confirmed(ledger, battery, time + jump)
        assert ledger.totals().discharged_capacity == pytest.approx(battery.capacity[0], abs=0.01)
        assert ledger.totals().discharged_energy == pytest.approx(battery.energy[0], rel=0.01)
        assert "discharged_energy_today" in ledger.totals().estimated or family == "KH-F"


def test_readings_of_the_past_after_the_end_of_the_calendar_are_no_trouble() -> None:
    ledger = Ledger(NEW_YORK)
    for time in (1.9e11, 0.0, 2.5e11, 1.0):
        ledger.add(reading(time, discharged_capacity=1.0, charged_energy=1.0))
    assert ledger.totals().discharged_capacity == 1.0
