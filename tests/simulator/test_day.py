"""A simulated day is the same for the same seed, and looks like a day."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from juntek.simulator.solar_day import Day

ORDINAL = 739_000


def flows(seed: int, ordinal: int = ORDINAL) -> list[tuple[float, float, float]]:
    day = Day(seed, ordinal)
    return [day.flow(second) for second in range(0, 86_400, 60)]


def test_the_same_seed_and_date_are_the_same_day_and_others_are_not() -> None:
    assert flows(7) == flows(7)
    assert flows(7) != flows(8)
    assert flows(7) != flows(7, ORDINAL + 1)


@given(st.integers(0, 1000), st.floats(0, 86_399.99))
def test_no_sun_nor_load_is_ever_negative_or_beyond_the_house(seed: int, second: float) -> None:
    sun, load, surroundings = Day(seed, ORDINAL).flow(second)
    assert 0 <= sun <= 3800
    assert 250 < load < 12_000
    assert 5 < surroundings < 30


def test_the_sun_shines_by_day_only() -> None:
    day = Day(1, ORDINAL)
    assert day.flow(2 * 3600).sun == 0 == day.flow(23 * 3600).sun
    assert all(day.flow(hour * 3600).sun > 0 for hour in range(8, 19))


def test_clouds_make_some_days_yield_much_less_than_others() -> None:
    yields = [sum(sun for sun, _, _ in flows(1, ORDINAL + day)) / 60_000 for day in range(30)]
    assert min(yields) < 0.6 * max(yields)
    assert 5 < sum(yields) / 30 < 30  # kWh


def test_the_fridge_goes_on_and_off_and_the_kettle_makes_peaks() -> None:
    loads = [load for _, load, _ in flows(3)]
    jumps = [abs(after - before) for before, after in pairwise(loads)]
    assert max(loads) > 2000
    assert sum(jump > 60 for jump in jumps) > 40


def test_size_scales_panels_and_loads() -> None:
    whole, tenth = Day(5, ORDINAL).flow(50_000), Day(5, ORDINAL, 0.1).flow(50_000)
    assert round(tenth.sun * 10, 6) == round(whole.sun, 6)
    assert round(tenth.load * 10, 6) == round(whole.load, 6)
