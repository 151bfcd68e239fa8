"""What a recording of a bus says, whatever its form and however it is cut."""

from __future__ import annotations

import re
import tracemalloc
from collections import Counter
from itertools import pairwise, repeat

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from juntek.capture import CHUNK_LIMIT, HEADER, HELD_LIMIT, Chunk, ChunkReader, format_chunk, read_chunks

REQUEST = b":R50=1,2,1,\n"
REPLY = b":r50=2,215,2056,200,5408,4592,9437,14353,134,0,0,0,162,30682,\r\n"
SETTINGS = b":r51=1,212,3000,100,2000,2000,10000,151,10,7,200,120,90,101,0,0,2,12,13,\r\n"
TIMES = st.integers(0, 4_000_000_000_000).map(lambda milliseconds: milliseconds / 1000)
WHOLE_FRAME = re.compile(rb":[RrWw]\d\d=[0-9,.]*(?=[\r\n])")


def joined(*blocks: bytes) -> bytes:
    return b"".join(chunk.data for chunk in read_chunks(blocks))


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


# The form ---------------------------------------------------------------------------------------------------


def test_a_chunk_is_a_line_with_the_time_and_readable_bytes() -> None:
    line = format_chunk(1795334400.123, b":r50=1,34,\\\x00\xff\r\n")
    assert line == "2026-11-22T08:00:00.123+00:00 :r50=1,34,\\\\\\x00\\xff\\r\\n\n"


@given(st.lists(st.tuples(TIMES, st.binary(max_size=200))), st.lists(st.integers(0, 5000)))
def test_what_was_written_is_read_again(recorded: list[tuple[float, bytes]], places: list[int]) -> None:
    text = f"{HEADER}\n" + "".join(format_chunk(time, data) for time, data in recorded)
    chunks = list(read_chunks(cut(text.encode(), places)))
    assert [chunk.data for chunk in chunks] == [data for _, data in recorded]
    assert [chunk.time for chunk in chunks] == pytest.approx([time for time, _ in recorded], abs=0.0011)


def test_a_long_chunk_becomes_several_lines_of_the_same_time() -> None:
    data = bytes(range(256)) * 40
    text = f"{HEADER}\n{format_chunk(5.0, data)}"
    assert max(map(len, text.splitlines())) <= 4 * CHUNK_LIMIT + 40
    assert joined(text.encode()) == data
    assert {chunk.time for chunk in read_chunks([text.encode()])} == {5.0}


def test_a_capture_survives_a_windows_editor_and_remarks() -> None:
    text = f"{HEADER}\n# the van\n\n{format_chunk(1.0, b':R50=1, ')}{format_chunk(2.0, REQUEST)}"
    windows = b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()
    trimmed = "".join(f"{line.rstrip()}\n" for line in text.splitlines()).encode()
    expected = [Chunk(1.0, b":R50=1, "), Chunk(2.0, REQUEST)]
    assert list(read_chunks([windows])) == expected
    assert list(read_chunks([trimmed])) == expected


@pytest.mark.parametrize("lost", range(1, 14))
def test_a_capture_cut_by_a_power_loss_keeps_what_came_before(lost: int) -> None:
    text = f"{HEADER}\n{format_chunk(1.0, REPLY)}{format_chunk(2.0, b'12345,' + bytes(2))}"
    chunks = list(read_chunks([text.encode()[:-lost]]))
    assert chunks[0] == Chunk(1.0, REPLY)
    assert (b"12345," + bytes(2)).startswith(chunks[1].data)


def test_a_line_in_a_capture_that_is_no_chunk_is_read_as_a_log_line() -> None:
    text = f'{HEADER}\n9999-99-99T08:00:00+00:00 x\nnote: ":r50=1,2,3,\\r\\n"\n'
    assert list(read_chunks([text.encode()])) == [Chunk(None, b":r50=1,2,3,\r\n")]


# Text logs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        rb'[12:00:01][D][uart_debug:158]: <<< ":r51=5,132,3000,\r\n"',
        b'\x1b[0;36m[12:00:01][D][uart_debug:158]: <<< ":r51=5,132,3000,\\r\\n"\x1b[0m',
        b'[12:00:01][D][uart_debug:158]: <<< ":r51=5,132,3000,"',
        b"2026-01-02 03:04:05.678 received :r51=5,132,3000,",
        b"2026-01-02 03:04:05.678 :r51=5,132,3000,\r",
        b'12:34:56 TSL: {"SerialReceived":":r51=5,132,3000,\\r\\n"}',
        b"The meter said `:r51=5,132,3000,` twice",
        rb"b':r51=5,132,3000,\r\n'",
        rb":r51=5,132,3000,\x0d\x0a",
        b":r51=5,132,3000,^M",
        "Zähler » :r51=5,132,3000,".encode(),
        rb'{"model": "KG-F", "raw": ":r51=5,132,3000,\r\n", "note": "like :r51=9,9,9,"}',
        b'{"raw": ":r51=5,132,3000,", "expected": {"address": 5}}',
    ],
)
def test_a_frame_in_a_line_of_a_log_comes_out_with_its_line_end(line: bytes) -> None:
    assert joined(b"start: 12:00:00\n" + line + b"\n" + line) == 2 * b":r51=5,132,3000,\r\n"
    assert joined(*(bytes([byte]) for byte in line)) == b":r51=5,132,3000,\r\n"


