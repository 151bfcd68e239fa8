"""Battery, day and meter together: what the meter counts is what has flowed."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from juntek.simulator import Options, make_site
from simulator.lines import read, write

MIDNIGHT = datetime(2025, 6, 1, tzinfo=UTC)


@settings(max_examples=10)
@given(st.integers(0, 10_000), st.sampled_from([1, 5, 30]))
def test_the_counters_are_the_integrals_of_the_current_and_the_power(seed: int, step: int) -> None:
    site = make_site(Options(seed=seed, models=("KH140F",)), MIDNIGHT + timedelta(hours=6))
    start, moved = site.battery.remaining, 0.0
    into = out = 0.0
    for _ in range(7200 // step):
        site.advance(step, step)
        hours = step / 3600
        moved += site.battery.current * hours
        power = site.battery.voltage * site.battery.current
        into += max(power, 0.0) * hours
        out += max(-power, 0.0) * hours
    counters = site.meter.counters
    assert site.battery.remaining - start == pytest.approx(moved, abs=1e-6)
    assert counters.remaining_capacity == pytest.approx(site.battery.remaining, abs=1e-6)
    assert counters.charged_capacity - counters.discharged_capacity == pytest.approx(moved, abs=1e-6)
    assert counters.charged_energy == pytest.approx(into, abs=1e-6)
    assert counters.discharged_energy == pytest.approx(out, abs=1e-6)
    assert read(site.meter)["discharged_energy"] == pytest.approx(out * 100, abs=1)


def test_at_the_charge_voltage_the_current_tapers_to_nothing_and_nothing_overshoots() -> None:
    site = make_site(Options(seed=2, state_of_charge=97, load="steady"), MIDNIGHT + timedelta(hours=12))
    held: list[float] = []
    for _ in range(3 * 3600):
        site.advance(1)
        assert site.battery.voltage <= site.battery.charge_voltage + 1e-6
        assert site.battery.remaining <= site.battery.capacity
        if site.battery.voltage > site.battery.charge_voltage - 0.001:
            held.append(site.battery.current)
    assert held[0] > 5
    assert held[-1] < 0.2


@pytest.mark.parametrize("step", [1, 10, 30])
def test_many_days_neither_overshoot_nor_stand_still(step: int) -> None:
    site = make_site(Options(seed=2), MIDNIGHT)
    charges = []
    for _ in range(144 * min(2 * step, 30)):
        site.advance(600, step)
        charges.append(site.battery.state_of_charge)
        assert 2.4 * 16 < site.battery.voltage <= site.battery.charge_voltage + 1e-6
        assert 0 <= charges[-1] <= 100
    assert max(charges) > 99
    assert min(charges) < 60


def test_an_empty_battery_is_left_alone_until_the_sun_has_charged_it() -> None:
    site = make_site(Options(seed=1, state_of_charge=1), MIDNIGHT)
    site.advance(3600)
    assert site.battery.current == 0
    site.advance(12 * 3600)
    assert site.battery.state_of_charge > 10


def test_switching_the_output_off_disconnects_everything_and_on_connects_it_again() -> None:
    site = make_site(Options(), MIDNIGHT)
    site.advance(10)
    assert read(site.meter)["current"] > 0
    write(site.meter, 10, 0)
    site.advance(10)
    assert (read(site.meter)["current"], read(site.meter)["run_time"]) == (0, 10)
    write(site.meter, 10, 1)
    site.advance(10)
    assert read(site.meter)["current"] > 0
    assert read(site.meter)["run_time"] == 20


def test_where_no_relay_is_fitted_an_output_that_is_off_switches_nothing() -> None:
    site, fitted = make_site(Options(), MIDNIGHT), make_site(Options(), MIDNIGHT)
    site.meter.output = site.meter.has_relay = fitted.meter.output = False
    site.advance(10)
    assert read(site.meter)["output_state"] == 99
    assert read(site.meter)["current"] > 0
    fitted.advance(10)
    assert read(fitted.meter)["current"] == 0


def test_between_two_seconds_the_registers_stand_still() -> None:
    site = make_site(Options(), MIDNIGHT)
    site.advance(5)
    before = site.meter.numbers()
    site.advance(0.6)
    assert site.meter.numbers() == before
    site.advance(0.6)
    assert site.meter.numbers() != before


def test_the_clock_of_a_kh_goes_over_midnight() -> None:
    site = make_site(Options(models=("KH140F",)), datetime(2025, 12, 31, 23, 59, 58, tzinfo=UTC))
    assert (read(site.meter)["date"], read(site.meter)["clock"]) == (251231, 235958)
    site.advance(3)
    assert (read(site.meter)["date"], read(site.meter)["clock"]) == (260101, 1)


def test_a_small_battery_gets_a_small_house() -> None:
    site = make_site(Options(models=("KG110F",), cells=4, capacity=100), MIDNIGHT)
    site.advance(3600)
    assert 11 < site.battery.voltage < 14.5
    assert 0 < abs(site.battery.current) < 30
