"""The simulated battery keeps to physics."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from juntek.simulator.battery import Battery

CURRENTS = st.lists(st.tuples(st.floats(-200, 200), st.floats(1, 30)), max_size=60)


@given(CURRENTS, st.floats(0, 100))
def test_the_charge_that_is_left_changes_by_what_flowed(
    flows: list[tuple[float, float]], state_of_charge: float
) -> None:
    battery = Battery(state_of_charge=state_of_charge)
    start = battery.remaining
    flowed = 0.0
    for current, seconds in flows:
        battery.step(seconds, current)
        flowed += battery.current * seconds / 3600
    assert battery.remaining - start == pytest.approx(flowed, abs=1e-6)


@given(CURRENTS, st.floats(0, 100))
def test_it_is_never_fuller_than_full_nor_emptier_than_empty(
    flows: list[tuple[float, float]], state_of_charge: float
) -> None:
    battery = Battery(capacity=1.0, state_of_charge=state_of_charge)
    for current, seconds in flows:
        battery.step(seconds, current)
        assert 0.0 <= battery.remaining <= battery.capacity


@given(st.floats(0, 100), st.floats(0, 100))
def test_a_fuller_battery_has_no_lower_voltage(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert (
        Battery(state_of_charge=low).open_circuit_voltage()
        <= Battery(state_of_charge=high).open_circuit_voltage() + 1e-9
    )


def test_a_half_full_pack_of_sixteen_cells_rests_at_52_volts() -> None:
    assert Battery(cells=16, state_of_charge=50).voltage == pytest.approx(16 * 3.26, abs=0.02)
    assert Battery(cells=4, state_of_charge=50).voltage == pytest.approx(4 * 3.26, abs=0.01)


def test_the_voltage_falls_under_load_at_once_and_then_slowly_and_comes_back() -> None:
    battery = Battery()
    rested = battery.voltage
    battery.step(1, -100)
    at_once = battery.voltage
    for _ in range(300):
        battery.step(1, -100)
    later = battery.voltage
    battery.step(1, 0)
    released = battery.voltage
    for _ in range(3600):
        battery.step(1, 0)
    assert rested - at_once == pytest.approx(100 * battery.resistance)
    assert later < at_once
    assert later < released < battery.voltage < rested


def test_a_current_that_is_asked_for_a_voltage_gives_this_voltage() -> None:
    battery = Battery()
    battery.step(30, -40)
    battery.step(1, battery.current_at(53.0))
    assert battery.voltage == pytest.approx(53.0)


def test_it_warms_under_a_heavy_current_and_drifts_to_its_surroundings() -> None:
    resting, working = Battery(temperature=20), Battery(temperature=20, state_of_charge=100)
    for _ in range(120):
        resting.step(30, 0, 20)
        working.step(30, -150, 20)
    assert resting.temperature == pytest.approx(20)
    assert 25 < working.temperature < 35
    for _ in range(120 * 24):
        resting.step(30, 0, 5)
    assert resting.temperature == pytest.approx(5, abs=0.2)
