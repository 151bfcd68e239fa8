"""The simulated relay opens at the meter's limits and closes again as it is set to."""

import pytest

from juntek.simulator import Meter
from juntek.simulator.meter import Sample
from simulator.lines import make_meter, read, write


def sample(meter: Meter, voltage: float, current: float, temperature: float = 20, *, count: int = 1) -> None:
    for _ in range(count):
        meter.sample(1, Sample(voltage, current, temperature, 739_000, 0))


@pytest.mark.parametrize(
    ("number", "limit", "good", "bad", "status"),
    [
        (20, 5600, (56.0, 1, 20), (56.1, 1, 20), 1),
        (22, 5000, (52.0, -50, 20), (52.0, -51, 20), 2),
        (21, 4800, (48.0, 1, 20), (47.9, 1, 20), 3),
        (23, 5000, (52.0, 50, 20), (52.0, 51, 20), 4),
        (24, 100_000, (50.0, -20, 20), (50.0, -21, 20), 5),
        (25, 160, (50.0, -20, 60), (50.0, -20, 61), 6),
    ],
)
def test_each_limit_trips_with_its_own_status(
    number: int,
    limit: int,
    good: tuple[float, float, float],
    bad: tuple[float, float, float],
    status: int,
) -> None:
    meter = make_meter()
    sample(meter, *bad)
    assert meter.status == 0  # nothing is protected as long as it is switched off
    write(meter, number, limit)
    sample(meter, *good)
    assert read(meter)["output_state"] == 0
    sample(meter, *bad)
    assert not meter.connected
    assert read(meter)["output_state"] == status


def test_a_violation_must_last_longer_than_the_delay() -> None:
    meter = make_meter()
    write(meter, 22, 5000)
    write(meter, 27, 5)
    sample(meter, 52, -60, count=5)
    sample(meter, 52, -40)
    sample(meter, 52, -60, count=5)
    assert meter.status == 0
    sample(meter, 52, -60)
    assert meter.status == 2


def test_it_recovers_after_its_time_when_the_reason_is_gone() -> None:
    meter = make_meter()
    write(meter, 20, 5600)
    write(meter, 26, 10)
    sample(meter, 57, 10)
    sample(meter, 57, 0, count=20)
    assert meter.status == 1
    sample(meter, 55, 0)
    assert meter.status == 0


def test_without_a_recovery_time_it_stays_open_until_it_is_switched_on() -> None:
    meter = make_meter()
    write(meter, 20, 5600)
    sample(meter, 57, 10)
    sample(meter, 55, 0, count=300)
    assert meter.status == 1
    write(meter, 10, 1)
    assert meter.status == 0


def test_the_run_time_stands_still_while_tripped_or_off() -> None:
    meter = make_meter()
    sample(meter, 52, -5, count=10)
    write(meter, 10, 0)
    sample(meter, 52, 0, count=10)
    assert read(meter)["run_time"] == 10
    assert read(meter)["output_state"] == 99
    write(meter, 10, 1)
    sample(meter, 52, -5, count=10)
    assert read(meter)["run_time"] == 20