def test_request_and_reply_on_one_line_of_a_log_both_come_out() -> None:
    line = rb'[12:00:01][D][uart_debug:158]: <<< ":R50=5,\n:r50=5,132,3000,\r\n"'
    assert joined(line) == b":R50=5,\r\n:r50=5,132,3000,\r\n"


def test_the_colons_and_words_of_a_log_give_nothing() -> None:
    log = (
        b"[12:00:00][I][app:100]: Running\n" + b"[12:00:01] got :r50=1,2,3,\n" + b"[12:00:02][D][sensor:094]: 12.8 V\n"
    )
    assert joined(log) == b":r50=1,2,3,\r\n"


def test_a_time_with_its_offset_in_a_log_is_kept() -> None:
    logs = [
        b"2026-11-22T08:00:00.5+00:00 meter :r50=1,2,3,\n",
        b"[2026-11-22T09:00:00.500+01:00] :r50=1,2,3,\n",
        b'{"time": "2026-11-22T08:00:00.500Z", "raw": ":r50=1,2,3,"}\n',
    ]
    assert [chunk.time for log in logs for chunk in read_chunks([log])] == [1795334400.5] * 3
    assert next(read_chunks([b"2026-11-22 08:00:00 meter :r50=1,2,3,\n"])).time is None


def test_records_of_another_wire_among_json_lines_are_left_out() -> None:
    assert (
        joined(b'{"raw": "bb1232c0"}\n{"raw": 5}\n[]\n{"raw": ":r50=1,2,3,"}\n' + b'{"a":' * 9999) == b":r50=1,2,3,\r\n"
    )


# Raw bytes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stream",
    [
        REQUEST + REPLY + REQUEST + SETTINGS,
        b"4,0,0,162,30682,\r\n" + REQUEST + REPLY,
        b"4,0,0,162,30682," + REPLY + b"[12:00:01] x :r51=",
        b"\x00\xff\xfe hello: " + REPLY,
        b' "' + REPLY + b'\\r\\n"' + REPLY,
        b":R50=01.\r\n" + REPLY,
        REPLY[:-2],
        b"Another device says hello\r\n" + REPLY,
        b"\xff" * 10,
        b"12:00:00 only text\n",
        b"\n\n\r\r",
        b"",
    ],
)
def test_raw_bytes_pass_unchanged(stream: bytes) -> None:
    assert joined(stream) == stream
    assert joined(*(bytes([byte]) for byte in stream)) == stream


@given(st.binary(max_size=300), st.lists(st.integers(0, 300)))
@example(b"\x00\r", [1])
def test_arbitrary_bytes_pass_unchanged(stream: bytes, places: list[int]) -> None:
    assume(b"{" not in stream)
    assert joined(*cut(stream, places)) == stream


@given(
    st.lists(st.sampled_from([REQUEST, REPLY, SETTINGS]), min_size=1, max_size=6).map(b"".join),
    st.lists(
        st.tuples(st.integers(0, 400), st.integers(0, 3), st.binary(max_size=5) | st.text(max_size=5).map(str.encode))
    ),
    st.lists(st.integers(0, 500)),
)
def test_damage_never_costs_a_whole_frame(
    stream: bytes, damages: list[tuple[int, int, bytes]], places: list[int]
) -> None:
    for place, lost, added in damages:
        at = place % (len(stream) + 1)
        stream = stream[:at] + added + stream[at + lost :]
    seen = WHOLE_FRAME.findall(joined(*cut(stream, places)))
    assert Counter(seen) >= Counter(WHOLE_FRAME.findall(stream))


def test_a_raw_stream_taken_for_a_log_still_gives_its_whole_frames() -> None:
    stream = rb"kept :r50=1,2,3,\r" + b"\r\n" + b"x,y" + REPLY + b"junk" * 50000 + REPLY + REQUEST + SETTINGS
    seen = WHOLE_FRAME.findall(joined(stream))
    assert seen[1:] == WHOLE_FRAME.findall(stream)


# Live pipes -------------------------------------------------------------------------------------------------


def test_a_live_pipe_gives_every_frame_at_once() -> None:
    for stream in (REPLY, rb'[12:00:01] <<< ":r50=1,2,3,\r\n"' + b"\n", f"{HEADER}\n{format_chunk(1, REPLY)}".encode()):
        reader = ChunkReader()
        assert any(reader.feed(stream)), stream
        assert any(reader.feed(stream)), stream


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(b"", id="undecided"),
        pytest.param(f"{HEADER}\n".encode(), id="capture"),
        pytest.param(b"a log :r50=1,\n", id="log"),
        pytest.param(b"text\n" * 20000, id="long prose"),
    ],
)
@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b"x" * 1000, id="letters"),
        pytest.param(b"\xfe" * 1000, id="noise"),
        pytest.param(b":r50=1" + b"," * 1000, id="frames without end"),
        pytest.param(b"word:\n" * 100, id="short lines"),
    ],
)
def test_memory_is_bounded_whatever_comes(start: bytes, block: bytes) -> None:
    reader = ChunkReader()
    reader.feed(start)
    tracemalloc.start()
    for piece in repeat(block, 1000):
        reader.feed(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * HELD_LIMIT
