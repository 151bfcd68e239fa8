"""What the lines of a log say; rule: each line is looked at once, by what it is.

A log's line is a label and what the bus said: as text, in quotes, in JSON, or as a dump; or values that a program has
decoded. A line that begins with a time and says nothing is the time of what comes next.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from itertools import pairwise

from juntek.capture.decoded import NEEDED, Value, make_reading, reading_of
from juntek.capture.forms import (
    FRAME_START,
    begins_packet,
    packet_row,
    payload,
    read_byte,
    read_dump,
    read_run,
    spell_out,
    with_colons,
)
from juntek.capture.frames import Found, Pieces, close_frame, frames_in, is_whole, without
from juntek.capture.likeness import DATED, MAY_SAY, record_after
from juntek.capture.named_values import METER_KEYS, Series, value_in_record, values_in_line
from juntek.capture.records import Record, RecordLines, rows_of, texts_of, time_of
from juntek.capture.times import LineTimes
from juntek.exchange import Chunk
from juntek.reading import Reading

PATIENCE = 32
"""Lines that a time waits for what was said then."""
_LONGEST_TIME = 512
"""Bytes of a line that have its time, which it begins with."""
_APART = 60.0
"""s between the parts of one reading in rows of a table that have each a part."""

_BEGUN = re.compile(rb":(?:[RrWw][0-9]{0,2})?(?=[\"'`]|$)")
_ONLY_BEGUN = re.compile(rb"(?<=[:\s=(<])[\"'`](:(?:[RrWw][0-9]{0,2})?)[\"'`]")
_PLAIN = re.compile(
    rb"[\[\"]?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d))[\]\"]?[\s,;]"
    rb"(?:[^\\:\[\"']|: |\[[0-9]+\])*+(:r50=[0-9,]+,)(?:\\r\\n)?"
)
"""Nearly all lines of most logs."""
_PLAIN_COMMAS = 14
_END_OF_ANOTHER = re.compile(rb"[0-9,.]*\n$")
_TOPIC = re.compile(r"^[^\W\d]\S*/\S+$")
_HEX_DIGITS = re.compile(rb"[0-9A-Fa-f]*[0-9][0-9A-Fa-f]*")
_BEGINS_WITH_TIME = re.compile(
    rb"[^A-Za-z0-9]{0,6}(?:(?!\w*(?:MONOTONIC|mono))\w*(?:[Tt]ime|TIME)\w*[\"']?\s*[:=]\s*[\"']?|\w+ raw data at "
    rb"|[A-Z][a-z]{2},? |[TU] )?\d"
)


_Tell = Callable[[bytes], float | None]


class LogLines:
    """Takes the frames out of the lines of one log."""

    def __init__(self, times: LineTimes) -> None:
        self._times = times
        self._records = RecordLines()
        self._pieces = Pieces()
        self._number = 0
        self._series: Series | None = Series()
        """Of values that come one by one; None where there are frames."""
        self._parts: dict[str, dict[str, tuple[float, Value]]] | None = {}
        """Of each meter, the last values of a table whose rows have a part of a reading, and when; None for another."""
        self._said_before: deque[tuple[bytes, _Tell, int]] = deque(maxlen=PATIENCE)
        """Lines that begin with a time and say nothing else, which are only read when a time is asked for."""
        self._times_come_first: bool | None = None
        """Whether the first frame without a time of its own had one before it; else the times are of what is before."""
        self._dump = b""
        """The label of the last line of a dump."""
        self._packet = b""
        self._whose: list[str] | None = None
        """Of which meter the first reading in JSON was."""

    def read(self, content: bytes) -> list[Chunk]:
        """Return what a line completes."""
        waiting = self._pieces.waiting
        if not content or not (waiting or MAY_SAY.search(content)):
            return []
        self._number += 1
        self._pieces.number = self._number
        plain = _PLAIN.fullmatch(content) if not waiting else None
        if plain is not None and plain[2].count(b",") == _PLAIN_COMMAS:
            self._series = None
            return [Chunk(self._times.read_iso(plain[1]), plain[2] + b"\r\n")]
        records = self._records.take(content)
        parts = [self._read_line(content)] if records is None else map(self.read_record, records)
        chunks = [chunk for part in parts for chunk in part]
        if self._series is not None and any(FRAME_START.search(chunk.data) for chunk in chunks):
            self._series = None
        return self._pieces.give_up(self._number) + chunks if waiting else chunks

    def finish(self) -> list[Chunk]:
        """Return what still waits for its rest."""
        chunks = self._end_packet()
        if self._series is not None and (joined := self._series.finish()):
            self._times.remark(self._series.describe())
            chunks += joined
        return chunks + self._pieces.give_up()

    def _take(self, label: bytes, data: bytes, time: float | None) -> list[Chunk]:
        self._dump = label if label.startswith(b"\0") else b""
        return self._pieces.take(label, data, time)

    # A line, by what it is ------------------------------------------------------------------------------------

    def read_row(self, record: Record) -> list[Chunk]:
        """Return what a row of a table completes."""
        time = self._times.read_value(record["time"])
        if "name" in record:
            one = value_in_record(record)
            return self._series.hold(one, time) if self._series is not None and one is not None else []
        values = {key: (value, "") for key, value in record.items() if key not in ("time", "meter")}
        reading = make_reading(values, time)
        if reading is not None:
            self._parts = None
        elif self._parts is not None and time is not None:
            whose = record.get("meter", "")
            parts = {
                key: (at, value) for key, (at, value) in self._parts.get(whose, {}).items() if abs(time - at) <= _APART
            }
            self._parts[whose] = parts | {key: (time, value) for key, value in values.items()}
            reading = make_reading({key: value for key, (_, value) in self._parts[whose].items()}, time)
            for key in NEEDED if reading is not None else ():
                del self._parts[whose][key]  # each is of one reading only
        return [] if reading is None else self._read_reading(reading, record)

    def read_record(self, record: Record) -> list[Chunk]:
        """Return what a record of JSON, or a frame in a table, completes."""
        rows = rows_of(record)
        return [chunk for row in rows for chunk in self._read_row(row, alone=len(rows) == 1)]

    def _read_row(self, record: Record, *, alone: bool) -> list[Chunk]:
        raw = record.get("raw")
        texts = [raw.encode("latin-1", "replace")] if isinstance(raw, str) else [*texts_of(record)]
        said = next((text for text in texts if FRAME_START.search(text)), None)
        if said is None and (reading := reading_of(record, time_of(record, self._times))):
            time = self._time_before() if reading.time is None and alone else reading.time
            return self._read_reading(reading._replace(time=time), record)
        if said is not None:
            self._series = None
        elif self._series is not None and (one := value_in_record(record)):
            return (self._series.add if alone else self._series.hold)(one, time_of(record, self._times))
        said = said or next((text for text in texts if b"," in text or read_run(text, 8)), b"")
        return self._read_text(said, lambda text: time_of(record, self._times) or self._times.read(text))

    def _read_reading(self, reading: Reading, record: Record) -> list[Chunk]:
        """Take a reading of the meter of which the first was, as the names beside them tell."""
        names = [str(record[key]) for key in METER_KEYS if isinstance(record.get(key), str | int)]
        whose = [*names, *_TOPIC.findall(str(record.get("topic", "")))]
        self._whose = whose if self._whose is None else self._whose
        if whose == self._whose:
            return [Chunk(reading.time, b"", reading)]
        ours, others = " ".join(self._whose) or "the first meter", " ".join(whose) or "another"
        self._times.remark(f"Readings of {ours} were read, not those of {others}.")
        return []

    def _read_line(self, content: bytes) -> list[Chunk]:
        tell = self._times.read
        offset, row = packet_row(content)
        if row and (begins_packet(row) if offset == 0 else offset == len(self._packet)):
            ended = self._end_packet() if offset == 0 else []
            self._packet += row
            return ended
        ended = self._end_packet() if self._packet else []
        if FRAME_START.search(content):
            self._series = None
            return ended + self._read_text(content, tell)
        if (byte := read_byte(content)) is not None:
            return ended + self._take(b"\0" + byte.who, byte.data, tell(byte.time) if byte.time else None)
        values = self._read_values(content)
        return ended + (self._read_text(content, tell) if values is None else values)

    def _read_values(self, content: bytes) -> list[Chunk] | None:
        """Take a line with decoded values; None for any other."""
        if labelled := record_after(content):
            label, record = labelled
            time = time_of(record, self._times) or self._times.read(label)
            if reading := reading_of(record, time):
                return self._read_reading(reading, record)
            one = value_in_record(record)
            values, rest = [one] if one is not None else [], label
        elif self._series is None or self._pieces.waiting:
            return None
        else:
            values, rest = values_in_line(content)
            time = self._times.read(rest) if values else None
        if self._series is None or not values:
            return None
        time = self._time_before(keep=True) if time is None and len(values) == 1 else time
        return [chunk for one in values for chunk in self._series.add(one, time)]

    def _read_text(self, content: bytes, tell: _Tell) -> list[Chunk]:
        if (dump := read_dump(content)) is not None:
            own = tell(content if DATED.match(content) else b"")
            return self._take(b"\0dump", dump, own or self._time_before(keep=True))
        before, changed, after = content.partition(b"changed from ")  # what an item of openHAB was before
        if changed and (at := after.find(b" to :")) >= 0:
            content = before + after[at + len(" to ") :]
        text = spell_out(content) if self._pieces.waiting else with_colons(spell_out(content))
        frames = [*frames_in(text)]
        if not frames:
            return self._read_rest(content, text, tell)
        if len(frames) > 1 and (parts := [*_parts_with_times(text, frames, tell)]):
            return [chunk for part in parts for chunk in self._read_text(part, tell)]
        time = tell(without(text, frames))
        return self._read_frames(content, text, frames, self._time_before() if time is None else time)

    def _read_frames(self, content: bytes, text: bytes, frames: list[Found], time: float | None) -> list[Chunk]:
        """Take the frames of a line; the last one may go on in the next line."""
        label, rest = _END_OF_ANOTHER.sub(b"", text[: frames[0].start]), b""
        if self._pieces.waiting and (joined := self._pieces.find_rest(text)):
            label, rest = joined
        data = rest + b"".join(close_frame(found.frame) for found in frames[:-1])
        last = frames[-1]
        if not last.ended and not is_whole(last.frame) and (run := read_run(content, 8)):
            return self._take(b"\0" + _HEX_DIGITS.sub(b"0", content[: run[0]]), run[1], time)
        data += close_frame(last.frame) if last.ended else last.frame
        if begun := _BEGUN.search(text, last.end):
            data += (b"" if last.ended else b"\r\n") + begun[0]
        return self._take(label, data, time)

    def _read_rest(self, content: bytes, text: bytes, tell: _Tell) -> list[Chunk]:
        """Take a line without the start of a frame: a dump, or the rest of a frame, or nothing but its time."""
        if self._pieces.waiting and (joined := self._pieces.find_rest(text)):
            label, rest = joined
            begun = _BEGUN.search(text, text.find(b"\n", len(label))) if rest.endswith(b"\n") else None
            return self._take(label, rest + (begun[0] if begun else b""), tell(content[: len(label)]))
        if begun := _ONLY_BEGUN.search(text):
            return self._take(text[: begun.start(1)], begun[1], tell(content))
        run = read_run(content, 1 if self._dump else 4)
        if run is not None:
            label = b"\0" + _HEX_DIGITS.sub(b"0", content[: run[0]])
            if not content[: run[0]].strip() and self._dump:
                label = self._dump
            if len(run[1]) >= 4 or label == self._dump:
                return self._take(label, run[1], tell(content[: run[0]]) or self._time_before(keep=True))
        if _BEGINS_WITH_TIME.match(content):
            self._said_before.append((content[:_LONGEST_TIME], tell, self._number))
        return []

    def _end_packet(self) -> list[Chunk]:
        packet, self._packet = self._packet, b""
        return self._take(b"\0packet", payload(packet), self._time_before()) if packet else []

    def _time_before(self, *, keep: bool = False) -> float | None:
        """Return the time that a line before has told; only a dump, which has many lines, keeps it."""
        time, is_found = None, False
        while self._said_before and not is_found and self._times_come_first is not False:
            content, tell, number = self._said_before.pop()
            time = tell(content)
            is_found = time is not None
            if is_found and keep:
                self._said_before.append((content, tell, number))
            if self._number - number > PATIENCE:
                time = None
        if not keep:
            self._said_before.clear()
        if self._times_come_first is None:
            self._times_come_first = is_found
        return time


def _parts_with_times(text: bytes, frames: list[Found], tell: _Tell) -> Iterator[bytes]:
    """Yield the parts of a line in which several frames have each its time before it."""
    cuts = [
        before.end
        for before, frame in pairwise(frames)
        if frame.start - before.end >= len("1714543200") and tell(text[before.end : frame.start])
    ]
    if cuts:
        for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
            yield text[start:end]
