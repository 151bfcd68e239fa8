"""What an estimate makes of single events: fulls and what looks like one, gaps, restarts, settings of the meter."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from benchmarks.weeks import FOLDER, Faults, read_trace, readings_of

from juntek.battery import BatteryOptions
from juntek.battery.estimate import Estimate, Estimator
from juntek.battery.estimate.belief import Belief
from juntek.battery.estimate.chemistry import CHEMISTRIES, guess_cells, guess_chemistry
from juntek.errors import ConfigurationError, DatabaseError
from juntek.reading import Reading, Settings, fill_reading

from .test_hand_edited import WEIRD, paths, put

Step = tuple[float, float, float]
"""Minutes, V at the end of it, A."""


def readings(steps: list[Step], *, capacity: float = 100.0, left: float = 50.0, voltage: float = 13.2) -> list[Reading]:
    """Return readings at every 10 s of a battery whose voltage goes straight from one step to the next."""
    made: list[Reading] = []
    time = 1_790_000_000.0
    for minutes, end, current in steps:
        count = round(minutes * 6)
        for place in range(count):
            time += 10
            left = min(max(left + current / 360, 0.0), capacity)
            volts = voltage + (end - voltage) * (place + 1) / count
            values = {"time": time, "voltage": round(volts, 2), "current": current, "nominal_capacity": capacity}
            made.append(fill_reading(**values, remaining_capacity=round(left, 3)))
        voltage = end
    return made


def events(estimator: Estimator, given: list[Reading]) -> list[str]:
    return [event for event in map(estimator.add, given) if event]


def battery(chemistry: str = "lifepo4", cells: int = 4) -> Estimator:
    return Estimator(BatteryOptions(chemistry=chemistry, cells=cells))  # type: ignore[arg-type]


def after(given: list[Reading], estimator: Estimator | None = None) -> Estimator:
    estimator = estimator or battery()
    events(estimator, given)
    return estimator


def believed(estimator: Estimator) -> Estimate:
    now = estimator.estimate()
    assert now is not None
    return now


def state(estimator: Estimator) -> float:
    return believed(estimator).state_of_charge


def restarted(estimator: Estimator) -> Estimator:
    return Estimator.restore(json.loads(json.dumps(estimator.snapshot())), estimator.pack.options)


CHARGE: list[Step] = [(60.0, 14.0, 20.0), (10.0, 14.2, 20.0), (5.0, 14.2, 8.0), (8.0, 14.2, 1.0)]
LEAD_CHARGE: list[Step] = [(60.0, 14.4, 20.0), *[(30.0, 14.4, 20.0 * 0.6**step) for step in range(1, 8)]]
WEAK_SUN: list[Step] = [
    (60.0, 14.5, 20.0), (2.0, 14.25, 1.5), (20.0, 14.22, 1.5), (5.0, 14.5, 20.0), (3.0, 14.3, 1.0)
]  # fmt: skip


def test_a_charge_that_ends_at_the_charged_voltage_is_a_full() -> None:
    estimator = battery()
    assert events(estimator, readings(CHARGE)) == ["full"]
    assert state(estimator) > 99


@pytest.mark.parametrize(
    ("charge", "fulls"),
    [
        ([(10.0, 14.2, 20.0), *[(30.0, 14.2, 1.0), (5.0, 14.2, 6.0)] * 4], 1),
        ([(60.0, 14.3, 30.0), (1.0, 13.7, 1.0), (30.0, 13.4, 1.0), (60.0, 13.3, 0.0)], 0),
        ([(10.0, 14.2, 20.0), (2.0, 14.2, 1.0), (5.0, 13.5, -5.0), (60.0, 13.3, -1.0)], 0),
    ],
    ids=["one charge is one full", "a load that ends a charge is none", "a high voltage for a moment is none"],
)
def test_a_full_is_where_a_charge_ends_by_itself(charge: list[Step], fulls: int) -> None:
    assert events(battery(), readings(charge)).count("full") == fulls


@pytest.mark.parametrize(
    ("charge", "fulls"), [(LEAD_CHARGE, 1), (WEAK_SUN, 0)], ids=["a tail current that falls", "weak sun or a load"]
)
@pytest.mark.parametrize("chemistry", ["flooded", "agm", "gel"])
def test_lead_is_full_where_the_tail_current_falls_while_the_voltage_stays(
    chemistry: str, charge: list[Step], fulls: int
) -> None:
    assert events(battery(chemistry, 6), readings(charge, left=70.0)).count("full") == fulls


@pytest.mark.parametrize(("chemistry", "cells", "volts"), [("agm", 6, 13.6), ("lifepo4", 4, 13.3)])
def test_what_flows_in_on_float_is_not_held_to_be_stored(chemistry: str, cells: int, volts: float) -> None:
    given = readings([*LEAD_CHARGE, (5 * 24 * 60.0, volts, 0.4), (300.0, volts - 1, -10.0)], left=70.0)
    assert state(after(given, battery(chemistry, cells))) < 55


@pytest.mark.parametrize("chemistry", ["flooded", "agm", "gel"])
def test_the_surface_charge_of_lead_after_a_broken_charge_says_nothing(chemistry: str) -> None:
    given = readings([(60.0, 14.2, 20.0), (1.0, 13.6, 0.0), (180.0, 13.3, 0.0)], left=30.0)
    assert 45 < state(after(given, battery(chemistry, 6))) < 55


def test_a_low_voltage_under_a_large_load_says_nothing_and_at_rest_it_does() -> None:
    estimator = battery()
    assert events(estimator, readings([(30.0, 12.2, -50.0)])) == []
    assert state(estimator) == pytest.approx(25, abs=3)
    estimator = battery()
    assert "empty" in events(estimator, readings([(60.0, 11.2, -2.0), (90.0, 11.2, 0.0)]))
    assert state(estimator) < 8


@pytest.mark.parametrize("wrong", [-0.15, 0.15])
def test_a_battery_that_stays_low_for_days_is_known_to_while_the_zero_drifts(wrong: float) -> None:
    estimator = battery()
    told = events(estimator, readings([(60.0, 12.2, -5.0), (8 * 1440.0, 12.2, wrong)]))
    assert state(estimator) == pytest.approx(12, abs=3.5)
    assert believed(estimator).state_of_charge_uncertainty > 1.5
    assert len(told) < 15


def test_a_percentage_that_is_set_in_the_meter_moves_nothing() -> None:
    given = readings([(60.0, 13.2, -10.0)])
    shifted = [reading._replace(remaining_capacity=reading.remaining_capacity + 30) for reading in given[180:]]
    assert state(after([*given[:180], *shifted])) == pytest.approx(state(after(given)), abs=0.1)


def test_a_gap_is_counted_by_the_meter_and_makes_less_sure() -> None:
    charge = [(10.0, 14.2, 20.0), (10.0, 14.2, 1.0)]
    given = readings([*charge, (10.0, 13.2, -10.0), (600.0, 13.1, -5.0), (5.0, 13.1, -5.0)], left=90.0)
    before, now = believed(after(given[:180])), believed(after(given[:180] + given[-30:]))
    assert before.state_of_charge - now.state_of_charge == pytest.approx(50, abs=3)
    assert now.state_of_charge_uncertainty > before.state_of_charge_uncertainty


def test_over_a_gap_a_meter_at_zero_counts_what_flows_in() -> None:
    given = readings([(120.0, 12.2, -5.0), (240.0, 13.2, 10.0), (5.0, 13.2, 0.0)], left=8.0)
    assert given[719].remaining_capacity == 0
    assert state(after(given[:720] + given[-30:])) - state(after(given[:720])) == pytest.approx(40, abs=3)


def test_a_charge_that_is_cut_off_before_its_tail_tells_the_charge_and_is_no_full() -> None:
    estimator = battery()
    given = readings([(60.0, 14.0, 20.0), (2.0, 14.2, 20.0), (5.0, 14.2, 8.0), (30.0, 13.3, -5.0)], left=20.0)
    assert events(estimator, given) == ["synchronised"]
    assert state(estimator) == pytest.approx(96.5, abs=1.5)


@pytest.mark.parametrize("step", [0.1, 1.0])
@pytest.mark.parametrize("seconds", [1, 10])
def test_a_meter_that_tells_its_count_in_large_steps_is_followed(step: float, seconds: int) -> None:
    given = readings([(600.0 / seconds, 13.2, -10.0)], left=80.0)
    coarse = [
        reading._replace(
            time=1.79e9 + place * seconds, remaining_capacity=step * round((80 - place * seconds / 360) / step)
        )
        for place, reading in enumerate(given)
    ]
    first = state(after(coarse[:1]))
    assert state(after(coarse)) == pytest.approx(first - len(given) * seconds / 360, abs=step + 0.2)


def test_a_hung_meter_that_says_the_same_again_and_again_takes_no_charge_away() -> None:
    given = readings([(10.0, 13.2, -20.0)], left=80.0)
    hung = [given[-1]._replace(time=given[-1].time + 10 * place) for place in range(1, 720) if given[-1].time]
    assert state(after(given + hung)) == pytest.approx(state(after(given)), abs=2.5)


def test_a_small_load_on_a_battery_that_was_just_taken_off_its_charger_is_no_zero_offset() -> None:
    charge = [(60.0, 14.0, 20.0), (5.0, 14.2, 20.0), (5.0, 14.2, 1.0), (3.0, 13.9, -0.3), (40.0, 13.89, -0.3)]
    assert after(readings(charge, left=80.0)).describe()["zero_offset"] == pytest.approx(0.03, abs=0.03)


def test_over_a_gap_in_a_log_that_does_not_say_what_is_left_anything_may_have_flowed() -> None:
    charge = [(10.0, 14.2, 20.0), (10.0, 14.2, 1.0), (600.0, 13.2, -1.0), (5.0, 13.2, -1.0)]
    given = [reading._replace(remaining_capacity=math.nan) for reading in readings(charge)]
    assert believed(after(given[:125])).state_of_charge_uncertainty < 5
    assert believed(after(given[:125] + given[-30:])).state_of_charge_uncertainty > 50


def test_a_voltage_of_nothing_is_a_wire_that_has_come_off() -> None:
    given = readings([(30.0, 13.2, -1.0)])
    off = [reading._replace(time=(reading.time or 0) + 1800, voltage=0.0) for reading in given]
    assert state(after([*given, *off])) == pytest.approx(state(after(given)), abs=1)


def test_a_moment_of_a_large_current_is_counted_by_the_meter() -> None:
    given = readings([(60.0, 13.2, -1.0)], left=50.0)
    spike = given[180]._replace(current=-300.0)
    assert state(after([*given[:180], spike, *given[181:]])) == pytest.approx(state(after(given)), abs=0.05)


def test_a_charge_from_empty_to_full_teaches_that_a_battery_holds_more_than_was_typed_in() -> None:
    charge = [(600.0, 13.3, 10.0), (60.0, 13.6, 6.8), (20.0, 14.2, 5.0), (10.0, 14.2, 1.0)]
    given = readings([(60.0, 10.4, -2.0), (90.0, 10.4, 0.0), *charge], left=5.0, voltage=10.4)
    assert after(given).describe()["usable_capacity"] == pytest.approx(108, abs=2)


def test_another_battery_after_a_gap_is_not_believed_to_be_as_full() -> None:
    given = readings([(60.0, 14.0, 20.0), (15.0, 14.2, 20.0), (10.0, 14.2, 1.0), (300.0, 13.3, -1.0)])
    other = given[-1]._replace(time=(given[-1].time or 0) + 7200, voltage=12.1, remaining_capacity=20.0)
    assert believed(after(given)).state_of_charge_uncertainty < 20
    assert believed(after([*given, other])).state_of_charge_uncertainty > 20


def test_an_anchor_that_is_a_surprise_tells_the_state_of_charge_and_leaves_all_else_as_sure() -> None:
    belief = Belief(1.0, 100.0, 0.08, 0.0, 0.03)
    for net, state in ((-90.0, 0.1), (90.0, 1.0), (-60.0, 0.4), (10.0, 0.05)):
        belief.advance(net, max(net, 0.0), 24.0, 0.0)
        before = [list(row) for row in belief.errors]
        belief.anchor(state, 0.01)
    told = [row[0] - 0.95 * row[2] for row in belief.errors]
    assert told == pytest.approx([(0.01 * belief.capacity) ** 2, 0.0, 0.0, 0.0], abs=1e-9)
    assert [row[1:] for row in belief.errors[2:]] == [row[1:] for row in before[2:]]


def test_a_shunt_turned_round_makes_no_capacity_of_less_than_nothing() -> None:
    belief = Belief(0.5, 100.0, 0.4, 0.0, 0.03)
    for net, state in ((-42.0, 0.05), (-21.0, 0.98)):
        belief.advance(net, 0.0, 24.0, 0.0)
        before = belief.capacity
        belief.anchor(state, 0.01)
    assert belief.capacity == before > 50
    assert belief.look(0.0, 0.0, 0.0).state == pytest.approx(0.98)


def test_nothing_is_lost_over_a_restart() -> None:
    trace = read_trace(next(FOLDER.glob("boat-*.csv.xz")))
    given = readings_of(trace, Faults.of(1, trace.capacity))[:20_000]
    whole, first = after(given, Estimator()), after(given[:12_345], Estimator())
    assert after(given[12_345:], restarted(first)).describe() == pytest.approx(whole.describe(), nan_ok=True)


@pytest.mark.parametrize(("current", "left"), [(20.0, 100.0), (-20.0, 0.0)])
def test_what_a_meter_that_was_set_wrong_leads_to_is_restored_too(current: float, left: float) -> None:
    estimator = after(readings([(600.0, 13.2, current)], left=left))
    assert restarted(estimator).describe() == estimator.describe()


EARLIER = json.loads((Path(__file__).parents[1] / "fixtures" / "estimate_version_1.json").read_text())


@pytest.mark.parametrize("name", EARLIER)
def test_what_an_earlier_version_has_learnt_is_taken_up(name: str) -> None:
    saved = EARLIER[name]
    restored = Estimator.restore(saved["snapshot"])
    assert restored.describe() == saved["described"]
    assert restarted(restored).describe() == saved["described"]


@pytest.mark.parametrize("name", EARLIER)
def test_whatever_a_hand_writes_into_what_an_earlier_version_has_learnt_is_refused_or_goes_on(name: str) -> None:
    for path in paths(EARLIER[name]["snapshot"]):
        for new in WEIRD:
            with suppress(DatabaseError):
                events(Estimator.restore(put(EARLIER[name]["snapshot"], path, new)), readings([(1.0, 13.2, -5.0)]))


def test_before_a_full_was_seen_what_is_counted_beyond_it_is_nothing() -> None:
    given = readings([(240.0, 13.2, 20.0), (120.0, 13.1, -20.0)], left=100.0)
    assert state(after(given)) == pytest.approx(60, abs=4)


def test_what_a_newer_version_has_learnt_is_refused_and_so_is_rubbish() -> None:
    snapshot = Estimator().snapshot()
    all_wrong: list[Any] = [snapshot | {"version": 99}, {"version": 1}, {}, [], None, "x", 7]
    for wrong in all_wrong:
        with pytest.raises(DatabaseError):
            Estimator.restore(wrong)


@pytest.mark.parametrize("minutes", [0.2, 120.0])
def test_whatever_a_hand_writes_into_what_was_learnt_is_refused_or_goes_on(minutes: float) -> None:
    steps = [
        (minutes, 13.2, -10.0),
        *[(1.0, 13.1, -20.0), (1.0, 13.2, -10.0)] * 6,
        (10.0, 14.2, 5.0),
        (30.0, 14.2, 0.2),
    ]
    given, refused = readings(steps, left=60.0), 0
    good = json.loads(json.dumps(after(given[:-60]).snapshot()))
    for path in paths(good):
        for new in (*WEIRD, -1e5, 1e7):
            try:
                estimator = Estimator.restore(put(good, path, new))
            except DatabaseError:
                refused += 1
                continue
            for reading in given[-60::7]:
                estimator.add(reading)
                now = believed(estimator)
                assert 0 <= now.state_of_charge <= 100
                assert 0 <= now.state_of_charge_uncertainty <= 100
            json.dumps((estimator.describe(), estimator.snapshot()), allow_nan=False)
    assert refused > 1000


def test_a_reading_without_a_time_changes_nothing() -> None:
    given = readings([(10.0, 13.2, -10.0)])
    estimator = after(given)
    before = estimator.describe()
    estimator.add(given[-1]._replace(time=None, remaining_capacity=3.0))
    assert estimator.describe() == before


def test_before_anything_was_seen_it_says_how_little_it_knows() -> None:
    assert believed(after(readings([(1.0, 13.2, -1.0)], left=100.0))).state_of_charge_uncertainty > 40


@pytest.mark.parametrize(
    ("voltage", "chemistry", "cells"),
    [(13.2, "lifepo4", 4), (26.4, "lifepo4", 8), (52.6, "lifepo4", 16), (12.3, "agm", 6), (24.8, "agm", 12)],
)
def test_chemistry_and_cells_are_guessed_from_the_voltage(voltage: float, chemistry: str, cells: int) -> None:
    found = guess_chemistry(voltage)
    assert (found.name, guess_cells(found, voltage)) == (chemistry, cells)


@pytest.mark.parametrize(("voltage", "cells"), [(39.6, 12), (48.3, 15), (49.8, 15), (51.0, 16), (53.0, 16)])
def test_fifteen_cells_are_told_from_sixteen_on_the_flat_of_their_curve(voltage: float, cells: int) -> None:
    assert guess_cells(CHEMISTRIES["lifepo4"], voltage) == cells


@pytest.mark.parametrize(
    ("first", "volts", "label"),
    [
        (49.4, 52.6, "LiFePO4, 16 cells, guessed from the voltage"),
        (52.8, 49.4, "LiFePO4, 15 cells, guessed from the voltage"),
    ],
)
def test_a_wrong_number_of_cells_is_found_out_when_the_battery_is_discharged(
    first: float, volts: float, label: str
) -> None:
    given = readings([(60.0, first, 20.0), (5.0, volts, -20.0), (60.0, volts, -20.0)], voltage=first)
    assert after(given, Estimator(BatteryOptions(chemistry="lifepo4"))).pack.label == label


def test_lead_that_was_taken_for_lithium_is_found_out_when_it_is_low_soon_after_a_full() -> None:
    given = readings([(5.0, 13.2, 2.0), *LEAD_CHARGE, (300.0, 12.4, -3.0), (60.0, 12.3, -3.0)], left=70.0)
    assert after(given, Estimator()).pack.label == "AGM, 6 cells, guessed from the voltage"


@pytest.mark.parametrize("row", CHEMISTRIES.values(), ids=lambda row: row.name)
def test_curves_rise(row: object) -> None:
    for curve in (row.low, row.high):  # type: ignore[attr-defined]
        assert all(before[0] < after[0] and before[1] <= after[1] for before, after in pairwise(curve))


@pytest.mark.parametrize(("full_voltage", "fulls"), [(14.4, 0), (14.1, 1), (5.0, 1), (None, 1)])
def test_what_a_meter_is_set_to_says_what_full_is_unless_it_makes_no_sense(
    full_voltage: float | None, fulls: int
) -> None:
    estimator, charge = battery(), readings(CHARGE)
    settings = Settings(address=1, family="KH-F", nominal_capacity=100.0, full_voltage=full_voltage)
    estimator.add(charge[0])
    estimator.hear(settings)
    assert events(estimator, charge[1:]).count("full") == fulls


def test_a_value_out_of_range_names_its_key() -> None:
    with pytest.raises(ConfigurationError, match=r"meters\.battery\.tail_current"):
        BatteryOptions(tail_current=50.0)


def test_the_owner_has_the_last_word_on_the_capacity() -> None:
    estimator = after(readings([(10.0, 13.2, -10.0)]), Estimator(BatteryOptions(usable_capacity=90.0)))
    assert believed(estimator).usable_capacity == pytest.approx(90, abs=0.5)


@pytest.mark.parametrize(("chemistry", "cells"), [("lifepo4", 4), ("agm", 6), ("nmc", 4), ("lto", 6)])
def test_an_alarming_voltage_is_counted_once_until_it_is_back(chemistry: str, cells: int) -> None:
    low, high = (volts * cells for volts in CHEMISTRIES[chemistry].safe)
    usual = CHEMISTRIES[chemistry].nominal * cells
    dips: list[Step] = [(1, low - 0.05, -20), (2, low + 0.05, -20), (2, low - 0.05, -20), (3, usual, 0), (2, usual, 0)]
    peaks: list[Step] = [(1, high + 0.05, 5), (2, high - 0.05, 5), (2, high + 0.05, 5), (3, usual, 0), (2, usual, 0)]
    estimator = after(readings(dips * 2 + peaks, voltage=usual), battery(chemistry, cells))
    told = estimator.describe()
    assert (told["low_voltage_alarms"], told["high_voltage_alarms"]) == (2, 1)
    assert restarted(estimator).describe()["low_voltage_alarms"] == 2


def test_a_short_dip_is_the_lowest_voltage() -> None:
    given = readings([(5, 13.2, -1), (1 / 6, 10.5, -90), (1 / 6, 13.2, -1), (5, 13.2, -1)])
    assert after(given).describe()["minimum_voltage"] == 10.5


def test_the_life_of_a_battery_is_counted() -> None:
    cycle = [(120.0, 13.2, -20.0), (110.0, 13.9, 20.0), (10.0, 14.2, 20.0), (20.0, 14.2, 1.0)]
    told = after(readings(cycle * 3, left=100.0)).describe()
    assert told["synchronisations"] == 3
    assert told["cumulative_discharge"] == pytest.approx(120, rel=0.02)
    assert told["cycles"] == pytest.approx(1.2, abs=0.1)
    assert told["deepest_discharge"] == pytest.approx(40, abs=4)
    assert (told["minimum_voltage"], told["maximum_voltage"]) == pytest.approx((13.2, 14.2), abs=0.2)
