"""Whatever a believed stream brings, no total steps back, and the meter's counters come out exactly."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from juntek.battery.ledger import Ledger
from juntek.reading import Reading
from metered import MeteredBattery, reading, trust_in

ZONE = ZoneInfo("Europe/Amsterdam")
START = 1_780_000_000.0
EPSILON = 1e-9

times = st.one_of(
    st.floats(0, 120).map(lambda seconds: ("after", seconds)),
    st.floats(-1e6, 1e6).map(lambda seconds: ("after", seconds)),
    st.floats(0, 3e9).map(lambda seconds: ("at", seconds)),
    st.just(("none", 0.0)),
)
values = st.one_of(st.floats(0, 5), st.floats(0, 1e6))
numbers = st.tuples(
    times,
    st.sampled_from(["KG-F", "KG-F", "KG-F", "KH-F", "KL-F", "unknown"]),
    st.floats(0, 60),
    st.floats(-600, 600),
    values,
    values,
    values,
    st.booleans(),
)


def believed(stream: list[tuple[tuple[str, float], str, float, float, float, float, float, bool]]) -> list[Reading]:
    """Return readings with any times, counters that rise, fall and jump, and families that change."""
    readings, time = [], START
    first = second = 0.0
    for (how, seconds), family, voltage, current, remaining, one, other, rises in stream:
        time = max(time + seconds, 0.0) if how == "after" else seconds if how == "at" else time
        first, second = (first + one, second + other) if rises else (one, other)
        keys = {
            "KG-F": ("discharged_capacity", "charged_energy"),
            "KH-F": ("discharged_energy", "charged_energy"),
            "KL-F": ("counted_capacity", "counted_energy"),
        }.get(family, ())
        readings.append(
            reading(
                None if how == "none" else time,
                family,
                voltage=voltage,
                current=current,
                remaining_capacity=remaining,
                **dict(zip(keys, (round(first, 3), round(second, 2)), strict=False)),
            )
        )
    return readings


@settings(max_examples=150)
@given(st.lists(numbers, min_size=1, max_size=40), st.sets(st.integers(0, 40)))
@example([(("none", 0.0), "KG-F", 3.6e-40, 0.0, 0.0, 0.0, energy, False) for energy in (0.0, 1.0)], {1})
def test_no_total_ever_steps_back(
    stream: list[tuple[tuple[str, float], str, float, float, float, float, float, bool]], restarts: set[int]
) -> None:
    ledger, shown = Ledger(ZONE), Ledger(ZONE).totals()[:4]
    for number, value in enumerate(believed(stream)):
        ledger.add(value)
        totals = ledger.totals()
        assert all(new >= old for new, old in zip(totals[:4], shown, strict=True))
        assert totals.discharged_energy_today >= 0
        assert totals.charged_energy_today >= 0
        assert totals.discharged_energy_today <= totals.discharged_energy + 0.01
        shown = totals[:4]
        if number in restarts:
            ledger = Ledger.restore(ledger.snapshot(), ZONE)
            assert ledger.totals()[:4] == shown


steps = st.lists(
    st.tuples(
        st.floats(-100, 100),
        st.integers(1, 40),
        st.sampled_from(["", "", "", "", "restart", "back", "boot", "forward", "clear", "lost"]),
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=60)
@given(st.sampled_from(["KG-F", "KH-F"]), steps)
@example("KG-F", [(0.0, 1, ""), (1.0, 2, ""), (100.0, 1, "clear"), (1.0, 1, "")])  # past where it was at once
@example("KG-F", [(3.0, 34, ""), (0.0, 1, "clear"), (1.0, 1, "lost")])  # past where it was after a gap
def test_what_the_meter_counts_is_exact_whatever_the_clock_and_the_gateway_do(
    family: str, stream: list[tuple[float, int, str]]
) -> None:
    battery, ledger, time, clears = MeteredBattery(family), Ledger(ZONE), START, 0
    for late in (-1, 0):
        ledger.add(battery.reading(time + late))
    for current, seconds, event in stream:
        if event == "restart":
            ledger = Ledger.restore(ledger.snapshot(), ZONE)
        elif event == "clear":
            battery.clear()
            clears += 1
        elif event == "lost":
            battery.flow(600, current)
            time += 600
        time = {"back": time - 7200, "boot": 50.0, "forward": START + 5e6}.get(event, time)
        battery.step(current)
        for _ in range(seconds):
            battery.flow(1, current)
            time += 1
            ledger.add(battery.reading(time))
    ledger.add(battery.reading(time + 1))  # what was read first after a start waits for another
    totals = ledger.totals()
    # At a clearing the part of a step that was not told yet is gone. A counter that is past where it was by the next
    # reading counts from there: a second of 100 A at most.
    capacity, energy = clears * (100 / 3600 + 0.001), clears * (5200 / 3600 + 0.01)
    assert abs(totals.charged_energy - battery.energy[1]) <= 0.011 + energy
    if family == "KG-F":
        assert abs(totals.discharged_capacity - battery.capacity[0]) <= 0.0011 + capacity
        assert abs(totals.discharged_energy - battery.energy[0]) <= 0.0011 * 52 + 0.01 + energy
    else:
        assert abs(totals.discharged_energy - battery.energy[0]) <= 0.011 + energy
        assert abs(totals.discharged_capacity - battery.capacity[0]) <= 0.0012 + capacity


@settings(max_examples=40)
@given(st.sampled_from(["KG-F", "KH-F", "KL-F", "unknown"]), steps, st.integers(0, 29))
def test_a_restart_without_a_gap_is_as_if_it_had_never_been(
    family: str, stream: list[tuple[float, int, str]], restart: int
) -> None:
    battery, whole, parted, time = MeteredBattery(family), Ledger(ZONE), Ledger(ZONE), START
    for number, (current, seconds, _) in enumerate(stream):
        if number == restart and parted.has_begun:  # before that, two readings have to agree after the restart
            parted = Ledger.restore(parted.snapshot(), ZONE)
        for _ in range(seconds):
            battery.flow(1, current)
            time += 1
            value = battery.reading(time)
            whole.add(value)
            parted.add(value)
    pairs = zip(whole.totals()[:4], parted.totals()[:4], strict=True)
    assert all(abs(one - other) <= 0.001 + EPSILON if number < 2 else abs(one - other) <= 0.01 + EPSILON
               for number, (one, other) in enumerate(pairs))  # fmt: skip
    assert whole.totals().estimated == parted.totals().estimated
    assert trust_in(whole) == trust_in(parted)
