"""What owners' programs write: from each the same three readings come out, at their times, and no garbage."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from juntek.capture.recording import DamagedError
from juntek.reading import Reading
from juntek.rs485.framing import Garbage, encode
from owners_logs import FRAMES, VALUES, ZONE, Write, check, events, shown, written, zipped


def said(at: datetime, frame: str) -> dict[str, object]:
    voltage, current, left = VALUES[[line.strip() for line in FRAMES].index(frame)]
    return {"time": at.isoformat(), "voltage": voltage, "current": current, "remaining_capacity": left}


def crlf(frame: str) -> bytes:
    return frame.encode() + b"\r\n"


def rows(data: bytes, size: int = 16) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def journal(at: datetime, message: object) -> dict[str, object]:
    micros = f"{at.timestamp() * 1e6:.0f}"
    return {"MESSAGE": message, "__MONOTONIC_TIMESTAMP": "1812000000", "__REALTIME_TIMESTAMP": micros, "_PID": "8"}


HEAD = "450000701234400040060000c0a80114c0a8010522c3c8220000000100000001501800e500000000"
"""Of IPv4 and TCP."""


def packet(at: datetime, frame: str) -> str:
    """A segment of TCP as `tcpdump -X -tttt` shows it."""
    head = bytes.fromhex(HEAD)
    body = "".join(
        f"\t0x{n * 16:04x}:  {row.hex(' ', -2):39}  {shown(row)}\n" for n, row in enumerate(rows(head + crlf(frame)))
    )
    return f"{at:%Y-%m-%d %H:%M:%S} IP 10.0.0.20.8899 > 10.0.0.5.51234: Flags [P.], length 72\n{body}"


def wireshark(at: datetime, frame: str) -> str:
    """The same in Ethernet as Wireshark prints it."""
    head = bytes.fromhex(f"00112233445566778899aabb0800{HEAD}")
    body = "".join(
        f"{n * 16:04x}  {row.hex(' '):47}   {shown(row)}\n" for n, row in enumerate(rows(head + crlf(frame)))
    )
    return f"  4 {at:%Y-%m-%d %H:%M:%S}.000000  10.0.0.20  10.0.0.5  TCP  126  8899 → 51234 [PSH, ACK]\n\n{body}\n"


def pieces(at: datetime, frame: str) -> str:
    parts = [frame[:2], frame[2:30], frame[30:], "\\r\\n"]
    return "".join(f'{at.isoformat()} tele/x/RESULT {{"SerialReceived":"{part}"}}\n' for part in parts)


TIMED: dict[str, Write] = {
    "small letters": lambda at, f: f"{at.astimezone(UTC):%Y-%m-%dt%H:%M:%Sz} {f}\n",
    "Z and an offset": lambda at, f: f"{at:%Y-%m-%dT%H:%M:%S.000000}Z{at:%z} {f}\n",
    "time at the end": lambda at, f: f"{f},{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}\n",
    "ns at the end": lambda at, f: f'serial,host=pi raw="{f}",n=1i {at.timestamp() * 1e9:.0f}\n',
    "grep -n": lambda at, f: f"bus.log:12:{at.isoformat()} {f}\n",
    "12 hours": lambda at, f: f"{at:%m/%d/%Y %I:%M:%S %p} {f}\n",
    "12 hours, ISO": lambda at, f: f"{at:%Y-%m-%d %I:%M:%S} {at:%p} {f}\n",
    "short year": lambda at, f: f"{at:%d/%m/%y %H:%M:%S} {f}\n",
    "JavaScript": lambda at, f: f"{at:%a %b %d %Y %H:%M:%S} GMT+0200 (Central European Summer Time) {f}\n",
    "German": lambda at, f: f"Mo {at:%d}. Mai {at:%H:%M:%S} CEST {at:%Y} {f}\n",
    "journal, verbose": lambda at, f: f"{at:%a %Y-%m-%d %H:%M:%S} CEST [s=5f;i=2b]\n    _PID=812\n    MESSAGE={f}\n",
    "journal, export": lambda at, f: "".join(f"{k}={v}\n" for k, v in sorted(journal(at, f).items(), reverse=True)),
    "journal, pretty": lambda at, f: json.dumps(journal(at, f), indent="\t") + "\n",
    "journal, sse": lambda at, f: f"data: {json.dumps(journal(at, f))}\n\n",
    "journal, bytes": lambda at, f: json.dumps(journal(at, [*crlf(f)])) + "\n",
    "a list in pretty JSON": lambda at, f: json.dumps([{"raw": f, "time": at.isoformat()}], indent=1) + "\n",
    "pairs": lambda at, f: json.dumps([[at.timestamp() * 1000, f]]) + "\n",
    "another key": lambda at, f: json.dumps({"frame": f, "epochs": at.timestamp(), "uptime": 1812000000}) + "\n",
    "base64": lambda at, f: json.dumps({"ts": at.timestamp(), "d": base64.b64encode(crlf(f)).decode()}) + "\n",
    "Loki": lambda at, f: json.dumps({"values": [[f"{at.timestamp() * 1e9:.0f}", f]]}) + "\n",
    "time on the line before": lambda at, f: f"{at.isoformat()}\n{f}\n",
    "socat -v": lambda at, f: f"< {at:%Y/%m/%d %H:%M:%S}.000000123  length=72 from=0 to=71\n{f}\\r\n",
    "socat -x": lambda at, f: f"< {at:%Y/%m/%d %H:%M:%S}  length=72 from=0 to=71\n {crlf(f).hex(' ')}\n--\n",
    "rows and text": lambda at, f: f"{at:%Y-%m-%d %H:%M:%S}:\n"
    + "".join(f"{row.hex(' ').upper():48}  {shown(row)}\n" for row in rows(crlf(f))),
    "tcpdump -X": packet,
    "an answer of Loki": lambda at, f: json.dumps({"data": [{"values": [[f"{at.timestamp() * 1e9:.0f}", f]]}]}) + "\n",
    "columns of InfluxDB": lambda at, f: json.dumps(
        {"results": [{"series": [{"columns": ["raw", "time"], "values": [[f, at.isoformat()]]}]}]}
    ) + "\n",
    "MongoDB": lambda at, f: json.dumps({"_id": {"$oid": "65e1"}, "ts": {"$date": at.isoformat()}, "raw": f}) + "\n",
    "an event of Home Assistant": lambda at, f: json.dumps({"data": {"line": f}, "time_fired": at.isoformat()}) + "\n",
    "French": lambda at, f: f"{at:%d} mai {at:%Y %H:%M:%S} {f}\n",
    "Spanish": lambda at, f: f"{at:%d}-may.-{at:%Y %H:%M:%S} {f}\n",
    "Chinese": lambda at, f: f"{at.year}年{at.month}月{at.day}日 上午{at:%I:%M:%S} {f}\n",
    "Korean": lambda at, f: f"{at.year}. {at.month}. {at.day}. {at:%H:%M:%S} {f}\n",
    "without zeros": lambda at, f: f"{at.year}/{at.month}/{at.day} {at:%H:%M:%S} {f}\n",
    "ngrep": lambda at, f: f"#\nT {at:%Y/%m/%d %H:%M:%S}.000000 10.0.0.20:8899 -> 10.0.0.5:51234 [AP] #3\n{f}..\n",
    "a number before the bytes": lambda at, f: f"{at:%Y-%m-%d %H:%M:%S}, Read, 72, {crlf(f).hex(' ').upper()}\n",
    "naive, of Python": lambda at, f: f"({at.replace(tzinfo=None)!r}, {f.encode()!r})\n",
    "UTC, of Python": lambda at, f: f"{{'at': {at.astimezone(UTC)!r}, 'raw': {f!r}}}\n",
    "zone, of Python": lambda at, f: f"{at!r} {f!r}\n",
    "offset, of Python": lambda at, f: f"{at.astimezone(timezone(timedelta(hours=-3)))!r} {f!r}\n",
    "offset with a name, of Python": lambda at, f: (
        f"{at.astimezone(timezone(timedelta(hours=5, minutes=30), 'IST'))!r} {f!r}\n"
    ),
    "pytz, of Python": lambda at, f: (
        f"({at.replace(tzinfo=None)!r}"[:-1] + f", tzinfo=<DstTzInfo 'Europe/Berlin' CEST+2:00:00 DST>), {f!r})\n"
    ),
    "struct_time, of Python": lambda at, f: f"{at.timetuple()} {f!r}\n",
    "year first, without marks": lambda at, f: f"{at:%y%m%d %H:%M:%S} {f}\n",
    "year first, two digits, in columns": lambda at, f: f'{at:%y-%m-%d},{at:%H:%M:%S},"{f}"\n',
    "year first, two digits, T": lambda at, f: f"{at:%y-%m-%dT%H:%M:%S} {f}\n",
    "year first, two digits": lambda at, f: f"{at:%y-%m-%d %H:%M:%S} {f}\n",
    "day first, dashes": lambda at, f: f"{at:%d-%m-%Y %H:%M:%S} {f}\n",
    "PuTTY, raw data": lambda at, f: f"Incoming raw data at {at:%Y-%m-%d %H:%M:%S}\n"
    + "".join(f"  {n * 16:08x}  {row.hex(' '):48} {shown(row)}\n" for n, row in enumerate(rows(crlf(f)))),
    "ser2net": lambda at, f: "".join(
        f"{at:%Y/%m/%d %H:%M:%S}.000000 term {row[:8].hex(' ')}  {row[8:].hex(' ')}  |{shown(row)}|\n"
        for row in rows(crlf(f))
    ),
    "openHAB": lambda at, f: f"{at:%Y-%m-%d %H:%M:%S} [INFO ] Item 'Raw' changed from {FRAMES[0].strip()} to {f}\n",
    "strace": lambda at, f: "".join(
        f'[pid  12] {at.timestamp():.6f} read(3, "{text}", 1) = 1\n' for text in (*f, "\\r", "\\n")
    ),
    "Wireshark": wireshark,
    "Kibana": lambda at, f: f'"{at:%b %d, %Y} @ {at:%H:%M:%S}.000","{f}"\n',
    "ms after a colon": lambda at, f: json.dumps({"createAt": f"{at:%Y-%m-%d %H:%M:%S}:000", "payload": f}) + "\n",
    "pieces": pieces,
    "wrapped": lambda at, f: f"{at.isoformat()} pi reader: {f[:40]}\n{f[40:]}\n",
    "without its colon": lambda at, f: f"{at.isoformat()} {f[1:]}\n",
    "without its last comma": lambda at, f: f'{at.isoformat()} "{f[:-1]}"\n',
    "blanks after commas": lambda at, f: f"{at.isoformat()} {f.replace(',', ', ')}\n",
    "one line": lambda at, f: f"{at.isoformat()} {f}<br>",
    "numbers of Python": lambda at, f: f"{at.isoformat()} {[hex(byte) for byte in crlf(f)]}\n",
    "a strange letter": lambda at, f: f"{at.isoformat()} K\udcfcche: {f}\n",
    "decoded, in JSON": lambda at, f: f"x/state {json.dumps(said(at, f))}\n",
    "decoded, in JSON inside": lambda at, f: json.dumps({"tst": at.isoformat(), "payload": said(at, f)}) + "\n",
    "decoded, in pretty JSON": lambda at, f: json.dumps(said(at, f), indent=2) + "\n",
}  # fmt: skip
LETTERS = {13: "\\r", 10: "\\n"}
UNTIMED: dict[str, Write] = {
    "words": lambda _, f: f"{f}<CR><LF>\n",
    "od -c": lambda _, f: "".join(
        f"{n * 16:07o}{''.join(LETTERS.get(byte, chr(byte)).rjust(4) for byte in row)}\n"
        for n, row in enumerate(rows(crlf(f)))
    ),
    "decimal": lambda _, f: f"[21:15:39][D][uart_debug:176]: <<< {':'.join(map(str, crlf(f)))}\n",
    "ESP-IDF, a dump": lambda _, f: "".join(
        f"I (12345) uart: 0x3ffb1c{n * 16:02x}   {row[:8].hex(' '):23}  {row[8:].hex(' '):23}  |{shown(row)}|\n"
        for n, row in enumerate(rows(crlf(f)))
    ),
    "a screen": lambda _, f: f"{f:80}\n",
    "binary": lambda _, f: f"<<< {','.join(f'0b{byte:08b} (0x{byte:02X})' for byte in crlf(f))}\n",
    "YAT, hex": lambda _, f: f"(COM3) (<<) {' '.join(f'{byte:02X}h' for byte in crlf(f))} (72)\n",
    "tcpflow": lambda _, f: f"010.000.000.020.08899-010.000.000.005.51234: {f}\n",
    "usbmon": lambda _, f: f"ffff 1234 C Bi:1:005:1 0 72 = {crlf(f).hex(' ', -4)}\n",
    "a terminal from China": lambda _, f: f"[08:00:00.123]收←◆{f}\n",
    "picocom": lambda _, f: f"{f}[0d][0a]\n",
    "miniterm": lambda _, f: f"--- Miniterm on /dev/ttyUSB0  115200,8,N,1 ---\n{f}\n",
    "Node-RED": lambda _, f: f'msg.payload : string[72]\n"{f}↵"\n',
    "pyserial, spy": lambda _, f: "".join(
        f"000012.345 RX   {n * 16:04X}  {row[:8].hex(' ').upper():23}  {row[8:].hex(' ').upper():23}  {shown(row)}\n"
        for n, row in enumerate(rows(crlf(f)))
    ),
    "slsnif": lambda _, f: f"Device --> {' '.join(f'{chr(b)}({b:03})' for b in f.encode())} CR(013) LF(010) \n\n",
    "Follow of tshark": lambda _, f: f"Node 0: 10.0.0.5:8899\n\t72\n\t{f}\r\n",
    "sigrok": lambda _, f: "".join(f"87-95 uart-1: {byte:02X}\n" for byte in crlf(f)),
    "interceptty": lambda _, f: "".join(f"< \t0x{byte:02x} ({chr(byte).strip()})\n" for byte in crlf(f)),
    "Logic 2": lambda _, f: "".join(f'"Async Serial","data",0.5,8.6e-05,0x{byte:02X},\n' for byte in crlf(f)),
    "Logic 1": lambda _, f: "".join(f"0.500000000,{chr(b) if b != 44 else 'COMMA'},,\n" for b in crlf(f)[:-2])
    + "0.500000000,\\r,,\n",
    "grep": lambda _, f: f"bus.log:{f}\n",
    "time since the start": lambda _, f: f"[0.123456 0.000010] {f}\n",
}  # fmt: skip


@pytest.mark.parametrize("write", TIMED.values(), ids=TIMED)
def test_a_log_gives_its_readings_at_their_times(write: Write) -> None:
    data = written(lambda at, frame: write(at, frame).replace("\udcfc", "ü"))
    check(data)
    check(data, cut=7)
    check(data.replace("ü".encode(), b"\xfc"))


@pytest.mark.parametrize("write", UNTIMED.values(), ids=UNTIMED)
def test_a_log_without_times_gives_its_readings(write: Write) -> None:
    check(written(write), timed=False)


def plain(at: datetime, frame: str) -> str:
    return f"{at.isoformat()} {frame}\n"


LINES = written(plain).splitlines(keepends=True)
FILES = {
    "newest first": b"".join(LINES[::-1]),
    "a remark above": b"# What I saw on 2024-05-13, 3 readings: fine\n" + b"".join(LINES),
    "zeros around": bytes(300) + b"".join(LINES) + bytes(300),
    "wide letters without a mark": b"".join(LINES).decode().encode("utf-16-be"),
    "a ZIP": zipped(b"".join(LINES)),
    "a ZIP of rotated logs": zipped(LINES[2], LINES[0], LINES[1]),
    "a gzip that was cut off": gzip.compress(b"".join(LINES) + b"".join(b"# %d\n" % n for n in range(50000)))[:-99],
}  # fmt: skip


@pytest.mark.parametrize("data", FILES.values(), ids=FILES)
def test_a_file_gives_its_readings_in_the_order_of_time(data: bytes) -> None:
    check(data)


def test_archives_within_archives_are_read_a_few_deep_and_no_deeper() -> None:
    data = b"".join(LINES)
    for _ in range(3):
        data = zipped(data)
    check(data)
    for _ in range(30):
        data = zipped(data)
    with pytest.raises(DamagedError, match="packed too often"):
        events(data)


def test_a_terminal_log_has_its_header_and_nothing_else() -> None:
    check(b"=~=~= PuTTY log 2024.05.13 08:00:00 =~=~=\r\n" + "".join(FRAMES).encode(), timed=False)


def test_two_meters_without_requests_are_both_heard_from_the_first_reading_on() -> None:
    second = encode("r50", 2, (1330, 500, 90000, 88, 1000000, 500, 125, 0, 0, 1, 600, 1086)).decode()
    lines = "".join(f"2024-05-13T06:00:0{n}Z {f}2024-05-13T06:00:0{n}Z {second}" for n, f in enumerate(FRAMES))
    found = events(lines.encode())
    assert [getattr(event, "address", None) for event in found if not isinstance(event, Garbage)] == [1, 2] * 3
    assert len(found) == 6


def test_dates_with_slashes_are_read_as_another_line_tells() -> None:
    later = "".join(
        f"{day}/05/2024 08:00:00 {frame.strip()}\n" for day, frame in zip((11, 12, 13), FRAMES, strict=True)
    )
    found = [event for event in events(later.encode()) if isinstance(event, Reading)]
    assert [datetime.fromtimestamp(one.time or 0, ZONE).day for one in found] == [11, 12, 13]
