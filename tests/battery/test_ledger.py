"""Totals: what the meter counts is exact, what it leaves out follows, and none steps back."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from juntek.battery.ledger import Ledger
from juntek.errors import DatabaseError
from metered import MeteredBattery, assert_true, confirm, reading, tell, trust_in

ZONE = ZoneInfo("Europe/Amsterdam")
NOON = datetime(2026, 6, 1, 12, tzinfo=ZONE).timestamp()


def live(ledger: Ledger, battery: MeteredBattery, time: float, currents: list[float], seconds: float = 1.0) -> float:
    """Let each current come up within `seconds` and be read then; return the time after."""
    for current in currents:
        battery.flow(seconds, current)
        time += seconds
        ledger.add(battery.reading(time))
    return time


def used(family: str, counting: str | None = None) -> tuple[Ledger, MeteredBattery, float]:
    """Return a ledger that has seen the battery of a meter work for an hour, without a gap."""
    battery = MeteredBattery(family, counting)  # type: ignore[arg-type]
    ledger = Ledger(ZONE)
    ledger.add(battery.reading(NOON))
    hour = [-20.0] * 600 + [35.0] * 1200 + [-4.5, 4.5] * 300 + [-60.0] * 600 + [12.0] * 600
    return ledger, battery, live(ledger, battery, NOON, hour)


@pytest.mark.parametrize(
    ("family", "counting", "trust"),
    [
        ("KG-F", None, "trusted"),
        ("KH-F", None, "trusted"),
        ("KL-F", "one way", "trusted"),
        ("KL-F", "both", "trusted"),
        ("KL-F", "backwards", "trusted"),
        ("KL-F", "nothing", "distrusted"),
        ("unknown", "nothing", "distrusted"),
    ],
)
def test_totals_of_every_family_are_those_of_the_battery(family: str, counting: str | None, trust: str) -> None:
    ledger, battery, _ = used(family, counting)
    assert_true(ledger, battery, 0.002, 0.1)
    assert trust_in(ledger) == trust
    assert ledger.totals().estimated == ()


@pytest.mark.parametrize("counting", ["both", "backwards", "nothing"])
def test_a_kg_f_whose_counters_contradict_the_current_is_integrated_from_then_on(counting: str) -> None:
    ledger, battery, time = used("KG-F", counting)
    assert trust_in(ledger) == "distrusted"
    before = ledger.totals()
    wrong = [total - true for total, true in zip(before[:2], battery.capacity, strict=True)]
    live(ledger, battery, time, [-30.0] * 300 + [30.0] * 300)
    still = [total - true for total, true in zip(ledger.totals()[:2], battery.capacity, strict=True)]
    assert still == pytest.approx(wrong, abs=0.002)
    # Until the evidence was there, a few windows of 0.05 Ah were counted wrongly.
    assert before.charged_energy - battery.energy[1] < 10


def test_a_meter_that_counts_at_small_currents_only_now_and_then_is_not_suspected() -> None:
    battery, ledger = MeteredBattery("KG-F"), Ledger(ZONE)
    ledger.add(battery.reading(NOON))
    live(ledger, battery, NOON, ([-0.3] * 1800 + [0.3] * 1800) * 2)
    assert trust_in(ledger) == "trusted"
    assert_true(ledger, battery, 0.002, 0.1)


@pytest.mark.parametrize(("seconds", "readings"), [(0.2, 5000), (5.0, 1000), (30.0, 300)])
def test_how_often_the_meter_is_read_does_not_matter(seconds: float, readings: int) -> None:
    battery, ledger = MeteredBattery("KG-F"), Ledger(ZONE)
    ledger.add(battery.reading(NOON))
    live(ledger, battery, NOON, [-80.0, 40.0, 7.5, -3.0] * (readings // 4), seconds)
    assert trust_in(ledger) == "trusted"
    assert_true(ledger, battery, 0.005, 0.1)


def test_the_first_reading_takes_the_meters_counters_as_totals_and_the_rest_begins_at_zero() -> None:
    ledger = Ledger(ZONE)
    ledger.add(reading(NOON, discharged_capacity=24276.928, charged_energy=1320917.91))
    assert ledger.totals().discharged_capacity == 0
    ledger.add(reading(NOON + 1, discharged_capacity=24276.928, charged_energy=1320917.91))
    assert ledger.totals() == (24276.928, 0, 0, 1320917.91, 0, 0, ())


def test_a_meter_in_doubt_begins_at_zero() -> None:
    ledger = Ledger(ZONE)
    tell(ledger, (NOON, NOON + 1), "KL-F", counted_capacity=500.0, counted_energy=6000.0)
    assert ledger.totals().discharged_capacity == 0
    assert trust_in(ledger) == "watched"


def test_totals_are_put_on_a_reading() -> None:
    ledger, battery, time = used("KG-F")
    shown = ledger.totals().put_on(battery.reading(time))
    assert shown.discharged_energy == ledger.totals().discharged_energy
    assert shown.charged_energy_today == ledger.totals().charged_energy_today
    assert shown.estimated == ()
    assert shown.voltage == battery.voltage


# What happens at the meter


@pytest.mark.parametrize("family", ["KG-F", "KH-F", "KL-F"])
def test_a_cleared_counter_is_a_new_start_and_not_a_loss(family: str) -> None:
    ledger, battery, time = used(family)
    battery.clear()
    live(ledger, battery, time, [-20.0] * 600 + [20.0] * 600)
    # What was counted in the second of the clearing is lost, at most.
    assert_true(ledger, battery, 0.01, 0.5)


def test_a_counter_cleared_while_nobody_listened_goes_on_with_what_it_counted_since() -> None:
    ledger, battery, time = used("KG-F")
    before = ledger.totals()
    battery.clear()
    battery.flow(3600, -2.0)
    confirm(ledger, battery, time + 7200)
    after = ledger.totals()
    counted = battery.reading(time).discharged_capacity
    assert counted is not None
    assert after.discharged_capacity == pytest.approx(before.discharged_capacity + counted)
    assert "discharged_capacity" in after.estimated


def test_another_meter_with_a_higher_counter_adds_nothing() -> None:
    ledger = Ledger(ZONE)
    ledger.limit(400)
    tell(ledger, (NOON - 1, NOON), discharged_capacity=100.0, charged_energy=1000.0)
    tell(ledger, (NOON + 1, NOON + 1.5), discharged_capacity=5000.0, charged_energy=99000.0)
    assert ledger.totals()[:4:3] == (100.0, 1000.0)
    tell(ledger, [NOON + 2], discharged_capacity=5000.01, charged_energy=99000.5)
    assert ledger.totals()[:4:3] == (100.01, 1000.5)


def test_another_meter_with_a_lower_counter_adds_nothing() -> None:
    ledger = Ledger(ZONE)
    tell(ledger, (NOON - 1, NOON), discharged_capacity=9000.0, charged_energy=500000.0)
    tell(ledger, (NOON + 3600, NOON + 3601), discharged_capacity=5000.0, charged_energy=300000.0)
    assert ledger.totals()[:4:3] == (9000.0, 500000.0)


def test_the_larger_the_meter_the_more_it_can_have_counted() -> None:
    for max_current, added in ((100, 0.0), (400, 300.0)):
        ledger = Ledger(ZONE)
        ledger.limit(max_current)
        for second, counted in ((-1, 100.0), (0, 100.0), (3600, 400.0), (3601, 400.0)):
            ledger.add(reading(NOON + second, discharged_capacity=counted, charged_energy=0.0))
        assert ledger.totals().discharged_capacity == 100.0 + added


def test_readings_that_waited_in_a_buffer_and_come_at_once_are_all_counted() -> None:
    ledger, battery, time = used("KG-F")
    for _ in range(300):
        battery.flow(1, -90.0)
        ledger.add(battery.reading(time + 300))
    assert_true(ledger, battery, 0.002, 0.1)


def test_a_meter_of_another_family_continues_the_totals() -> None:
    ledger, battery, time = used("KG-F")
    before = ledger.totals()
    tell(ledger, (time + 1, time + 1.5), "KH-F", discharged_energy=7.0, charged_energy=9.0)
    assert ledger.totals() == before
    ledger.add(reading(time + 2, "KH-F", discharged_energy=7.5, charged_energy=9.0))
    assert ledger.totals().discharged_energy == pytest.approx(before.discharged_energy + 0.5)
    assert battery.family == "KG-F"


# Offline


def offline(family: str, counting: str | None = None, *, restart: bool = True) -> tuple[Ledger, MeteredBattery]:
    """Return a ledger that has just come back after 8 hours in which 60 Ah went out and 40 Ah came in."""
    ledger, battery, time = used(family, counting)
    saved = ledger.snapshot()
    battery.step(0.0)
    for current, voltage in ((-15.0, 51.5), (20.0, 53.0)):
        battery.step(current, voltage)
        battery.flow(4 * 3600 if current < 0 else 2 * 3600, current, voltage)
    battery.step(0.0, 52.0)
    battery.flow(2 * 3600, 0.0)
    if restart:
        ledger = Ledger.restore(saved, ZONE)
    confirm(ledger, battery, time + 8 * 3600)
    return ledger, battery


@pytest.mark.parametrize("restart", [True, False])
@pytest.mark.parametrize(
    ("family", "counting"), [("KG-F", None), ("KH-F", None), ("KL-F", "one way"), ("KL-F", "backwards")]
)
def test_hours_offline_are_caught_up_from_the_counters(
    family: str,
    counting: str | None,
    restart: bool,
) -> None:
    ledger, battery = offline(family, counting, restart=restart)
    assert_true(ledger, battery, 1.0, 60.0)
    totals = ledger.totals()
    exact = {
        "KG-F": ("discharged_capacity", "charged_energy"),
        "KH-F": ("discharged_energy", "charged_energy"),
        "KL-F": ("discharged_capacity", "charged_energy"),
    }[family]
    if counting == "backwards":
        exact = ("charged_capacity", "discharged_energy")
    true = dict(zip(("discharged_capacity", "charged_capacity", "discharged_energy", "charged_energy"),
                    (*battery.capacity, *battery.energy), strict=True))  # fmt: skip
    for key in exact:
        # Of a KL-F the counters are trusted after a while, so what they count begins with an integrated part.
        assert getattr(totals, key) == pytest.approx(true[key], abs=0.02 if "capacity" not in key else 0.002)
        assert key not in totals.estimated
    others = set(true) - set(exact)
    assert others <= set(totals.estimated)


def test_charged_capacity_of_a_kg_f_follows_from_what_is_left_where_that_fits() -> None:
    ledger, battery = offline("KG-F")
    assert ledger.totals().charged_capacity == pytest.approx(battery.capacity[1], abs=0.01)


def test_a_state_of_charge_set_by_hand_does_not_count_as_a_charge() -> None:
    ledger, battery, time = used("KG-F")
    before = ledger.totals()
    battery.remaining = 5.0
    ledger.add(battery.reading(time + 3600))
    assert ledger.totals()[:2] == before[:2]


def test_without_counters_the_change_of_what_is_left_is_the_net_flow() -> None:
    ledger, battery, time = used("unknown")
    before = ledger.totals()
    left = battery.remaining
    battery.step(-10.0)
    battery.flow(5 * 3600, -10.0)
    ledger.add(battery.reading(time + 5 * 3600))
    after = ledger.totals()
    assert after.discharged_capacity - before.discharged_capacity == pytest.approx(left - battery.remaining, abs=0.01)
    assert after.discharged_energy - before.discharged_energy == pytest.approx(50.0 * 52.0, abs=1)
    assert after.charged_capacity == before.charged_capacity
    assert set(after.estimated) == {
        "discharged_capacity", "charged_capacity", "discharged_energy", "charged_energy",
        "discharged_energy_today", "charged_energy_today",
    }  # fmt: skip


# Snapshots


@pytest.mark.parametrize(
    ("family", "counting"), [("KG-F", None), ("KH-F", None), ("KL-F", "one way"), ("KL-F", "both")]
)
@pytest.mark.parametrize("at", [1, 30, 500, 1400])
def test_a_restart_within_seconds_changes_nothing(family: str, counting: str | None, at: int) -> None:
    battery = MeteredBattery(family, counting)  # type: ignore[arg-type]
    whole, parted = Ledger(ZONE), Ledger(ZONE)
    time = NOON
    for second in range(1500):
        battery.flow(1, -25.0 if second % 200 < 100 else 31.0)
        time += 1
        whole.add(battery.reading(time))
        parted.add(battery.reading(time))
        if second == at:
            parted = Ledger.restore(parted.snapshot(), ZONE)
    parts = zip(parted.totals()[:-1], whole.totals()[:-1], strict=True)
    # Half of a counter's step may be rounded either way.
    assert all(abs(one - other) <= (0.0101 if counting == "both" else 0) for one, other in parts)
    assert parted.totals().estimated == whole.totals().estimated
    assert trust_in(parted) == trust_in(whole)


def test_a_snapshot_of_nothing_is_a_new_ledger() -> None:
    ledger = Ledger.restore(Ledger(ZONE).snapshot(), ZONE)
    tell(ledger, (NOON, NOON + 1), discharged_capacity=5.0, charged_energy=7.0)
    assert ledger.totals().discharged_capacity == 5.0


def test_a_verdict_on_the_counters_survives_a_restart() -> None:
    for counting, trust in (("one way", "trusted"), ("both", "trusted"), ("nothing", "distrusted")):
        ledger, battery, time = used("KL-F", counting)
        ledger = Ledger.restore(ledger.snapshot(), ZONE)
        ledger.add(battery.reading(time + 1))
        assert trust_in(ledger) == trust


@pytest.mark.parametrize("snapshot", [{}, {"version": 99}, {"version": 1, "sums": "x"}, {"version": None}])
def test_a_snapshot_that_is_none_is_refused_in_one_sentence(snapshot: dict[str, object]) -> None:
    with pytest.raises(DatabaseError) as error:
        Ledger.restore(snapshot, ZONE)
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)


def test_ten_years_of_small_steps_lose_nothing() -> None:
    ledger = Ledger(UTC)
    ledger.add(reading(NOON, "unknown", current=0.01, voltage=12.01))
    ledger._sums.wholes[:] = [10**12] * 4  # a million Ah and Wh
    ledger._sums.midnight[:] = [10**12] * 2
    for second in range(1, 36_001):
        ledger.add(reading(NOON + second, "unknown", current=0.01, voltage=12.01, power=0.1201))
        if second % 10 == 0:
            ledger.totals()
    assert ledger._sums.wholes[1] + ledger._sums.fractions[1] == pytest.approx(10**12 + 0.1 * 1e6, abs=0.01)
    assert ledger._sums.wholes[3] + ledger._sums.fractions[3] == pytest.approx(10**12 + 1.201 * 1e6, abs=0.01)
