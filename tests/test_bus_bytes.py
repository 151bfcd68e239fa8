"""Any bytes in any pieces: the same events, and never an exception."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import juntek
from juntek import Bus, Frame, Garbage, Identity, Options, Reading, Settings
from juntek.rs485.bus import Event
from juntek.rs485.framing import encode
from recorded import STREAM
from replies import Meter, Shown


def lines_of_a_meter() -> bytes:
    meter = Meter()
    lines = [meter.identity(), meter.settings()]
    for count in range(12):
        lines += [b":R50=1,\n", meter.tick()]
        if count in {4, 8}:
            lines += [meter.spike(0, 9999), b"\xff\x00noise:", b":r50=1,2", b"\r\n"]
        if count == 6:
            meter.remaining = 270.0
    return b"".join(lines)


CONTENTS = lines_of_a_meter()


def events_of(pieces: list[bytes]) -> list[Event]:
    bus = Bus()
    return [event for piece in pieces for event in bus.feed(piece)] + bus.finish()


@pytest.mark.parametrize("stream", [CONTENTS, STREAM], ids=["a meter", "the recorded frames"])
def test_byte_by_byte_or_whole_makes_no_difference(stream: bytes) -> None:
    whole = events_of([stream])
    assert len(whole) >= 30
    assert events_of([bytes([byte]) for byte in stream]) == whole


@given(st.lists(st.integers(0, len(CONTENTS)), max_size=30))
def test_any_chunking_gives_the_same_events(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(CONTENTS)]
    assert events_of([CONTENTS[start:end] for start, end in pairwise(places)]) == events_of([CONTENTS])


ODD = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from([b":", b"\r\n", b",", b"=", b":r50=1,", b":r51=1,", b":r00=1,", b":R50=", b":w10=", b"0,"]),
        st.builds(
            encode,
            st.sampled_from(["r50", "r51", "r00", "r01", "R50", "w20"]),
            st.integers(0, 99),
            st.lists(st.one_of(st.integers(0, 300), st.integers(0, 2**41)), min_size=1, max_size=28),
        ),
        st.builds(lambda seconds: Meter().tick(seconds), st.integers(1, 100)),
        st.builds(lambda place, number: Meter().spike(place, number), st.integers(0, 11), st.integers(0, 2**33)),
    ),
    max_size=20,
)


@pytest.mark.parametrize("check", [True, False])
@given(pieces=ODD)
def test_no_bytes_ever_raise(pieces: list[bytes], *, check: bool) -> None:
    events = juntek.decode(b"".join(pieces), check=check)
    assert all(isinstance(event, Frame | Garbage | Identity | Settings | Reading) for event in events)


@given(ODD, ODD)
def test_a_meter_is_read_again_after_any_bytes(before: list[bytes], more: list[bytes]) -> None:
    """Whatever went before, a meter that goes on telling the same is believed in the end."""
    bus = Bus({1: Options(family="KG-F")})
    for piece in (*before, b"\r\n", *more, b"\r\n"):
        bus.feed(piece)
    meter = Meter()
    shown = Shown(bus, time=None)
    for _ in range(40):
        bus.expect(1)
        shown.feed(meter.tick())
    assert meter.reply()[:-2] == shown.readings[-1].raw
