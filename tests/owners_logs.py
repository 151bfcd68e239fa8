"""Three readings as owners' programs write them, and what must come out of any form of them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from juntek.capture.recording import Recording, listen
from juntek.capture.times import LineTimes
from juntek.reading import Reading
from juntek.rs485.bus import Bus, Event
from juntek.rs485.framing import Garbage, encode

ZONE = ZoneInfo("Europe/Berlin")
START = datetime(2024, 5, 13, 6, 0, 0, tzinfo=UTC)
VALUES = [(52.65, -3.0, 249.999), (52.64, -3.01, 249.998), (52.63, -3.02, 249.997)]
FRAMES = [
    encode(
        "r50", 1, (5265 - n, 300 + n, 249999 - n, 1000 + n, 1000000, 1001 + n, 125, 0, 0, 0, 4999 - n, 1086)
    ).decode()
    for n in range(3)
]
LOCAL = [(START + timedelta(seconds=n)).astimezone(ZONE) for n in range(3)]

Write = Callable[[datetime, str], str]


def events(data: bytes, times: LineTimes | None = None, cut: int = 4096) -> list[Event]:
    bus, found = Bus(), []
    recording = Recording(times or LineTimes(ZONE, START.timestamp() + 9000))
    blocks = [data[at : at + cut] for at in range(0, len(data), cut)]
    for chunks in recording.read(blocks):
        found += [event for _, told in listen(bus, chunks) for event in told]
    return found + bus.finish()


def written(write: Write) -> bytes:
    return "".join(write(at, frame.strip()) for at, frame in zip(LOCAL, FRAMES, strict=True)).encode()


def check(data: bytes, *, timed: bool = True, cut: int = 4096) -> None:
    found = events(data, cut=cut)
    assert [event for event in found if isinstance(event, Garbage)] == []
    readings = [event for event in found if isinstance(event, Reading)]
    assert [(one.voltage, one.current, one.remaining_capacity) for one in readings] == VALUES
    assert [one.time for one in readings] == ([at.timestamp() for at in LOCAL] if timed else [None] * 3)


def utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def shown(data: bytes) -> str:
    """Bytes as a dump has them beside."""
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)


def zipped(*files: bytes) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, data in enumerate(files):
            archive.writestr(f"logs/bus.{number}", data)
    return whole.getvalue()
