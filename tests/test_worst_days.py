"""What meters do on their worst days costs one number, or one reading, and never all that follow."""

from __future__ import annotations

import pytest

from juntek import Bus, Options, Reading
from juntek.rs485.framing import encode
from replies import Meter, Shown, settled

RESERVED = 7
TEMPERATURE = 6


@pytest.mark.parametrize("degrees", [-26, -80, 130])
def test_a_probe_out_of_its_range_is_null_and_counted_and_all_else_stays(degrees: int) -> None:
    meter, shown = Meter(temperature=degrees), Shown()
    assert shown.feed_all(meter.tick() for _ in range(5)) == [1] * 5
    assert {(reading.temperature, reading.voltage) for reading in shown.readings} == {(None, 52.0)}
    assert shown.bus.out_of_range(1) == {"temperature": 5}


def test_a_probe_that_gets_colder_than_its_range_is_null_from_then_on() -> None:
    meter = Meter(temperature=-23)
    shown = settled(meter)
    for degrees in (-24, -25, -26, -27, -26, -25, -24):
        meter.temperature = degrees
        shown.feed(meter.tick())
    assert [reading.temperature for reading in shown.readings] == [-24, -25, None, None, None, -25, -24]


def test_a_reserved_number_that_is_not_0_costs_nothing() -> None:
    meter = Meter()
    shown = settled(meter)
    for number in (5, 5, 5, 4112, 4112):
        meter.tick()
        shown.feed(meter.spike(RESERVED, number))
    assert len(shown.readings) == 5


def test_a_meter_that_is_replaced_by_one_of_another_family_is_read_on_the_same_link() -> None:
    shown = settled(Meter())
    other = Meter("KH-F")
    replies = [other.tick() for _ in range(6)]
    shown.feed_all(replies)
    assert shown.bus.wants(1) == {"identity"}, "whoever asks has to ask who it is"
    assert shown.raws == replies[1:]
    assert {reading.family for reading in shown.readings} == {"KH-F"}
    shown.feed(other.identity())
    assert not shown.bus.wants(1)


def test_a_capacity_set_at_the_display_while_charging_holds_nothing_back() -> None:
    meter = Meter(current=40.0)
    shown = settled(meter)
    replies = []
    for second in range(120):
        replies.append(meter.tick())
        numbers = meter.numbers()
        numbers[10] = round((320.0 - meter.remaining) * 60 / 40)  # the time left speaks of the new capacity at once
        replies[-1] = encode("r50", 1, numbers)
        shown.feed(replies[-1])
        if second in (60, 90):  # who asks seldom hears of it late
            shown.feed(meter.settings(320.0))
    assert shown.raws == replies


def test_a_meter_that_seemed_to_send_another_order_is_read_again_when_it_makes_sense() -> None:
    meter = Meter()
    bus = Bus({1: Options(family="KG-F")})
    refused = []
    for _ in range(12):
        meter.tick()
        meter.remaining -= (52 - 30) / 3600
        numbers = meter.numbers()
        numbers[10] = round(numbers[2] * 6 / numbers[0])  # a time left that fits the voltage, as what flowed does
        refused += bus.feed(encode("r50", 1, numbers))
    assert not isinstance(refused[-1], Reading)
    right = [event for _ in range(12) for event in bus.feed(meter.tick())]
    assert all(isinstance(event, Reading) for event in right[1:])


def test_a_time_left_that_happens_to_fit_the_voltage_costs_no_reading() -> None:
    """One that is averaged, or does not move, may do so for long."""
    meter = Meter(current=-20.0, voltage=25.0)
    bus = Bus()
    for _ in range(60):
        meter.tick()
        numbers = meter.numbers()
        numbers[10] = round(numbers[2] * 6 / numbers[0])
        assert [type(event) for event in bus.feed(encode("r50", 1, numbers))] == [Reading]


@pytest.mark.parametrize("resistances", [(40, 11, 300, 0), (11, 25), (300, 0)])
@pytest.mark.parametrize("seconds", [1, 3, 18])
def test_the_resistance_that_a_meter_guesses_anew_at_each_load_costs_no_reading(
    resistances: tuple[int, ...], seconds: int
) -> None:
    meter = Meter()
    shown = settled(meter)
    replies = []
    for number in range(24):
        meter.resistance = resistances[number % len(resistances)]
        meter.current = -30.0 if seconds > 1 else -31.0 + number % 2  # a load may go on and off in between
        replies.append(meter.tick(seconds))
    assert shown.feed_all(replies, seconds) == [1] * 24


@pytest.mark.parametrize("seconds", [18, 300])
@pytest.mark.parametrize("family", ["KG-F", "KH-F"])
def test_a_recording_without_times_of_a_meter_whose_run_time_stands_still_is_shown(family: str, seconds: int) -> None:
    """It does while the output is off."""
    meter = Meter(family, output=99)
    shown, replies = Shown(time=None), []
    for number in range(20):
        meter.current = -30.0 if number % 3 else 12.0
        meter.tick(seconds)
        meter.run_time -= seconds
        replies.append(meter.reply())
    shown.feed(b"".join(replies))
    assert shown.raws == replies


def test_three_frames_that_lie_18_s_apart_are_three_readings() -> None:
    """As in a README: no times, only the run time tells that time went by."""
    meter = Meter(current=-60.55, voltage=52.0)
    replies = [meter.tick(18) for _ in range(3)]
    shown = Shown(time=None)
    shown.feed(b"".join(replies))
    shown.finish()
    assert shown.raws == replies
    assert shown.reasons == []


@pytest.mark.parametrize("family", ["KG-F", "KH-F", "KL-F"])
@pytest.mark.parametrize("seconds", [60, 600, 3000])
def test_frames_without_times_are_all_shown_whatever_was_switched_between_them(family: str, seconds: int) -> None:
    meter = Meter(family, current=-1.0)
    replies = [meter.tick()]
    for _ in range(3):
        meter.current = -40.0
        meter.tick(seconds - 1)
        meter.current = -1.0
        replies.append(meter.tick())
    shown = Shown(Bus({1: Options(family=family)}), time=None)
    shown.feed(b"".join(replies))
    shown.finish()
    assert shown.raws == replies


@pytest.mark.parametrize("hours", [0.1, 1, 30])
def test_pieces_of_a_log_without_times_are_all_shown(hours: float) -> None:
    meter = Meter()
    shown = settled(meter, timed=False)
    replies = [meter.tick() for _ in range(5)]
    meter.current = -2.0
    replies += [meter.tick(round(hours * 3600)), *(meter.tick() for _ in range(3))]
    shown.feed_all(replies)
    shown.finish()
    assert shown.raws == replies
