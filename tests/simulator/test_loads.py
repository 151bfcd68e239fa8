"""The load profiles are what they are called, and each right reading of them is told."""

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise

import pytest

from juntek import Bus
from juntek.reading import Reading
from juntek.simulator import Options, history, make_site
from juntek.simulator.solar_day import LOADS, Day
from simulator.lines import parse_one

READINGS = 1200
NOON = datetime(2025, 6, 21, 12, tzinfo=UTC)


@cache
def stream(load: str, model: str = "KG140F") -> list[tuple[float, bytes]]:
    """Return an `r51` and then an `r50` each second, with their times in seconds since 1970."""
    options = Options(models=(model,), load=load, cells=4 if load == "starter" else 16)
    return list(history(options, NOON, NOON + timedelta(seconds=READINGS), 1, settings_every=READINGS))


def signed(load: str) -> list[tuple[float, float]]:
    """Return V and A of each second."""
    fields = [parse_one(frame).fields for _, frame in stream(load)[1:]]
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
    bus = Bus()
    frames = stream(load, model)
    told = [event for time, frame in frames for event in bus.feed(frame, time) if isinstance(event, Reading)]
    assert len(told) == READINGS
