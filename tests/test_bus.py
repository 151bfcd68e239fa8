"""What a bus says: glued lines, addresses, settings and identities that change, order, and bytes of any kind."""

from __future__ import annotations

import pytest

import juntek
from juntek import Bus, Frame, Garbage, Identity, Options, Reading, Settings
from juntek.rs485.bus import LONGEST_WAIT
from juntek.rs485.framing import encode
from replies import Meter, readings_of, reasons_of, settled

ALL = {address: Options() for address in range(1, 100)}


def ask(bus: Bus, address: int, how: str) -> None:
    """Ask an address: as another one whose request is heard, or as this side."""
    if how == "heard":
        bus.feed(b":R50=%d,\n" % address)
    else:
        bus.expect(address)


# Lines ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_", [b":R50=1,", b":R50=01.", b":R50=1,2,1,", b":R51=1,"])
def test_a_request_glued_to_a_reply_and_the_reply_both_come_out(request_: bytes) -> None:
    reply = Meter().tick()
    request, reading = juntek.decode(request_ + reply)
    assert isinstance(request, Frame)
    assert (request.command, request.raw) == (request_[1:4].decode(), request_)
    assert isinstance(reading, Reading)


def test_a_reply_without_its_end_is_cut_by_what_follows() -> None:
    meter = Meter()
    first, second = meter.tick(), meter.tick()
    events = juntek.decode(first.rstrip() + second)
    assert reasons_of(events) == ["cut"]
    assert [reading.raw for reading in readings_of(events)] == [second[:-2]]


def test_acknowledgements_are_told_and_commands_that_nobody_knows_counted() -> None:
    acknowledgement, unknown = juntek.decode(b":w10=1,12,1,\r\n" + encode("r77", 1, [5, 6]))
    assert isinstance(acknowledgement, Frame)
    assert acknowledgement.command == "w10"
    assert isinstance(unknown, Garbage)
    assert unknown.reason == "unknown_command"


# Addresses --------------------------------------------------------------------------------------------------


def test_the_only_meter_is_believed_at_once_whatever_its_address() -> None:
    (reading,) = Bus().feed(Meter(address=42).tick())
    assert isinstance(reading, Reading)
    assert reading.address == 42


def test_an_address_that_appears_beside_another_needs_proof() -> None:
    """The checksum does not cover it: a flipped bit makes address 3 of address 1."""
    first, second = Meter(), Meter(address=3)
    bus = Bus()
    assert len(readings_of(bus.feed(b"".join(first.tick() for _ in range(5))))) == 5
    assert reasons_of(bus.feed(second.tick())) == ["implausible"]
    shown = [len(readings_of(bus.feed(first.tick() + second.tick()))) for _ in range(4)]
    assert shown == [1, 2, 2, 2]


def test_single_replies_of_wrong_addresses_are_never_believed() -> None:
    meter = Meter()
    shown = settled(meter)
    for address in range(2, 30):
        shown.feed(meter.tick())
        shown.feed(Meter(address=address).tick())
    assert {reading.address for reading in shown.readings} == {1}
    assert len(shown.readings) == 28
    assert shown.reasons == ["implausible"] * 28


@pytest.mark.parametrize("how", ["heard", "told"])
def test_an_address_that_was_asked_needs_no_proof(how: str) -> None:
    bus = Bus()
    bus.feed(Meter().tick())
    ask(bus, 3, how)
    assert [reading.address for reading in readings_of(bus.feed(Meter(address=3).tick()))] == [3]


@pytest.mark.parametrize("how", ["heard", "told"])
def test_a_reply_of_another_address_than_was_asked_is_refused(how: str) -> None:
    bus = Bus(ALL)
    first, second = Meter(), Meter(address=2)
    for meter in (first, second):
        bus.expect(meter.address)
        assert readings_of(bus.feed(meter.tick()))
    ask(bus, 1, how)
    (garbage,) = bus.feed(second.tick())
    assert isinstance(garbage, Garbage)
    assert garbage.detail == "address 1 was asked, not 2"
    assert readings_of(bus.feed(second.tick())), "only the answer to that request was refused"


def test_a_request_to_all_may_be_answered_by_any() -> None:
    bus = Bus(ALL)
    bus.feed(b":R50=0,\n")
    assert readings_of(bus.feed(Meter(address=7).tick()))


def test_addresses_that_nobody_is_interested_in_are_ignored() -> None:
    bus = Bus({1: Options()})
    assert bus.feed(Meter(address=9).tick()) == []
    assert readings_of(bus.feed(Meter().tick()))


def test_two_meters_of_different_families_are_told_apart() -> None:
    bus = Bus()
    meters = Meter(), Meter("KH-F", 2)
    events = [event for _ in range(6) for meter in meters for event in bus.feed(meter.tick())]
    assert {(reading.address, reading.family) for reading in readings_of(events)} == {(1, "KG-F"), (2, "KH-F")}


# Settings and identities -------------------------------------------------------------------------------------


def test_settings_that_change_are_believed_when_they_come_twice_alike() -> None:
    meter = Meter()
    shown = settled(meter)
    assert shown.bus.feed(meter.settings(320.0))[0].__class__ is Garbage
    assert shown.bus.wants(1) == {"settings"}
    (settings,) = shown.bus.feed(meter.settings(320.0))
    assert isinstance(settings, Settings)
    assert settings.nominal_capacity == 320.0
    shown.feed(meter.tick())
    assert shown.readings[-1].nominal_capacity == 320.0
    assert not shown.bus.wants(1)


