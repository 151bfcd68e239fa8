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


def protected(settings: dict[int, int]) -> Meter:
    meter = make_meter()
    for number, value in settings.items():
        write(meter, number, value)
    return meter


def test_a_violation_must_last_longer_than_the_delay() -> None:
    meter = protected({22: 5000, 27: 5})
    sample(meter, 52, -60, count=5)
    sample(meter, 52, -40)
    sample(meter, 52, -60, count=5)
    assert meter.status == 0
    sample(meter, 52, -60)
    assert meter.status == 2


@pytest.mark.parametrize(("recovery", "status"), [(10, 0), (0, 1)])
def test_it_recovers_after_its_time_when_the_reason_is_gone_or_when_it_is_switched_on(
    recovery: int, status: int
) -> None:
    meter = protected({20: 5600, 26: recovery})
    sample(meter, 57, 10)
    sample(meter, 57, 0, count=20)
    assert meter.status == 1
    sample(meter, 55, 0, count=300 if status else 1)
    assert meter.status == status
    write(meter, 10, 1)
    assert meter.status == 0


def test_the_run_time_stands_still_while_off() -> None:
    meter = make_meter()
    for output, status in ((1, 0), (0, 99), (1, 0)):
        write(meter, 10, output)
        sample(meter, 52, -5, count=10)
        assert read(meter)["output_state"] == status
    assert read(meter)["run_time"] == 20
