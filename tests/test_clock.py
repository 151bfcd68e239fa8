"""The times of a meter's readings: grow strictly, or are none, or begin again where a wrong clock was set back."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from juntek.clock import CLOCK_END, CLOCK_SET, LONGEST_LEAD, SMALL_STEP, Clock

NOON = 1_780_000_000.0


def test_a_reading_has_its_time_and_what_has_gone_by_since_the_one_before() -> None:
    clock = Clock()
    assert clock.judge(NOON, 50.0) == (NOON, None)
    assert clock.judge(NOON + 1.0, 51.0) == (NOON + 1.0, 1.0)


@pytest.mark.parametrize("time", [0.0, 40.0, CLOCK_SET - 1, CLOCK_END, 1e30, -5.0, float("nan"), float("inf")])
def test_a_clock_that_was_never_set_tells_no_time_and_seconds_go_on(time: float) -> None:
    clock = Clock()
    assert clock.judge(time, 50.0) == (None, None)
    assert clock.judge(time, 53.0) == (None, 3.0)
    assert clock.judge(NOON, 54.0) == (NOON, 1.0)


@pytest.mark.parametrize("back", [1.5, 3600.0, 86_400.0, 3e8])
def test_a_clock_that_was_wrong_and_is_set_back_is_right_at_once(back: float) -> None:
    clock = Clock()
    clock.judge(NOON + back, 50.0)
    assert clock.judge(NOON, 51.0) == (NOON, 1.0)
    assert clock.judge(NOON + 1, 52.0) == (NOON + 1, 1.0)


def test_many_small_steps_back_are_not_held_up_for_long() -> None:
    clock = Clock()
    told = [clock.judge(NOON - 0.9 * step, 50.0 + step)[0] for step in range(1000)]
    assert all(time is not None and time - (NOON - 0.9 * step) <= LONGEST_LEAD for step, time in enumerate(told))


def test_a_reading_that_is_told_late_takes_no_seconds_twice() -> None:
    clock = Clock()
    assert [clock.judge(None, moment)[1] for moment in (50.0, 53.0, 52.0, 54.0)] == [None, 3.0, 0.0, 1.0]


def test_a_recording_keeps_its_own_times_however_old() -> None:
    clock = Clock()
    assert [clock.judge(time, None) for time in (1000.0, 1002.0, 500.0, None, 501.0)] == [
        (1000.0, None), (1002.0, 2.0), (500.0, None), (None, None), (501.0, None),
    ]  # fmt: skip


@given(st.lists(st.tuples(st.floats(-2e8, 2e8), st.floats(0, 100)), max_size=40))
def test_times_grow_strictly_but_where_a_clock_was_set_back_and_seconds_add_up(
    steps: list[tuple[float, float]],
) -> None:
    clock, time, moment = Clock(), NOON, 7.0
    told, seconds, came = [], 0.0, []
    for step, gone in steps:
        time, moment = time + step, moment + gone
        judged, elapsed = clock.judge(time, moment)
        seconds += elapsed or 0.0
        if judged is not None:
            told.append(round(1000 * judged))
            came.append(time)
    assert seconds == pytest.approx(sum(gone for _, gone in steps[1:]))
    for (before, after), (earlier, later) in zip(pairwise(told), pairwise(came), strict=True):
        assert after > before or later < earlier - SMALL_STEP or later < before / 1000 - LONGEST_LEAD + 0.001