def test_settings_that_come_only_once_are_not_believed() -> None:
    meter = Meter()
    shown = settled(meter)
    for wrong in (2800.0, 28.0, 380.0, 281.0):
        shown.feed(meter.settings(wrong))
        shown.feed(meter.settings())
    shown.feed(meter.tick())
    assert shown.readings[-1].nominal_capacity == 280.0
    assert shown.reasons == ["implausible"] * 4


def test_settings_that_cannot_be_are_refused_however_often_they_come() -> None:
    numbers = [0, 0, 0, 0, 0, 100, 5, 3, 0, 100, 100, 100, 0, 0, 1]  # a battery of 0 Ah
    assert reasons_of(juntek.decode(encode("r51", 1, numbers) * 3)) == ["implausible"] * 3


def test_another_meter_at_the_same_address_is_believed_when_it_says_so_twice() -> None:
    shown = settled(Meter())
    other = Meter("KH-F")
    shown.feed(other.identity())
    assert shown.reasons == ["implausible"]
    assert shown.feed(other.tick()) == 0, "another layout is not believed at once"
    shown.feed(other.identity())
    identity = shown.events[-1]
    assert isinstance(identity, Identity)
    assert identity.model == "KH140F"
    shown.feed(other.settings())
    shown.feed(other.settings())
    assert shown.feed_all(other.tick() for _ in range(3)) == [1, 1, 1]
    assert shown.readings[-1].family == "KH-F"


def test_an_identity_that_comes_only_once_changes_nothing() -> None:
    meter = Meter()
    shown = settled(meter)
    shown.feed(encode("r00", 1, [2110, 110, 7]))
    shown.feed(meter.identity())
    shown.feed(encode("r00", 1, [2110, 110, 7]))
    assert shown.feed(meter.tick()) == 1
    assert shown.reasons == ["implausible"] * 2
    assert shown.bus.stations[1].identity is not None
    assert shown.bus.stations[1].identity.model == "KG140F"


def test_a_direction_that_is_neither_is_not_guessed() -> None:
    assert reasons_of(juntek.decode(Meter().spike(9, 2))) != []
    assert readings_of(juntek.decode(Meter().spike(9, 2))) == []


# Order and waiting -------------------------------------------------------------------------------------------


def test_what_comes_while_a_reading_waits_is_told_after_it_in_the_order_of_the_wire() -> None:
    meter = Meter()
    shown = settled(meter)
    meter.remaining = 270.0
    lines = [b":R50=1,\n", meter.tick(), b":R50=1,\n", b"noise\n", b":R51=1,\n", meter.settings()]
    assert shown.feed_all(lines) == [0] * len(lines)
    assert [event.raw for event in shown.events] == [b":R50=1,"]
    lines.append(meter.tick())
    assert shown.feed(lines[-1]) == 2
    assert [event.raw for event in shown.events] == [line.rstrip() for line in lines]
    times = [getattr(event, "time", None) for event in shown.events if not isinstance(event, Frame)]
    assert times == sorted(times)  # type: ignore[type-var]


def test_without_order_a_meter_that_waits_holds_back_only_itself() -> None:
    first, second = Meter(), Meter(address=2)
    bus = Bus(ALL, in_order=False)
    for meter in (first, second) * 3:
        bus.expect(meter.address)
        assert len(readings_of(bus.feed(meter.tick()))) == 1
    first.remaining = 270.0
    waiting = first.tick()
    assert bus.feed(waiting) == []
    assert len(readings_of(bus.feed(second.tick()))) == 1
    assert reasons_of(bus.feed(b"noise\n")) == ["noise"]
    assert [event.raw for event in bus.feed(b":R50=1,\n")] == [b":R50=1,"]
    assert bus.feed(first.identity()) == [], "what else it says stays behind its readings"
    released = bus.feed(first.tick())
    assert [type(event) for event in released] == [Reading, Identity, Reading]
    assert released[0].raw + b"\r\n" == waiting


def test_what_waits_too_long_is_given_up() -> None:
    meter = Meter()
    shown = settled(meter)
    shown.feed(meter.spike(2, 1000))
    shown.feed(b":R50=1,\n", LONGEST_WAIT - 1)
    assert shown.events == []
    shown.feed(b":R50=1,\n", 2)
    assert reasons_of(shown.events) == ["implausible"]
    assert len(shown.events) == 3


def test_a_meter_that_is_asked_seldom_may_wait_longer() -> None:
    meter = Meter()
    shown = settled(meter)
    shown.feed(meter.tick(60), 60)
    meter.remaining = 270.0
    replies = [meter.tick(60) for _ in range(3)]
    assert shown.feed_all(replies, 60) == [0, 2, 1]
    assert shown.reasons == []


def test_what_waits_at_the_end_is_given_up() -> None:
    meter = Meter()
    shown = settled(meter)
    shown.feed(meter.spike(2, 1000))
    shown.feed(b":R50=1")
    shown.finish()
    assert [type(event) for event in shown.events] == [Garbage, Frame]


def test_not_much_is_held_back_even_without_times() -> None:
    meter = Meter()
    shown = settled(meter, timed=False)
    shown.feed(meter.spike(2, 1000))
    fed = 0
    while not shown.events:
        shown.feed(b":R50=1,\n")
        fed += 1
        assert fed < 300
    assert len(shown.events) == fed + 1


def test_readings_that_never_agree_are_refused_one_by_one() -> None:
    meter = Meter()
    shown = settled(meter)
    for number in range(40):
        shown.feed(meter.spike(2, 1000 * (number % 2) + 2000 * number), 0.1)
    assert shown.readings == []
    assert len(shown.reasons) >= 30
