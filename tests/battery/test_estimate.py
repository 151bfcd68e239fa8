"""The state of charge over weeks of an independent battery model, seen through meters with faults."""

from __future__ import annotations

import pytest
from benchmarks.charge import LIMITS
from benchmarks.weeks import FOLDER, Faults, Outcome, Trace, judge, read_trace

METERS = (3, 8)
"""Seeds of the faults."""


@pytest.fixture(scope="module", params=[(kind, seed) for kind in LIMITS for seed in METERS], ids=str)
def weeks(request: pytest.FixtureRequest) -> tuple[str, Outcome]:
    kind, seed = request.param
    trace = trace_of(kind)
    return kind, judge(trace, Faults.of(seed, trace.capacity))


def trace_of(kind: str) -> Trace:
    (path,) = FOLDER.glob(f"{kind}-*.csv.xz")
    return read_trace(path)


def test_the_estimate_is_as_true_as_is_promised_once_fulls_and_a_low_point_were_seen(
    weeks: tuple[str, Outcome],
) -> None:
    kind, outcome = weeks
    usual, worst = outcome.estimate.half
    assert (usual, worst) <= LIMITS[kind]
    assert worst <= LIMITS[kind][1]


def test_from_the_first_full_on_it_is_no_worse_than_a_smartshunt(weeks: tuple[str, Outcome]) -> None:
    assert weeks[1].estimate.whole[0] <= weeks[1].rule.whole[0]


def test_the_truth_lies_within_the_uncertainty_95_times_of_100(weeks: tuple[str, Outcome]) -> None:
    assert weeks[1].within >= 0.95


def test_no_full_is_a_false_one(weeks: tuple[str, Outcome]) -> None:
    assert weeks[1].false_fulls == 0


def test_capacity_zero_offset_and_resistance_are_learnt_in_weeks(weeks: tuple[str, Outcome]) -> None:
    outcome = weeks[1]
    assert abs(outcome.capacity) <= 0.03
    assert abs(outcome.offset) <= 0.02
    assert abs(outcome.resistance) <= 0.10
