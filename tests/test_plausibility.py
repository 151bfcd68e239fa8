"""What is shown of a meter's readings: nothing that does not follow, and everything that does."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from juntek import Bus, Reading
from juntek.exchange import Options as DecodingOptions
from juntek.rs485.clues import Clue
from juntek.rs485.framing import encode, parse
from juntek.simulator import Options, history
from replies import Meter, Shown, layout, settled

FAMILIES = ("KG-F", "KH-F")
Spoil = Callable[[int], int]
SPOILED: dict[str, Spoil] = {
    "a digit added in front": lambda number: int(f"9{number}"),
    "a digit added behind": lambda number: int(f"{number}7"),
    "the first digit lost": lambda number: int(str(number)[1:] or "0"),
    "the last digit lost": lambda number: int(str(number)[:-1] or "0"),
    "the first digit changed": lambda number: int("8" + str(number)[1:]) if str(number)[0] != "8" else number // 3,
    "nothing left": lambda _: 0,
    "all lines high": lambda _: 2**16 - 1,
}


def spikes() -> list[tuple[str, int, str]]:
    """Every number of the layouts, and every way to spoil it that is more than what a second may bring.

    The time left is not among them: it is not shown, so that a wrong one takes nothing from a reading.
    """
    cases = []
    for family in FAMILIES:
        numbers = Meter(family).numbers()
        for row in layout(family).rows:
            if row.kind == "echo":
                continue
            true = numbers[row.index - 2]
            ways = [way for way, spoil in SPOILED.items() if abs(spoil(true) - true) > 2 * row.step]
            cases += [(family, row.index - 2, way) for way in ways]
    return cases


@pytest.mark.parametrize("timed", [True, False], ids=["timed", "untimed"])
@pytest.mark.parametrize(("family", "place", "way"), spikes())
def test_a_spike_in_any_number_is_not_shown_and_costs_nothing_else(
    family: str, place: int, way: str, *, timed: bool
) -> None:
    meter = Meter(family)
    # What the current did is believed where nothing was ever damaged.
    shown = settled(meter, timed=timed, noisy=layout(family).rows[place].key == "current")
    meter.tick()
    spoiled = SPOILED[way](meter.numbers()[place])
    shown.feed(meter.spike(place, spoiled))
    right = [meter.tick() for _ in range(5)]
    shown.feed_all(right)
    assert shown.raws == right
    assert shown.reasons == ["implausible"]


@pytest.mark.parametrize("volts", [47.0, 51.5, 52.3, 57.0])
@pytest.mark.parametrize("family", FAMILIES)
def test_on_a_noisy_line_a_voltage_that_moves_without_a_current_is_not_shown(family: str, volts: float) -> None:
    meter = Meter(family)
    shown = settled(meter, noisy=True)
    meter.tick()
    shown.feed(meter.spike(0, round(volts * 100)))
    right = [meter.tick() for _ in range(5)]
    shown.feed_all(right)
    assert shown.raws == right


@pytest.mark.parametrize(
    ("amperes", "damaged"),
    [(0.57, 5.67), (131.81, 121.81), (4.0, 5.0), (6.03, 0.63), (17.09, 1.79), (170.0, 17.0), (25.74, 15.74)],
)
@pytest.mark.parametrize("family", FAMILIES)
def test_on_a_noisy_line_a_digit_of_the_current_is_told_from_a_load(
    family: str, amperes: float, damaged: float
) -> None:
    """The charge that moved, and a voltage that gives way, are those of a load; damage has neither."""
    meter = Meter(family, current=-amperes)
    shown = settled(meter, noisy=True)
    meter.tick()
    shown.feed(meter.spike(1, round(damaged * 100)))
    right = [meter.tick() for _ in range(5)]
    meter.current, meter.voltage = -damaged, 52.0 + (amperes - damaged) / 100
    right.append(meter.tick())
    meter.current, meter.voltage = -amperes, 52.0
    right += [meter.tick() for _ in range(5)]
    shown.feed_all(right)
    assert shown.raws == right


@pytest.mark.parametrize("family", FAMILIES)
def test_a_recording_without_times_of_a_meter_asked_once_a_minute_loses_nothing(family: str) -> None:
    """What flowed in between fits neither of the two currents, so only the run time tells how long it was."""
    meter = Meter(family)
    shown = settled(meter, timed=False)
    right = []
    for between in (2.5, -60.0, -5.0, 90.0, -90.0):
        meter.current = between
        meter.tick(59)
        meter.current = -30.0
        right.append(meter.tick())
    shown.feed_all(right)
    assert shown.raws == right


@pytest.mark.parametrize("family", FAMILIES)
def test_a_capacity_set_just_before_a_strong_load_costs_no_reading(family: str) -> None:
    """The meter measures its voltage a second before its current, so that it moves without one."""
    meter = Meter(family)
    shown = settled(meter)
    right = [meter.tick()]
    meter.remaining *= 2
    right.append(meter.reply())
    meter.voltage = 40.0
    right += [meter.tick() for _ in range(4)]
    shown.feed_all(right)
    assert shown.raws == right


def test_a_charge_that_went_between_two_readings_and_stays_so_is_shown_on_a_noisy_line() -> None:
    """A thruster that ran for two seconds of three, while a display asks each three seconds."""
    meter = Meter(current=-6.0)
    shown = settled(meter, noisy=True)
    right = [meter.tick(3) for _ in range(4)]
    meter.current = -400.0
    meter.tick(2)
    meter.current = -6.0
    right += [meter.tick(1), *(meter.tick(3) for _ in range(4))]
    shown.feed_all(right, 3)
    assert shown.raws == right


@pytest.mark.parametrize("family", FAMILIES)
def test_spikes_again_and_again_are_not_shown(family: str) -> None:
    meter = Meter(family)
    shown = settled(meter)
    right = []
    for round_ in range(60):
        right.append(meter.tick())
        shown.feed(right[-1])
        if round_ % 3 == 0:
            meter.tick()
            shown.feed(meter.spike(2, int(str(meter.numbers()[2])[1:])))  # each time the same digit is lost
    assert shown.raws == right


# Real steps -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("timed", [True, False], ids=["timed", "untimed"])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("current", "voltage"),
    [(-31.0, 51.98), (-150.0, 50.6), (-1.0, 52.5), (0.0, 52.5), (40.0, 53.4), (200.0, 55.0), (-0.5, 52.5), (-390, 49)],
)
def test_a_load_that_is_switched_shows_at_once(family: str, current: float, voltage: float, *, timed: bool) -> None:
    meter = Meter(family)
    shown = settled(meter, timed=timed)
    for _ in range(3):
        meter.current, meter.voltage = current, voltage
        assert shown.feed_all(meter.tick() for _ in range(4)) == [1] * 4
        meter.current, meter.voltage = -30.0, 52.0
        assert shown.feed_all(meter.tick() for _ in range(4)) == [1] * 4


UNEXPLAINED: dict[str, dict[str, object]] = {
    "capacity set": {"remaining": 280.0},
    "tripped": {"output": 3},
    "probe unplugged": {"temperature": -21},
    "counters cleared": {"counters": [0, 0], "run_time": 0},
    "battery changed": {"voltage": 26.0, "remaining": 80.0},
}


@pytest.mark.parametrize("timed", [True, False], ids=["timed", "untimed"])
@pytest.mark.parametrize("seconds", [1, 10, 60])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("change", UNEXPLAINED)
def test_a_real_step_is_shown_by_the_next_reading_with_none_lost(
    family: str, change: str, seconds: int, *, timed: bool
) -> None:
    meter = Meter(family)
    shown = settled(meter, timed=timed)
    before = [meter.tick(seconds) for _ in range(4)]
    meter = replace(meter, **copy.deepcopy(UNEXPLAINED[change]))  # type: ignore[arg-type]
    after = [meter.tick(seconds) for _ in range(5)]
    counts = shown.feed_all([*before, *after], seconds)
    assert shown.raws == [*before, *after]
    assert shown.reasons == []
    assert sum(counts[:6]) == 6, "told by the next one"
    times = [reading.time for reading in shown.readings if reading.time is not None]
    assert times == sorted(times)


def test_a_clock_that_is_set_back_is_shown_by_the_next_reading_with_none_lost() -> None:
    meter = Meter("KH-F")
    shown = settled(meter)
    meter.second = 3600
    replies = [meter.tick() for _ in range(5)]
    shown.feed_all(replies)
    assert shown.raws == replies


def test_the_output_goes_off_and_on_again() -> None:
    meter = Meter()
    shown = settled(meter)
    states = []
    for output in (99, 0, 99, 255, 0):
        meter.output = output
        shown.feed_all(meter.tick() for _ in range(3))
        states.append(shown.readings[-1].output_state)
    assert states == ["off", "on", "off", "off", "on"]
    assert len(shown.readings) == 15


def test_midnight_is_no_surprise_to_a_meter_with_a_clock() -> None:
    start = datetime(2025, 6, 21, 23, 59, tzinfo=UTC)
    replies = [reply for _, reply in history(Options(models=("KH140F",)), start, start + timedelta(minutes=2), 1)]
    shown = Shown()
    assert shown.feed_all(replies) == [1] * 120
    assert {reading.clock[:10] for reading in shown.readings if reading.clock} == {"2025-06-21", "2025-06-22"}


# Loads that pulse -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("timed", [True, False], ids=["timed", "untimed"])
@pytest.mark.parametrize("on", [1, 2, 3])
@pytest.mark.parametrize("off", [1, 2, 5])
def test_a_load_that_pulses_is_shown_with_every_pulse(on: int, off: int, *, timed: bool) -> None:
    meter = Meter()
    shown = settled(meter, timed=timed)
    replies = []
    for _ in range(20):
        for count, current, voltage in ((on, -90.0, 51.2), (off, -5.0, 52.3)):
            meter.current, meter.voltage = current, voltage
            replies += [meter.tick() for _ in range(count)]
    shown.feed_all(replies)
    assert shown.raws == replies


def test_a_load_that_pulses_is_learned_although_the_voltage_does_not_follow_at_once() -> None:
    """The pulses wait until several agree; later ones show at once."""
    meter = Meter()
    shown = settled(meter)
    counts = []
    for _ in range(40):
        for current, voltage in ((-90.0, 52.6), (-5.0, 51.9)):  # the wrong way round: measured too early
            meter.current, meter.voltage = current, voltage
            counts.append(shown.feed(meter.tick()))
    assert counts[-20:] == [1] * 20
    assert len(shown.readings) > 0.8 * len(counts)


# Days -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("timed", [True, False], ids=["timed", "untimed"])
@pytest.mark.parametrize("step", [10, 60])
@pytest.mark.parametrize("model", ["KG140F", "KH140F"])
def test_a_day_that_is_polled_seldom_is_shown_whole(model: str, step: int, *, timed: bool) -> None:
    start = datetime(2025, 6, 21, tzinfo=UTC)
    replies = list(history(Options(models=(model,)), start, start + timedelta(hours=24), step, settings_every=step))
    bus = Bus()
    events = [event for at, reply in replies for event in bus.feed(reply, at if timed else None)]
    assert sum(isinstance(event, Reading) for event in events) == len(replies) // 2


@pytest.mark.parametrize("timed", [True, False], ids=["timed", "untimed"])
@pytest.mark.parametrize("hours", [0.1, 1, 8, 72])
@pytest.mark.parametrize("family", FAMILIES)
def test_after_a_gap_all_is_shown_by_the_next_reading(family: str, hours: float, *, timed: bool) -> None:
    meter = Meter(family)
    shown = settled(meter, timed=timed)
    meter.current, meter.voltage, meter.temperature = 12.0, 53.6, 27
    meter.second -= round(hours * 3600) % 86_400
    meter.remaining -= 12.0 * hours / 2
    meter.tick(round(hours * 3600))
    meter.second %= 40_000
    replies = [meter.tick() for _ in range(4)]
    shown.feed(replies[0], hours * 3600)
    shown.feed_all(replies[1:])
    assert shown.raws == replies


# Doubtful meters --------------------------------------------------------------------------------------------


def unverified(reply: bytes) -> bytes:
    """The reply with 0 in the place of its checksum: not verified."""
    frame = parse(reply[:-2])
    return f":r50={frame.address},0,{','.join(map(str, frame.fields))},\r\n".encode()  # type: ignore[union-attr]


def test_replies_with_checksum_0_are_shown_when_three_agree() -> None:
    meter = Meter()
    shown = Shown()
    replies = [unverified(meter.tick()) for _ in range(9)]
    assert shown.feed_all(replies) == [0, 0, 3, 1, 1, 1, 1, 1, 1]
    assert shown.raws == replies


def test_one_reply_with_checksum_0_among_others_is_shown_where_it_follows() -> None:
    meter = Meter()
    shown = settled(meter)
    replies = [unverified(meter.tick()), meter.tick(), meter.tick()]
    shown.feed_all(replies)
    assert shown.raws == replies
    shown.feed(unverified(meter.spike(0, 5400)))
    shown.feed_all([meter.tick(), meter.tick()])
    assert 54.0 not in {reading.voltage for reading in shown.readings}


def test_a_number_beyond_what_the_model_measures_is_refused_at_once() -> None:
    meter = Meter()
    shown = settled(meter)
    meter.current = -600.0
    assert shown.feed_all(meter.tick() for _ in range(5)) == [0] * 5
    assert shown.reasons == ["implausible"] * 5
    assert shown.bus.finish() == []


def test_nothing_is_held_back_without_the_check() -> None:
    meter = Meter()
    bus = Bus(check=False)
    replies = [meter.tick()]
    replies += [meter.spike(row.index - 2, 1) for row in layout("KG-F").rows]
    replies += [unverified(meter.tick()), encode("r50", 9, meter.numbers()), meter.tick()]
    events = bus.feed(b"".join(replies))
    assert [event.raw + b"\r\n" for event in events if isinstance(event, Reading)] == replies


@pytest.mark.parametrize("family", FAMILIES)
def test_a_meter_that_sends_current_before_voltage_is_not_guessed_at(family: str) -> None:
    meter = Meter(family)
    bus = Bus({1: DecodingOptions(family=family)})
    events = []
    for _ in range(12):
        meter.tick()
        numbers = meter.numbers()
        numbers[0], numbers[1] = numbers[1], numbers[0]
        events += bus.feed(encode("r50", 1, numbers))
    garbage = [event for event in events if not isinstance(event, Reading)]
    assert len(events) == 12
    assert len(garbage) >= 7
    assert {getattr(event, "reason", None) for event in garbage} == {"unknown_layout"}
    assert not isinstance(events[-1], Reading)


@pytest.mark.parametrize("family", FAMILIES)
def test_damage_does_not_bear_out_the_same_damage_a_minute_later(family: str) -> None:
    place = layout(family).places["current"]
    meter = Meter(family)
    shown = settled(meter, timed=True, noisy=True)
    for _ in range(2):
        meter.tick()
        shown.feed(meter.spike(place, 0))
        shown.feed_all([meter.tick() for _ in range(60)])
    assert shown.reasons == ["implausible", "implausible"]


def test_what_moves_without_a_cause_is_put_down_to_none() -> None:
    clue = Clue(0.1)
    for cause, effect in ((1000, 50), (0, 300), (0, -300), (-1000, -50)):
        clue.learn_slope(cause, effect, 1.0)
    assert clue.expect(1000) == pytest.approx(50)
