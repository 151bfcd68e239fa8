"""Recorded frames in the logs and pastes that owners have; rule: whatever the form, the same readings and times."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from juntek.capture import read_chunks
from juntek.capture.recording import DamagedError, files_in_zip, unpack
from juntek.capture.times import NO_DATE, NO_TIME, NO_YEAR, NO_ZONE, TWO_DAYS, LineTimes
from juntek.rs485.framing import Frame, parse
from owners_logs import shown, zipped
from recorded import REPLIES

ZONE = ZoneInfo("Europe/Berlin")
START = datetime(2024, 5, 1, 6, 0, 0, 123_000, tzinfo=UTC)
FRAMES = [
    frame.line for frame in REPLIES if frame.kind in ("r50", "r51", "r00") and isinstance(parse(frame.line), Frame)
]
CHOSEN = st.lists(st.sampled_from(FRAMES), min_size=1, max_size=5)


def read(data: bytes, times: LineTimes | None = None, cut: int = 4096) -> list[tuple[float | None, bytes]]:
    """The whole frames of a recording, each with its time."""
    found = []
    for chunk in read_chunks(unpack(data[at : at + cut] for at in range(0, len(data), cut)), times):
        found += [(chunk.time, line) for line in chunk.data.replace(b"\r", b"\n").split(b"\n") if line]
    return found


def moments(count: int) -> list[datetime]:
    return [START + timedelta(seconds=number) for number in range(count)]


# Times ------------------------------------------------------------------------------------------------------

TIMES: dict[str, Callable[[datetime], str]] = {
    "iso": lambda at: at.astimezone(ZONE).isoformat(timespec="milliseconds"),
    "iso +0200": lambda at: at.astimezone(ZONE).strftime("%Y-%m-%dT%H:%M:%S.%f%z"),
    "iso +02": lambda at: at.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S.%f%z")[:-2],
    "blank before the offset": lambda at: at.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S.%f %z"),
    "comma": lambda at: at.astimezone(ZONE).isoformat(timespec="milliseconds").replace(".", ","),
    "Z": lambda at: at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    "UTC": lambda at: at.strftime("%Y-%m-%d %H:%M:%S.%f UTC"),
    "CEST": lambda at: at.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S,%f")[:-3] + " CEST",
    "nanoseconds": lambda at: at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z",
    "slashes": lambda at: at.strftime("%Y/%m/%d %H:%M:%S.%f+00:00"),
    "compact": lambda at: at.strftime("%Y%m%dT%H%M%S.%fZ"),
    "rfc 5424": lambda at: "<14>1 " + at.astimezone(ZONE).isoformat(timespec="microseconds") + " pi juntek 812 - -",
    "s": lambda at: f"{at.timestamp():.6f}",
    "ms": lambda at: f"{at.timestamp() * 1000:.0f}",
    "us": lambda at: f"{at.timestamp() * 1e6:.0f}",
    "local": lambda at: at.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S.%f"),
    "local comma": lambda at: at.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S,%f")[:-3],
    "german": lambda at: at.astimezone(ZONE).strftime("%d.%m.%Y %H:%M:%S.%f"),
    "rfc 3164": lambda at: at.astimezone(ZONE).strftime("%b %e %H:%M:%S.%f"),
    "apache": lambda at: at.astimezone(ZONE).strftime("%d/%b/%Y:%H:%M:%S.%f %z"),
    "mail": lambda at: at.strftime("%a, %d %b %Y %H:%M:%S.%f +0000"),
}  # fmt: skip
AROUND: dict[str, str] = {
    "blank": "{time} {frame}",
    "tab": "{time}\t{frame}",
    "comma": "{time},{frame}",
    "semicolon": "{time};{frame}",
    "quotes": '"{time}","{frame}"',
    "semicolons and quotes": '"{time}";"{frame}"',
    "brackets": "[{time}] {frame}",
    "words": "{time} pi juntek_kg[812]: line=b'{frame}\\r\\n'",
    "level": "{time} DEBUG (MainThread) [juntek] got {frame}\\r\\n",
    "after": "{frame};{time}",
    "columns after": "{time},{frame},house,52.65",
    "words before": "pi app: {time} {frame}",
}


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
@pytest.mark.parametrize("write", TIMES.values(), ids=TIMES)
@settings(max_examples=4)
@given(frames=CHOSEN, end=st.sampled_from(["\n", "\r\n"]))
def test_a_time_is_found_wherever_it_stands(
    write: Callable[[datetime], str], around: str, frames: list[bytes], end: str
) -> None:
    at = moments(len(frames))
    lines = [around.format(time=write(one), frame=f.decode()) for one, f in zip(at, frames, strict=True)]
    found = read("".join(line + end for line in lines).encode(), LineTimes(ZONE, START.timestamp() + 9000))
    assert [frame for _, frame in found] == frames
    assert [time for time, _ in found] == pytest.approx([one.timestamp() for one in at], abs=0.0011)


RECORDS: dict[str, Callable[[datetime, str], object]] = {
    "journal": lambda at, text: {"__REALTIME_TIMESTAMP": f"{at.timestamp() * 1e6:.0f}", "_PID": "812", "MESSAGE": text},
    "journal bytes": lambda at, text: {
        "MESSAGE": list(b"\x1b[36m" + text.encode() + b"\r\n"),
        "__REALTIME_TIMESTAMP": f"{at.timestamp() * 1e6:.0f}",
    },
    "mosquitto": lambda at, text: {
        "tst": at.astimezone(ZONE).strftime("%Y-%m-%dT%H:%M:%S.%f%z"), "topic": "x", "qos": 0, "payload": text + "\r\n",
    },
    "nested": lambda at, text: {"tst": at.isoformat(), "payload": json.dumps({"SerialReceived": text + "\r\n"})},
    "docker": lambda at, text: {"log": f"line={text}\n", "stream": "stdout", "time": at.isoformat()},
    "epoch": lambda at, text: {"ts": at.timestamp(), "msg": text},
}  # fmt: skip


@pytest.mark.parametrize("wrap", RECORDS.values(), ids=RECORDS)
@given(frames=CHOSEN)
def test_records_of_json_have_their_own_time(wrap: Callable[[datetime, str], object], frames: list[bytes]) -> None:
    at = moments(len(frames))
    lines = [json.dumps(wrap(one, frame.decode())) for one, frame in zip(at, frames, strict=True)]
    found = read("\n".join(lines).encode())
    assert [frame for _, frame in found] == frames
    assert [time for time, _ in found] == pytest.approx([one.timestamp() for one in at], abs=0.0011)


@pytest.mark.parametrize(
    ("label", "lack"),
    [
        ("got frame", NO_TIME),
        ("[08:00:00] got", NO_DATE),
        ("2024-05-01 08:00:00 got", NO_ZONE),
        ("May  1 08:00:00 pi got", NO_YEAR),
        ("05/01/2024 08:00:00 got", TWO_DAYS),
    ],
)
def test_what_a_line_lacks_is_told(label: str, lack: str) -> None:
    times = LineTimes()
    assert read(f"{label} {FRAMES[0].decode()}\n".encode(), times) == [(None, FRAMES[0])]
    assert times.lack == lack


@pytest.mark.parametrize("zone", ["Europe", "No/Where", "../x"])
def test_a_zone_that_is_none_gives_no_time(zone: str) -> None:
    told = f"datetime.datetime(2025, 3, 1, 12, 0, 5, tzinfo=zoneinfo.ZoneInfo(key='{zone}'))"
    assert LineTimes(UTC).read(told.encode()) is None
    assert LineTimes(UTC).read(b"datetime.datetime(2025, 13, 1, 12, 0, 5, tzinfo=Something())") is None


def test_the_hour_that_comes_twice_goes_on() -> None:
    times = LineTimes(ZONE)
    told = [times.read(f"2024-10-27 {clock}".encode()) for clock in ("02:30:00", "02:59:59", "02:00:00", "02:30:00")]
    assert [time - told[0] for time in told if time and told[0]] == [0, 1799, 1800, 3600]


# Forms ------------------------------------------------------------------------------------------------------


def rows(data: bytes, size: int) -> Iterator[tuple[int, bytes]]:
    return ((at, data[at : at + size]) for at in range(0, len(data), size))


def swapped(data: bytes) -> str:
    return " ".join((data[at : at + 2][::-1].hex()).rjust(4, "0") for at in range(0, len(data), 2))


def esphome(data: bytes) -> str:
    return data.decode().replace("\r", "\\r").replace("\n", "\\n")


DUMPS: dict[str, Callable[[bytes], str]] = {
    "esphome hex": lambda data: "".join(
        f"[21:15:39][D][uart_debug:114]: <<< {row.hex(':').upper()}\n" for _, row in rows(data, 150)
    ),
    "esphome hex in colour": lambda data: "".join(
        f"\x1b[0;36m[21:15:39][D][uart_debug:114]: <<< {row.hex(':').upper()}\x1b[0m\n" for _, row in rows(data, 61)
    ),
    "esphome text": lambda data: "".join(
        f'[21:15:39][D][uart_debug:158]: <<< "{esphome(row)}"\n' for _, row in rows(data, 150)
    ),
    "tasmota": lambda data: "".join(
        f'08:00:00.{at % 1000:03} MQT: tele/x/RESULT = {{"SerialReceived": "{esphome(row)}"}}\n'
        for at, row in rows(data, 41)
    ),
    "tasmota hex": lambda data: "".join(
        f'08:00:00.{at % 1000:03} MQT: tele/x/RESULT = {{"SerialReceived":"{row.hex().upper()}"}}\n'
        for at, row in rows(data, 41)
    ),
    "yat": lambda data: data.decode().replace("\r\n", "<CR><LF>\n"),
    "hex words": lambda data: "".join(row.hex(" ") + "\n" for _, row in rows(data, 16)),
    "0x": lambda data: "".join(", ".join(f"0x{byte:02x}" for byte in row) + "\n" for _, row in rows(data, 12)),
    "dashes": lambda data: "".join(f"RX: {row.hex('-')}\n" for _, row in rows(data, 32)),
    "plain hex": lambda data: "".join(row.hex() + "\n" for _, row in rows(data, 30)),
    "xxd": lambda data: "".join(
        f"{at:08x}: {row.hex(' ', -2):39}  {shown(row)}\n" for at, row in rows(data, 16)
    ),
    "hexdump -C": lambda data: "".join(
        f"{at:08x}  {row[:8].hex(' '):23}  {row[8:].hex(' '):23}  |{shown(row)}|\n" for at, row in rows(data, 16)
    )
    + f"{len(data):08x}\n",
    "hexdump": lambda data: "".join(f"{at:07x} {swapped(row)}\n" for at, row in rows(data, 16)),
    "od": lambda data: "".join(f"{at:06x} {row.hex(' ')}\n" for at, row in rows(data, 16)),
}  # fmt: skip


@pytest.mark.parametrize("write", DUMPS.values(), ids=DUMPS)
@given(frames=CHOSEN, end=st.sampled_from(["\n", "\r\n"]), size=st.integers(1, 300))
def test_every_form_gives_the_frames(write: Callable[[bytes], str], frames: list[bytes], end: str, size: int) -> None:
    text = write(b"".join(frame + b"\r\n" for frame in frames)).replace("\n", end)
    assert [frame for _, frame in read(text.encode(), cut=size)] == frames


ENDS = [
    "\\r\\n",
    "\\\\r\\\\n",
    "\\x0d\\x0a",
    "\\u000d\\u000a",
    "<CR><LF>",
    "<0D><0A>",
    "[CR][LF]",
    "^M",
    "#015#012",
    "␍␊",
]


@pytest.mark.parametrize("end", ENDS)
@given(frames=CHOSEN)
def test_every_way_to_write_a_line_end_is_one(end: str, frames: list[bytes]) -> None:
    assert [frame for _, frame in read("".join(f"{f.decode()}{end}\n" for f in frames).encode())] == frames
    assert [frame for _, frame in read("".join(f"got {f.decode()}{end}" for f in frames).encode())] == frames


def compress_zstd(data: bytes) -> bytes:
    packed: bytes = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd").compress(
        data
    )
    return packed


def utf_16(data: bytes) -> bytes:
    return data.decode().encode("utf-16")


PACKED = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "zstd": compress_zstd,
    "two of zstd": lambda data: compress_zstd(data[:50]) + compress_zstd(data[50:]),
    "utf-16": utf_16,
    "big endian": lambda data: b"\xfe\xff" + data.decode().encode("utf-16-be"),
    "utf-8 with its mark": lambda data: b"\xef\xbb\xbf" + data,
    "utf-16 in gzip": lambda data: gzip.compress(utf_16(data)),
    "two of gzip": lambda data: gzip.compress(data[:50]) + gzip.compress(data[50:]),
}  # fmt: skip


@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)
@given(frames=CHOSEN, size=st.integers(1, 500))
def test_every_packing_is_opened(pack: Callable[[bytes], bytes], frames: list[bytes], size: int) -> None:
    log = "".join(f"{START.isoformat()} {frame.decode()}\r\n" for frame in frames).encode()
    assert read(pack(log), cut=size) == [(START.timestamp(), frame) for frame in frames]


def test_without_a_library_for_zstd_the_mend_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = compress_zstd(b"a log\n")
    for name in ("compression.zstd", "backports.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(DamagedError, match="zstd -d FILE"):
        read(packed)


def test_noise_that_begins_as_a_packed_file_is_noise() -> None:
    noise = b"]\0\0" + bytes(range(100, 200))
    assert b"".join(data for _, data in read(noise)) == noise


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bz2.compress, compress_zstd])
def test_a_packed_file_that_ends_too_early_is_told(pack: Callable[[bytes], bytes]) -> None:
    with pytest.raises(DamagedError):
        read(pack(b"a log\n" * 99)[:-9])


OPENED: list[tuple[Callable[[bytes], bytes], Callable[[bytes], Iterator[bytes]]]] = [
    *((pack, lambda packed: unpack([packed])) for pack in (gzip.compress, lzma.compress, bz2.compress, compress_zstd)),
    (zipped, lambda packed: files_in_zip(packed)[0]),
]


@pytest.mark.parametrize(("pack", "opened"), OPENED)
def test_a_small_file_that_holds_very_much_is_unpacked_a_piece_at_a_time(
    pack: Callable[[bytes], bytes], opened: Callable[[bytes], Iterator[bytes]]
) -> None:
    packed = pack(bytes(2**25))
    assert len(packed) < 2**15
    tracemalloc.start()
    assert sum(map(len, opened(packed))) == 2**25
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**24  # the dictionary of xz has half of it


def test_a_file_that_is_packed_again_and_again_is_refused() -> None:
    data = b"a log\n"
    for _ in range(4):
        data = gzip.compress(data)
    with pytest.raises(DamagedError):
        list(unpack([data]))
