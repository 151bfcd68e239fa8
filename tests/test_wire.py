"""The framer turns bytes into frames and garbage, whatever happens on the line."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from juntek.errors import RequestError
from juntek.rs485.framing import LONGEST_FRAME, Frame, Framer, Garbage, checksum, encode, parse
from recorded import BAD, FRAMES, REPLIES, STREAM, Recorded

Part = Frame | Garbage


def take(data: bytes, *cuts: int) -> list[Part]:
    """Feed a stream in pieces, and finish it."""
    framer = Framer()
    parts: list[Part] = []
    edges = [0, *sorted(cuts), len(data)]
    for start, end in pairwise(edges):
        parts += framer.feed(data[start:end])
    return parts + framer.finish()


@pytest.mark.parametrize("frame", FRAMES, ids=str)
def test_a_recorded_frame_is_read_whole_byte_by_byte_and_amid_noise(frame: Recorded) -> None:
    (whole,) = take(frame.data)
    assert isinstance(whole, Garbage) is frame.bad
    assert whole.raw == frame.line
    assert take(frame.data, *range(len(frame.data))) == [whole]
    noise = b"\x00\xff\x12 w50= 77,,\xc3"
    before, again, after = take(noise + frame.data + noise)
    assert (before, after) == (Garbage("noise", noise), Garbage("noise", noise))
    assert again == whole


@pytest.mark.parametrize("frame", BAD, ids=str)
def test_a_frame_that_is_printed_wrong_fails_its_checksum(frame: Recorded) -> None:
    assert take(frame.data) == [Garbage("checksum", frame.line)]


@pytest.mark.parametrize("frame", REPLIES, ids=str)
def test_what_is_taken_apart_can_be_put_together_again(frame: Recorded) -> None:
    (part,) = take(frame.data)
    assert isinstance(part, Frame)
    assert encode(part.command, part.address, part.fields) == frame.data


@pytest.mark.parametrize("glue", [b"", b"\n", b"\r\n", b"\r"], ids=["nothing", "LF", "CRLF", "CR"])
@pytest.mark.parametrize("request_", [b":R50=5,", b":R50=01.", b":R50=1,2,1,", b":R50=1,2,1"], ids=repr)
def test_a_request_and_its_reply_on_one_line_both_come_out(request_: bytes, glue: bytes) -> None:
    reply = b":r50=5,105,5206,6054,295606,5353,1295308,14069,127,0,0,0,292,5499,"
    first, second = take(request_ + glue + reply + b"\r\n")
    assert isinstance(first, Frame)
    assert isinstance(second, Frame)
    assert (first.command, second.command) == ("R50", "r50")
    assert second.raw == reply


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b":", "cut"),
        (b":r", "cut"),
        (b":r50=1,34,5166", "cut"),
        (b":r50=1,34,", "cut"),
        (b":r50=,,,,", "cut"),
        (b":r50=1,3,0x10,", "malformed"),
        (b":r50=1,8,-7,", "malformed"),
        (b":r50=1,8,07,", "cut"),
        (b":r50=100,8,7,", "malformed"),
        (b":r5=1,8,7,", "malformed"),
        (b":x50=1,8,7,", "malformed"),
        (b":r50=1,9,7,", "checksum"),
        (b":R50=1,9,7,", "checksum"),
        (b"BB025679D2", "noise"),
        (b":r50=1,34," + b"9" * LONGEST_FRAME, "overlong"),
    ],
)
def test_what_is_no_frame_says_why(line: bytes, reason: str) -> None:
    (garbage,) = take(line + b"\r\n")
    assert isinstance(garbage, Garbage)
    assert garbage.reason == reason
    assert garbage.raw == line[:LONGEST_FRAME]


def test_a_reply_that_the_next_frame_interrupts_is_cut_and_not_believed() -> None:
    parts = take(b":r50=1,8,7,:r51=1,8,7,\r\n")
    assert [type(part) for part in parts] == [Garbage, Frame]


def test_an_acknowledgement_is_taken_as_it_comes_because_nobody_has_documented_it() -> None:
    assert [
        part.command for part in map(parse, (b":w10=", b":w28=1,216,0,", b":w60=1,OK")) if isinstance(part, Frame)
    ] == [
        "w10",
        "w28",
        "w60",
    ]


def test_a_line_without_end_costs_bounded_memory_and_is_told_once() -> None:
    framer = Framer()
    parts = [part for _ in range(10_000) for part in framer.feed(b"7" * 100)]
    assert [part.reason for part in parts if isinstance(part, Garbage)] == ["overlong"]
    assert len(framer._rest) <= LONGEST_FRAME
    reply = b":r50=1,8,7,\r\n"
    assert framer.feed(reply) == [Frame("r50", 1, 8, (7,), reply[:-2])]


def test_a_checksum_of_zero_means_not_verified() -> None:
    frame = parse(b":r50=1,0,7,")
    assert isinstance(frame, Frame)
    assert frame.checksum == 0


def test_the_checksum_is_the_sum_modulo_255_plus_1() -> None:
    assert [checksum([]), checksum([254]), checksum([255]), checksum([2000])] == [1, 255, 1, 216]


@pytest.mark.parametrize(("address", "numbers"), [(100, [1]), (-1, [1]), (1, [-5])])
def test_what_the_line_cannot_carry_is_refused(address: int, numbers: list[int]) -> None:
    with pytest.raises(RequestError):
        encode("R50", address, numbers)


# Bytes that matter to the grammar are more telling than any bytes.
LINE_NOISE = st.one_of(st.binary(max_size=400), st.lists(st.sampled_from(b":\r\nrRwW=,.0159"), max_size=700).map(bytes))


@given(LINE_NOISE, st.lists(st.integers(0, 700), max_size=8))
def test_any_bytes_in_any_chunks_give_the_same_and_raise_nothing(data: bytes, cuts: list[int]) -> None:
    whole = take(data)
    assert take(data, *(min(cut, len(data)) for cut in cuts)) == whole
    assert take(data, *range(len(data))) == whole


@given(LINE_NOISE.filter(lambda data: b":" not in data[-300:]), st.integers(0, len(FRAMES) - 1))
def test_noise_before_a_frame_never_costs_the_frame(noise: bytes, number: int) -> None:
    frame = FRAMES[number]
    assert take(noise + b"\n" + frame.data)[-1] == take(frame.data)[0]


def test_a_recorded_stream_cut_anywhere_gives_the_same_frames() -> None:
    whole = take(STREAM)
    assert len(whole) == len(FRAMES)
    dice = random.Random(7)
    for _ in range(200):
        assert take(STREAM, *(dice.randrange(len(STREAM)) for _ in range(30))) == whole
