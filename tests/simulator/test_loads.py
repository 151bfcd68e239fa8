"""The load profiles are what they are called, and each way of making the time left is that way."""

from itertools import pairwise

import pytest

from juntek import Bus
from juntek.reading import Reading
from juntek.simulator import Day, Meter, Options, Sample, make_site
from juntek.simulator.registers import TIMES_LEFT, TimeLeft
from juntek.simulator.solar_day import LOADS
from simulator.lines import make_meter, parse_one
from simulator.streams import NOON, READINGS, stream

TIME_LEFT = 10  # place in the numbers of a KG-F and a KH-F


def test_there_are_ten_profiles_and_six_ways() -> None:
    assert (len(LOADS), len(TIMES_LEFT)) == (10, 6)


def signed(load: str) -> list[tuple[float, float]]:
    """Return V and A of each second."""
    fields = [parse_one(frame).fields for _, frame in stream(load, "exact")[1:]]
    return [(numbers[0] / 100, numbers[1] / 100 * (1 if numbers[9] else -1)) for numbers in fields]


def jumps(load: str) -> list[float]:
    return [after - before for (_, before), (_, after) in pairwise(signed(load))]


def test_a_spike_is_there_for_one_second() -> None:
    currents = [current for _, current in signed("spikes")]
    spikes = [at for at in range(1, READINGS - 1) if currents[at] < currents[at - 1] - 20]
    assert len(spikes) > 20
    assert all(currents[at + 1] > currents[at] + 15 for at in spikes)


def test_an_inverter_starts_at_three_times_its_current() -> None:
    whole = signed("inverter")
    starts = [at for at, jump in enumerate(jumps("inverter"), 1) if jump < -60]
    assert len(starts) >= 5
    for at in starts:
        quiet = whole[at - 1][1]
        assert (whole[at][1] - quiet) / (whole[at + 1][1] - quiet) == pytest.approx(3, rel=0.2)


def test_a_starter_takes_400_amperes_for_two_seconds_and_pulls_the_voltage_to_9() -> None:
    turned = [(voltage, current) for voltage, current in signed("starter") if current < -300]
    assert len(turned) % 2 == 0
    assert all(current == pytest.approx(-400, abs=35) for _, current in turned)
    assert all(8.9 < voltage < 9.8 for voltage, _ in turned)


def test_a_microwave_cycles_and_a_brake_charges() -> None:
    assert sum(jump < -15 for jump in jumps("microwave")) > 10
    assert max(current for _, current in signed("regeneration")) > max(current for _, current in signed("steady")) + 20


def test_clouds_hide_the_sun_within_a_second() -> None:
    assert min(jumps("clouds")) < -5 < 5 < max(jumps("clouds"))
    assert max(map(abs, jumps("steady"))) < 2


def test_a_long_step_has_the_charge_of_its_short_ones() -> None:
    day = Day(3, 739_000, load="mixed")
    short = long = 0.0
    for second in range(1, 3601):
        short += sum(part * pulse.amperes for pulse, part in day.pulses(second, 1))
    for second in range(30, 3601, 30):
        long += sum(part * pulse.amperes * 30 for pulse, part in day.pulses(second, 30))
    assert long == pytest.approx(short)
    assert short


def test_a_pack_of_48_volts_starts_no_engine_by_itself_and_one_of_12_does() -> None:
    for cells, lowest in ((16, 40.0), (4, 8.5)):
        site = make_site(Options(cells=cells), NOON)
        voltages = []
        for _ in range(2 * 3600):
            site.advance(1)
            voltages.append(site.meter.numbers()[0] / 100)
        assert min(voltages) > lowest
        assert (min(voltages) < 0.8 * max(voltages)) is (cells == 4)


@pytest.mark.parametrize("model", ["KG140F", "KH140F"])
@pytest.mark.parametrize("load", LOADS)
def test_every_right_reading_is_told(load: str, model: str) -> None:
    for time_left in TIMES_LEFT:
        bus = Bus()
        frames = stream(load, time_left, model=model)
        told = [event for time, frame in frames for event in bus.feed(frame, time) if isinstance(event, Reading)]
        assert len(told) == READINGS, time_left


def minutes(time_left: TimeLeft, currents: list[float]) -> list[int]:
    meter: Meter = make_meter("KG140F", time_left=time_left)
    shown = []
    for current in currents:
        meter.sample(1, Sample(52.0, current, 20.0, 739_000, 0))
        shown.append(meter.numbers()[TIME_LEFT])
    return shown


STEP = [-10.0] * 10 + [-50.0] * 10


def test_the_exact_time_left_steps_with_the_current() -> None:
    assert [value > 400 for value in minutes("exact", STEP)] == [True] * 10 + [False] * 10


def test_a_late_one_steps_one_to_three_seconds_later() -> None:
    assert sum(value > 400 for value in minutes("late", STEP)) in {11, 12, 13}


def test_an_averaged_one_follows_slowly() -> None:
    shown = minutes("averaged", STEP)
    assert shown[9] > shown[10] > shown[12] > shown[19]


def test_one_that_is_off_is_off_by_2_percent() -> None:
    exact, off = minutes("exact", STEP)[0], minutes("off", STEP)[0]
    assert abs(off / exact - 1) == pytest.approx(0.02, abs=0.002)


def test_a_finer_one_knows_what_is_not_shown() -> None:
    assert minutes("exact", [-0.04]) == [0]
    assert minutes("finer", [-0.04]) != [0]


def test_a_stuck_one_moves_every_five_seconds_only() -> None:
    shown = minutes("stuck", [-10.0 - second for second in range(20)])
    moved = [at for at, (before, after) in enumerate(pairwise(shown), 1) if before != after]
    assert [after - before for before, after in pairwise(moved)] == [5] * (len(moved) - 1)
    assert len(moved) >= 3


def test_each_meter_has_a_way_by_its_seed() -> None:
    ways = [Options(seed=seed).time_left_of(0) for seed in range(100)]
    assert set(ways) == set(TIMES_LEFT)
    assert ways == [Options(seed=seed).time_left_of(0) for seed in range(100)]
